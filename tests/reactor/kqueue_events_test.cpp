// SPDX-License-Identifier: MIT
//
// kqueue_events_test.cpp — kqueue's events as readiness, on batches written by hand.
//
// One case for each thing that the kqueue kernels tell in their own way: macOS's, FreeBSD's,
// libkqueue's. It runs on every system, for the translation knows no system header.
#include "../../reactor/posix.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdint>
#include <vector>

namespace hob_test::kqueue_events_test {
using namespace hob;

namespace {

// macOS's struct and numbers.
#pragma pack(push, 4)
struct Event {
  std::uintptr_t ident = 0;
  std::int16_t filter = 0;
  std::uint16_t flags = 0;
  std::uint32_t fflags = 0;
  std::intptr_t data = 0;
  void* udata = nullptr;
};
#pragma pack(pop)

struct Names {
  static constexpr std::int16_t read = -1;
  static constexpr std::int16_t write = -2;
  static constexpr int eof = 0x8000;
};

constexpr std::int16_t kUser = -10;
constexpr std::uint16_t kClear = 0x20;
constexpr std::uint16_t kEof = 0x8000 | kClear;

// A watch that two tasks wait on, and what a batch does to it.
class Fixture {
 public:
  Fixture() {
    here.ready = &ready_;
    watch.readable = watch.writable = false;
    watch.reader = &reader;
    watch.writer = &writer;
  }
  ~Fixture() { here.ready = outer_; }

  Event read(std::uint16_t flags = kClear, std::uint32_t fflags = 0, std::intptr_t data = 1) {
    return {5, Names::read, flags, fflags, data, &watch};
  }
  Event write(std::uint16_t flags = kClear, std::uint32_t fflags = 0, std::intptr_t data = 1) {
    return {5, Names::write, flags, fflags, data, &watch};
  }
  void deliver(const std::vector<Event>& batch) {
    for (const Event& event : batch) latch<Names>(event);
  }

  struct Waiter : Runnable {
    Waiter() : Runnable([](Runnable&) {}) {}
    bool armed() const { return linked(); }
  };

  Waiter reader, writer;
  Watch watch;

