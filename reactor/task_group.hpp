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

#include "sync.hpp"
#include "tasks.hpp"

namespace hob::inline v0 {

class TaskGroup final : private Tasks {
 public:
  TaskGroup() = default;
  // Drops what still runs. An error that join() has not handed out goes to Loop::on_unhandled.
  ~TaskGroup();

  // Starts f(args...) as a task, now. Decays f and args as std::thread does (std::ref for
  // references) and keeps them as long as the task. A value that it returns is dropped. After the
  // first error: std::logic_error.
  template <class F, class... Args>
    requires(!Awaitable<F> && std::invocable<std::decay_t<F>&, std::decay_t<Args>...>)
  void start(F&& f, Args&&... args) {
    const auto drops = check_open();
    adopt(keep<std::decay_t<F>, std::decay_t<Args>...>(std::forward<F>(f), std::forward<Args>(args)...),
          drops);
  }
  template <Awaitable A>
  void start(A&& work) {
    const auto drops = check_open();
    adopt(forget(std::forward<A>(work)), drops);
  }

  // Waits until no task is left; rethrows the first error. Dropped: the tasks go on.
  // May be called again, also with new tasks in between.
  Future<> join();

  // Drops all tasks. May be called by one of them: that one goes on to its next suspension and is
  // dropped there. The group can be used again.
  void cancel() noexcept;

 private:
  std::uint32_t check_open() const;  // drops_
  void adopt(Future<> work, std::uint32_t drops);
  void ended(std::exception_ptr error, const std::source_location& site) noexcept override;

  Event idle_;
  std::exception_ptr error_;
  bool failed_ = false;
  bool told_ = false;          // join() has thrown the error
  std::uint32_t drops_ = 0;    // how often all were dropped: a task may do that in its first stretch
};

}  // namespace hob::inline v0
