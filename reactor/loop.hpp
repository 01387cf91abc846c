// SPDX-License-Identifier: MIT
// loop.hpp — the event loop: a ready queue, a timer wheel and a kernel, and the turn that moves them.
// Called by programs and by leaf operations; calls the Backend and the Wheel. A Loop is a local variable
// in main; constructing it makes it the thread's current one, which is how sleep(1s) finds it.
//
// **One turn**, as asyncio's _run_once, in this order; turn() is the only place that resumes a
// suspended coroutine or calls a callback, all other places only arm:
//   1. Sleep in the kernel until something happens; not at all if anything is ready. Events latch
//      and arm (the Law of the Batch).
//   2. Read the clock, once: now().
//   3. Arm what waits for a deadline that has come, in the order of the deadlines.
//   4. Deliver signals, and call what other threads have posted, kTurn of it at most.
//   5. Resume what is ready, first in first out, in rounds (a round is what was armed before it began),
//      until nothing is ready, or kTurn resumptions are done or have moved kTurnBytes. A coroutine that
//      returns hands over to the one that awaits it at once: it goes to the front.
// So a busy queue delays timers and the kernel by no more than that, and a switch between two tasks costs
// no system call. (Two things run where they stand, like any C++: a coroutine's first stretch inside its
// call; destructors and `finally` inside a drop.)
//
// **The Law of the Fair Share.** A leaf that can finish at once does not suspend, but at most kSteps times
// or kBytes in one resumption; the next goes by the ready queue. No peer, no full queue keeps the loop.
//
// **The Law of One Thread.** A loop and all that hangs on it belong to one thread; every entry point
// checks the owner, in every build. Loop::post (and what is built on it) is the only door for others.
//   1. here.loop is the loop whose turn runs on this thread, or the one constructed on it.
//   2. The ready queue owns nothing: coroutines belong to their Futures, callbacks to callbacks_.
//   3. Nothing of the user's is called from a destructor of ours, but destructors.
#pragma once
#include <array>
#include <iosfwd>
#include <map>
#include <vector>
#include "../timers/wheel.hpp"
#include "backend.hpp"
#include "tasks.hpp"

namespace hob::inline v0 {
class Closure;  // any callable; this and the next four are in callbacks.hpp
class Callback;
class TimerHandle;
class Mailbox;
class Remote;
class SignalWait;  // these two are in outside.hpp
class OnPool;

// A deadline with something to arm; lives in the frame of a leaf, or in a callback.
struct Alarm : Timer {
  using Timer::Timer;
  Runnable* task = nullptr;
};

class Loop {
 public:
  static constexpr std::size_t kTurn = 128;           // resumptions in one turn
  static constexpr std::uint32_t kSteps = 32;         // leaves that finish at once in a resumption
  static constexpr std::size_t kBytes = 256 * 1024;   // bytes that they may move
  static constexpr std::size_t kTurnBytes = 4 * kBytes;
  // On the native kernel, or the one given. A thread's second: std::logic_error (not in a sim::World).
  Loop() : Loop(native_backend()) {}
  explicit Loop(std::unique_ptr<Backend> backend);
  // Drops detached work and pending callbacks; what other threads post from now on is refused.
  ~Loop();
  Loop(const Loop&) = delete;
  // The loop of this thread; std::logic_error if there is none.
  static Loop& current() {
    if (!here.loop) misuse("there is no Loop on this thread");
    return *here.loop;
  }
  // Turns until the work settles; returns its value or rethrows its error. Not re-entrant
  // (std::logic_error). Detached work stays for the next run(); ~Loop drops it.
  template <Awaitable A> awaited_t<A> run(A&& awaitable) {
    Future<awaited_t<A>> work = as_future(std::forward<A>(awaitable));
    if (!work) misuse("Loop::run of an empty Future");
    turn_until_settled(work.outcome());
    return std::move(work).get();
  }

