// SPDX-License-Identifier: MIT
//
// mailbox.cpp — posting, and what the loop does about it.
#include "mailbox.hpp"

#include <thread>
#include <utility>

#include "loop.hpp"

namespace hob::inline v0 {

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

bool Remote::post(Closure f) const { return box_->post(f); }

}  // namespace hob::inline v0
