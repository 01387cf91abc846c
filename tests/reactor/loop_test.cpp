// SPDX-License-Identifier: MIT
//
// loop_test.cpp — the turn, run and poll, posts.
#include <algorithm>
#include <memory>
#include <thread>

#include "on_sim.hpp"

namespace hob_test::loop_test {
TEST_SUITE_BEGIN("reactor");

namespace {

Future<> spin(int& count) {
  for (;; ++count) co_await yield();
}

}  // namespace

// --- the turn -------------------------------------------------------------------------------------

TEST_CASE("what is ready runs first in, first out") {
  Sim sim;
  Log log;
  for (const char* name : {"a", "b", "c", "d"}) sim.loop.call_soon([&log, name] { log.push_back(name); });
  CHECK(sim.loop.poll() == 4);
  CHECK(log == Log{"a", "b", "c", "d"});
}

TEST_CASE("poll is one turn without sleeping, and tells how many it resumed") {
  Sim sim;
  CHECK(sim.loop.poll() == 0);
  int count = 0;
  const Future<> nap = sleep(1s);
  const Future<> spinner = spin(count);
  CHECK(sim.loop.poll() == Loop::kTurn);
  CHECK(count == static_cast<int>(Loop::kTurn));
  CHECK(sim.passed() == 0s);
  CHECK_FALSE(nap.ready());
}

TEST_CASE("a turn ends early when much was moved, so that no flood keeps timers and other peers") {
  Sim sim;
  const auto flood = []() -> Future<> {
    for (;; co_await yield()) here.bytes = 0;
  };
  const Future<> first = flood(), second = flood();
  CHECK(sim.loop.poll() == Loop::kTurnBytes / Loop::kBytes);
}

TEST_CASE("a busy queue lets timers and posts have their turn after kTurn resumptions") {
  in_order([](Sim& sim) -> Future<> {
    int count = 0;
    const Future<> spinner = spin(count);
    int at_timer = 0, at_post = 0;
    const TimerHandle timer = sim.loop.call_later(0s, [&] { at_timer = count; });
    sim.loop.post([&] { at_post = count; });
    while (at_timer == 0 || at_post == 0) co_await yield();
    CHECK(at_post <= static_cast<int>(Loop::kTurn));
    CHECK(at_timer <= static_cast<int>(Loop::kTurn) + 2);
  });
}

TEST_CASE("what a callback makes ready waits for what was ready before") {
  Sim sim;
  Log log;
  sim.loop.call_soon([&] {
    log.push_back("a");
    sim.loop.call_soon([&] { log.push_back("c"); });
  });
  sim.loop.call_soon([&] { log.push_back("b"); });
  sim.settle();
  CHECK(log == Log{"a", "b", "c"});
}

TEST_CASE("a leaf that could go on at once suspends on the 33rd time in one resumption") {
  Sim sim;
  Event set;
  set.set();
  int passed = 0;
  const Future<> greedy = [](Event& event, int& n) -> Future<> {
    co_await yield();
    for (;; ++n) co_await event.wait();
  }(set, passed);
  CHECK(sim.loop.poll() == Loop::kTurn);
  // The first resumption takes 32 and begins the 33rd; each one after it finishes that and takes 32.
  CHECK(passed == static_cast<int>((Loop::kTurn - 1) * (Loop::kSteps + 1) + Loop::kSteps));
}

TEST_CASE("two tasks on a queue that is never empty or full take turns") {
  in_order([](Sim&) -> Future<> {
    Queue<int> queue(1000);
    for (int i = 0; i < 500; ++i) co_await queue.push(i);
    bool other = false;
    int popped = 0;
    auto drain = [](Queue<int>& from, int& n) -> Future<> {
      while (from.size() != 0) {
        CHECK(co_await from.pop() == n);
        ++n;
      }
    }(queue, popped);
    auto look = [](bool& seen, const int& n) -> Future<> {
      co_await yield();
      seen = true;
      CHECK(n <= 100);
    }(other, popped);
    co_await std::move(look);
    CHECK(other);
    co_await std::move(drain);
    CHECK(popped == 500);
  });
}

TEST_CASE("now() stands still within a turn, and moves from turn to turn") {
  in_order([](Sim& sim) -> Future<> {
    const TimePoint before = sim.loop.now();
    co_await yield();
    CHECK(sim.loop.now() == before);
    co_await sleep(5ms);
    CHECK(sim.loop.now() == before + 5ms);
  });
}

TEST_CASE("native: the clock of a turn does not move while a callback works") {
  Loop loop;
  loop.run([](Loop& l) -> Future<> {
    co_await yield();
    const TimePoint turn = l.now();
    while (l.clock() < turn + 2ms) {
    }
    CHECK(l.now() == turn);
    co_await yield();
  }(loop));
}

// --- run ------------------------------------------------------------------------------------------

TEST_CASE("run returns the value, rethrows the error, and takes any awaitable") {
  Sim sim;
  CHECK(sim.loop.run(later(1ms, 5)) == 5);
  CHECK_THROWS_WITH(sim.loop.run(fails(1ms, "bad")), "bad");
  sim.loop.run(sleep(1ms));
  Queue<int> queue(1);
  Future<> push = queue.push(3);
  sim.loop.run(std::move(push));
  CHECK(sim.loop.run(queue.pop()) == 3);
  SharedFuture<int> shared = ready(4).share();
  CHECK(sim.loop.run(shared) == 4);
  CHECK(sim.loop.run(ready(std::make_unique<int>(7))) != nullptr);
  CHECK(sim.unhandled.empty());
}

TEST_CASE("a loop runs again and again; detached work stays for the next run, and ends with the loop") {
  int count = 0;
  {
    Sim sim;
    detach([](int& n) -> Future<> {
      const Counted local;
      for (;; ++n) co_await sleep(10ms);
    }, std::ref(count));
    sim.loop.run(sleep(25ms));
    CHECK(count == 2);
    CHECK(Counted::alive == 1);
    sim.loop.run(sleep(20ms));
    CHECK(count == 4);
  }
  CHECK(Counted::alive == 0);
  CHECK(count == 4);
}

TEST_CASE("run inside a run is a logic_error, and so is poll; the outer one goes on") {
  on_sim([](Sim& sim) -> Future<> {
    CHECK_THROWS_AS(sim.loop.run(ready(1)), std::logic_error);
    CHECK_THROWS_AS(sim.loop.poll(), std::logic_error);
    co_await sleep(1ms);
    CHECK_THROWS_AS(hob::run([] { return ready(1); }), std::logic_error);
  });
}

TEST_CASE("a second Loop on a thread is a logic_error, and the first one goes on") {
  Sim sim;
  CHECK_THROWS_AS(Loop(), std::logic_error);
  sim::World other(2);
  CHECK_THROWS_AS(Loop(other.backend()), std::logic_error);
  CHECK(&Loop::current() == &sim.loop);
  sim.loop.run(sleep(1ms));
}

TEST_CASE("without a Loop there is no current one") {
  CHECK_THROWS_AS(Loop::current(), std::logic_error);
  { Sim sim; }
  CHECK_THROWS_AS(Loop::current(), std::logic_error);
  CHECK_THROWS_AS(static_cast<void>(sleep(1s)), std::logic_error);
}

TEST_CASE("a loop on another thread is refused at every door but post") {
  Sim sim;
  std::thread([&] {
    CHECK_THROWS_AS(sim.loop.run(ready(1)), std::logic_error);
    CHECK_THROWS_AS(sim.loop.poll(), std::logic_error);
    CHECK_THROWS_AS(sim.loop.call_soon([] {}), std::logic_error);
    CHECK_THROWS_AS(static_cast<void>(sim.loop.call_later(1s, [] {})), std::logic_error);
    CHECK_THROWS_AS(static_cast<void>(sim.loop.call_at(TimePoint(), [] {})), std::logic_error);
    CHECK_THROWS_AS(sim.loop.on_unhandled({}), std::logic_error);
    sim.loop.post([] {});
  }).join();
}

TEST_CASE("hob::run makes a loop, runs what the function gives, and returns its value") {
  const int sum = hob::run([](int a, std::unique_ptr<int> b) -> Future<int> {
    co_await yield();
    co_return a + *b;
  }, 3, std::make_unique<int>(4));
  CHECK(sum == 7);
  hob::run([] { return sleep(0s); });
  CHECK_THROWS_WITH(hob::run([] { return failed<int>(error("bad")); }), "bad");
  CHECK_THROWS_AS(Loop::current(), std::logic_error);
}

// --- post -----------------------------------------------------------------------------------------

TEST_CASE("posts are called in order, from the loop") {
  in_order([](Sim& sim) -> Future<> {
    Log log;
    sim.loop.post([&] { log.push_back("a"); });
    const Remote remote = sim.loop.remote();
    CHECK(remote.post([&] { log.push_back("b"); }));
    sim.loop.post([&, c = std::make_unique<int>(1)] { log.push_back("c"); });
    CHECK(log.empty());
    co_await sleep(0s);
    CHECK(log == Log{"a", "b", "c"});
  });
}

TEST_CASE("a post wakes a loop that has nothing else to do; what it posts itself waits a turn") {
  in_order([](Sim& sim) -> Future<> {
    Promise<> done;
    Log log;
    sim.loop.post([&] {
      log.push_back("first");
      sim.loop.post([&] {
        log.push_back("second");
        done.set_value();
      });
    });
    co_await done.future();
    CHECK(log == Log{"first", "second"});
  });
}

TEST_CASE("a Remote outlives the loop: it refuses then, and drops what it was given") {
  auto sim = std::make_unique<Sim>();
  const Remote remote = sim->loop.remote();
  const Remote copy = remote;
  sim.reset();
  CHECK_FALSE(copy.post([c = Counted(1)] {}));
  CHECK(Counted::alive == 0);
}

TEST_CASE("native: posts from another thread arrive in order and wake a sleeping loop") {
  Loop loop;
  std::vector<int> seen;
  Promise<> done;
  std::thread poster([remote = loop.remote(), &seen, &done] {
    for (int i = 0; i < 1000; ++i) remote.post([&seen, i] { seen.push_back(i); });
    remote.post([&done] { done.set_value(); });
  });
  loop.run(done.future());
  poster.join();
  CHECK(seen.size() == 1000);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_SUITE_END();
}  // namespace hob_test::loop_test
