// SPDX-License-Identifier: MIT
//
// promise_test.cpp — Promise<T>: set once, from the loop's thread; broken rather than silent.
#include <memory>
#include <thread>

#include "on_sim.hpp"

namespace hob_test::promise_test {
TEST_SUITE_BEGIN("reactor");

TEST_CASE("a Promise gives its value to the Future, whichever comes first") {
  on_sim([](Sim& sim) -> Future<> {
    Promise<int> early;
    early.set_value(1);
    Future<int> first = early.future();
    CHECK(first.ready());
    CHECK(co_await std::move(first) == 1);

    Promise<std::string> late;
    const TimerHandle timer = sim.loop.call_later(3ms, [&] { late.set_value("later"); });
    CHECK(co_await late.future() == "later");
    CHECK(sim.passed() == 3ms);

    Promise<> nothing;
    nothing.set_value();
    co_await nothing.future();
  });
}

TEST_CASE("a Promise takes what the value can be made from, braces too") {
  on_sim([](Sim&) -> Future<> {
    Promise<std::string> text;
    text.set_value("characters");
    CHECK(co_await text.future() == "characters");
    Promise<std::vector<int>> numbers;
    numbers.set_value({1, 2, 3});
    CHECK((co_await numbers.future()).size() == 3);
    Promise<std::unique_ptr<int>> pointer;
    pointer.set_value(std::make_unique<int>(8));
    CHECK(*(co_await pointer.future()) == 8);
  });
}

TEST_CASE("a Promise destroyed unset gives its reader BrokenPromise") {
  on_sim([](Sim& sim) -> Future<> {
    auto promise = std::make_unique<Promise<int>>();
    Future<int> reader = promise->future();
    const TimerHandle timer = sim.loop.call_later(1ms, [&] { promise.reset(); });
    CHECK_THROWS_AS(co_await std::move(reader), BrokenPromise);
  });
}

TEST_CASE("a broken promise that nobody reads is reported to nobody") {
  Sim sim;
  {
    Future<int> unread;
    {
      Promise<int> promise;
      unread = promise.future();
    }
    CHECK(unread.ready());
  }
  { const Promise<int> no_future_at_all; }
  sim.settle();
  CHECK(sim.unhandled.empty());
}

TEST_CASE("a failed Future that nobody reads is reported, once") {
  Sim sim;
  { const Future<int> unread = failed<int>(error("unread")); }
  { const Future<> unread = failed(error("unread too")); }
  CHECK(sim.unhandled.empty());
  sim.settle();
  CHECK(sim.unhandled == Log{"unread", "unread too"});
}

TEST_CASE("a second set is a logic_error, and the first one stands") {
  on_sim([](Sim&) -> Future<> {
    Promise<int> promise;
    promise.set_value(1);
    CHECK_THROWS_AS(promise.set_value(2), std::logic_error);
    CHECK_THROWS_AS(promise.set_error(error("no")), std::logic_error);
    CHECK(co_await promise.future() == 1);
    CHECK_THROWS_AS(promise.set_value(3), std::logic_error);
  });
}

TEST_CASE("a second future() is a logic_error: there is one reader") {
  Sim sim;
  Promise<int> promise;
  const Future<int> first = promise.future();
  CHECK_THROWS_AS(static_cast<void>(promise.future()), std::logic_error);
}

TEST_CASE("a Promise whose Future was dropped is abandoned; to set it does nothing") {
  Sim sim;
  Promise<int> promise;
  CHECK_FALSE(promise.abandoned());
  {
    const Future<int> reader = promise.future();
    CHECK_FALSE(promise.abandoned());
  }
  CHECK(promise.abandoned());
  promise.set_value(1);
  promise.set_error(error("nobody"));
  sim.settle();
  CHECK(sim.unhandled.empty());
}

TEST_CASE("to abandon a Promise destroys what its reader captured, at once") {
  Sim sim;
  Promise<int> promise;
  {
    const Future<> work = [](Promise<int>& p) -> Future<> {
      const Counted local;
      co_await p.future();
    }(promise);
    CHECK(Counted::alive == 1);
  }
  CHECK(Counted::alive == 0);
  CHECK(promise.abandoned());
}

TEST_CASE("a value that was set and never read is destroyed with its Future") {
  Sim sim;
  {
    Promise<Counted> promise;
    promise.set_value(Counted(1));
    const Future<Counted> unread = promise.future();
    CHECK(Counted::alive == 1);
  }
  CHECK(Counted::alive == 0);
  {
    Promise<Counted> promise;
    promise.set_value(Counted(1));
  }
  CHECK(Counted::alive == 0);
}

TEST_CASE("a value whose construction throws leaves the Promise unset") {
  struct Picky {
    explicit Picky(int n) {
      if (n == 0) throw std::runtime_error("zero");
    }
  };
  on_sim([](Sim&) -> Future<> {
    Promise<Picky> promise;
    CHECK_THROWS_WITH(promise.set_value(0), "zero");
    promise.set_value(1);
    co_await promise.future();
  });
}

TEST_CASE("a Promise set with no error at all is a logic_error") {
  Sim sim;
  Promise<int> promise;
  CHECK_THROWS_AS(promise.set_error(nullptr), std::logic_error);
  CHECK_THROWS_AS(static_cast<void>(failed<int>(nullptr)), std::logic_error);
}

TEST_CASE("a moved-from Promise says so") {
  Sim sim;
  Promise<int> from;
  Promise<int> to = std::move(from);
  CHECK_THROWS_AS(from.set_value(1), std::logic_error);
  CHECK_THROWS_AS(static_cast<void>(from.future()), std::logic_error);
  CHECK_THROWS_AS(static_cast<void>(from.abandoned()), std::logic_error);
  to.set_value(2);
  CHECK(to.future().ready());
}

TEST_CASE("assigning to a Promise breaks the one that it held, at once") {
  Sim sim;
  Promise<int> held, fresh;
  const Future<int> reader = held.future();
  held = std::move(fresh);
  CHECK(reader.ready());
  held.set_value(1);
  CHECK(held.future().ready());
}

TEST_CASE("a Promise belongs to its loop's thread, also one that was made before the loop") {
  Promise<int> before;
  Sim sim;
  Promise<int> after;
  Future<int> read_before = before.future();
  const Future<> waits = [](Future<int> f) -> Future<> { co_await std::move(f); }(std::move(read_before));
  std::thread([&] {
    CHECK_THROWS_AS(before.set_value(1), std::logic_error);
    CHECK_THROWS_AS(after.set_value(1), std::logic_error);
    CHECK_THROWS_AS(after.set_error(error("no")), std::logic_error);
    CHECK_THROWS_AS(static_cast<void>(after.future()), std::logic_error);
  }).join();
  before.set_value(1);
  sim.settle();
  CHECK(waits.ready());
}

TEST_CASE("a Promise may outlive its loop when nobody waits for it any more") {
  Promise<int> unread, dropped;
  {
    Sim sim;
    unread = Promise<int>();
    dropped = Promise<int>();
    const Future<int> reader = dropped.future();
  }
  CHECK(dropped.abandoned());
  dropped.set_value(1);
}

TEST_CASE("ready() and failed() are settled from the start") {
  on_sim([](Sim&) -> Future<> {
    CHECK(ready().ready());
    CHECK(ready(3).ready());
    const std::string text = "copied";
    Future<std::string> copy = ready(text);
    CHECK(co_await std::move(copy) == text);
    CHECK(co_await error_of(failed<int>(error("bad"))) == "bad");
    CHECK(co_await error_of(failed(error("bad too"))) == "bad too");
  });
}

TEST_SUITE_END();
}  // namespace hob_test::promise_test
