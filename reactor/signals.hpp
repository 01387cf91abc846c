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

// Who waits for which signal in one loop.
class SignalBox {
 public:
  // Catches `number` from now on; std::system_error if that cannot be (SIGKILL, or no such signal).
  void want(Backend& backend, int number);
  bool wants(int number) const noexcept { return asked_ & bit(number); }
  // Gives arrivals to their waiters, or keeps them.
  void arrived(std::uint64_t numbers) noexcept;
  // A waiter resumes with an arrival: whoever else was given it and is dropped returns nothing.
  void seen(int number) noexcept;
  // A waiter that was given an arrival is dropped: if nobody else has it, it goes on to the next.
  void give_back(int number) noexcept;

 private:
  friend class SignalWait;
  static constexpr std::uint64_t bit(int number) noexcept { return std::uint64_t{1} << (number - 1); }

  std::uint64_t asked_ = 0;
  std::uint64_t kept_ = 0;
  List<Waiter> waiters_;
  List<Waiter> granted_;
};

class SignalWait : public Leaf<SignalWait, int>, Waiter {
 public:
  SignalWait(SignalBox& box, int number) noexcept : box_(box), number_(number) {}
  SignalWait(SignalWait&&) noexcept = default;
  ~SignalWait() {
    unlink();
    if (given_ && !seen_) box_.give_back(number_);
  }
  bool try_now() noexcept {
    if (!(box_.kept_ & SignalBox::bit(number_))) return false;
    box_.kept_ &= ~SignalBox::bit(number_);
    box_.granted_.push_back(*this);
    return given_ = true;
  }
  void begin(Runnable& task) noexcept { wait_in(box_.waiters_, task); }
  int finish() {
    settle("the Loop is gone");
    box_.seen(number_);
    return number_;
  }

 private:
  friend class SignalBox;
  SignalBox& box_;
  int number_;
  bool seen_ = false;  // another waiter has resumed with what this one was given
};

// Gives the number of the signal when it arrives. Caught from this call on, not only from its await.
SignalWait signal(int number);

}  // namespace hob::inline v0
