// SPDX-License-Identifier: MIT
// A hierarchical timer wheel: arms, re-arms and cancels in O(1), fires in order, never early.
//
// The loop owns one, tells it the time and asks how long to sleep. It calls only the function given to
// advance(); it knows no clock, keeps no callback and allocates nothing.
//
// Read a tick as a number of eleven digits in base 64. A timer stands on the level of the highest digit
// in which its deadline differs from now, in the slot which that digit of the deadline names. Drawn in
// base 10 with three digits, at now = 427 (^ marks the digits of now):
//
//     level 2   0 1 2 3 ^ 5 6 7 8 9   a slot is 100 ticks   502 and 531 stand in slot 5
//     level 1   0 1 ^ 3 4 5 6 7 8 9   a slot is 10 ticks    438 stands in slot 3
//     level 0   0 1 2 3 4 5 6 ^ 8 9   a slot is 1 tick      429 in slot 9; 427, which is due, at ^
//   1. Every timer stands where its deadline and now() put it, but for those being fired.
//   2. So an occupied slot lies to the right of now's digit (or at it, on level 0), and all on one level
//      are earlier than all on the next: the earliest slot is the first on the lowest level in use, found
//      by two bit scans. The levels span all ticks, so no timer a rotation away can hide a nearer one.
//   3. Timers of equal deadline stand in one slot, in the order in which they were scheduled.
//   4. A bit is set for every slot, and for every level, that is not empty, and for no other.
//   5. User code runs in advance() only, and finds 1 to 4 true.
#pragma once
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include "intrusive_list.hpp"

namespace hob::inline v0 {
using Tick = std::uint64_t;
class Wheel;

// A node of a wheel, a base or a member of the caller's own. It never moves; its destructor cancels it.
class Timer : private Link {
 public:
  Timer() noexcept = default;
  explicit Timer(Tick deadline) noexcept : deadline_(deadline) {}  // to be scheduled for then
  ~Timer() { cancel(); }
  bool scheduled() const noexcept { return wheel_ != nullptr; }
  Tick deadline() const noexcept { return deadline_; }  // the last one, if no longer scheduled

  void cancel() noexcept;  // leaves the wheel it is in, if any; O(1)
 private:
  friend class List<Timer>;
  friend class Wheel;
  friend struct WheelCheck;
  Tick deadline_ = 0;
  Wheel* wheel_ = nullptr;
};

class Wheel {
 public:
  explicit Wheel(Tick now = 0) noexcept : now_(now) {}
  Wheel(const Wheel&) = delete;
  Wheel& operator=(const Wheel&) = delete;
  ~Wheel();  // what is still scheduled becomes unscheduled, and may live on
  Tick now() const noexcept { return now_; }
  std::size_t size() const noexcept { return size_; }
  // Has `timer` fire at `deadline`. Scheduled already, on this wheel or another, it is re-armed, as the
  // latest. A deadline before now() counts as now(): due at the next advance(), not the running one. O(1).
  void schedule(Timer& timer, Tick deadline) noexcept {
    timer.cancel();
    timer.deadline_ = std::max(deadline, now_);
    timer.wheel_ = this;
    ++size_;
    place(timer);
    if (earliest_ != nullptr && timer.deadline_ < earliest_->deadline_) earliest_ = &timer;
  }

  void cancel(Timer& timer) noexcept { timer.cancel(); }
  // When the next timer fires, exactly. O(1) while that timer stays; when it has gone, the earliest slot is
  // put in order, unless it is known to be: sorted once, it stays so while it is appended to in order.
  std::optional<Tick> next_deadline() const noexcept {
    if (size_ == 0) return std::nullopt;
    if (earliest_ == nullptr) earliest_ = &find_earliest();
    return earliest_->deadline_;
  }

  // When to call advance() next: never later than next_deadline(), but O(1) whatever is scheduled
  // and cancelled in between. It is sooner only if more than 16 timers crowd the earliest slot:
  // then it is the slot's first tick, when advance() spreads them over the levels below.
  std::optional<Tick> next_wake() const noexcept {
    if (earliest_ == nullptr && batch_.empty() && levels_ != 0) return entry_to(first_slot());
    return next_deadline();
  }

  // Moves now() to `now` (or leaves it, if that is earlier), then calls fire(Timer&) for all that is due,
  // by deadline and among equals by scheduling; returns how often. A timer is unscheduled before its turn,
  // and `fire` may schedule, cancel and destroy any timer (not the wheel). What it schedules at or before
  // `now` waits for the next advance(). What it leaves by throwing stays due. If it calls advance()
  // itself, that call takes over what this one had left.
  template <class F> std::size_t advance(Tick now, F fire) {
    collect(now);
    std::size_t fired = 0;
    for (; !batch_.empty(); ++fired) {
      Timer& timer = batch_.front();
      remove(timer);
      fire(timer);
    }
    return fired;
  }

  // ------------------------------------------------------------------------------------------
 private:
  friend class Timer;
  friend struct WheelCheck;  // of the tests: whether the invariants hold
  static constexpr unsigned kBits = 6, kSlots = 1U << kBits, kLevels = (64 + kBits - 1) / kBits;
  // Where a deadline belongs that is not before now_ (invariant 1). Slots are counted through.
  std::size_t slot_of(Tick deadline) const noexcept {
    const auto bits_that_matter = static_cast<unsigned>(std::bit_width((deadline ^ now_) | 1));
    const unsigned level = (bits_that_matter - 1) / kBits;
    return level * kSlots + (deadline >> level * kBits) % kSlots;
  }

  void place(Timer& timer) noexcept {
    const std::size_t index = slot_of(timer.deadline_);
    List<Timer>& slot = slots_[index];
    if (&slot == sorted_ && !slot.empty() && timer.deadline_ < slot.back().deadline_) sorted_ = nullptr;
    slot.push_back(timer);
    occupied_[index / kSlots] |= Tick{1} << index % kSlots;
    levels_ |= 1U << index / kSlots;
  }

  void remove(Timer& timer) noexcept {
    const List<Timer>* emptied = List<Timer>::held_alone(timer);
    static_cast<Link&>(timer).unlink();
    timer.wheel_ = nullptr;
    --size_;
    if (&timer == earliest_) earliest_ = nullptr;
    if (emptied != nullptr && emptied != &batch_) clear_bit(*emptied);
  }

  void clear_bit(const List<Timer>& slot) noexcept {
    const auto index = static_cast<std::size_t>(&slot - slots_);
    occupied_[index / kSlots] &= ~(Tick{1} << index % kSlots);
    if (occupied_[index / kSlots] == 0) levels_ &= ~(1U << index / kSlots);
  }

  std::size_t first_slot() const noexcept;
  Tick first_tick(std::size_t index) const noexcept;
  Tick entry_to(std::size_t index) const noexcept;
  const Timer& find_earliest() const noexcept;
  void sort(std::size_t index) const noexcept;
  void collect(Tick target) noexcept;

  Tick now_;
  std::size_t size_ = 0;
  std::uint32_t levels_ = 0;                     // a bit per level in use
  std::uint64_t occupied_[kLevels] = {};         // for each level, a bit per slot in use
  mutable const Timer* earliest_ = nullptr;      // a timer known to be due no later than any
  mutable const List<Timer>* sorted_ = nullptr;  // a slot known to be in order
  mutable List<Timer> batch_;                    // what is being fired, in order
  mutable List<Timer> slots_[kLevels * kSlots];
};

inline void Timer::cancel() noexcept { if (wheel_ != nullptr) wheel_->remove(*this); }
}  // namespace hob::inline v0
