// SPDX-License-Identifier: MIT
#include "wheel_check.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hob_test::wheel_test {
using namespace hob;

namespace {
constexpr Tick kLastTick = ~Tick{0};

struct Named : Timer {
  explicit Named(char n) : name(n) {}
  char name;
};

// Advances, and spells out who fired.
std::string fired(Wheel& wheel, Tick now) {
  std::string names;
  const std::size_t count =
      wheel.advance(now, [&](Timer& timer) { names += static_cast<Named&>(timer).name; });
  CHECK(count == names.size());
  CHECK(WheelCheck::of(wheel) == "");
  return names;
}

}  // namespace

TEST_SUITE("timers") {
  TEST_CASE("a timer is four words and knows when it is due") {
    CHECK(sizeof(Timer) == 4 * sizeof(void*));
    Wheel wheel(100);
    Timer timer;
    CHECK_FALSE(timer.scheduled());
    wheel.schedule(timer, 250);
    CHECK(timer.scheduled());
    CHECK(timer.deadline() == 250);
    CHECK(wheel.size() == 1);
    CHECK(wheel.now() == 100);
  }

  TEST_CASE("an empty wheel has no next deadline, and time passes in it") {
    Wheel wheel;
    CHECK_FALSE(wheel.next_deadline());
    CHECK_FALSE(wheel.next_wake());
    CHECK(fired(wheel, 12345) == "");
    CHECK(wheel.now() == 12345);
  }

  TEST_CASE("timers fire by deadline, and among equals by scheduling") {
    Wheel wheel;
    Named a('a'), b('b'), c('c'), d('d'), e('e');
    wheel.schedule(c, 5000);
    wheel.schedule(e, 70000);
    wheel.schedule(a, 3);
    wheel.schedule(d, 5000);
    wheel.schedule(b, 4999);
    CHECK(fired(wheel, 100000) == "abcde");
    CHECK(wheel.size() == 0);
  }

  TEST_CASE("equals keep their order however near they were when scheduled") {
    Wheel wheel;
    Named a('a'), b('b'), c('c'), d('d');
    wheel.schedule(a, 1'000'000);
    CHECK(fired(wheel, 999'000) == "");
    wheel.schedule(b, 1'000'000);
    CHECK(fired(wheel, 999'990) == "");
    wheel.schedule(c, 1'000'000);
    CHECK(fired(wheel, 999'999) == "");
    wheel.schedule(d, 1'000'000);
    CHECK(fired(wheel, 1'000'000) == "abcd");
  }

  TEST_CASE("no timer fires a tick early") {
    for (const Tick deadline : {1ull, 63ull, 64ull, 65ull, 4095ull, 4096ull, 1ull << 42}) {
      Wheel wheel;
      Named a('a');
      wheel.schedule(a, deadline);
      CHECK(wheel.next_deadline() == deadline);
      CHECK(fired(wheel, deadline - 1) == "");
      CHECK(wheel.next_deadline() == deadline);
      CHECK(fired(wheel, deadline) == "a");
    }
  }

  TEST_CASE("re-arming moves a timer, and makes it the latest of its equals") {
    Wheel wheel;
    Named a('a'), b('b');
    wheel.schedule(a, 500);
    wheel.schedule(b, 500);
    wheel.schedule(a, 500);
    CHECK(wheel.size() == 2);
    CHECK(fired(wheel, 500) == "ba");
    wheel.schedule(a, 600);
    wheel.schedule(a, 900000);
    wheel.schedule(a, 900001);
    CHECK(fired(wheel, 900001) == "a");
  }

  TEST_CASE("re-arming on another wheel leaves the first") {
    Wheel first, second;
    Named a('a');
    first.schedule(a, 10);
    second.schedule(a, 20);
    CHECK(first.size() == 0);
    CHECK(fired(first, 100) == "");
    CHECK(fired(second, 100) == "a");
  }

  TEST_CASE("a cancelled timer does not fire, and can be cancelled again") {
    Wheel wheel;
    Named a('a'), b('b');
    wheel.schedule(a, 10);
    wheel.schedule(b, 10);
    wheel.cancel(a);
    wheel.cancel(a);
    CHECK_FALSE(a.scheduled());
    CHECK(wheel.size() == 1);
    CHECK(fired(wheel, 10) == "b");
  }

  TEST_CASE("a deadline that has passed is due at the next advance, even to the same tick") {
    Wheel wheel(1000);
    Named a('a'), b('b'), c('c');
    wheel.schedule(a, 1000);
    wheel.schedule(b, 1);
    wheel.schedule(c, 999);
    CHECK(b.deadline() == 1000);
    CHECK(wheel.next_deadline() == 1000);
    CHECK(wheel.next_wake() == 1000);
    CHECK(fired(wheel, 1000) == "abc");
  }

  TEST_CASE("time never goes back, but what is due fires all the same") {
    Wheel wheel(1000);
    Named a('a'), b('b');
    wheel.schedule(a, 0);
    wheel.schedule(b, 1001);
    CHECK(fired(wheel, 10) == "a");
    CHECK(wheel.now() == 1000);
  }

  TEST_CASE("what is scheduled in the past while firing waits for the next advance") {
    Wheel wheel;
    Named a('a');
    wheel.schedule(a, 10);
    int times = 0;
    const auto again = [&](Timer& timer) {
      ++times;
      wheel.schedule(timer, 0);
    };
    CHECK(wheel.advance(50, again) == 1);
    CHECK(times == 1);
    CHECK(a.deadline() == 50);
    CHECK(wheel.advance(50, again) == 1);
    CHECK(times == 2);
  }

  TEST_CASE("while firing, now() is the new time and the timer is no longer scheduled") {
    Wheel wheel;
    Named a('a'), b('b');
    wheel.schedule(a, 10);
    wheel.schedule(b, 20);
    wheel.advance(30, [&](Timer& timer) {
      CHECK(wheel.now() == 30);
      CHECK_FALSE(timer.scheduled());
      CHECK(timer.deadline() == (&timer == &a ? 10 : 20));
      CHECK(wheel.size() == (&timer == &a ? 1 : 0));
      if (&timer == &a) CHECK(wheel.next_deadline() == 20);
      CHECK(WheelCheck::of(wheel) == "");
    });
  }

  TEST_CASE("a timer due in the same advance can be cancelled, re-armed and destroyed") {
    Wheel wheel;
    Named a('a'), b('b'), c('c');
    auto d = std::make_unique<Named>('d');
    Named e('e');
    for (Named* timer : {&a, &b, &c, d.get(), &e}) wheel.schedule(*timer, 77);
    std::string names;
    wheel.advance(80, [&](Timer& timer) {
      names += static_cast<Named&>(timer).name;
      if (&timer != &a) return;
      wheel.cancel(b);
      wheel.schedule(c, 90);
      d.reset();
      CHECK(WheelCheck::of(wheel) == "");
    });
    CHECK(names == "ae");
    CHECK(fired(wheel, 90) == "c");
  }

  TEST_CASE("a timer may destroy itself when it fires") {
    Wheel wheel;
    auto a = std::make_unique<Named>('a');
    wheel.schedule(*a, 1);
    CHECK(wheel.advance(1, [&](Timer&) { a.reset(); }) == 1);
    CHECK(WheelCheck::of(wheel) == "");
  }

  TEST_CASE("what a throw leaves behind stays due, before all that came later") {
    Wheel wheel;
    Named a('a'), b('b'), c('c'), d('d');
    wheel.schedule(a, 10);
    wheel.schedule(b, 11);
    wheel.schedule(c, 5000);
    const auto refuse = [&](Timer&) {
      wheel.schedule(d, 0);
      throw std::runtime_error("no");
    };
    CHECK_THROWS_AS(wheel.advance(6000, refuse), std::runtime_error);
    CHECK(WheelCheck::of(wheel) == "");
    CHECK_FALSE(a.scheduled());
    CHECK(b.scheduled());
    CHECK(wheel.size() == 3);
    CHECK(wheel.next_deadline() == 11);
    CHECK(wheel.next_wake() == 11);
    CHECK(fired(wheel, 6000) == "bcd");
  }

  TEST_CASE("an advance inside an advance takes over what is left") {
    Wheel wheel;
    Named a('a'), b('b'), c('c'), d('d');
    wheel.schedule(a, 10);
    wheel.schedule(b, 11);
    wheel.schedule(c, 30);
    std::string names;
    const std::size_t outer = wheel.advance(20, [&](Timer& timer) {
      names += static_cast<Named&>(timer).name;
      wheel.schedule(d, 0);
      names += '(' + fired(wheel, 40) + ')';
    });
    CHECK(outer == 1);
    CHECK(names == "a(bdc)");
    CHECK(wheel.now() == 40);
  }

  TEST_CASE("a timer that dies leaves the wheel") {
    Wheel wheel;
    Named a('a');
    wheel.schedule(a, 100);
    {
      Named b('b'), c('c');
      wheel.schedule(b, 100);
      wheel.schedule(c, 20);
      CHECK(wheel.next_deadline() == 20);
    }
    CHECK(WheelCheck::of(wheel) == "");
    CHECK(wheel.next_deadline() == 100);
    CHECK(fired(wheel, 100) == "a");
  }

  TEST_CASE("timers outlive their wheel unscheduled, those still due included") {
    Named a('a'), b('b'), c('c');
    {
      Wheel wheel;
      wheel.schedule(a, 1);
      wheel.schedule(b, 2);
      wheel.schedule(c, kLastTick);
      CHECK_THROWS_AS(wheel.advance(5, [](Timer&) { throw 1; }), int);
    }
    CHECK_FALSE(b.scheduled());
    CHECK_FALSE(c.scheduled());
    Wheel another;
    another.schedule(c, 3);
    CHECK(fired(another, 3) == "c");
  }

  TEST_CASE("a leap of ten days in nanoseconds finds all that is due, in order") {
    constexpr Tick kDay = 86'400'000'000'000;
    Wheel wheel(1'700'000'000'000'000'000);
    const Tick start = wheel.now();
    Named a('a'), b('b'), c('c'), d('d'), e('e');
    wheel.schedule(e, start + 10 * kDay + 1);
    wheel.schedule(d, start + 10 * kDay);
    wheel.schedule(c, start + 4 * kDay);
    wheel.schedule(a, start + 1);
    wheel.schedule(b, start + kDay);
    CHECK(fired(wheel, start + 10 * kDay) == "abcd");
    CHECK(wheel.next_deadline() == start + 10 * kDay + 1);
    CHECK(fired(wheel, start + (Tick{1} << 50)) == "e");
  }

  TEST_CASE("the last ticks there are can be waited for") {
    Wheel wheel;
    Named a('a'), b('b'), c('c');
    wheel.schedule(b, kLastTick);
    wheel.schedule(c, kLastTick);
    wheel.schedule(a, kLastTick - 1);
    CHECK(wheel.next_deadline() == kLastTick - 1);
    CHECK(fired(wheel, kLastTick - 2) == "");
    CHECK(fired(wheel, kLastTick - 1) == "a");
    CHECK(fired(wheel, kLastTick) == "bc");
    wheel.schedule(a, kLastTick);
    CHECK(fired(wheel, kLastTick) == "a");
  }

  TEST_CASE("a timer far away does not hide a nearer one behind it") {
    for (unsigned bit = 0; bit < 63; ++bit) {
      Wheel wheel((Tick{1} << bit) - 1);
      Named near('n'), far('f');
      wheel.schedule(far, kLastTick - 1);
      wheel.schedule(near, (Tick{1} << bit) + 1);
      CHECK(wheel.next_deadline() == (Tick{1} << bit) + 1);
      CHECK(fired(wheel, Tick{1} << 63) == "n");
      CHECK(fired(wheel, kLastTick - 1) == "f");
    }
  }

  TEST_CASE("the next deadline stays exact while a sorted slot is appended to and robbed") {
    Wheel wheel;
    Named a('a'), b('b'), c('c'), d('d');
    wheel.schedule(a, 5010);
    wheel.schedule(b, 5005);
    CHECK(wheel.next_deadline() == 5005);
    wheel.schedule(c, 5020);
    CHECK(WheelCheck::of(wheel) == "");
    CHECK(wheel.next_deadline() == 5005);
    wheel.schedule(d, 5001);
    CHECK(WheelCheck::of(wheel) == "");
    CHECK(wheel.next_deadline() == 5001);
    wheel.cancel(d);
    wheel.cancel(b);
    CHECK(wheel.next_deadline() == 5010);
    CHECK(fired(wheel, 6000) == "ac");
  }

  TEST_CASE("asking for the next deadline does not disturb the order of equals") {
    Wheel wheel;
    std::vector<std::unique_ptr<Named>> timers;
    std::string expected;
    for (char name = 'a'; name <= 'z'; ++name) {
      timers.push_back(std::make_unique<Named>(name));
      wheel.schedule(*timers.back(), name % 2 == 0 ? 10'000'000 : 10'000'001);
    }
    CHECK(wheel.next_deadline() == 10'000'000);
    CHECK(fired(wheel, 20'000'000) == "bdfhjlnprtvxzacegikmoqsuwy");
  }

  TEST_CASE("waking for a crowd comes first to its slot, and closes in on the deadline") {
    Wheel wheel;
    std::vector<std::unique_ptr<Timer>> crowd;
    for (Tick i = 0; i < 100; ++i) {
      crowd.push_back(std::make_unique<Timer>());
      wheel.schedule(*crowd.back(), 300'000 + i * 1000);
    }
    std::vector<Tick> wakes;
    while (wheel.now() < 300'000) {
      wakes.push_back(*wheel.next_wake());
      REQUIRE(wakes.back() > wheel.now());
      REQUIRE(wakes.back() <= 300'000);
      wheel.advance(wakes.back(), [](Timer&) {});
    }
    CHECK(wakes == std::vector<Tick>{262'144, 300'000});
    CHECK(wheel.size() == 99);
  }
}

// ----------------------------------------------------------------------------------------------
// Random programs, run on a wheel and on a std::multimap that must agree after every step.

namespace {

class Program {
 public:
  Program(std::uint64_t seed, Tick start) : random_(seed), wheel_(start), now_(start) {
    for (std::size_t id = 0; id < kTimers; ++id) create(id);
  }

  void step() {
    chance(3) ? advance(pick_tick()) : meddle();
    verify();
  }

 private:
  struct Node : Timer {
    explicit Node(std::size_t i) : id(i) {}
    std::size_t id;
  };
  struct Refusal {};
  using Agenda = std::multimap<Tick, std::size_t>;  // keeps equals in order, too
  static constexpr std::size_t kTimers = 40;

  bool chance(unsigned one_in) { return random_() % one_in == 0; }
  void create(std::size_t id) { timers_[id] = std::make_unique<Node>(id); }

  // A tick that is near, far, past, shared with another timer, or on a boundary of the wheel.
  Tick pick_tick() {
    const Tick past = now_ - std::min(now_, Tick{random_() % 100});
    const Tick near = now_ + random_() % 100;
    const auto bits = static_cast<unsigned>(random_() % (chance(50) ? 64 : 24));
    const Tick far = std::max(now_, now_ + (random_() >> (63 - bits)));
    const Tick first = agenda_.empty() ? near : agenda_.begin()->first;
    const Tick last = agenda_.empty() ? near : agenda_.rbegin()->first;
    const Tick ticks[] = {past, near, far, far, far >> bits << bits, first, first - 1, last};
    return ticks[random_() % std::size(ticks)];
  }

  void forget(std::size_t id) {
    const auto is_it = [&](const auto& entry) { return entry.second == id; };
    const auto it = std::find_if(agenda_.begin(), agenda_.end(), is_it);
    if (it != agenda_.end()) agenda_.erase(it);
    const auto due = std::find_if(due_.begin(), due_.end(), is_it);
    if (due != due_.end()) due_.erase(due);
  }

  // Asks, or schedules, cancels or destroys one timer.
  void meddle() {
    if (chance(8)) return verify_next();
    const std::size_t id = random_() % kTimers;
    const Tick deadline = pick_tick();
    if (chance(4)) {
      chance(2) ? create(id) : wheel_.cancel(*timers_[id]);
      return forget(id);
    }
    wheel_.schedule(*timers_[id], deadline);
    forget(id);
    agenda_.emplace(std::max(deadline, now_), id);
  }

  void advance(Tick target) {
    now_ = std::max(now_, target);
    const auto end = agenda_.upper_bound(now_);
    due_.insert(due_.end(), agenda_.begin(), end);
    agenda_.erase(agenda_.begin(), end);
    try {
      wheel_.advance(target, [&](Timer& timer) { fire(static_cast<Node&>(timer)); });
      REQUIRE(due_.empty());
    } catch (Refusal) {
    }
  }

  void fire(Node& timer) {
    REQUIRE_FALSE(due_.empty());
    REQUIRE(timer.id == due_.front().second);
    REQUIRE(timer.deadline() == due_.front().first);
    REQUIRE_FALSE(timer.scheduled());
    due_.pop_front();
    while (chance(2)) meddle();
    verify();
    if (chance(30)) advance(pick_tick());
    if (chance(10)) throw Refusal();
  }

  void verify_next() {
    std::optional<Tick> next;
    if (!agenda_.empty()) next = agenda_.begin()->first;
    if (!due_.empty()) next = due_.front().first;
    const std::optional<Tick> wake = wheel_.next_wake();
    REQUIRE(wheel_.next_deadline() == next);
    REQUIRE(wake.has_value() == next.has_value());
    if (wake) REQUIRE(*wake <= *next);
    if (wake && due_.empty() && *next > now_) REQUIRE(*wake > now_);
  }

  void verify() {
    REQUIRE(WheelCheck::of(wheel_) == "");
    REQUIRE(wheel_.now() == now_);
    REQUIRE(wheel_.size() == agenda_.size() + due_.size());
    if (chance(2)) verify_next();
  }

  std::mt19937_64 random_;
  std::unique_ptr<Node> timers_[kTimers];
  Wheel wheel_;
  Tick now_;
  Agenda agenda_;                                 // what is not due, or due at the next advance
  std::deque<std::pair<Tick, std::size_t>> due_;  // what the running advance has still to fire
};

}  // namespace

TEST_SUITE("timers") {
  TEST_CASE("a wheel does what a std::multimap would, whatever the program") {
    std::uint64_t first = 1, last = 100;
    if (const char* seed = std::getenv("HOB_SEED")) first = last = std::strtoull(seed, nullptr, 0);
    for (std::uint64_t seed = first; seed <= last; ++seed) {
      INFO("replay with HOB_SEED=", seed);
      std::mt19937_64 random(seed);
      const Tick starts[] = {0, random(), kLastTick - random() % 100'000};
      Program program(seed, starts[seed % 3]);
      for (int step = 0; step < 200; ++step) program.step();
    }
  }
}
}  // namespace hob_test::wheel_test