  // One turn, without sleeping (or as in run(): for a sim::World); how many it resumed: "not done yet".
  std::size_t poll(bool may_sleep = false);
  // Calls f in the next round, after everything that is ready now. What f throws goes to on_unhandled.
  void call_soon(Closure f, std::source_location site = std::source_location::current());
  // Calls f once, when the time has come; dropping the handle cancels. The type's max(): never.
  template <class Rep, class Period>
  TimerHandle call_later(std::chrono::duration<Rep, Period> delay, Closure f,
                         std::source_location site = std::source_location::current());
  TimerHandle call_at(TimePoint when, Closure f,
                      std::source_location site = std::source_location::current());

  // Calls f from the loop and wakes it. From any thread while the Loop lives; FIFO per thread.
  void post(Closure f);
  Remote remote();
  // Who hears of an error that nobody took: of a dropped Future, a detached one, a callback. Called
  // from the turn, never from a destructor. Default: a line on stderr, with the last await's file:line.
  void on_unhandled(std::function<void(std::exception_ptr)> f) { check_thread(), handler_ = std::move(f); }

  // Debug mode, also by HOB_DEBUG=1 without a rebuild: a resumption longer than slow_after is reported with
  // the coroutine's file:line and its time; ~Loop lists what is still detached, attached or on the pool.
  void set_debug(bool on) { check_thread(), debug_ = on; }
  void slow_after(Duration limit = std::chrono::milliseconds(100)) { check_thread(), slow_ = limit; }
  // Prints the tree of who awaits what, a line each: where in the source it waits. Roots: run()'s work
  // (or `root`), what is detached, tasks of TaskGroups not joined yet. Then a ring of Mutexes, if any.
  void dump_tasks(std::ostream& out, const Work* root = nullptr);
  TimePoint now() const { return check_thread(), now_; }  // the clock as this turn read it

  // --- for leaf operations -------------------------------------------------------------------
  // The clock, read by this very call (the Law of Late, never Early).
  TimePoint clock() noexcept { return backend_->now(); }
  TimePoint after(Duration delay) noexcept { return saturating_add(clock(), delay); }
  // Wheel ticks are nanoseconds of the clock: a deadline is exact, and the wheel leaps over the rest.
  static Tick tick(TimePoint t) noexcept {
    return static_cast<Tick>(std::max<std::int64_t>(t.time_since_epoch().count(), 0));
  }
  // Arms `alarm.task` when `when` has come. kNever: never.
  void set_alarm(Alarm& alarm, TimePoint when) { set_alarm(alarm, tick(when)); }
  void set_alarm(Alarm& alarm, Tick when) { if (when != tick(kNever)) wheel_.schedule(alarm, when); }
  Backend& backend() noexcept { return *backend_; }
  // Backend::attach and detach, remembered for the list that debug mode prints.
  int attach(int fd, Watch& watch, Interest interest) {
    check_thread();
    if (const int error = backend_->attach(fd, watch, interest)) return error;
    watch.site = place_now();
    attached_.push_back(watch);
    return 0;
  }
  void detach(Watch& watch) noexcept { watch.unlink(), backend_->detach(watch); }
  // Frees the task once the present resumption is over: it has settled, or runs at this moment.
  void free_soon(Task& task) noexcept { done_.push_back(task); }
  // Where in the user's source it was that what runs now was resumed. Line 0: nobody knows.
  std::source_location place_now() const noexcept { return Work::place_of(running_); }
  // Whether what the turn has resumed belongs to this task.
  bool runs_under(const Task& task) const noexcept {
    const Work* work = Work::of(running_);
    while (work && work->collector() != &task) work = Work::of(work->parent());
    return work != nullptr;
  }
  // Debug mode: reports it if more than slow_after has passed; of line 0: as `otherwise`.
  void tell_slow(TimePoint before, const std::source_location& site, const char* otherwise) const;
  bool debug() const noexcept { return debug_; }
  // Queues an error that nobody took, for on_unhandled.
  void unhandled(std::exception_ptr error, const std::source_location& site) noexcept {
    unhandled_.push_back({std::move(error), site});
  }
  // std::logic_error on any thread but the loop's.
  void check_thread() const {
    if (here.loop != this) misuse("a Loop belongs to one thread: from another one use Loop::post");
  }
  void interruptible();                               // for hob::run: Ctrl-C drops the main Future
  void interrupt() noexcept { interrupted_ = true; }  // does that
  struct {                    // a signal_bit() for each
    std::uint64_t asked = 0;  // caught until ~Loop
    std::uint64_t kept = 0;   // arrived, and not yet seen by a waiter
    List<SignalWait> waits;
  } signals;
  Tasks detached;
  List<Tasks> groups;            // all TaskGroups
  List<OnPool> pooled;
  std::map<int, Watch> foreign;  // of foreign libraries' descriptors; kept for the next wait
  std::shared_ptr<void> names;   // what net/ remembers of them
  std::array<std::unique_ptr<std::byte[]>, 8> spare;  // buffers for its next reads,
  std::size_t spares = 0;                             // and how many there are
  List<Hook<Runnable>> starved;  // whom a free descriptor would help on
  unsigned dropping = 0;         // how many tasks are being dropped now, one inside the other
 private:
  friend class Callback;
  void turn_until_settled(Work& work);
  void collect(bool may_sleep);  // steps 1 to 4
  std::size_t resume();          // step 5
  void step_timed(Runnable& next);
  void begin_round();            // shuffles what is ready, and marks where the next one begins
  void call(Closure& f, const std::source_location& site = {}) noexcept;  // what it throws is nobody's
  void tell_unhandled() noexcept;
  void deliver_signals() noexcept;
  void free_done() noexcept { while (!done_.empty()) delete &done_.pop_front(); }
  void list_leftovers();

