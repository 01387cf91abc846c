// SPDX-License-Identifier: MIT
//
// then_test.cpp — then, recover, finally, share: what follows a Future, when, and how often.
#include <memory>

#include "on_sim.hpp"

namespace hob_test::then_test {
TEST_SUITE_BEGIN("reactor");

// --- then -----------------------------------------------------------------------------------------

TEST_CASE("then gives what its function gives, be it a value, nothing or a Future") {
  on_sim([](Sim& sim) -> Future<> {
    CHECK(co_await later(1ms, 4).then([](int n) { return n * 2; }) == 8);
    CHECK(co_await later(1ms, 4).then([](int n) { return later(2ms, n * 3); }) == 12);
    int seen = 0;
    co_await later(1ms, 5).then([&](int n) { seen = n; });
    CHECK(seen == 5);
    Future<> nap = sleep(1ms);
    CHECK(co_await std::move(nap).then([] { return std::string("woken"); }) == "woken");
    co_await ready().then([] { return sleep(1ms); });
    CHECK(sim.passed() == 7ms);
    auto number = std::make_unique<int>(6);
    CHECK(*(co_await ready(std::move(number)).then([](std::unique_ptr<int> p) { return p; })) == 6);
  });
}

TEST_CASE("then never calls its function inline, not even for a ready Future") {
  in_order([](Sim& sim) -> Future<> {
    Log log;
    Future<> chain = ready(1).then([&](int) { log.push_back("then"); });
    CHECK(log.empty());
    sim.loop.call_soon([&] { log.push_back("ready later"); });
    co_await std::move(chain);
    CHECK(log == Log{"then"});
    co_await yield();

    log.clear();
    Promise<int> promise;
    Future<> other = promise.future().then([&](int) { log.push_back("then"); });
    promise.set_value(1);
    CHECK(log.empty());
    co_await std::move(other);
    CHECK(log == Log{"then"});
  });
}

TEST_CASE("a then on a ready Future goes through the queue exactly once") {
  Sim sim;
  int called = 0;
  Future<> chain = ready().then([&] { ++called; });
  CHECK(called == 0);
  CHECK(sim.loop.poll() == 1);
  CHECK(called == 1);
  CHECK(chain.ready());
  CHECK(sim.loop.poll() == 0);
  CHECK(called == 1);
}

TEST_CASE("an error passes then by, and its function is never called") {
  on_sim([](Sim&) -> Future<> {
    bool called = false;
    CHECK(co_await error_of(fails(1ms, "bad").then([&](int) { called = true; })) == "bad");
    CHECK(co_await error_of(failed(error("bad")).then([&] { called = true; })) == "bad");
    CHECK_FALSE(called);
  });
}

TEST_CASE("what the function of a then throws is the error of its Future") {
  on_sim([](Sim&) -> Future<> {
    auto thrower = [](int) -> int { throw std::runtime_error("from then"); };
    CHECK(co_await error_of(ready(1).then(thrower)) == "from then");
    CHECK(co_await error_of(ready(1).then([](int) { return fails(1ms, "from inside"); })) == "from inside");
  });
}

TEST_CASE("dropping a then drops the work, and then the function") {
  Sim sim;
  Log log;
  auto work = [](Log& to) -> Future<> {
    const Mark mark(to, "work");
    co_await sleep(1s);
  };
  { const Future<> chain = work(log).then([mark = Mark(log, "function")] {}); }
  CHECK(log == Log{"~work", "~function"});
  CHECK(sim.idle());
}

TEST_CASE("dropping a then while the inner Future runs drops that one") {
  Sim sim;
  Log log;
  {
    const Future<> chain = ready().then([&]() -> Future<> {
      const Mark mark(log, "inner");
      co_await sleep(1s);
    });
    sim.settle();
    CHECK(log.empty());
  }
  CHECK(log == Log{"~inner"});
  CHECK(sim.idle());
}

TEST_CASE("a long chain of thens settles without the native stack") {
  Sim sim;
  Future<int> chain = ready(0);
  for (int i = 0; i < 3000; ++i) chain = std::move(chain).then([](int n) { return n + 1; });
  CHECK(sim.loop.run(std::move(chain)) == 3000);
}

// --- recover --------------------------------------------------------------------------------------

TEST_CASE("recover turns an error into a value, and lets a value pass") {
  on_sim([](Sim&) -> Future<> {
    auto mend = [](std::exception_ptr e) { return static_cast<int>(what(e).size()); };
    CHECK(co_await fails(1ms, "four").recover(mend) == 4);
    CHECK(co_await later(1ms, 9).recover(mend) == 9);
    CHECK(co_await fails(1ms, "x").recover([](std::exception_ptr) { return later(1ms, 5); }) == 5);
    bool called = false;
    co_await failed(error("void")).recover([&](std::exception_ptr) { called = true; });
    CHECK(called);
    CHECK(co_await error_of(fails(1ms, "a").recover([](std::exception_ptr) -> int {
      throw std::runtime_error("b");
    })) == "b");
  });
}

TEST_CASE("recover never calls its function inline") {
  Sim sim;
  int called = 0;
  const Future<> mended = failed(error("bad")).recover([&](std::exception_ptr) { ++called; });
  CHECK(called == 0);
  CHECK(sim.loop.poll() == 1);
  CHECK(called == 1);
  CHECK(mended.ready());
  CHECK(sim.unhandled.empty());
}

// --- finally --------------------------------------------------------------------------------------

TEST_CASE("finally calls its function once on value, error and drop, after the work's locals are gone") {
  Sim sim;
  Log log;
  auto work = [](Log& to, bool fail) -> Future<int> {
    const Mark mark(to, "work");
    co_await sleep(1ms);
    if (fail) throw std::runtime_error("bad");
    co_return 3;
  };
  auto last = [&] { log.push_back("finally"); };
  CHECK(sim.loop.run(work(log, false).finally(last)) == 3);
  CHECK(log == Log{"~work", "finally"});
  log.clear();
  CHECK_THROWS_WITH(sim.loop.run(work(log, true).finally(last)), "bad");
  CHECK(log == Log{"~work", "finally"});
  log.clear();
  { const Future<int> dropped = work(log, false).finally(last); }
  CHECK(log == Log{"~work", "finally"});
  CHECK(sim.idle());
  CHECK(log.size() == 2);
}

TEST_CASE("finally never calls its function inline, not even for a ready Future; a drop does") {
  Sim sim;
  int called = 0;
  {
    Future<int> work = ready(1).finally([&] { ++called; });
    CHECK(called == 0);
    CHECK(sim.loop.run(std::move(work)) == 1);
    CHECK(called == 1);
  }
  { const Future<int> work = ready(1).finally([&] { ++called; }); }
  CHECK(called == 2);
  sim.settle();
  CHECK(called == 2);
}

TEST_CASE("finally may start work of its own when it is dropped") {
  Sim sim;
  bool cleaned = false;
  {
    const Future<> work = Future<>(sleep(1s)).finally([&] {
      detach([](bool& done) -> Future<> {
        co_await sleep(1ms);
        done = true;
      }, std::ref(cleaned));
    });
  }
  sim.loop.run(sleep(2ms));
  CHECK(cleaned);
}

// --- share ----------------------------------------------------------------------------------------

TEST_CASE("share gives one value to many readers, in the order in which they came") {
  in_order([](Sim& sim) -> Future<> {
    SharedFuture<std::string> shared = later(5ms, 1).then([](int) { return std::string("it"); }).share();
    Log log;
    auto reader = [](SharedFuture<std::string> from, Log& to, std::string name) -> Future<> {
      const std::string& value = co_await from;
      to.push_back(name + " " + value);
    };
    auto a = reader(shared, log, "a");
    auto b = reader(shared, log, "b");
    co_await reader(shared, log, "c");
    CHECK(log == Log{"a it", "b it", "c it"});
    const std::string* first = &co_await shared;
    const std::string* second = &co_await shared;
    CHECK(first == second);
    CHECK(sim.passed() == 5ms);
  });
}

TEST_CASE("a shared value that settles runs no reader inline") {
  Sim sim;
  Promise<int> promise;
  const SharedFuture<int> shared = promise.future().share();
  int seen = 0;
  const Future<> reader = [](SharedFuture<int> from, int& to) -> Future<> { to = co_await from; }(shared, seen);
  promise.set_value(4);
  CHECK(shared.ready());
  CHECK(seen == 0);
  CHECK(sim.loop.poll() == 1);
  CHECK(seen == 4);
}

TEST_CASE("a shared error is thrown to each reader, and reported only if there is none") {
  Sim sim;
  sim.loop.run([]() -> Future<> {
    SharedFuture<int> shared = fails(1ms, "bad").share();
    CHECK(co_await error_of(shared) == "bad");
    CHECK_THROWS_WITH(co_await shared, "bad");
    CHECK_THROWS_WITH(co_await shared, "bad");
    { SharedFuture<int> unread = failed<int>(error("unread")).share(); }
  }());
  sim.settle();
  CHECK(sim.unhandled == Log{"unread"});
}

TEST_CASE("shared work lives while one copy does, a waiting reader's included") {
  Sim sim;
  auto work = []() -> Future<> {
    const Counted local;
    co_await sleep(1s);
  };
  auto reader = [](SharedFuture<> from) -> Future<> { co_await std::move(from); };
  Future<> waiting;
  {
    const SharedFuture<> shared = work().share();
    const SharedFuture<> copy = shared;
    waiting = reader(copy);
  }
  CHECK(Counted::alive == 1);
  waiting.cancel();
  CHECK(Counted::alive == 0);
  CHECK(sim.idle());
}

TEST_CASE("a dropped reader of a shared Future leaves the others be") {
  on_sim([](Sim&) -> Future<> {
    SharedFuture<int> shared = later(2ms, 6).share();
    auto reader = [](SharedFuture<int> from) -> Future<int> { co_return co_await from; };
    Future<int> a = reader(shared), b = reader(shared), c = reader(shared);
    b.cancel();
    CHECK(co_await std::move(a) + co_await std::move(c) == 12);
    Future<int> late = reader(shared);
    CHECK(late.ready());
  });
}

TEST_CASE("a moved-from SharedFuture says so") {
  on_sim([](Sim&) -> Future<> {
    SharedFuture<int> from = ready(1).share();
    const SharedFuture<int> to = std::move(from);
    CHECK_FALSE(from.ready());
    bool refused = false;
    try {
      co_await from;
    } catch (const std::logic_error&) {
      refused = true;
    }
    CHECK(refused);
    CHECK(co_await to == 1);
  });
}

TEST_SUITE_END();
}  // namespace hob_test::then_test
