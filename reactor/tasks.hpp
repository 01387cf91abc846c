// SPDX-License-Identifier: MIT
// tasks.hpp — work that has an owner instead of a reader: the loop (detach), or a TaskGroup.
//
//   hob::TaskGroup group;
//   for (auto& url : urls) group.start(fetch, url);
//   co_await group.join();
//
// Calls the Loop, to free a task that has finished.
//   1. A Task is in its owner's list from start() until it settles or is dropped; then it is freed
//      at once, or, if its own code is what runs at this moment, when that has suspended.
//   2. A Task that its owner has let go (owner_ null) tells nobody but the loop.
//   3. The first error in a TaskGroup drops all its other tasks at once, whether or not anyone is in
//      join(). Nothing of the group runs after its destructor.
#pragma once
#include "future.hpp"

namespace hob::inline v0 {
class Tasks;

// A piece of work that has such an owner.
class Task final : public Collector, public Link, public Framed {
 public:
  Task(Tasks& owner, Future<> work, const std::source_location& made) noexcept
      : owner_(&owner), made_(made), work_(std::move(work)) {}
  void settled(Work& work) noexcept override;
  Runnable* parent() noexcept override;
  // Where it was made, and where it waits or has failed; line 0: nobody knows.
  const std::source_location& made() const noexcept { return made_; }
  std::source_location place() const noexcept { return work_.outcome().place(); }
  const Work& work() const noexcept { return work_.outcome(); }
 private:
  friend class Tasks;
  Tasks* owner_;
  std::source_location made_;
  Future<> work_;  // last: dropped first
};

// The owner's side: a set of Tasks. The loop's detached ones are such a set as it is.
class Tasks : public Link {
 public:
  Tasks() = default;
  Tasks(const Tasks&) = delete;
  virtual ~Tasks() { drop_all(); }

  void start(Future<> work, std::source_location made = {});
  // Drops all, in the order in which they were started. One that is running (it called this) goes on
  // to its next suspension, and is dropped there, by the loop.
  void drop_all() noexcept;
  // Who goes on when all have ended; may be null.
  virtual Runnable* parent() noexcept { return nullptr; }
  bool empty() const noexcept { return tasks_.empty(); }
 protected:
  friend class Loop;
  friend class Task;
  // A task has settled and left the list; `error` is null if it went well. Tells the loop's handler.
  virtual void ended(std::exception_ptr error, const std::source_location& site) noexcept;
  Home home_;
  List<Task> tasks_;
};

// A call that is to be a task: f and args decay as std::thread's do (std::ref for references), and are
// kept as long as it runs. What makes a capturing lambda safe as a task.
template <class F, class... Args>
concept TaskCall = !Awaitable<F> && std::invocable<std::decay_t<F>&, std::decay_t<Args>...>;

template <class F, class... Args> Future<eventually_t<F&, Args...>> keep(Own, F f, Args... args) {
  if constexpr (Awaitable<std::invoke_result_t<F&, Args...>>)
    co_return co_await std::invoke(f, std::forward<Args>(args)...);
  else co_return std::invoke(f, std::forward<Args>(args)...);
}

template <class T>  // a Future that awaits and forgets the value
Future<> forget_value(Own, Future<T> work) { static_cast<void>(co_await std::move(work)); }
template <Awaitable A> Future<> forget(A&& awaitable) {
  if constexpr (std::is_void_v<awaited_t<A>>) return as_future(std::forward<A>(awaitable));
  else return forget_value(Own(), as_future(std::forward<A>(awaitable)));
}
// Whether F, if it is a coroutine, keeps what it is called with by itself: it takes just that, by value.
template <class F, class... Args> inline constexpr bool kKeepsAll = false;
template <class... P> inline constexpr bool kKeepsAll<Future<> (*)(P...), P...> = true;
template <class C, class... P> inline constexpr bool kKeepsAll<Future<> (C::*)(P...), C*, P...> = true;

inline Future<> thrown(Own, std::exception_ptr error) { std::rethrow_exception(error); co_return; }
template <class F, class... Args> requires TaskCall<F, Args...>
Future<> forget(F&& f, Args&&... args) try {
  using Called = std::decay_t<F>;
  if constexpr (kKeepsAll<Called, std::decay_t<Args>...>)
    return std::invoke(f, std::forward<Args>(args)...);
  else
    return forget(keep<Called, std::decay_t<Args>...>(Own(), std::forward<F>(f), std::forward<Args>(args)...));
} catch (...) { return thrown(Own(), std::current_exception()); }

// Hands work to the loop, which keeps it until it settles or ~Loop. Its error: Loop::on_unhandled.
void detach(Future<> work, std::source_location made = std::source_location::current());
template <Awaitable A>
void detach(A&& work, std::source_location made = std::source_location::current()) {
  detach(forget(std::forward<A>(work)), made);
}

// The same for a call: keeps f and args alive, so that detach([x]() -> Future<> { … }) is safe.
template <class F, class... Args> requires TaskCall<F, Args...> void detach(F&& f, Args&&... args) {
  detach(forget(std::forward<F>(f), std::forward<Args>(args)...), std::source_location());
}

class TaskGroup final : private Tasks {
 public:
  TaskGroup();
  // Drops what still runs. An error that join() has not handed out goes to Loop::on_unhandled; who still
  // waits in join() gets BrokenPromise.
  ~TaskGroup();
  // Starts f(args...), kept as detach() keeps it (std::ref for references), or an awaitable, as a task,
  // now. The value that it gives is dropped. After the first error: std::logic_error.
  template <class F, class... Args>
    requires(Awaitable<F> && sizeof...(Args) == 0) || TaskCall<F, Args...>
  void start(F&& f, Args&&... args) {
    home_.check();
    if (error_) misuse("TaskGroup::start after a task has failed: the group has ended");
    const unsigned drops = drops_;
    Future<> work = forget(std::forward<F>(f), std::forward<Args>(args)...);
    if (drops == drops_) Tasks::start(std::move(work));  // else its first stretch has dropped all
  }

  // Waits until no task is left; rethrows the first error. Dropped: the tasks go on.
  // May be called again, also with new tasks in between.
  Future<> join(Own = Own());
  // Drops all tasks; the group can be used again. May be called by one of them, or by what one awaits or
  // has a TaskGroup for and joins: that one goes on to its next suspension and is dropped there. (What a
  // task has begun and does not await yet may not: that would drop the code that runs.)
  void cancel() noexcept;
 private:
  void ended(std::exception_ptr error, const std::source_location& site) noexcept override;
  Runnable* parent() noexcept override;
  void wake_joins() noexcept;
  class Idle;
  List<Idle> joins_, through_;  // who waits until the group is empty; who found it so
  std::exception_ptr error_;    // the first
  std::source_location site_;   // where that was
  bool told_ = false;           // join() has thrown it
  unsigned drops_ = 0;          // how often all were dropped
};
}  // namespace hob::inline v0
