// SPDX-License-Identifier: MIT
// work.hpp — what a Future points at: a Runnable with a result to come, and one reader who waits.
// future.hpp makes coroutines of it, promise.hpp pairs; combinators, tasks and SharedFutures watch it
// through a Collector. It calls nobody but the reader.
//   1. A Work settles once, and has at most one reader.
//   2. Settling never runs the reader: it arms it. A returning coroutine hands over (arm_next).
//   3. Result and error are moved out by the reader; an error that nobody took is reported.
#pragma once
#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <vector>
#include "error.hpp"
#include "frames.hpp"
#include "runnable.hpp"

namespace hob::inline v0 {
class Work;

// Waits for many: learns at once, in settle(), who settled. Outlives what it watches.
class Collector {
 public:
  virtual void settled(Work& work) noexcept = 0;  // may arm; may not destroy `work`
  virtual Runnable* parent() noexcept = 0;        // who goes on when it has collected; may be null
 protected:
  ~Collector() = default;
};

// First parameter of hob's own coroutines: where they await is no place in the user's source.
struct Own {};

// A leaf that waits for readiness, which is a hint: asked when its coroutine is about to resume.
class Asked {
 public:
  virtual bool again(Runnable& task) noexcept = 0;  // false: not yet; `task` will be armed once more
 protected:
  ~Asked() = default;
};

// What waits for several Works at a time: asked for them when somebody wants to see the tree.
class Several {
 public:
  using Look = std::function<void(const Work&)>;
  virtual void each(const Look& look) const = 0;
  // Of a lock: who has it, as far as is known (not if its Permit was moved).
  virtual const Work* holder() const { return nullptr; }
 protected:
  ~Several() = default;
};

// What a Future points at, whatever its type: a coroutine's promise, or the pair behind a Promise.
class Work : public Runnable {
 public:
  bool settled() const noexcept { return flags_ & kSettled; }
  bool failed() const noexcept { return error_ != nullptr; }
  // Names the one reader, to be armed when it settles.
  void watch(Runnable& waiter) noexcept {
    if (loop_id_ != here.id) [[unlikely]] adopt();
    reader_.waiter = &waiter;
  }
  void watch(Collector& collector) noexcept {
    if (loop_id_ != here.id) [[unlikely]] adopt();
    reader_.collector = &collector;
    flags_ |= kCollected;
  }

  // Its error is the reader's business from now on: to drop it is not reported.
  void hush() noexcept { flags_ |= kQuiet; }
  const std::exception_ptr& error() const noexcept { return error_; }
  std::exception_ptr take_error() noexcept { return std::exchange(error_, nullptr); }
  void set_error(std::exception_ptr error) noexcept { error_ = std::move(error); }
  void pause() noexcept { clear(kRunning); }  // it runs from its resumption to its next suspension
  // Who goes on when it settles: one step up the tree of who awaits what.
  Runnable* parent() const noexcept {
    return flags_ & kCollected ? reader_.collector->parent() : reader_.waiter;
  }
  // Suspends until `child`, one step down the tree, has settled; an error from there brings its place.
  void awaits(Work& child) noexcept {
    child.watch(*this);
    child_ = &child;
    pause();
  }
  void awaits(Asked& leaf) noexcept { asked_ = &leaf, flags_ |= kAsks; }
  void awaits(const Several& all) noexcept { several_ = &all, flags_ |= kSeveral; }
  void comes_from(const Work& child) noexcept {
    if (child.failed() && !(child.flags_ & kOwn)) set_place(child.site_);
  }
  void set_place(const std::source_location& place) noexcept { site_ = place, clear(kOwn); }
  // Where in the source it waits or has failed: the deepest known place, or one up the tree; or line 0.
  std::source_location place() noexcept;
  // A line for what has not settled, and below it what it awaits. Counts each of them in `seen`.
  void print(std::ostream& out, std::size_t indent, std::vector<const Work*>& seen) const;
  const Work* blocker() const noexcept;  // who holds the lock that it, or what it awaits, waits for
  static std::source_location place_of(Runnable* runnable) noexcept;
  Collector* collector() const noexcept { return flags_ & kCollected ? reader_.collector : nullptr; }
  // The Work behind a Runnable, if it is one.
  static Work* of(Runnable* runnable) noexcept {
    auto* work = static_cast<Work*>(runnable);
    return work && (work->flags_ & kIsWork) ? work : nullptr;
  }
  template <class T> void drop() noexcept;  // its owner, a Future<T>, lets go

