// SPDX-License-Identifier: MIT
//
// task_group.hpp — TaskGroup: work in the background that has an owner and an end.
//
//   hob::TaskGroup group;
//   for (auto& url : urls) group.start(fetch, url);
//   co_await group.join();
//
// Invariants
//   1. The first error drops all other tasks at once, whether or not anyone is in join().
//   2. Nothing of the group runs after its destructor.
#pragma once

#include <cstdint>

#include "leaf.hpp"
#include "tasks.hpp"

namespace hob::inline v0 {

class TaskGroup final : private Tasks {
 public:
  TaskGroup() = default;
  // Drops what still runs. An error that join() has not handed out goes to Loop::on_unhandled. Who
  // still waits in join() gets BrokenPromise.
  ~TaskGroup();

  // Starts f(args...) as a task, now. Decays f and args as std::thread does (std::ref for
  // references) and keeps them as long as the task. A value that it returns is dropped. After the
  // first error: std::logic_error.
  template <class F, class... Args>
    requires(!Awaitable<F> && std::invocable<std::decay_t<F>&, std::decay_t<Args>...>)
  void start(F&& f, Args&&... args) {
    const auto drops = check_open();
    adopt(forget(keep<std::decay_t<F>, std::decay_t<Args>...>(Own(), std::forward<F>(f),
                                                              std::forward<Args>(args)...)),
          drops);
  }
  template <Awaitable A>
  void start(A&& work) {
    const auto drops = check_open();
    adopt(forget(std::forward<A>(work)), drops);
  }

  // Waits until no task is left; rethrows the first error. Dropped: the tasks go on.
  // May be called again, also with new tasks in between.
  Future<> join() { return joined(Own(), *this); }

  // Drops all tasks. May be called by one of them, or by what one awaits or has a TaskGroup for and
  // joins: that one goes on to its next suspension and is dropped there. (What a task has begun and
  // does not await yet may not: to drop the task would drop the code that runs.) The group can be used
  // again.
  void cancel() noexcept;

 private:
  std::uint32_t check_open() const;  // drops_
  void adopt(Future<> work, std::uint32_t drops);
  void ended(std::exception_ptr error, const std::source_location& site) noexcept override;
  Runnable* parent() noexcept override;
  void wake_joins() noexcept;
  class Idle;
  static Future<> joined(Own, TaskGroup& group);

  List<Idle> joins_;
  std::exception_ptr error_;
  std::source_location site_;  // the error's
  bool failed_ = false;
  bool told_ = false;          // join() has thrown the error
  std::uint32_t drops_ = 0;    // how often all were dropped: a task may do that in its first stretch
};

// Waits until the group is empty; in its list until it has resumed.
class TaskGroup::Idle : public Leaf<Idle>, public Link {
 public:
  explicit Idle(TaskGroup& group) noexcept : group_(&group) {}
  void awaited_by(Work& self) noexcept { self_ = &self; }
  bool try_now() const noexcept { return group_->empty(); }
  void begin(Runnable& task) noexcept { task_ = &task, group_->joins_.push_back(*this); }
  void finish() {
    if (!group_) throw BrokenPromise("the TaskGroup was destroyed");
    if (group_->error_) self_->set_place(group_->site_);
  }

 private:
  friend class TaskGroup;
  TaskGroup* group_;  // null: it has gone
  Work* self_ = nullptr;
  Runnable* task_ = nullptr;
};

}  // namespace hob::inline v0
