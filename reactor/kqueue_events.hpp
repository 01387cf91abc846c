// SPDX-License-Identifier: MIT
//
// kqueue_events.hpp — what one event of kqueue says of a Watch.
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

// Latches and arms what an event says. Several of one watch add up, in any order, in one batch or in
// two. `Names` gives the system's constants: read and write (filters), eof (a flag).
//
// macOS and FreeBSD put a socket's error into the events of both filters, libkqueue into whichever
// it reports first; so one filter's error ends the waits of both directions, and is kept.
template <class Names, class Event> void latch(const Event& event) noexcept {
  // By value throughout: macOS packs the struct, so no reference may be bound to a member.
  const bool read = event.filter == Names::read;
  const bool write = event.filter == Names::write;
  if (!read && !write) return;  // our own wake-up
  const bool eof = (event.flags & Names::eof) != 0;
  const int error = eof ? static_cast<int>(event.fflags) : 0;
  Watch& watch = *static_cast<Watch*>(event.udata);
  if (error != 0) watch.error = error;
  if (eof && (read || error != 0)) watch.read_hangup = true;
  if (read || error != 0) watch.on_readable();
  if (write || error != 0) watch.on_writable();
}

}  // namespace hob::inline v0
