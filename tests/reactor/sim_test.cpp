// SPDX-License-Identifier: MIT
//
// sim_test.cpp — the simulator: virtual time, seeded order, and the deadlock that only it can see.
#include <algorithm>
#include <csignal>
#include <set>

#include "on_sim.hpp"

namespace hob_test::sim_test {
TEST_SUITE_BEGIN("reactor");

namespace {

// The order in which eight tasks with several steps each take their turns.
std::string trace(std::uint64_t seed, Order order) {
  Sim sim(seed, order);
  std::string out;
  auto task = [](std::string& to, char name) -> Future<> {
    for (int i = 0; i < 4; ++i) {
      to += name;
      if (i == 2) co_await sleep(1ms);
      co_await yield();
    }
  };
  sim.loop.run([](auto& make, std::string& to) -> Future<> {
    std::vector<Future<>> all;
    for (char name = 'a'; name < 'i'; ++name) all.push_back(make(to, name));
    co_await gather(std::move(all));
  }(task, out));
  return out;
}

}  // namespace

TEST_CASE("a year of sleep costs no time, and the virtual clock is exact") {
  Sim sim;
  sim.loop.run(sleep(24h * 365));
  CHECK(sim.passed() == 24h * 365);
}

TEST_CASE("the same seed gives the same run, other seeds other ones") {
  std::set<std::string> traces;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CHECK(trace(seed, Order::shuffled) == trace(seed, Order::shuffled));
    traces.insert(trace(seed, Order::shuffled));
  }
  CHECK(traces.size() > 15);
}

TEST_CASE("without shuffling the order is that of a native kernel") {
  CHECK(trace(1, Order::fifo) == trace(2, Order::fifo));
  CHECK(trace(1, Order::fifo).substr(0, 16) == "abcdefghabcdefgh");
}

TEST_CASE("a round is shuffled, but never mixed with the next one") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    std::string out = trace(seed, Order::shuffled);
    for (std::size_t round = 0; round < 3; ++round) {
      std::string one = out.substr(round * 8, 8);
      std::sort(one.begin(), one.end());
      CHECK(one == "abcdefgh");
    }
  }
}

TEST_CASE("timers that are due together are shuffled too") {
  std::set<std::string> orders;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Sim sim(seed, Order::shuffled);
    std::string out;
    sim.loop.run([](std::string& to) -> Future<> {
      auto one = [](std::string& name_to, char name) -> Future<> {
        co_await sleep(1ms);
        name_to += name;
      };
      co_await gather(one(to, 'a'), one(to, 'b'), one(to, 'c'), one(to, 'd'));
    }(out));
    orders.insert(out);
  }
  CHECK(orders.size() > 5);
}

TEST_CASE("a loop with nothing left to wait for throws Deadlock, and can go on afterwards") {
  Sim sim;
  Event never;
  CHECK_THROWS_AS(sim.loop.run(never.wait()), sim::Deadlock);
  CHECK_THROWS_AS(sim.loop.run(sleep(Duration::max())), sim::Deadlock);
  CHECK_THROWS_AS(sim.loop.run(gather(never.wait(), later(1ms, 1))), sim::Deadlock);
  CHECK(sim.loop.run(later(1ms, 3)) == 3);
  CHECK(sim.passed() == 2ms);
}

TEST_CASE("a Deadlock drops what ran, and its locals") {
  Sim sim;
  Event never;
  CHECK_THROWS_AS(sim.loop.run([](Event& event) -> Future<> {
    const Counted local;
    co_await event.wait();
  }(never)), sim::Deadlock);
  CHECK(Counted::alive == 0);
  CHECK(sim.idle());
}

TEST_CASE("a signal sent to the world arrives, if somebody asked for it") {
  on_sim([](Sim& sim) -> Future<> {
    sim.world.signal(SIGUSR1);
    auto asked = signal(SIGUSR1);
    const TimerHandle timer = sim.loop.call_later(3ms, [&] { sim.world.signal(SIGUSR1); });
    CHECK(co_await std::move(asked) == SIGUSR1);
    CHECK(sim.passed() == 3ms);
  });
}

TEST_CASE("a job for the pool costs simulated time, and the loop goes on meanwhile") {
  on_sim([](Sim& sim) -> Future<> {
    bool other = false;
    auto look = [](bool& seen) -> Future<> {
      co_await sleep(1us);
      seen = true;
    }(other);
    CHECK(co_await to_thread([](int n) { return n + 1; }, 4) == 5);
    CHECK(other);
    CHECK(sim.passed() > 0ms);
    co_await std::move(look);
  });
}

TEST_CASE("random numbers follow from the seed alone") {
  sim::World a(7), b(7), c(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const auto n = a.random(1000);
    CHECK(n < 1000);
    CHECK(n == b.random(1000));
    differs = differs || n != c.random(1000);
  }
  CHECK(differs);
}

TEST_SUITE_END();
}  // namespace hob_test::sim_test
