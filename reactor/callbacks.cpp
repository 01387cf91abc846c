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
  TimerHandle handle;
  handle.callback_ = new Callback(std::move(f), site);
  handle.callback_->handle_ = &handle;
  set_alarm(handle.callback_->alarm_, when);
  return handle;
}

// Free before it is called: f may drop the handle, or be the last to need anything of the loop.
void Callback::call(Runnable& self) {
  auto& callback = static_cast<Callback&>(self);
  Closure f = std::move(callback.f_);
  if (callback.handle_) callback.handle_->callback_ = nullptr;
  const std::source_location site = callback.site_;
  here.loop->running_ = nullptr;
  delete &callback;
  here.loop->call(f, site);
}

void TimerHandle::cancel() noexcept {
  if (callback_ && callback_->pending() && callback_->loop_id_ != here.id)
    fatal("a TimerHandle was dropped on a thread that is not its Loop's");
  delete std::exchange(callback_, nullptr);
}

void TimerHandle::take(TimerHandle& from) noexcept {
  callback_ = std::exchange(from.callback_, nullptr);
  if (callback_) callback_->handle_ = this;
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
