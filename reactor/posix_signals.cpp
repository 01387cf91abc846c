// SPDX-License-Identifier: MIT
//
// posix_signals.cpp — signals, from the kernel's handler to each loop that asked for them.
//
// The handler sets a bit in the inbox of every backend that asked, and writes a byte to its pipe,
// whose other end is attached to that backend's kernel like any descriptor. So signals work alike
// on every system, none is ever blocked, and it does not matter which thread the kernel picks.
// See posix.hpp, invariant 3.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <thread>

#include "posix.hpp"

namespace hob::inline v0 {

namespace {

constinit std::mutex signals;                          // guards the list and the dispositions
constinit std::atomic<SignalInbox*> inboxes{nullptr};  // of every backend that ever asked
constinit std::atomic<int> handlers{0};                // how many run at this moment
struct sigaction replaced[65];                         // what was there before us, by number

constexpr std::uint64_t bit(int number) noexcept { return std::uint64_t{1} << (number - 1); }

// Runs on whichever thread the kernel picked, in the middle of anything: atomics and calls that
// are safe in a handler only.
void on_signal(int number) noexcept {
  const int error = errno;
  bool asked = false;
  handlers.fetch_add(1);
  for (SignalInbox* inbox = inboxes.load(); inbox; inbox = inbox->next.load()) {
    if ((inbox->asked.load() & bit(number)) == 0) continue;
    asked = true;
    inbox->arrived.fetch_or(bit(number));
    // A full pipe is no loss: its reader has not come yet, and will find the bit.
    [[maybe_unused]] const ssize_t n = ::write(inbox->pipe[1], "", 1);
  }
  handlers.fetch_sub(1);
  if (!asked) {
    // Another library has put us back after we had gone, as it found us. The signal belongs to
    // whoever was there before us, and comes to him as soon as this handler returns.
    ::sigaction(number, &replaced[number], nullptr);
    ::raise(number);
  }
  errno = error;
}

// Brings the disposition of a signal in line with who asks for it, `leaving` excepted; under the
// lock.
int settle(int number, const SignalInbox* leaving) noexcept {
  bool asked = false;
  bool for_good = false;
  for (SignalInbox* inbox = inboxes.load(); inbox; inbox = inbox->next.load()) {
    if (inbox == leaving || (inbox->asked.load() & bit(number)) == 0) continue;
    asked = true;
    for_good |= (inbox->once & bit(number)) == 0;
  }
  struct sigaction present;
  if (::sigaction(number, nullptr, &present) == -1) return errno;
  const bool ours = present.sa_handler == on_signal;
  if (!asked) {
    // Somebody who put his own handler after ours keeps it.
    if (ours) ::sigaction(number, &replaced[number], nullptr);
    return 0;
  }
  struct sigaction wanted {};
  wanted.sa_handler = on_signal;
  // SA_RESETHAND: the kernel itself puts the default back as it calls us, so that a second Ctrl-C
  // ends a program whose loop is stuck.
  wanted.sa_flags = SA_RESTART | SA_ONSTACK | (for_good ? 0 : static_cast<int>(SA_RESETHAND));
  sigemptyset(&wanted.sa_mask);
  if (::sigaction(number, &wanted, nullptr) == -1) return errno;
  if (!ours) replaced[number] = present;
  return 0;
}

}  // namespace

int PosixBackend::catch_signal(int number, Catch how) noexcept {
  if (number < 1 || number > 64) return EINVAL;
  const std::scoped_lock lock(signals);
  struct sigaction present;
  if (::sigaction(number, nullptr, &present) == -1) return errno;
  if (how == Catch::once_if_default && present.sa_handler != SIG_DFL) return EBUSY;

  if (inbox_.pipe[0] == -1) {
    int ends[2];
    if (const int error = open_pipe(ends)) return error;
    if (const int error = attach(ends[0], inbox_.watch, kRead)) {
      ::close(ends[0]);
      ::close(ends[1]);
      return error;
    }
    std::copy(ends, ends + 2, inbox_.pipe);
    inbox_.watch.readable = false;
    inbox_.next = inboxes.load();
    inboxes = &inbox_;
  }

  const std::uint64_t asked = inbox_.asked;
  const std::uint64_t once = inbox_.once;
  inbox_.asked |= bit(number);
  inbox_.once = how == Catch::once_if_default ? once | bit(number) : once & ~bit(number);
  const int error = settle(number, nullptr);
  if (error != 0) {
    inbox_.asked = asked;
    inbox_.once = once;
  }
  return error;
}

std::uint64_t PosixBackend::take_signals() noexcept {
  if (!inbox_.watch.readable && inbox_.arrived.load() == 0) return 0;
  if (inbox_.pipe[0] == -1) return 0;
  // The pipe before the bits: what arrives in between leaves a byte, and wakes the next wait() once
  // for nothing. The other way round it would leave a bit, and wake nobody.
  inbox_.watch.readable = false;
  char bytes[64];
  while (::read(inbox_.pipe[0], bytes, sizeof bytes) > 0) {}
  return inbox_.arrived.exchange(0);
}

// The kernel object is closed by now (it is the derived class's), and the inbox's watch with it.
PosixBackend::~PosixBackend() {
  if (inbox_.pipe[0] == -1) return;
  if (!forked()) {
    const std::scoped_lock lock(signals);
    // In this order no signal is swallowed: it finds the inbox, or what was there before us.
    for (int number = 1; number <= 64; ++number) {
      if (inbox_.asked & bit(number)) settle(number, &inbox_);
    }
    std::atomic<SignalInbox*>* place = &inboxes;
    while (*place != &inbox_) place = &(*place).load()->next;
    *place = inbox_.next.load();
  }
  // A handler that began earlier, on another thread, may still hold our inbox.
  // (In a forked child there is no such thread, nor one that would give the lock back.)
  while (!forked() && handlers.load() != 0) std::this_thread::yield();
  ::close(inbox_.pipe[0]);
  ::close(inbox_.pipe[1]);
}

}  // namespace hob::inline v0
