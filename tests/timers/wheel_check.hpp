// SPDX-License-Identifier: MIT
//
// wheel_check.hpp — whether the invariants of a Wheel hold (its friend). O(n).
#pragma once

#include <string_view>

#include "../../timers/wheel.hpp"

namespace hob::inline v0 {

struct WheelCheck {
  // One that does not hold, as a sentence; empty if all do.
  static std::string_view of(const Wheel& wheel) noexcept {
    std::size_t count = 0;
    const Tick earliest = wheel.earliest_ == nullptr ? 0 : wheel.earliest_->deadline();
    for (const Timer& timer : wheel.batch_) {
      ++count;
      if (timer.wheel_ != &wheel || timer.deadline() > wheel.now_) return "the batch holds a stranger";
      if (timer.deadline() < earliest) return "earliest_ is not the earliest";
    }
    if (!in_order(wheel.batch_)) return "the batch is not in order";
    for (std::size_t index = 0; index < Wheel::kLevels * Wheel::kSlots; ++index) {
      List<Timer>& slot = wheel.slots_[index];
      for (const Timer& timer : slot) {
        ++count;
        if (timer.wheel_ != &wheel || timer.deadline() < wheel.now_) return "a slot holds a stranger";
        if (timer.deadline() < earliest) return "earliest_ is not the earliest";
        if (wheel.slot_of(timer.deadline()) != index) return "a timer stands in the wrong slot";
      }
      const std::size_t on = index / Wheel::kSlots;
      const std::uint64_t level = wheel.occupied_[on];
      if ((level >> index % Wheel::kSlots & 1) == slot.empty()) return "a slot's bit is wrong";
      if ((wheel.levels_ >> on & 1) == (level == 0)) return "a level's bit is wrong";
      if (&slot == wheel.sorted_ && !in_order(slot)) return "sorted_ is not sorted";
    }
    return count == wheel.size_ ? "" : "size() is wrong";
  }

 private:
  static bool in_order(List<Timer>& timers) noexcept {
    Tick last = 0;
    for (const Timer& timer : timers) {
      if (timer.deadline() < last) return false;
      last = timer.deadline();
    }
    return true;
  }
};

}  // namespace hob::inline v0
