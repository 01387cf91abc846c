// SPDX-License-Identifier: MIT
//
// future_test.cpp — Future<T> as a value and as a coroutine: who owns, when it runs, what it holds.
#include <array>
#include <memory>

#include "on_sim.hpp"

namespace hob_test::future_test {
TEST_SUITE_BEGIN("reactor");

namespace {

Future<int> nest(int depth) {
  if (depth == 0) {
    co_await yield();
    co_return 0;
  }
  co_return 1 + co_await nest(depth - 1);
}

Future<> nest_for_ever(int depth) {
  const Counted counted;
  if (depth == 0)
    co_await sleep(Duration::max());
  else
    co_await nest_for_ever(depth - 1);
}

// 20,000 in an optimised build, 5,000 where frames are larger: under a sanitizer, or unoptimised.
#if defined(__has_feature)
#define HOB_TEST_SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define HOB_TEST_SANITIZED 1
#else
#define HOB_TEST_SANITIZED 0
#endif
#if defined(__OPTIMIZE__) && !HOB_TEST_SANITIZED
constexpr int kDeep = 20'000;
#else
constexpr int kDeep = 5'000;
#endif

template <class Coroutine, class A>
concept CanAwait = requires(typename Coroutine::promise_type& p, A&& a) {
  p.await_transform(std::forward<A>(a));
};

}  // namespace

TEST_CASE("a coroutine runs inside its call, up to its first suspension") {
  Sim sim;
  Log log;
  auto work = [](Log& to) -> Future<> {
    to.push_back("begun");
    co_await yield();
    to.push_back("ended");
  }(log);
  CHECK(log == Log{"begun"});
  CHECK_FALSE(work.ready());
  sim.loop.run(std::move(work));
  CHECK(log == Log{"begun", "ended"});
}

TEST_CASE("a coroutine that never suspends is ready when its call returns") {
  Sim sim;
  auto work = []() -> Future<int> { co_return 7; }();
  CHECK(work.ready());
  CHECK(std::move(work).get() == 7);
  CHECK_FALSE(work);
}

TEST_CASE("an exception comes out where the Future is awaited, and out of get()") {
  on_sim([](Sim&) -> Future<> {
    CHECK_THROWS_WITH_AS(co_await fails(1ms, "late"), "late", std::runtime_error);
    auto at_once = []() -> Future<int> {
      throw std::runtime_error("early");
      co_return 0;
    }();
    CHECK(at_once.ready());
    CHECK_THROWS_WITH_AS(std::move(at_once).get(), "early", std::runtime_error);
    CHECK_FALSE(at_once);
  });
}

TEST_CASE("dropping a Future destroys the locals at once, innermost first, and runs no more code") {
  Sim sim;
  Log log;
  auto inner = [](Log& to) -> Future<> {
    Mark mark(to, "inner");
    co_await sleep(1s);
    to.push_back("inner goes on");
  };
  auto outer = [&](Log& to) -> Future<> {
    Mark first(to, "first");
    Mark second(to, "second");
    co_await inner(to);
    to.push_back("outer goes on");
  };
  {
    Future<> work = outer(log);
    sim.settle();
    CHECK(log.empty());
  }
  CHECK(log == Log{"~inner", "~second", "~first"});
  CHECK(sim.idle());
  CHECK(log.size() == 3);
}

TEST_CASE("cancel() drops the work and leaves the Future empty; twice is harmless") {
  Sim sim;
  Log log;
  Future<> work = [](Log& to) -> Future<> {
    Mark mark(to, "local");
    co_await sleep(1s);
  }(log);
  work.cancel();
  CHECK(log == Log{"~local"});
  CHECK_FALSE(work);
  work.cancel();
  CHECK(sim.idle());
}

TEST_CASE("a coroutine that is ready to go on is dropped as one that waits") {
  Sim sim;
  bool ran = false;
  {
    Future<> work = [](bool& r) -> Future<> {
      co_await yield();
      r = true;
    }(ran);
  }
  sim.settle();
  CHECK_FALSE(ran);
}

TEST_CASE("assigning to a Future drops what it held, even if that owned the new one") {
  Sim sim;
  Log log;
  struct Node {
    Future<> next;
  };
  auto hold = [](Log& to, Node* node) -> Future<> {
    const Mark mark(to, "holder");
    const std::unique_ptr<Node> owned(node);
    co_await sleep(1s);
  };
  auto leaf = [](Log& to) -> Future<> {
    const Mark mark(to, "held");
    co_await sleep(2s);
    to.push_back("done");
  };
  auto* node = new Node{leaf(log)};
  Future<> chain = hold(log, node);
  chain = std::move(node->next);
  CHECK(log == Log{"~holder"});
  sim.loop.run(std::move(chain));
  CHECK(log == Log{"~holder", "done", "~held"});
}

TEST_CASE("what is awaited is freed before co_await returns") {
  on_sim([](Sim&) -> Future<> {
    auto child = []() -> Future<int> {
      const Counted local;
      co_await yield();
      co_return 1;
    };
    const int before = Counted::alive;
    co_await child();
    CHECK(Counted::alive == before);
    Future<Counted> value = []() -> Future<Counted> { co_return Counted(3); }();
    const Counted out = co_await std::move(value);
    CHECK(Counted::alive == before + 1);
    CHECK_FALSE(value);
  });
}

TEST_CASE("awaiting a ready Future does not suspend") {
  Sim sim;
  bool other_ran = false;
  sim.loop.run([](bool& ran, Loop& loop) -> Future<> {
    loop.call_soon([&ran] { ran = true; });
    for (int i = 0; i < 1000; ++i) co_await ready(i);
    CHECK_FALSE(ran);
  }(other_ran, sim.loop));
}

TEST_CASE("a coroutine that returns hands over to the one that awaits it, before the queue") {
  in_order([](Sim& sim) -> Future<> {
    Log log;
    auto child = [](Log& to) -> Future<> {
      co_await yield();
      to.push_back("child");
    };
    auto parent = [&](Log& to) -> Future<> {
      co_await child(to);
      to.push_back("parent");
    };
    auto work = parent(log);
    sim.loop.call_soon([&] { log.push_back("other"); });
    co_await std::move(work);
    log.push_back("grandparent");
    co_await yield();
    CHECK(log == Log{"child", "parent", "grandparent", "other"});
  });
}

TEST_CASE("settling a promise never runs its reader inline, and puts it behind what is ready") {
  in_order([](Sim& sim) -> Future<> {
    Log log;
    Promise<int> promise;
    auto reader = [](Log& to, Future<int> f) -> Future<> {
      const int n = co_await std::move(f);
      to.push_back("reader " + std::to_string(n));
    }(log, promise.future());
    sim.loop.call_soon([&] { log.push_back("ready before"); });
    promise.set_value(4);
    log.push_back("set");
    co_await std::move(reader);
    CHECK(log == Log{"set", "ready before", "reader 4"});
  });
}

TEST_CASE("yield lets everything run that is ready, and nothing that becomes ready later") {
  in_order([](Sim& sim) -> Future<> {
    Log log;
    sim.loop.call_soon([&] {
      log.push_back("a");
      sim.loop.call_soon([&] { log.push_back("c"); });
    });
    sim.loop.call_soon([&] { log.push_back("b"); });
    co_await yield();
    CHECK(log == Log{"a", "b"});
    co_await yield();
    CHECK(log == Log{"a", "b", "c"});
  });
}

TEST_CASE("any leaf converts to a Future, and has begun then") {
  on_sim([](Sim& sim) -> Future<> {
    Future<> nap = sleep(10ms);
    co_await sleep(4ms);
    CHECK_FALSE(nap.ready());
    co_await std::move(nap);
    CHECK(sim.passed() == 10ms);

    Queue<int> queue(1);
    Future<std::optional<int>> popped = queue.pop();
    co_await queue.push(5);
    CHECK(co_await std::move(popped) == 5);
    CHECK(sim.passed() == 10ms);
  });
}

TEST_CASE("a SharedFuture can be passed wherever a Future can, by copy and by move") {
  on_sim([](Sim& sim) -> Future<> {
    SharedFuture<int> shared = later(5ms, 9).share();
    CHECK(co_await wait_for(shared, 10ms) == 9);
    CHECK(co_await shared == 9);
    Future<int> converted = shared;
    CHECK(co_await std::move(converted) == 9);
    auto [a, b] = co_await gather(shared, SharedFuture<int>(shared));
    CHECK(a + b == 18);
    CHECK(co_await later(1ms, 3).share() == 3);
    CHECK(co_await as_result(shared).then([](Result<int> r) { return r.value(); }) == 9);
    CHECK(sim.passed() == 6ms);
  });
}

// (That co_await of a named Future needs std::move is a static_assert with a sentence, not tested here.)
TEST_CASE("a Future has one owner; Futures, leaves and SharedFutures can be awaited, other things not") {
  static_assert(CanAwait<Future<>, Future<int>>);
  static_assert(CanAwait<Future<>, Sleep>);
  static_assert(CanAwait<Future<>, SharedFuture<int>&>);
  static_assert(CanAwait<Future<>, const SharedFuture<int>&>);
  static_assert(!CanAwait<Future<>, int>);
  static_assert(!std::is_copy_constructible_v<Future<>>);
  static_assert(std::is_nothrow_move_constructible_v<Future<>>);
  CHECK(true);
}

TEST_CASE("a value may be move-only, without a default constructor, and large") {
  struct Plain {
    explicit Plain(int n) : value(std::make_unique<int>(n)) {}
    std::unique_ptr<int> value;
    std::array<std::byte, 3000> room{};
  };
  on_sim([](Sim&) -> Future<> {
    auto make = [](int n) -> Future<Plain> {
      co_await yield();
      co_return Plain(n);
    };
    CHECK(*(co_await make(1)).value == 1);
    auto [a, b] = co_await gather(make(2), make(3));
    CHECK(*a.value + *b.value == 5);
    CHECK(*(co_await wait_for(make(4), 1s)).value == 4);
    const Plain sum = co_await make(5).then([](Plain p) { return Plain(*p.value + 1); });
    CHECK(*sum.value == 6);
    auto won = co_await race(make(7), sleep(1s));
    CHECK(*std::get<0>(won).value == 7);
  });
}

TEST_CASE("a value whose constructor throws makes the error that comes out") {
  struct Throws {
    explicit Throws(int) { throw std::runtime_error("no such value"); }
  };
  on_sim([](Sim&) -> Future<> {
    auto make = []() -> Future<Throws> {
      co_await yield();
      co_return 1;
    };
    CHECK(co_await error_of(make()) == "no such value");
  });
}

TEST_CASE("co_return takes braces, and whatever the value is made from") {
  on_sim([](Sim&) -> Future<> {
    auto numbers = []() -> Future<std::vector<int>> { co_return {1, 2, 3}; };
    auto text = []() -> Future<std::string> { co_return "text"; };
    CHECK((co_await numbers()).size() == 3);
    CHECK(co_await text() == "text");
  });
}

TEST_CASE("calls nest thousands deep on the way down, and unwind without the native stack") {
  Sim sim;
  CHECK(sim.loop.run(nest(kDeep)) == kDeep);
}

TEST_CASE("dropping a chain that is thousands deep frees all of it") {
  Sim sim;
  {
    Future<> chain = nest_for_ever(kDeep);
    sim.settle();
    CHECK(Counted::alive == kDeep + 1);
  }
  CHECK(Counted::alive == 0);
  CHECK(sim.idle());
}

TEST_CASE("a million awaits in a row do not grow the stack") {
  Sim sim;
  constexpr int kMany = 1'000'000;
  struct Stack {
    char* lowest = nullptr;
    char* highest = nullptr;
  } stack;
  auto one = [](Stack& seen, int i) -> Future<int> {
    if (i % 64 == 0) co_await yield();
    auto* at = static_cast<char*>(__builtin_frame_address(0));
    if (!seen.lowest || at < seen.lowest) seen.lowest = at;
    if (at > seen.highest) seen.highest = at;
    co_return 1;
  };
  const int counted = sim.loop.run([](auto& call, Stack& seen) -> Future<int> {
    int sum = 0;
    for (int i = 0; i < kMany / 8; ++i) sum += co_await call(seen, i);
    co_return sum;
  }(one, stack));
  CHECK(counted == kMany / 8);
  CHECK(stack.highest - stack.lowest < 4096);
  int sum = 0;
  sim.loop.run([](int& to) -> Future<> {
    for (int i = 0; i < kMany; ++i) {
      co_await ready();
      ++to;
    }
  }(sum));
  CHECK(sum == kMany);
}

TEST_SUITE_END();
}  // namespace hob_test::future_test
