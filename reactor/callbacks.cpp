// SPDX-License-Identifier: MIT
//
// callbacks.cpp — from a function to a place in the ready queue, in the wheel, or in the mailbox.
#include "callbacks.hpp"

#include <thread>
#include <utility>

namespace hob::inline v0 {

void Loop::call_soon(Closure f, std::source_location site) {
  check_thread();
  auto* callback = new Callback(std::move(f), site);
  callbacks_.push_back(callback->hook_);
  callback->arm();
}

TimerHandle Loop::call_at(TimePoint when, Closure f, std::source_location site) {
  check_thread();
  TimerHandle handle(new Callback(std::move(f), site));
  set_alarm(handle.callback_->alarm_, when);
  return handle;
}

// Done with before it is called: f may drop the handle, or be the last to need anything of the loop.
void Callback::call(Runnable& self) {
  auto& callback = static_cast<Callback&>(self);
  Closure f = std::move(callback.f_);
  const std::source_location site = callback.site_;
  here.loop->running_ = nullptr;
  if (callback.hook_.linked()) delete &callback;
  here.loop->call(f, site);
}

bool Mailbox::post(Closure& f) {
  std::unique_lock lock(mutex_);
  if (!backend_) return false;
  posts_.push_back(std::move(f));
  if (!std::exchange(asleep_, false)) return true;
  Backend& backend = *backend_;
  ++waking_;
  lock.unlock();
  backend.wake();
  --waking_;
  return true;
}

bool Mailbox::fall_asleep() {
  const std::scoped_lock lock(mutex_);
  return asleep_ = posts_.empty();
}

void Mailbox::take(std::vector<Closure>& into) {
  const std::scoped_lock lock(mutex_);
  asleep_ = false;
  into.swap(posts_);
}

void Mailbox::close(std::vector<Closure>& left) noexcept {
  {
    const std::scoped_lock lock(mutex_);
    backend_ = nullptr;
    left.swap(posts_);
  }
  while (waking_ != 0) std::this_thread::yield();
}

void Loop::post(Closure f) { mailbox_->post(f); }

Remote Loop::remote() { return Remote(mailbox_); }

}  // namespace hob::inline v0