  void settle() noexcept {
    flags_ = static_cast<std::uint16_t>((flags_ | kSettled) & ~kRunning);
    if (flags_ & kCollected) return reader_.collector->settled(*this);
    if (reader_.waiter) flags_ & kCoroutine ? reader_.waiter->arm_next() : reader_.waiter->arm();
  }
 protected:
  enum Flag : std::uint16_t {
    kIsWork = 1,      // a Runnable that is a Work
    kCoroutine = 2,   // a promise in a coroutine frame; otherwise a Pair
    kRunning = 4, kSettled = 8, kHasValue = 16,
    kCollected = 32,  // the reader is a Collector
    kQuiet = 64,      // see hush()
    kOwn = 128,       // its site is hob's, not the user's
    kAsks = 256,      // it awaits an Asked,
    kSeveral = 512    // or Several
  };

  Work(Step step, unsigned flags) noexcept : Runnable(step, {}, flags | kIsWork) {}
  ~Work() = default;
  // Whether it may go on.
  bool resumed() noexcept {
    flags_ |= kRunning;
    if (flags_ & (kAsks | kSeveral)) {
      if (flags_ & kAsks && !asked_->again(*this)) return pause(), false;
      clear(kAsks | kSeveral), child_ = nullptr;
    }
    if (child_) comes_from(*std::exchange(child_, nullptr));
    return true;
  }
  void clear(unsigned flags) noexcept { flags_ &= static_cast<std::uint16_t>(~flags); }
  // Finds the misuse that only a drop can see, and reports an error that nobody took.
  void before_drop() noexcept {
    if (!settled() && (flags_ & kRunning || (loop_id_ != here.id && loop_id_ != 0))) fatal_drop();
    if (error_ && !(flags_ & kQuiet)) report();
  }

  std::exception_ptr error_;
 private:
  void adopt() noexcept;  // by the loop of its first reader, if it was made under none
  [[noreturn]] void fatal_drop() const noexcept;
  void report() noexcept;
  union {
    Runnable* waiter = nullptr;
    Collector* collector;
  } reader_;
  union {
    const Work* child_ = nullptr;
    Asked* asked_;
    const Several* several_;
  };
};

// A Work and the room for its value.
template <class T> class Outcome : public Work {
  static_assert(std::is_object_v<T>, "Future<T&>: use Future<T*> or Future<std::reference_wrapper<T>>");
  static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__,
                "coroutine frames are not over-aligned: use Future<std::unique_ptr<T>>");
 public:
  template <class U = T> requires std::constructible_from<T, U&&>
  void return_value(U&& value) {  // by a coroutine, or a Promise
    std::construct_at(std::addressof(value_), std::forward<U>(value));
    flags_ |= kHasValue;
  }
  const T& value() const noexcept { return value_; }
  // Moves the value out; or throws the error, which counts as taken.
  T take() {
    if (error_) std::rethrow_exception(take_error());
    return std::move(value_);
  }
 protected:
  Outcome(Step step, unsigned flags) noexcept : Work(step, flags) {}
  ~Outcome() { if (flags_ & kHasValue) std::destroy_at(std::addressof(value_)); }
 private:
  union {
    T value_;
  };
};

template <> class Outcome<void> : public Work {
 public:
  void return_void() noexcept {}
  void value() const noexcept {}
  void take() { if (error_) std::rethrow_exception(take_error()); }
 protected:
  using Work::Work;
};
}  // namespace hob::inline v0
