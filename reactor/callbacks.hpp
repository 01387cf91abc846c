// SPDX-License-Identifier: MIT
//
// callbacks.hpp — call_soon, call_later, call_at: plain functions that the loop calls.
//
// Invariants
//   1. A Callback has one owner: its TimerHandle, or, from call_soon, the loop.
//   2. It is freed before its function is called, so the function may do anything to the handle.
#pragma once

#include "loop.hpp"

namespace hob::inline v0 {

class TimerHandle;

// What call_soon and call_later keep: owned by the loop, or by the TimerHandle.
class Callback final : public Runnable {
 public:
  Callback(Closure f, const std::source_location& site) noexcept
      : Runnable(&call, site), f_(std::move(f)), hook_(*this) {
    alarm_.task = this;
  }
  static void* operator new(std::size_t size) { return Frames::take(size); }
  static void operator delete(void* memory, std::size_t n) noexcept { Frames::give(memory, n); }

 private:
  friend class Loop;
  friend class TimerHandle;
  static void call(Runnable& self);
  bool pending() const noexcept { return linked() || alarm_.scheduled(); }

  Closure f_;
  Alarm alarm_;
  Hook<Callback> hook_;            // among the loop's callbacks_, if the loop owns it
  TimerHandle* handle_ = nullptr;  // otherwise this does
};

// Keeps a call_later alive: dropping it cancels. May outlive the loop.
class [[nodiscard("dropping a TimerHandle cancels the call")]] TimerHandle {
 public:
  TimerHandle() noexcept = default;
  TimerHandle(TimerHandle&& from) noexcept { take(from); }
  TimerHandle& operator=(TimerHandle&& from) noexcept {
    if (this != &from) cancel(), take(from);
    return *this;
  }
  ~TimerHandle() { cancel(); }

  void cancel() noexcept;
  bool pending() const noexcept { return callback_ != nullptr; }

 private:
  friend class Loop;
  friend class Callback;
  void take(TimerHandle& from) noexcept;
  Callback* callback_ = nullptr;
};

template <class Rep, class Period>
TimerHandle Loop::call_later(std::chrono::duration<Rep, Period> delay, Closure f,
                             std::source_location site) {
  return call_at(after(to_duration(delay)), std::move(f), site);
}

}  // namespace hob::inline v0
