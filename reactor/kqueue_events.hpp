// SPDX-License-Identifier: MIT
//
// kqueue_events.hpp — what one event of kqueue says, as readiness: a pure function.
//
// backend_kqueue.cpp calls it for each event of a batch. It knows no system header, so its test
// runs on every system, on batches written by hand.
//
// Invariants
//   1. A READ event never says that the connection is gone: with EV_EOF too there may be bytes
//      left, and only a read of 0 is the end. EV_EOF says that a short read proves nothing.
//   2. `data` (byte counts, backlog) is never looked at: the kernels disagree about it.
//   3. fflags is an errno value only together with EV_EOF; else it may echo what was asked for.
#pragma once

#include "backend.hpp"

namespace hob::inline v0 {

// What an event said, and of whom.
struct Readiness {
  Watch* watch = nullptr;  // null: our own wake-up
  bool readable = false;
  bool writable = false;
  bool read_hangup = false;
  int error = 0;
};

// `Names` gives the system's constants: read and write (filters), eof (a flag).
//
// macOS and FreeBSD put a socket's error into the events of both filters, libkqueue into whichever
// it reports first; so one filter's error ends the waits of both directions, and is kept.
template <class Names, class Event> Readiness readiness(const Event& event) noexcept {
  Readiness said;
  // By value throughout: macOS packs the struct, so no reference may be bound to a member.
  const bool read = event.filter == Names::read;
  const bool write = event.filter == Names::write;
  if (!read && !write) return said;
  const bool eof = (event.flags & Names::eof) != 0;
  said.watch = static_cast<Watch*>(event.udata);
  said.error = eof ? static_cast<int>(event.fflags) : 0;
  said.readable = read || said.error != 0;
  said.writable = write || said.error != 0;
  said.read_hangup = eof && said.readable;
  return said;
}

// Latches and arms. Several events of one watch add up, in any order, in one batch or in two.
inline void latch(const Readiness& said) noexcept {
  if (!said.watch) return;
  Watch& watch = *said.watch;
  if (said.error != 0) watch.error = said.error;
  if (said.read_hangup) watch.read_hangup = true;
  if (said.readable) watch.on_readable();
  if (said.writable) watch.on_writable();
}

}  // namespace hob::inline v0
