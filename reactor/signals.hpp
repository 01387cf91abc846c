// SPDX-License-Identifier: MIT
//
// signals.hpp — signal(n): awaits the next arrival of a signal.
//
//   co_await hob::signal(SIGTERM);
//
// A signal is caught from the first call until ~Loop restores what was there. Arrivals while nobody
// waits are kept, as one. Every loop that asked gets it, and in it every waiter.
#pragma once

#include "loop.hpp"
#include "sync.hpp"

namespace hob::inline v0 {

// Who waits for which signal in one loop. An arrival is kept until a waiter has resumed with it, so a
// waiter that is woken and dropped leaves it to the next.
class SignalBox {
 public:
  // Catches `number` from now on; std::system_error if that cannot be (SIGKILL, or no such signal).
  void want(Backend& backend, int number);
  bool wants(int number) const noexcept { return asked_ & bit(number); }
  // Keeps arrivals, and wakes all who wait for them.
  void arrived(std::uint64_t numbers) noexcept;

 private:
  friend class SignalWait;
  static constexpr std::uint64_t bit(int number) noexcept { return std::uint64_t{1} << (number - 1); }

  std::uint64_t asked_ = 0;
  std::uint64_t kept_ = 0;
  List<Waiter> waiters_;
};

class SignalWait : public Leaf<SignalWait, int>, Waiter {
 public:
  SignalWait(SignalBox& box, int number) noexcept : box_(box), number_(number) {}
  bool try_now() const noexcept { return box_.kept_ & SignalBox::bit(number_); }
  void begin(Runnable& task) noexcept { wait_in(box_.waiters_, task); }
  int finish() noexcept {
    box_.kept_ &= ~SignalBox::bit(number_);
    return number_;
  }

 private:
  friend class SignalBox;
  SignalBox& box_;
  int number_;
};

// Gives the number of the signal when it arrives. Caught from this call on, not only from its await.
SignalWait signal(int number);

}  // namespace hob::inline v0
