// SPDX-License-Identifier: MIT
//
// sleepers.cpp — a million tasks that sleep for a second, gathered: bytes of heap for each while
// all sleep, and the wall time beyond that second.
#include "../../reactor/reactor.hpp"
#include "../counting_new.hpp"
#include "bench.hpp"
#include "floor.hpp"

namespace bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSleepers = 1'000'000;

struct Outcome {
  double bytes, milliseconds;
};

hob::Future<> sleeper() { co_await hob::sleep(1s); }

hob::Future<> sleep_all(std::size_t& bytes) {
  const std::size_t before = hob_test::heap().bytes;
  std::vector<hob::Future<>> all;
  all.reserve(kSleepers);
  for (std::size_t i = 0; i < kSleepers; ++i) all.push_back(sleeper());
  auto gathered = hob::gather(std::move(all));
  bytes = hob_test::heap().bytes - before;
  co_await std::move(gathered);
}

Outcome on_hob() {
  hob::Loop loop;
  std::size_t bytes = 0;
  const auto start = now();
  loop.run(sleep_all(bytes));
  return {static_cast<double>(bytes) / kSleepers, (ns_since(start) - 1e9) / 1e6};
}

// Counts down, instead of gathering.
least::Task<> least_sleeper(std::size_t& left) {
  co_await least::Sleep(1s);
  --left;
}

Outcome on_floor() {
  least::wheel.emplace(least::ticks(least::Clock::now()));
  const std::size_t before = hob_test::heap().bytes;
  std::size_t left = kSleepers;
  const auto start = now();
  std::vector<least::Task<>> all;
  all.reserve(kSleepers);
  for (std::size_t i = 0; i < kSleepers; ++i) all.push_back(least_sleeper(left));
  const std::size_t bytes = hob_test::heap().bytes - before;
  least::run_timers();
  all.clear();
  least::Pool::drain();
  return {static_cast<double>(bytes) / kSleepers, (ns_since(start) - 1e9) / 1e6};
}

}  // namespace

void sleepers(Table& table) {
  static Outcome last[2];  // of one run: two figures
  table.figure("a million sleepers: wall beyond the sleep", "ms",
               [] { return (last[0] = on_hob()).milliseconds; },
               [] { return (last[1] = on_floor()).milliseconds; }, "200 ms");
  table.figure("a million sleepers: heap of each", "bytes", [] { return last[0].bytes; },
               [] { return last[1].bytes; }, "170 bytes");
}

}  // namespace bench
