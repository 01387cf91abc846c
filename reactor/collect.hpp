// SPDX-License-Identifier: MIT
//
// collect.hpp — how one coroutine waits for many Futures: the collectors behind gather, race, wait_for
// and as_completed.
//
// Each is an awaiter in the combinator's frame, declared before the Futures it watches, so that it
// outlives them.
//
// Invariants
//   1. Ties go to the one that settled first; among those settled at the call, to the leftmost.
//   2. A settled Work's queue links are free: `Arrivals` chains the settled ones through them.
#pragma once

#include "loop.hpp"

namespace hob::inline v0 {

// The awaiter part: who goes on, and whether it may.
class Collecting : public Collector {
 public:
  using awaited_type = void;
  Collecting() = default;
  Collecting(const Collecting&) = delete;

  template <std::derived_from<Work> P>
  void await_suspend(std::coroutine_handle<P> h) noexcept {
    task_ = &h.promise();
    h.promise().pause();
  }
  // Told by the coroutine that awaits this; an error then keeps its place in the user's source.
  void awaited_by(Work& self) noexcept { self_ = &self; }
  void blame(const Work& work) const noexcept { self_->comes_from(work); }
  // From here on nobody waits: what the combinator drops next may settle its siblings.
  void await_resume() noexcept { task_ = nullptr; }
  Runnable* parent() noexcept override { return task_; }

 protected:
  ~Collecting() = default;
  void wake() noexcept {
    if (task_) task_->arm();
  }
  Runnable* task_ = nullptr;
  Work* self_ = nullptr;
};

// Until all have settled, or (fail_fast) one has failed.
class Countdown final : public Collecting {
 public:
  explicit Countdown(bool fail_fast) noexcept : fail_fast_(fail_fast) {}

  // Watches one more. Its error is the combinator's business from now on.
  void add(Work& work) noexcept {
    work.hush();
    if (work.settled())
      note(work);
    else
      ++left_, work.watch(*this);
  }
  bool await_ready() const noexcept { return left_ == 0 || failed_; }
  void settled(Work& work) noexcept override {
    --left_;
    note(work);
    if (await_ready()) wake();
  }
  // fail_fast: throws the first error, if there is one.
  void check() const {
    if (!failed_) return;
    blame(*failed_);
    std::rethrow_exception(failed_->take_error());
  }

 private:
  void note(Work& work) noexcept {
    if (fail_fast_ && work.failed() && !failed_) failed_ = &work;
  }
  const bool fail_fast_;
  std::size_t left_ = 0;
  Work* failed_ = nullptr;
};

// Until one has settled, and again, until the next has.
class Arrivals : public Collecting {
 public:
  void add(Work& work) noexcept {
    work.hush();
    if (work.settled())
      settled_.push_back(work);
    else
      work.watch(*this);
  }
  bool await_ready() const noexcept { return !settled_.empty(); }
  void settled(Work& work) noexcept final {
    settled_.push_back(work);
    wake();
  }
  Work& next() noexcept { return static_cast<Work&>(settled_.pop_front()); }
  bool awaited() const noexcept { return task_ != nullptr; }
  void forget() noexcept { task_ = nullptr; }  // the one who waited has gone on, or away

 private:
  List<Runnable> settled_;
};

// The same, but no longer than until a deadline.
class Limited final : public Arrivals {
 public:
  explicit Limited(TimePoint deadline) noexcept : deadline_(deadline) {}
  template <std::derived_from<Work> P>
  void await_suspend(std::coroutine_handle<P> h) {
    alarm_.task = &h.promise();
    Loop::current().set_alarm(alarm_, deadline_);
    Arrivals::await_suspend(h);
  }

 private:
  TimePoint deadline_;
  Alarm alarm_;
};

}  // namespace hob::inline v0
