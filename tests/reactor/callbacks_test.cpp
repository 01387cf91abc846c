// SPDX-License-Identifier: MIT
//
// callbacks_test.cpp — call_soon, call_later, call_at, and the handles that cancel.
#include <functional>
#include <memory>

#include "on_sim.hpp"

namespace hob_test::callbacks_test {
TEST_SUITE_BEGIN("reactor");

TEST_CASE("call_later and call_at call once, at their time, in the order of their deadlines") {
  in_order([](Sim& sim) -> Future<> {
    Log log;
    auto add = [&](const char* name) {
      return [&log, &sim, name] {
        log.push_back(name + std::to_string(std::chrono::nanoseconds(sim.passed()).count() / 1'000'000));
      };
    };
    const TimerHandle c = sim.loop.call_later(3ms, add("c"));
    const TimerHandle a = sim.loop.call_later(1ms, add("a"));
    const TimerHandle b = sim.loop.call_at(sim.start + 2ms, add("b"));
    const TimerHandle past = sim.loop.call_at(sim.start - 1s, add("past"));
    const TimerHandle negative = sim.loop.call_later(-5s, add("negative"));
    const TimerHandle never = sim.loop.call_later(Duration::max(), add("never"));
    co_await sleep(10h);
    CHECK(log == Log{"past0", "negative0", "a1", "b2", "c3"});
    CHECK(never.pending());
    CHECK_FALSE(a.pending());
  });
}

TEST_CASE("a dropped TimerHandle cancels the call and leaves the wheel empty") {
  Sim sim;
  bool called = false;
  { const TimerHandle dropped = sim.loop.call_later(1ms, [&, c = Counted(1)] { called = true; }); }
  CHECK(Counted::alive == 0);
  CHECK(sim.idle());
  CHECK_FALSE(called);
}

TEST_CASE("a call that is due already is cancelled by its neighbour") {
  in_order([](Sim& sim) -> Future<> {
    bool called = false;
    TimerHandle second;
    const TimerHandle first = sim.loop.call_later(1ms, [&] { second = TimerHandle(); });
    second = sim.loop.call_later(1ms, [&] { called = true; });
    co_await sleep(2ms);
    CHECK_FALSE(called);
  });
}

TEST_CASE("a TimerHandle may be dropped, or re-armed, inside its own callback") {
  on_sim([](Sim& sim) -> Future<> {
    auto handle = std::make_unique<TimerHandle>();
    int called = 0;
    *handle = sim.loop.call_later(1ms, [&, guard = std::make_unique<int>(1)] {
      handle.reset();
      called += *guard;
    });
    co_await sleep(2ms);
    CHECK(called == 1);

    TimerHandle again;
    std::function<void()> tick = [&] {
      if (++called < 5) again = sim.loop.call_later(1ms, [&] { tick(); });
    };
    tick();
    co_await sleep(10ms);
    CHECK(called == 5);
    CHECK_FALSE(again.pending());
  });
}

TEST_CASE("what is longer than the clock can say is never, whatever its unit") {
  on_sim([](Sim& sim) -> Future<> {
    int called = 0;
    const auto count = [&] { ++called; };
    const TimerHandle handles[] = {sim.loop.call_later(Duration::max(), count),
                                   sim.loop.call_later(std::chrono::seconds::max(), count),
                                   sim.loop.call_later(std::chrono::hours::max(), count),
                                   sim.loop.call_later(std::chrono::years(300), count)};
    co_await sleep(24h);
    CHECK(called == 0);
    const TimerHandle past = sim.loop.call_later(std::chrono::hours::min(), count);
    const TimerHandle half = sim.loop.call_later(std::chrono::duration<double>(0.5), count);
    co_await sleep(1s);
    CHECK(called == 2);
  });
}

TEST_CASE("a moved TimerHandle keeps the call; assigning to it cancels what it had") {
  on_sim([](Sim& sim) -> Future<> {
    Log log;
    TimerHandle a = sim.loop.call_later(1ms, [&] { log.push_back("a"); });
    TimerHandle b = std::move(a);
    CHECK_FALSE(a.pending());
    CHECK(b.pending());
    TimerHandle c = sim.loop.call_later(1ms, [&] { log.push_back("c"); });
    c = std::move(b);
    co_await sleep(2ms);
    CHECK(log == Log{"a"});
    CHECK_FALSE(c.pending());
  });
}

TEST_CASE("a TimerHandle may outlive its loop") {
  TimerHandle kept;
  {
    Sim sim;
    kept = sim.loop.call_later(1s, [c = Counted(1)] {});
  }
  CHECK(Counted::alive == 1);
  kept = TimerHandle();
  CHECK(Counted::alive == 0);
}

TEST_CASE("a loop that ends frees the calls that are still to come") {
  {
    Sim sim;
    sim.loop.call_soon([c = Counted(1)] {});
    sim.loop.post([c = Counted(2)] {});
    CHECK(Counted::alive == 2);
  }
  CHECK(Counted::alive == 0);
}

TEST_SUITE_END();
}  // namespace hob_test::callbacks_test
