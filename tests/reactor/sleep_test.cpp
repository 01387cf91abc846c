// SPDX-License-Identifier: MIT
//
// sleep_test.cpp — sleep and its deadline: late, never early; and gone when it is dropped.
#include "on_sim.hpp"

namespace hob_test::sleep_test {
TEST_SUITE_BEGIN("reactor");

TEST_CASE("a sleep takes its time to the nanosecond on the simulator") {
  on_sim([](Sim& sim) -> Future<> {
    co_await sleep(1ns);
    CHECK(sim.passed() == 1ns);
    co_await sleep(24h);
    CHECK(sim.passed() == 24h + 1ns);
  });
}

TEST_CASE("a sleep counts from the call, not from the await") {
  on_sim([](Sim& sim) -> Future<> {
    auto nap = sleep(10ms);
    co_await sleep(4ms);
    co_await std::move(nap);
    CHECK(sim.passed() == 10ms);
    auto over = sleep(5ms);
    co_await sleep(20ms);
    co_await std::move(over);
    CHECK(sim.passed() == 30ms);
  });
}

TEST_CASE("a sleep of zero or less goes through the loop once, and takes no time") {
  in_order([](Sim& sim) -> Future<> {
    for (const Duration d : {Duration(0), Duration(-1), Duration::min()}) {
      bool other = false;
      sim.loop.call_soon([&] { other = true; });
      co_await sleep(d);
      CHECK(other);
    }
    CHECK(sim.passed() == 0ns);
  });
}

TEST_CASE("Duration::max(), and more, never ends; dropped, it leaves nothing") {
  Sim sim;
  {
    const Future<> ever = sleep(Duration::max());
    const Future<> hours_of_it = sleep(std::chrono::hours::max());
    const Future<> until = sleep_until(kNever);
    const Future<> real = sleep(std::chrono::duration<double>(1e300));
    sim.loop.run(sleep(std::chrono::years(100)));
    CHECK_FALSE(ever.ready());
    CHECK_FALSE(hours_of_it.ready());
    CHECK_FALSE(until.ready());
    CHECK_FALSE(real.ready());
  }
  CHECK(sim.idle());
}

TEST_CASE("a fraction of a nanosecond is rounded up") {
  on_sim([](Sim& sim) -> Future<> {
    co_await sleep(std::chrono::duration<double, std::nano>(0.25));
    CHECK(sim.passed() == 1ns);
  });
}

TEST_CASE("sleep_until a moment that has passed takes no time") {
  on_sim([](Sim& sim) -> Future<> {
    co_await sleep_until(sim.start + 3ms);
    CHECK(sim.passed() == 3ms);
    co_await sleep_until(sim.start);
    co_await sleep_until(TimePoint::min());
    CHECK(sim.passed() == 3ms);
  });
}

TEST_CASE("sleepers wake in the order of their deadlines, and among equals in that of their start") {
  in_order([](Sim&) -> Future<> {
    std::string order;
    auto sleeper = [](Duration d, std::string& to, char name) -> Future<> {
      co_await sleep(d);
      to += name;
    };
    co_await gather(sleeper(3ms, order, 'd'), [&] { return sleep(0ms); }());
    order.clear();
    std::vector<Future<>> all;
    all.push_back(sleeper(3ms, order, 'd'));
    all.push_back(sleeper(1ms, order, 'a'));
    all.push_back(sleeper(2ms, order, 'b'));
    all.push_back(sleeper(2ms, order, 'c'));
    co_await gather(std::move(all));
    CHECK(order == "abcd");
  });
}

TEST_CASE("a dropped sleep leaves the wheel empty") {
  Sim sim;
  {
    Future<> nap = sleep(1s);
    Future<> due = sleep(0s);
    sim.loop.poll();
  }
  CHECK(sim.idle());
}

TEST_CASE("native: sleeps are never early") {
  Loop loop;
  loop.run([](Loop& l) -> Future<> {
    for (const Duration d : {Duration(0), Duration(1), Duration(150us), Duration(999us), Duration(3ms)}) {
      const TimePoint before = Clock::now();
      co_await sleep(d);
      CHECK(Clock::now() - before >= d);
      CHECK(l.now() - before >= d);
    }
  }(loop));
}

TEST_CASE("native: a deadline counts from a clock read by the call, not from the turn's clock") {
  Loop loop;
  loop.run([](Loop& l) -> Future<> {
    co_await yield();
    const TimePoint busy = l.clock() + 5ms;
    while (l.clock() < busy) {
    }
    const TimePoint before = Clock::now();
    bool called = false;
    const TimerHandle timer = l.call_later(4ms, [&] {
      called = true;
      CHECK(Clock::now() - before >= 4ms);
    });
    CHECK_THROWS_AS(co_await wait_for(Future<>(sleep(1h)), 4ms), TimedOut);
    CHECK(Clock::now() - before >= 4ms);
    co_await sleep(1ms);
    CHECK(called);
  }(loop));
}

TEST_SUITE_END();
}  // namespace hob_test::sleep_test
