// SPDX-License-Identifier: MIT
//
// timers.cpp — the wheel: schedule, cancel, fire and re-arm, with a thousand to a million timers.
//
// Deadlines are uniform over a minute of nanoseconds; 90 % are cancelled in random order, the rest
// fires. A wheel has no clock, so the minute passes as fast as it can.
#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../../timers/wheel.hpp"
#include "bench.hpp"

namespace bench {

namespace {

using hob::Tick;
using hob::Timer;
using hob::Wheel;

constexpr Tick kMinute = 60'000'000'000;

// The timers, the order of their cancellation, and their deadlines, all made beforehand.
struct Field {
  explicit Field(std::size_t n) : size(n), timers(new Timer[n]), order(n), delays(n) {
    std::mt19937_64 random(n);
    for (std::size_t i = 0; i < n; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    for (Tick& delay : delays) delay = random() % kMinute;
  }
  void schedule_all() {
    for (std::size_t i = 0; i < size; ++i) wheel.schedule(timers[i], wheel.now() + delays[i]);
  }

  std::size_t size;
  Wheel wheel{1'000'000'000'000'000};  // eleven days after boot
  std::unique_ptr<Timer[]> timers;
  std::vector<std::size_t> order;
  std::vector<Tick> delays;
};

// One pass through all phases; each phase's nanoseconds per timer.
struct Phases {
  double schedule = 0, cancel = 0, fire = 0, fire_singly = 0;
};

Phases pass(Field& field) {
  Phases ns;
  const std::size_t cancelled = field.size / 10 * 9, left = field.size - cancelled;
  for (const bool singly : {false, true}) {
    auto start = now();
    field.schedule_all();
    ns.schedule += ns_since(start) / static_cast<double>(2 * field.size);

    start = now();
    for (std::size_t i = 0; i < cancelled; ++i) field.timers[field.order[i]].cancel();
    ns.cancel += ns_since(start) / static_cast<double>(2 * cancelled);

    start = now();
    std::size_t fired = 0;
    const auto count = [&](Timer&) { ++fired; };
    if (singly) {  // as a loop does: asks when, sleeps, advances to then
      while (const auto next = field.wheel.next_wake()) field.wheel.advance(*next, count);
    } else {
      field.wheel.advance(field.wheel.now() + kMinute, count);
    }
    (singly ? ns.fire_singly : ns.fire) = ns_since(start) / static_cast<double>(left);
    do_not_optimise(fired);
  }
  return ns;
}

// Passes until a million timers have been through; the mean of each phase.
Phases measure(std::size_t size) {
  Field field(size);
  pass(field);
  Phases sum;
  const std::size_t passes = std::max<std::size_t>(1, 300'000 / size);
  for (std::size_t i = 0; i < passes; ++i) {
    const Phases one = pass(field);
    sum.schedule += one.schedule, sum.cancel += one.cancel;
    sum.fire += one.fire, sum.fire_singly += one.fire_singly;
  }
  const auto n = static_cast<double>(passes);
  return {sum.schedule / n, sum.cancel / n, sum.fire / n, sum.fire_singly / n};
}

}  // namespace

void timers(Table& table) {
  static Phases last[3];
  const char* const sizes[] = {"10^3", "10^5", "10^6"};
  for (int i = 0; i < 3; ++i) {
    const std::string of = std::string(", ") + sizes[i] + " timers";
    const bool most = i == 2;
    table.figure("schedule" + of, "ns", [i] {
      const std::size_t counts[] = {1'000, 100'000, 1'000'000};
      return (last[i] = measure(counts[i])).schedule;
    }, {}, most ? "5 ns" : "");
    table.figure("cancel" + of, "ns", [i] { return last[i].cancel; }, {}, most ? "28 ns" : "");
    table.figure("fire, in one advance" + of, "ns", [i] { return last[i].fire; }, {},
                 most ? "200 ns" : "");
    table.figure("fire, one by one" + of, "ns", [i] { return last[i].fire_singly; });
  }

  constexpr std::size_t kMany = 100'000;
  static const std::unique_ptr<Field> field = std::make_unique<Field>(kMany);
  field->schedule_all();
  table.operation("re-arm one of 10^5 timers", 1'000'000, [](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t which = field->order[i % kMany];
      field->wheel.schedule(field->timers[which], field->wheel.now() + field->delays[i % kMany]);
    }
  }, {}, "12 ns");
  table.operation("next expiry of 10^5 timers", 1'000'000, [](std::size_t n) {
    for (; n; --n) do_not_optimise(field->wheel.next_deadline());
  }, {}, "2 ns");
  table.operation("next expiry after a re-arm", 1'000'000, [](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t which = field->order[i % kMany];
      field->wheel.schedule(field->timers[which], field->wheel.now() + field->delays[i % kMany]);
      do_not_optimise(field->wheel.next_deadline());
    }
  });
  table.figure("size of a Timer", "bytes", [] { return double{sizeof(Timer)}; }, {}, "40 bytes");
}

}  // namespace bench
