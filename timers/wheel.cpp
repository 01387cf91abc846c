// SPDX-License-Identifier: MIT
// What a wheel does now and then: collect what is due, sort a slot.
//
// Called by wheel.hpp, whose invariants hold between any two steps here. Calls no user code.
#include "wheel.hpp"
#include <utility>

namespace hob::inline v0 {
static bool in_order(List<Timer>& timers) noexcept {
  Tick last = 0;
  for (const Timer& timer : timers)
    if (std::exchange(last, timer.deadline()) > timer.deadline()) return false;
  return true;
}

Wheel::~Wheel() {
  while (!batch_.empty()) remove(batch_.front());
  while (levels_ != 0) remove(slots_[first_slot()].front());
}

// The earliest slot. There must be one: levels_ != 0.
std::size_t Wheel::first_slot() const noexcept {
  const auto level = static_cast<std::size_t>(std::countr_zero(levels_));
  return level * kSlots + static_cast<std::size_t>(std::countr_zero(occupied_[level]));
}

// The digits of now_ above the slot's level, then its own digit, then zeros.
Tick Wheel::first_tick(std::size_t index) const noexcept {
  const std::size_t shift = index / kSlots * kBits;
  return (now_ >> shift >> kBits << kBits | index % kSlots) << shift;
}

// When now_ should enter a slot: at its earliest deadline; a crowded one, unsearched, at its first tick.
Tick Wheel::entry_to(std::size_t index) const noexcept {
  Tick earliest = ~Tick{0};
  int searched = 0;
  for (const Timer& timer : slots_[index]) {
    if (++searched > 16) return first_tick(index);
    earliest = std::min(earliest, timer.deadline_);
  }
  return earliest;
}

// The batch is in order, and on level 0 all timers of a slot are equal.
const Timer& Wheel::find_earliest() const noexcept {
  if (!batch_.empty()) return batch_.front();
  const std::size_t index = first_slot();
  if (index >= kSlots && &slots_[index] != sorted_) sort(index);
  return slots_[index].front();
}

// The timers of a slot differ in the digits below its level only. So it is dealt into piles by each
// of these digits, the lowest first, and gathered again each time; equals keep their order.
void Wheel::sort(std::size_t index) const noexcept {
  List<Timer>& slot = slots_[index];
  if (!in_order(slot)) {
    List<Timer> piles[kSlots];
    for (std::size_t shift = 0; shift < index / kSlots * kBits; shift += kBits) {
      while (!slot.empty()) {
        Timer& timer = slot.pop_front();
        piles[(timer.deadline_ >> shift) % kSlots].push_back(timer);
      }
      for (List<Timer>& pile : piles) slot.splice_back(pile);
    }
  }
  sorted_ = &slot;
}

// Moves all that is due at `target` into the batch, in order, and now_ to `target`.
//
// It leaps from one occupied slot to the next and empties each in one go. now_ enters the slot, no later
// than its earliest timer and no further than `target`. The timers due at that very tick go to the batch.
// The others now share with now_ the digit that kept them up here, so they go to lower levels: all slots
// down there were earlier than this one, hence are empty by now, and equals keep their order. So a timer
// moves at most once per level, and a lonely one just once, however far the leap.
void Wheel::collect(Tick target) noexcept {
  target = std::max(target, now_);
  while (levels_ != 0) {
    const std::size_t index = first_slot();
    if (first_tick(index) > target) break;
    clear_bit(slots_[index]);
    if (index < kSlots) {
      batch_.splice_back(slots_[index]);
      continue;
    }
    now_ = std::min(entry_to(index), target);
    List<Timer> slot;
    slot.splice_back(slots_[index]);
    while (!slot.empty()) {
      Timer& timer = slot.pop_front();
      timer.deadline_ == now_ ? batch_.push_back(timer) : place(timer);
    }
  }
  now_ = target;
}
}  // namespace hob::inline v0