 private:
  List<Runnable>* const outer_ = here.ready;
  List<Runnable> ready_;
};

}  // namespace

TEST_SUITE_BEGIN("reactor");

TEST_CASE_FIXTURE(Fixture, "READ wakes the reader, WRITE the writer, and neither the other") {
  deliver({read()});
  CHECK(watch.readable);
  CHECK(reader.armed());
  CHECK_FALSE(watch.writable);
  CHECK_FALSE(writer.armed());
  CHECK_FALSE(watch.read_hangup);
  deliver({write()});
  CHECK(watch.writable);
  CHECK(writer.armed());
  CHECK(watch.error == 0);
}

TEST_CASE_FIXTURE(Fixture, "READ and WRITE add up, in either order, in one batch or in two") {
  for (const std::vector<std::vector<Event>>& batches :
       {std::vector<std::vector<Event>>{{read(), write()}}, {{write(), read()}},
        {{read()}, {write()}}, {{write()}, {read()}}, {{write(), read(), write(), read()}}}) {
    Fixture one;
    for (std::vector<Event> batch : batches) {
      for (Event& event : batch) event.udata = &one.watch;
      one.deliver(batch);
    }
    CHECK(one.watch.readable);
    CHECK(one.watch.writable);
    CHECK(one.reader.armed());
    CHECK(one.writer.armed());
    CHECK_FALSE(one.watch.read_hangup);
  }
}

TEST_CASE_FIXTURE(Fixture, "a WRITE after every ACK sets the latch, and arms nobody twice") {
  deliver({write(), write()});
  deliver({write()});
  CHECK(watch.writable);
  CHECK(writer.armed());
  CHECK_FALSE(reader.armed());
}

TEST_CASE_FIXTURE(Fixture, "a half close is readable, a hint, and no error, with data or without") {
  for (const std::intptr_t left : {100, 0}) {
    Fixture one;
    Event event = read(kEof, 0, left);
    event.udata = &one.watch;
    one.deliver({event});
    CHECK(one.watch.readable);
    CHECK(one.watch.read_hangup);
    CHECK(one.watch.error == 0);
    CHECK_FALSE(one.watch.writable);
    CHECK_FALSE(one.writer.armed());
  }
}

TEST_CASE_FIXTURE(Fixture, "data, then the end, in two events: the hint stays") {
  deliver({read()});
  watch.readable = false;
  deliver({read(kEof, 0, 0)});
  CHECK(watch.readable);
  CHECK(watch.read_hangup);
  deliver({read()});
  CHECK(watch.read_hangup);
}

TEST_CASE_FIXTURE(Fixture, "libkqueue's half close drags a WRITE along, which changes nothing") {
  deliver({read(kEof, 0, 0), write()});
  CHECK(watch.read_hangup);
  CHECK(watch.readable);
  CHECK(watch.writable);
  CHECK(watch.error == 0);
}

TEST_CASE_FIXTURE(Fixture, "WRITE with EV_EOF, our own shutdown: the peer has not finished") {
  deliver({write(kEof)});
  CHECK(watch.writable);
  CHECK_FALSE(watch.readable);
  CHECK_FALSE(watch.read_hangup);
  CHECK(watch.error == 0);
}

TEST_CASE_FIXTURE(Fixture, "both directions shut: both are woken") {
  deliver({read(kEof), write(kEof)});
  CHECK(reader.armed());
  CHECK(writer.armed());
  CHECK(watch.read_hangup);
}

TEST_CASE_FIXTURE(Fixture, "a reset, told by both filters (macOS, FreeBSD)") {
  deliver({write(kEof, ECONNRESET), read(kEof, ECONNRESET)});
  CHECK(watch.error == ECONNRESET);
  CHECK(reader.armed());
  CHECK(writer.armed());
  CHECK(watch.read_hangup);
}

TEST_CASE_FIXTURE(Fixture, "an error told by one filter only (libkqueue) is kept and wakes both") {
  for (const bool by_read : {true, false}) {
    for (const bool first : {true, false}) {
      Fixture one;
      Event with = by_read ? read(kEof, ECONNREFUSED) : write(kEof, ECONNREFUSED);
      Event without = by_read ? write(kEof, 0) : read(kEof, 0);
      with.udata = without.udata = &one.watch;
      one.deliver({first ? with : without});
      CHECK(one.watch.error == (first ? ECONNREFUSED : 0));
      if (first) {
        CHECK(one.reader.armed());
        CHECK(one.writer.armed());
      }
      one.deliver({first ? without : with});
      CHECK(one.watch.error == ECONNREFUSED);
      CHECK(one.reader.armed());
      CHECK(one.writer.armed());
      CHECK(one.watch.read_hangup);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "an error wakes both though only one direction was asked for") {
  deliver({write(kEof, EIO)});  // a pipe whose reader is gone, in libkqueue
  CHECK(watch.error == EIO);
  CHECK(reader.armed());
  CHECK(writer.armed());
}

TEST_CASE_FIXTURE(Fixture, "a pipe without a writer but with data, and one without a reader") {
  deliver({read(kEof, 0, 12)});
  CHECK(reader.armed());
  CHECK(watch.read_hangup);
  deliver({write(kEof)});
  CHECK(writer.armed());
  CHECK(watch.error == 0);
}

TEST_CASE_FIXTURE(Fixture, "fflags without EV_EOF are no error") {
  deliver({read(kClear, 1), write(kClear, 1)});  // NOTE_LOWAT, given back
  CHECK(watch.error == 0);
  CHECK_FALSE(watch.read_hangup);
}

TEST_CASE_FIXTURE(Fixture, "data decides nothing: 0, negative, or the whole range") {
  for (const std::intptr_t data : {std::intptr_t{0}, std::intptr_t{-1}, INTPTR_MAX, INTPTR_MIN}) {
    Fixture one;
    Event in = read(kClear, 0, data), out = write(kClear, 0, data);
    in.udata = out.udata = &one.watch;
    one.deliver({in, out});
    CHECK(one.watch.readable);
    CHECK(one.watch.writable);
  }
}

TEST_CASE_FIXTURE(Fixture, "our own wake-up touches no watch, whatever its udata") {
  for (void* udata : {static_cast<void*>(nullptr), static_cast<void*>(&watch)}) {
    const Event event{0, kUser, kClear, 0x01000000, 0, udata};
    deliver({event});
  }
  CHECK_FALSE(watch.readable);
  CHECK_FALSE(watch.writable);
  CHECK_FALSE(reader.armed());
}

TEST_CASE_FIXTURE(Fixture, "a batch of many watches reaches each of them, shuffled or not") {
  Fixture other;
  Event theirs = read();
  theirs.udata = &other.watch;
  deliver({theirs, write(), read(kEof, 0, 0)});
  CHECK(watch.readable);
  CHECK(watch.writable);
  CHECK(watch.read_hangup);
  CHECK(other.watch.readable);
  CHECK_FALSE(other.watch.writable);
  CHECK_FALSE(other.watch.read_hangup);
}

TEST_SUITE_END();
}  // namespace hob_test::kqueue_events_test
