// SPDX-License-Identifier: MIT
// leaf.hpp — the shape of every operation that waits for something other than a coroutine: a sleep,
// a lock, an arrival. It lives in the awaiting coroutine's frame and allocates nothing; it begins
// when it is awaited, or converted to a Future; until then it can be moved.
// A Self offers  bool try_now()            reserve the result if it is there
//                void begin(Runnable&)     wait: arm that Runnable when the result has been given
//                T finish()                hand the result out; throw if it is an error
// (derived from Asked, it is asked again before the armed one resumes), and its destructor undoes
// what was begun, and returns what was reserved and not handed out.
//
// The Law of the Fair Share (loop.hpp) is kept here: who waits for a turn has its result reserved.
#pragma once
#include "loop.hpp"

namespace hob::inline v0 {
template <class Self, class T = void> class [[nodiscard("a leaf begins when it is awaited")]] Leaf {
 public:
  using awaited_type = T;
  bool await_ready() {
    Loop::current();
    here.reserved = self().try_now();
    return here.reserved && here.steps != 0 && here.steps-- != 0;
  }
  template <std::derived_from<Work> P> void await_suspend(std::coroutine_handle<P> h) {
    if (here.reserved) {  // await_ready() has just been called
      h.promise().arm();
    } else {
      self().begin(h.promise());
      if constexpr (requires { h.promise().awaits(self()); }) h.promise().awaits(self());
    }
    h.promise().pause();
  }
  T await_resume() { return self().finish(); }
 protected:
  Leaf() = default;
  Leaf(Leaf&&) noexcept {}
  ~Leaf() = default;
 private:
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

// Goes through the ready queue once: everything that is ready runs first (asyncio.sleep(0)).
class Yield : public Leaf<Yield> {
 public:
  Yield() = default;
  bool try_now() const noexcept { return false; }
  void begin(Runnable& task) const noexcept { task.arm(); }
  void finish() const noexcept {}
};
inline Yield yield() { return Yield(); }

// One alarm in the awaiting coroutine's frame.
class Sleep : public Leaf<Sleep> {
 public:
  explicit Sleep(TimePoint until) noexcept : alarm_(Loop::tick(until)) {}
  Sleep(Sleep&& from) noexcept : alarm_(from.alarm_.deadline()) {}

  bool try_now() const noexcept { return false; }
  void begin(Runnable& task) {
    alarm_.task = &task;
    here.loop->set_alarm(alarm_, alarm_.deadline());
  }
  void finish() const noexcept {}
 private:
  Alarm alarm_;
};

// Waits for at least `duration` from this call on, as little longer as the kernel can (simulated: not at
// all). Zero and less: one pass through the loop. Duration::max() and more: for ever. Dropped: no trace.
template <class Rep, class Period> Sleep sleep(std::chrono::duration<Rep, Period> duration) {
  return Sleep(Loop::current().after(to_duration(duration)));
}

// The same up to a moment of the loop's clock.
template <class D> Sleep sleep_until(std::chrono::time_point<Clock, D> when) noexcept {
  return Sleep(TimePoint(to_duration(when.time_since_epoch())));
}
}  // namespace hob::inline v0
