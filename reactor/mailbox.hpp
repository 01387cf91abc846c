// SPDX-License-Identifier: MIT
//
// mailbox.hpp — what other threads post to a loop; the one place in it that takes a lock.
//
// Invariants
//   1. The Mailbox lives until the last Remote is gone; it is open while the loop lives.
//   2. The loop is woken without the lock, which it wants at once; so it does not go away while
//      somebody is waking it. And only if it sleeps: a burst of posts costs one system call.
#pragma once

#include <atomic>
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
  std::atomic<unsigned> waking_ = 0;  // threads in Backend::wake(); grows under the lock
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