  std::unique_ptr<Backend> backend_;
  Wheel wheel_;
  List<Runnable> ready_;
  Runnable* running_ = nullptr;   // what the turn resumed and has not come back from
  const Work* main_ = nullptr;    // the work of run()
  TimePoint now_;
  bool debug_ = false, turning_ = false, interruptible_ = false, interrupted_ = false;
  bool settled_ = false;          // the work of run() has settled: end the turn
  Duration slow_ = std::chrono::milliseconds(100);
  bool shuffles_;                 // the simulator: rounds are shuffled, and marked by round_
  struct Round final : Runnable { Round() noexcept : Runnable(nullptr) {} } round_;
  std::shared_ptr<Mailbox> mailbox_;
  List<Task> done_;               // tasks to be freed after the present resumption
  List<Hook<Callback>> callbacks_;
  List<Watch> attached_;
  std::vector<Closure> posts_;    // being called, at most kTurn in a turn
  std::size_t posted_ = 0;        // how many of them have been
  std::vector<std::pair<std::exception_ptr, std::source_location>> unhandled_;
  std::function<void(std::exception_ptr)> handler_;
};

// Makes a Loop, calls f(args...), runs its Future, and returns its value (asyncio.run). Takes SIGINT for its
// duration, only where it was at its default: the first drops the Future, so that destructors run, and
// throws Interrupted; a second does what it always did.
template <class F, class... Args> auto run(F&& f, Args&&... args) {
  Loop loop;
  loop.interruptible();
  const TimePoint before = loop.clock();
  auto work = as_future(std::invoke(std::forward<F>(f), std::forward<Args>(args)...));
  if (loop.debug()) loop.tell_slow(before, {}, "main's first stretch");
  return loop.run(std::move(work));
}

// Runs f(0) … f(n-1), any F(unsigned shard) -> awaitable, all at once, each on a thread and a Loop of its
// own, the first on this thread. Returns when all have settled; the first error drops the other shards'
// work and is thrown. Ctrl-C as for run(), to the last's end. n == 0, or a Loop here: std::logic_error.
void run_shards_of(unsigned n, const std::function<Future<>(unsigned)>& start);
void run_shards(unsigned n, auto f) {
  run_shards_of(n, [&f](unsigned shard) { return forget(std::invoke(f, shard)); });
}
}  // namespace hob::inline v0
