// SPDX-License-Identifier: MIT
//
// signals.cpp — from the bits that a Backend reports to the coroutines that wait.
#include "signals.hpp"

#include <csignal>
#include <string>

namespace hob::inline v0 {

void SignalBox::want(Backend& backend, int number) {
  if (number >= 1 && number <= 64 && wants(number)) return;
  if (const int error = backend.catch_signal(number, Catch::until_closed))
    throw_errno(error, "catch signal " + std::to_string(number));
  asked_ |= bit(number);
}

void SignalBox::arrived(std::uint64_t numbers) noexcept {
  kept_ |= numbers & asked_;
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    auto& waiter = static_cast<SignalWait&>(*it);
    ++it;
    if (kept_ & bit(waiter.number_)) waiter.give();
  }
}

SignalBox& Loop::signals() {
  check_thread();
  if (!signals_) signals_ = std::make_unique<SignalBox>();
  return *signals_;
}

void Loop::interruptible() {
  signals();
  interruptible_ = backend_->catch_signal(SIGINT, Catch::once_if_default) == 0;
}

void Loop::deliver(std::uint64_t signals) noexcept {
  constexpr auto kInterrupt = std::uint64_t{1} << (SIGINT - 1);
  if ((signals & kInterrupt) && interruptible_ && !signals_->wants(SIGINT)) interrupted_ = true;
  signals_->arrived(signals);
}

SignalWait signal(int number) {
  Loop& loop = Loop::current();
  loop.signals().want(loop.backend(), number);
  return SignalWait(loop.signals(), number);
}

}  // namespace hob::inline v0
