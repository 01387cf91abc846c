// SPDX-License-Identifier: MIT
//
// sleep.hpp — sleep, sleep_until: leaves that wait for the clock.
#pragma once

#include "leaf.hpp"
#include "loop.hpp"

namespace hob::inline v0 {

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

// Waits for at least `duration`, counted from this call, and as little longer as the kernel can;
// to the nanosecond on the simulator. Zero and less: one pass through the loop. Duration::max() and
// more: for ever. Dropped: leaves nothing behind.
template <class Rep, class Period>
Sleep sleep(std::chrono::duration<Rep, Period> duration) {
  return Sleep(Loop::current().after(to_duration(duration)));
}

// The same up to a moment of the loop's clock.
template <class D>
Sleep sleep_until(std::chrono::time_point<Clock, D> when) noexcept {
  return Sleep(TimePoint(to_duration(when.time_since_epoch())));
}

}  // namespace hob::inline v0
