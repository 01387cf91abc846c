// SPDX-License-Identifier: MIT
//
// mailbox.hpp — what other threads post to a loop; the one place in it that takes a lock.
//
// Invariants
//   1. The Mailbox lives until the last Remote is gone; it is open while the loop lives.
//   2. The loop is woken under the lock, so that it cannot go away in between; and only if it
//      sleeps, so that a burst of posts costs one system call.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "backend.hpp"
#include "closure.hpp"

namespace hob::inline v0 {

class Mailbox {
 public:
  explicit Mailbox(Backend& backend) noexcept : backend_(&backend) {}

  // From any thread. False, and f untouched, if the loop is gone.
  bool post(Closure& f);
  // For the loop: whether it may sleep, which it may not if something is here.
  bool fall_asleep();
  void take(std::vector<Closure>& into);
  void close(std::vector<Closure>& left) noexcept;

 private:
  std::mutex mutex_;  // guards what follows
  Backend* backend_;  // null: closed
  std::vector<Closure> posts_;
  bool asleep_ = false;
};

// A door to a loop for other threads; copyable, outlives the loop.
class Remote {
 public:
  // Has f called by the loop, and wakes it. From any thread; FIFO per thread. False, and f dropped
  // on this thread, once the loop is gone.
  bool post(Closure f) const;

 private:
  friend class Loop;
  explicit Remote(std::shared_ptr<Mailbox> box) noexcept : box_(std::move(box)) {}
  std::shared_ptr<Mailbox> box_;
};

}  // namespace hob::inline v0
