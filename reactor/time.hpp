// SPDX-License-Identifier: MIT
// time.hpp — what a moment is, and the arithmetic that never overflows.
// Used by everything that waits. Calls nothing but <chrono>.
//
// **The Law of Late, never Early.** The clock is the backend's; natively std::chrono::steady_clock.
// A relative deadline (sleep, call_later, wait_for) is a clock read made by that very call plus the
// duration, never the turn's now(), which is older. A timer never fires before its deadline;
// rounding is up, in one place (to_duration, below); arithmetic saturates: Duration::max() never fires.
#pragma once
#include <chrono>
#include <cstdint>

namespace hob::inline v0 {
using Clock = std::chrono::steady_clock;
using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<Clock, Duration>;
inline constexpr TimePoint kNever = TimePoint::max();  // a deadline that never comes

// `from` + `by`, clamped to the ends of the range instead of overflowing.
constexpr TimePoint saturating_add(TimePoint from, Duration by) noexcept {
  const std::int64_t a = from.time_since_epoch().count();
  const std::int64_t b = by.count();
  if (b > 0 && a > INT64_MAX - b) return TimePoint::max();
  if (b < 0 && a < INT64_MIN - b) return TimePoint::min();
  return TimePoint(Duration(a + b));
}

// Any std::chrono duration as nanoseconds: rounded up, clamped to the range; NaN counts as past.
template <class Rep, class Period>
constexpr Duration to_duration(std::chrono::duration<Rep, Period> d) noexcept {
  using Wide = std::chrono::duration<long double>;
  if (Wide(d) >= Wide(Duration::max())) return Duration::max();
  if (!(Wide(d) > Wide(Duration::min()))) return Duration::min();
  return std::chrono::ceil<Duration>(d);
}
}  // namespace hob::inline v0
