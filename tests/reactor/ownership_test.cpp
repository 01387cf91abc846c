// SPDX-License-Identifier: MIT
//
// ownership_test.cpp — who outlives whom: groups that go under those who join them, callables that are
// handed over, a Mutex that goes before its Condition, a task that ends the group above its own.
#include <memory>

#include "sync_bench.hpp"

namespace hob_test::ownership_test {
TEST_SUITE_BEGIN("reactor");

namespace {

// Too long to be anywhere but on the heap, where ASan sees it used after free.
const std::string kLong = "a text too long for the small string buffer";

Future<> for_ever() { co_await sleep(1h); }

}  // namespace

TEST_CASE("who joins a group that goes gets BrokenPromise, waiting or armed") {
  for (const bool armed : {false, true}) {
    CAPTURE(armed);
    Sim sim;
    auto group = std::make_unique<TaskGroup>();
    group->start(for_ever);
    Future<> first = group->join(), second = group->join();
    if (armed) group->cancel();
    group.reset();
    CHECK(what(sim.loop.run(as_result(std::move(first))).error()) == "the TaskGroup was destroyed");
    CHECK(what(sim.loop.run(as_result(std::move(second))).error()) == "the TaskGroup was destroyed");
  }
}

TEST_CASE("join returns only when the group is empty, though it was armed before another task began") {
  in_order([](Sim& sim) -> Future<> {
    TaskGroup group;
    group.start(for_ever);
    Future<> join = group.join();
    group.cancel();
    group.start([]() -> Future<> { co_await sleep(3ms); });
    co_await std::move(join);
    CHECK(sim.passed() == 3ms);
  });
}

TEST_CASE("a task of an inner group may cancel the outer one: it goes on to its next suspension") {
  on_sim([](Sim&) -> Future<> {
    TaskGroup outer;
    std::string seen;
    bool after = false;
    outer.start([&]() -> Future<> {
      const std::string local = kLong;
      TaskGroup inner;
      inner.start([&]() -> Future<> {
        co_await yield();
        outer.cancel();
        seen = local;
        co_await yield();
        after = true;
      });
      co_await inner.join();
      after = true;
    });
    co_await outer.join();
    CHECK(seen == kLong);
    CHECK_FALSE(after);
  });
}

TEST_CASE("an error in an inner task that fails the outer group drops the task above it") {
  on_sim([](Sim&) -> Future<> {
    TaskGroup outer;
    outer.start([&]() -> Future<> {
      const std::string local = kLong;
      TaskGroup inner;
      inner.start([&]() -> Future<> {
        co_await yield();
        outer.start([]() -> Future<> { throw std::runtime_error("at once"), yield(); });
        CHECK(local == kLong);
      });
      co_await inner.join();
    });
    CHECK(co_await error_of(outer.join()) == "at once");
  });
}

TEST_CASE("a task that drops the one above it, which does not await it, ends the program with a sentence") {
  Child child([] {
    Sim sim;
    TaskGroup outer;
    outer.start([&]() -> Future<> {
      TaskGroup inner;
      inner.start([&]() -> Future<> {
        co_await yield();
        outer.cancel();
      });
      co_await sleep(1h);
    });
    sim.loop.run(sleep(1ms));
  });
  CHECK(child.wait() == -SIGABRT);
  CHECK(child.text().find("owns its TaskGroup") != std::string::npos);
}

TEST_CASE("callables that are handed to gather, race and gather_settled live as long as their work") {
  on_sim([](Sim&) -> Future<> {
    const auto made = [](auto combine) {
      return combine([s = kLong]() -> Future<std::size_t> { co_await sleep(1ms); co_return s.size(); },
                     [s = kLong]() -> Future<std::size_t> { co_await sleep(1ms); co_return s.size(); });
    };
    auto all = made([](auto... f) { return gather(std::move(f)...); });
    auto first = made([](auto... f) { return race(std::move(f)...); });
    auto settled = made([](auto... f) { return gather_settled(std::move(f)...); });
    CHECK(co_await std::move(all) == std::tuple(kLong.size(), kLong.size()));
    const auto won = co_await std::move(first);
    CHECK((won.index() == 0 ? std::get<0>(won) : std::get<1>(won)) == kLong.size());
    CHECK(std::get<1>(co_await std::move(settled)).value() == kLong.size());
  });
}

TEST_CASE("callables and awaitables mix, and a callable that has a name is borrowed") {
  on_sim([](Sim& sim) -> Future<> {
    const auto five = [copy = std::make_unique<int>(5)]() -> Future<int> {
      co_await sleep(1ms);
      co_return *copy;
    };
    auto mixed = gather(later(2ms, 4), five, sleep(3ms));
    const auto [four, also_five, nothing] = co_await std::move(mixed);
    CHECK(four == 4);
    CHECK(also_five == 5);
    CHECK(sim.passed() == 3ms);
    auto won = co_await race(sleep(1h), five);
    CHECK(std::get<1>(won) == 5);
  });
}

TEST_CASE("a Condition's waiter whose Mutex has gone gets BrokenPromise") {
  Sim sim;
  auto mutex = std::make_unique<Mutex>();
  Condition condition;
  Future<> waiter = [](Mutex& m, Condition& c) -> Future<> {
    auto guard = co_await m.lock();
    co_await c.wait(guard);
  }(*mutex, condition);
  settle(sim.loop);
  mutex.reset();
  condition.notify_one();
  CHECK(what(sim.loop.run(as_result(std::move(waiter))).error()) == "the Mutex was destroyed");
}

TEST_CASE("a SharedFuture can be a member that is given its value later") {
  on_sim([](Sim&) -> Future<> {
    SharedFuture<int> shared;
    CHECK_FALSE(shared.ready());
    shared = later(1ms, 7).share();
    CHECK(co_await shared == 7);
  });
}

TEST_SUITE_END();
}  // namespace hob_test::ownership_test
