// SPDX-License-Identifier: MIT
//
// misuse_test.cpp — bad use gets a sentence: std::logic_error where the program can go on, the end of
// the program where it cannot. The fatal ones run in a forked child.
#include <memory>
#include <optional>
#include <thread>

#include "on_sim.hpp"
#include "stderr.hpp"

namespace hob_test::misuse_test {
TEST_SUITE_BEGIN("reactor");

namespace {

bool has(const std::string& text, const char* sentence) {
  INFO(text);
  return text.find(sentence) != std::string::npos;
}

template <class F>
std::string refused(F f) {
  try {
    f();
  } catch (const std::logic_error& e) {
    return e.what();
  }
  return "not refused";
}

}  // namespace

// --- the program goes on --------------------------------------------------------------------------

TEST_CASE("awaiting an empty Future, or the same one twice, is refused with a sentence") {
  on_sim([](Sim&) -> Future<> {
    Future<int> once = later(1ms, 1);
    CHECK(co_await std::move(once) == 1);
    const auto twice = [](Future<int>& f) -> Future<int> { co_return co_await std::move(f); };
    CHECK(co_await error_of(twice(once)) == "co_await of an empty Future: it was moved from, or awaited before");
    Future<int> moved = later(1ms, 2);
    const Future<int> into = std::move(moved);
    CHECK(has(co_await error_of(twice(moved)), "empty Future"));
  });
}

TEST_CASE("get() of an empty Future, or of one that is not ready, is refused with a sentence") {
  Sim sim;
  Future<int> empty;
  CHECK(has(refused([&] { static_cast<void>(std::move(empty).get()); }), "get() of an empty Future"));
  Future<int> early = later(1ms, 1);
  CHECK(has(refused([&] { static_cast<void>(std::move(early).get()); }), "not ready"));
  CHECK(sim.loop.run(std::move(early)) == 1);
  CHECK(has(refused([&] { sim.loop.run(Future<>()); }), "empty Future"));
  CHECK(has(refused([&] { static_cast<void>(Future<int>().share()); }), "empty Future"));
}

TEST_CASE("then, recover and finally of an empty Future settle with a sentence") {
  on_sim([](Sim&) -> Future<> {
    CHECK(has(co_await error_of(Future<>().then([] {})), "empty Future"));
    CHECK(has(co_await error_of(Future<>().finally([] {})), "empty Future"));
    std::string seen;
    co_await Future<>().recover([&](std::exception_ptr e) { seen = what(e); });
    CHECK(has(seen, "empty Future"));
  });
}

TEST_CASE("primitives of one loop are refused on another thread, and under another loop") {
  std::optional<Event> event;
  {
    Sim sim;
    event.emplace();
    event->set();
    std::thread([&] {
      Sim other(2);
      CHECK_THROWS_AS(event->set(), std::logic_error);
      CHECK_THROWS_AS(other.loop.run(event->wait()), std::logic_error);
      TaskGroup group;
      group.start([] {});
    }).join();
  }
  Sim later_loop;
  CHECK_THROWS_AS(event->set(), std::logic_error);
  Event before_any;
  event.reset();
}

// --- the program ends -----------------------------------------------------------------------------

TEST_CASE("a coroutine that drops its own Future ends the program, naming its last await") {
  const std::string text = last_words([] {
    Sim sim;
    std::unique_ptr<Future<>> self;
    auto work = [](std::unique_ptr<Future<>>& own) -> Future<> {
      co_await yield();
      own.reset();
    };
    self = std::make_unique<Future<>>(work(self));
    sim.settle();
  });
  CHECK(has(text, "a coroutine dropped its own Future while it was running"));
  CHECK(has(text, "misuse_test.cpp:"));
}

TEST_CASE("a coroutine that drops whoever awaits it ends the program") {
  const std::string text = last_words([] {
    Sim sim;
    std::unique_ptr<Future<>> ancestor;
    auto child = [](std::unique_ptr<Future<>>& above) -> Future<> {
      co_await yield();
      above.reset();
    };
    auto parent = [](auto make, std::unique_ptr<Future<>>& above) -> Future<> {
      co_await gather(make(above), sleep(1h));
    };
    ancestor = std::make_unique<Future<>>(parent(child, ancestor));
    sim.settle();
  });
  CHECK(has(text, "a coroutine dropped its own Future while it was running"));
}

TEST_CASE("a Future that outlives its Loop unsettled ends the program when it is dropped") {
  const std::string text = last_words([] {
    Future<> kept;
    Sim sim;
    kept = sleep(1s);
  });
  CHECK(has(text, "a Future was dropped before it settled"));
}

TEST_CASE("a Future that has settled may outlive its Loop") {
  Future<int> kept;
  {
    Sim sim;
    kept = later(1ms, 4);
    sim.loop.run(sleep(2ms));
  }
  CHECK(kept.ready());
  CHECK(std::move(kept).get() == 4);
}

TEST_CASE("a Future dropped unsettled on another thread ends the program") {
  const std::string text = last_words([] {
    Sim sim;
    std::thread([work = Future<>(sleep(1s))] {}).join();
  });
  CHECK(has(text, "a Future was dropped before it settled, on a thread that is not its Loop's"));
}

TEST_CASE("a Future awaited on another thread ends the program, instead of waiting for ever") {
  const std::string text = last_words([] {
    Sim sim;
    std::thread([work = Future<>(sleep(1s))]() mutable {
      Sim other(2);
      other.loop.run([](Future<> f) -> Future<> { co_await std::move(f); }(std::move(work)));
    }).join();
  });
  CHECK(has(text, "a Future was awaited on a thread that is not its Loop's"));
}

TEST_CASE("a Promise destroyed unset on another thread ends the program") {
  const std::string text = last_words([] {
    Sim sim;
    Promise<> promise;
    const Future<> waits = [](Future<> f) -> Future<> { co_await std::move(f); }(promise.future());
    std::thread([p = std::move(promise)] {}).join();
  });
  CHECK(has(text, "a Promise was destroyed unset on a thread that is not its Loop's"));
}

TEST_CASE("a pending TimerHandle dropped on another thread ends the program") {
  const std::string text = last_words([] {
    Sim sim;
    std::thread([timer = sim.loop.call_later(1s, [] {})] {}).join();
  });
  CHECK(has(text, "a TimerHandle was dropped on a thread that is not its Loop's"));
}

TEST_CASE("a Loop destroyed on another thread ends the program") {
  const std::string text = last_words([] {
    auto sim = std::make_unique<Sim>();
    std::thread([&] { sim.reset(); }).join();
  });
  CHECK(has(text, "a Loop was destroyed on another thread than its own"));
}

TEST_CASE("a finally that throws ends the program") {
  const std::string text = last_words([] {
    std::set_terminate([] { std::fputs("terminated\n", stderr), std::abort(); });
    Sim sim;
    const Future<> dropped = Future<>(sleep(1s)).finally([] { throw std::runtime_error("no"); });
  });
  CHECK(has(text, "terminated"));
}

TEST_SUITE_END();
}  // namespace hob_test::misuse_test
