// SPDX-License-Identifier: MIT
//
// combine_test.cpp — gather, race, wait_for, as_result, as_completed: what comes out, when, and what
// is dropped. How Futures of many settle at the same moment is tested in order, without shuffling.
#include <memory>

#include "on_sim.hpp"

namespace hob_test::combine_test {
TEST_SUITE_BEGIN("reactor");

namespace {

Future<int> counted(Duration delay, int value) {
  const Counted local;
  co_await sleep(delay);
  co_return value;
}

Future<> tick() { co_await sleep(1ms); }

}  // namespace

// --- gather ---------------------------------------------------------------------------------------

TEST_CASE("gather gives the values in the order of its arguments, and takes as long as the slowest") {
  on_sim([](Sim& sim) -> Future<> {
    auto [a, b, c] = co_await gather(later(30ms, 1), later(10ms, 2), later(20ms, 3));
    CHECK(a == 1);
    CHECK(b == 2);
    CHECK(c == 3);
    CHECK(sim.passed() == 30ms);
  });
}

TEST_CASE("gather of void gives monostate; of leaves, their values; of nothing, at once") {
  on_sim([](Sim& sim) -> Future<> {
    Queue<int> queue(1);
    co_await queue.push(7);
    std::tuple<std::monostate, std::monostate, std::optional<int>, int> all =
        co_await gather(tick(), sleep(2ms), queue.pop(), later(1ms, 4));
    CHECK(std::get<2>(all) == 7);
    CHECK(std::get<3>(all) == 4);
    Future<std::tuple<>> none = gather();
    CHECK(none.ready());
    co_await std::move(none);
    CHECK(sim.passed() == 2ms);
  });
}

TEST_CASE("gather fails fast: the first error comes out, and the siblings are gone by then") {
  on_sim([](Sim& sim) -> Future<> {
    bool caught = false;
    try {
      co_await gather(counted(1h, 1), fails(5ms, "first"), counted(2h, 2), fails(9ms, "second"));
    } catch (const std::runtime_error& e) {
      caught = true;
      CHECK(std::string(e.what()) == "first");
      CHECK(Counted::alive == 0);
    }
    CHECK(caught);
    CHECK(sim.passed() == 5ms);
  });
}

TEST_CASE("gather of Futures that have failed already throws the leftmost's error, and reports none") {
  on_sim([](Sim&) -> Future<> {
    CHECK(co_await error_of(gather(counted(1h, 1), failed(error("a")), failed(error("b")))) == "a");
    CHECK(Counted::alive == 0);
  });
}

TEST_CASE("errors of the siblings that gather drops are not reported") {
  on_sim([](Sim&) -> Future<> {
    CHECK((co_await error_of(gather(fails(5ms, "same time"), fails(5ms, "same time")))) == "same time");
  });
}

TEST_CASE("gather of callables calls them left to right") {
  on_sim([](Sim&) -> Future<> {
    std::string order;
    auto starter = [&](char name, int value) {
      return [&order, name, value] {
        order += name;
        return later(1ms, value);
      };
    };
    auto [a, b, c] = co_await gather(starter('a', 1), starter('b', 2), starter('c', 3));
    CHECK(order == "abc");
    CHECK(a + b + c == 6);
    auto [one] = co_await gather(starter('d', 4));
    CHECK(one == 4);
    auto [x, y] = co_await gather_settled(starter('e', 5), starter('f', 6));
    CHECK(x.value() + y.value() == 11);
    CHECK((co_await race(starter('g', 7), starter('h', 8))).index() < 2);
    CHECK(order == "abcdefgh");
    auto [void_one, leaf] = co_await gather(tick, [] { return sleep(1ms); });
    CHECK(void_one == leaf);
  });
}

TEST_CASE("leaves given to a combinator begin left to right") {
  in_order([](Sim&) -> Future<> {
    Queue<int> queue(6);
    for (int i = 1; i <= 6; ++i) co_await queue.push(i);
    auto [a, b, c] = co_await gather(queue.pop(), queue.pop(), queue.pop());
    CHECK(*a == 1);
    CHECK(*b == 2);
    CHECK(*c == 3);
    auto [d, e] = co_await gather_settled(queue.pop(), queue.pop());
    CHECK(*d.value() == 4);
    CHECK(*e.value() == 5);
    CHECK((co_await race(sleep(5ms), sleep(5ms))).index() == 0);
  });
}

TEST_CASE("a callable of gather that throws drops what was started before it") {
  on_sim([](Sim&) -> Future<> {
    auto thrower = []() -> Future<int> { return throw std::runtime_error("no start"), later(0ms, 1); };
    std::string text;
    try {
      co_await gather([] { return counted(1h, 1); }, thrower);
    } catch (const std::runtime_error& e) {
      text = e.what();
    }
    CHECK(text == "no start");
    CHECK(Counted::alive == 0);
  });
}

TEST_CASE("gather of a vector keeps its order; of void, gives nothing; of none, is ready") {
  on_sim([](Sim& sim) -> Future<> {
    std::vector<Future<int>> numbers;
    for (int i = 0; i < 50; ++i) numbers.push_back(later(1ms * (50 - i), i));
    const std::vector<int> values = co_await gather(std::move(numbers));
    CHECK(values.size() == 50);
    for (int i = 0; i < 50; ++i) CHECK(values[static_cast<std::size_t>(i)] == i);
    CHECK(sim.passed() == 50ms);

    std::vector<Future<>> voids;
    for (int i = 0; i < 3; ++i) voids.push_back(tick());
    static_assert(std::is_same_v<decltype(gather(std::move(voids))), Future<>>);
    co_await gather(std::move(voids));
    std::vector<Sleep> leaves;
    for (int i = 0; i < 3; ++i) leaves.push_back(sleep(1ms));
    co_await gather(std::move(leaves));
    CHECK(gather(std::vector<Future<>>()).ready());
    CHECK(gather(std::vector<Future<int>>()).ready());
    CHECK(sim.passed() == 52ms);

    std::vector<Future<int>> failing;
    failing.push_back(counted(1h, 1));
    failing.push_back(fails(1ms, "bad"));
    CHECK(co_await error_of(gather(std::move(failing))) == "bad");
    CHECK(Counted::alive == 0);
  });
}

TEST_CASE("a sibling that settles another while gather drops them disturbs nobody") {
  // The error wakes the gather; dropping the second sibling settles the third, after gather has gone on.
  struct Setter {
    Promise<>* promise;
    ~Setter() { promise->set_value(); }
  };
  on_sim([](Sim&) -> Future<> {
    Promise<> third;
    auto second = [](Promise<>& p) -> Future<> {
      const Setter setter{&p};
      co_await sleep(1h);
    };
    Future<> reads_third = third.future();
    Future<std::tuple<std::monostate, std::monostate, std::monostate>> all =
        gather(failed(error("first")), second(third), std::move(reads_third));
    CHECK(all.ready());
    co_await yield();
    CHECK_THROWS_WITH(co_await std::move(all), "first");

    Promise<> other;
    Future<> reads_other = other.future();
    auto late = gather(fails(1ms, "late"), second(other), std::move(reads_other));
    co_await sleep(5ms);
    CHECK(late.ready());
    CHECK_THROWS_WITH(co_await std::move(late), "late");

    Promise<> reverse;
    Future<> reads_reverse = reverse.future();
    auto dropped = gather(second(reverse), std::move(reads_reverse));
    co_await yield();
    dropped.cancel();
  });
}

TEST_CASE("dropping a gather drops all of it") {
  Sim sim;
  {
    const auto all = gather(counted(1h, 1), counted(2h, 2));
    sim.settle();
    CHECK(Counted::alive == 2);
  }
  CHECK(Counted::alive == 0);
  CHECK(sim.idle());
}

// --- gather_settled -------------------------------------------------------------------------------

TEST_CASE("gather_settled waits for all, and gives a Result of each") {
  on_sim([](Sim& sim) -> Future<> {
    auto [a, b, c] = co_await gather_settled(later(3ms, 1), fails(1ms, "bad"), tick());
    CHECK(sim.passed() == 3ms);
    CHECK(a.value() == 1);
    CHECK_FALSE(b.has_value());
    CHECK(what(b.error()) == "bad");
    CHECK_THROWS_WITH(b.value(), "bad");
    CHECK(c.has_value());
    std::vector<Future<int>> many;
    many.push_back(failed<int>(error("x")));
    many.push_back(ready(2));
    const auto results = co_await gather_settled(std::move(many));
    CHECK(what(results[0].error()) == "x");
    CHECK(results[1].value() == 2);
    CHECK((co_await gather_settled(std::vector<Future<>>())).empty());
    CHECK(gather_settled().ready());
  });
}

// --- race -----------------------------------------------------------------------------------------

TEST_CASE("race gives the first to settle, and the losers are gone by then") {
  on_sim([](Sim& sim) -> Future<> {
    auto won = co_await race(counted(3ms, 1), later(2ms, 2), sleep(1h));
    CHECK(won.index() == 1);
    CHECK(std::get<1>(won) == 2);
    CHECK(Counted::alive == 0);
    CHECK(sim.passed() == 2ms);
    CHECK((co_await race(sleep(1ms), sleep(1h))).index() == 0);
  });
}

TEST_CASE("an error settles: race throws it if it comes first, and drops it silently if it does not") {
  on_sim([](Sim&) -> Future<> {
    CHECK(co_await error_of(race(fails(1ms, "bad"), later(2ms, 1))) == "bad");
    CHECK((co_await race(later(1ms, 1), fails(2ms, "late"))).index() == 0);
    CHECK((co_await race(ready(1), failed<int>(error("second")))).index() == 0);
  });
}

TEST_CASE("race: among those ready at the call the leftmost wins, else who settled first") {
  in_order([](Sim&) -> Future<> {
    CHECK((co_await race(sleep(1s), ready(1), ready(2))).index() == 1);
    Promise<int> a, b;
    auto race_ab = race(a.future(), b.future());
    b.set_value(2);
    a.set_value(1);
    auto won = co_await std::move(race_ab);
    CHECK(won.index() == 1);
    CHECK(std::get<1>(won) == 2);
    CHECK((co_await race(sleep(5ms), sleep(5ms))).index() == 0);
  });
}

TEST_CASE("race of a vector gives index and value; of an empty one is a logic_error") {
  on_sim([](Sim& sim) -> Future<> {
    std::vector<Future<int>> racers;
    for (int i = 0; i < 5; ++i) racers.push_back(counted(1ms * (5 - i), i * 10));
    auto [index, value] = co_await race(std::move(racers));
    CHECK(index == 4);
    CHECK(value == 40);
    CHECK(Counted::alive == 0);
    CHECK(sim.passed() == 1ms);
    std::vector<Future<>> voids;
    voids.push_back(sleep(2ms));
    voids.push_back(sleep(1ms));
    CHECK((co_await race(std::move(voids))).first == 1);
    CHECK_THROWS_AS(co_await race(std::vector<Future<int>>()), std::logic_error);
  });
}

TEST_CASE("combinators refuse an empty Future with a sentence") {
  on_sim([](Sim&) -> Future<> {
    CHECK_THROWS_AS(co_await gather(Future<>(), ready(1)), std::logic_error);
    CHECK_THROWS_AS(co_await race(Future<>(), ready(1)), std::logic_error);
    CHECK_THROWS_AS(co_await wait_for(Future<>(), 1s), std::logic_error);
    CHECK_THROWS_AS(static_cast<void>(co_await as_result(Future<>())), std::logic_error);
    CHECK_THROWS_AS(co_await gather_settled(Future<>()), std::logic_error);
    std::vector<Future<>> one(1);
    CHECK_THROWS_AS(static_cast<void>(as_completed(std::move(one))), std::logic_error);
    CHECK_THROWS_AS(detach(Future<>()), std::logic_error);
  });
}

// --- wait_for -------------------------------------------------------------------------------------

TEST_CASE("wait_for gives the value in time, or throws TimedOut with the work dropped") {
  on_sim([](Sim& sim) -> Future<> {
    CHECK(co_await wait_for(later(2ms, 5), 3ms) == 5);
    CHECK(sim.passed() == 2ms);
    bool timed_out = false;
    try {
      co_await wait_for(counted(1h, 1), 3ms);
    } catch (const TimedOut&) {
      timed_out = true;
      CHECK(Counted::alive == 0);
    }
    CHECK(timed_out);
    CHECK(sim.passed() == 5ms);
    CHECK(co_await error_of(wait_for(fails(1ms, "bad"), 1s)) == "bad");
    CHECK(sim.passed() == 6ms);
  });
}

TEST_CASE("wait_for counts from its call, takes leaves, and any duration") {
  on_sim([](Sim& sim) -> Future<> {
    Event never;
    Future<> limited = wait_for(never.wait(), 3ms);
    co_await sleep(2ms);
    CHECK_THROWS_AS(co_await std::move(limited), TimedOut);
    CHECK(sim.passed() == 3ms);
    CHECK_THROWS_AS(co_await wait_for(sleep(1h), std::chrono::duration<double>(0.001)), TimedOut);
    CHECK(sim.passed() == 4ms);
    co_await wait_for(sleep(1ms), Duration::max());
    co_await wait_for(sleep(1ms), std::chrono::hours::max());
    CHECK_THROWS_AS(co_await wait_until(sleep(1h), sim.world.now() + 1ms), TimedOut);
    CHECK(sim.passed() == 7ms);
  });
}

TEST_CASE("wait_for of zero or less: ready work gives its value, other work is timed out after a turn") {
  in_order([](Sim& sim) -> Future<> {
    for (const Duration d : {Duration(0), Duration(-1), Duration::min()}) {
      CHECK(co_await wait_for(ready(1), d) == 1);
      CHECK(co_await error_of(wait_for(failed(error("bad")), d)) == "bad");
      CHECK_THROWS_AS(co_await wait_for(sleep(1ms), d), TimedOut);
      auto within_the_turn = []() -> Future<int> {
        co_await yield();
        co_return 2;
      };
      CHECK(co_await wait_for(within_the_turn(), d) == 2);
    }
    CHECK_THROWS_AS(co_await wait_until(sleep(1ms), TimePoint::min()), TimedOut);
    CHECK(sim.passed() == 0ms);
  });
}

TEST_CASE("wait_for: a tie goes to work that has settled when the deadline is handled") {
  in_order([](Sim& sim) -> Future<> {
    CHECK(co_await wait_for(later(5ms, 1), 5ms) == 1);
    co_await wait_for(sleep(5ms), 5ms);
    Promise<int> promise;
    auto limited = wait_for(promise.future(), 5ms);
    const TimerHandle timer = sim.loop.call_later(5ms, [&] { promise.set_value(9); });
    CHECK(co_await error_of(std::move(limited)) == "timed out");
    CHECK(promise.abandoned());
  });
}

TEST_CASE("wait_for that is done leaves no timer behind") {
  Sim sim;
  sim.loop.run([]() -> Future<> {
    co_await wait_for(later(1ms, 5), 1h);
    co_await wait_for(ready(1), 1h);
    const Future<> dropped = wait_for(sleep(2h), 1h);
  }());
  CHECK(sim.passed() == 1ms);
  CHECK(sim.idle());
}

// --- as_result ------------------------------------------------------------------------------------

TEST_CASE("as_result gives a value or an error, and never throws what the work threw") {
  on_sim([](Sim&) -> Future<> {
    auto good = co_await as_result(later(1ms, 3));
    CHECK(good.has_value());
    CHECK(good.value() == 3);
    CHECK(good.error() == nullptr);
    auto bad = co_await as_result(fails(1ms, "bad"));
    CHECK_FALSE(bad);
    CHECK(what(bad.error()) == "bad");
    auto nothing = co_await as_result(sleep(1ms));
    CHECK(nothing.has_value());
    auto pointer = co_await as_result(ready(std::make_unique<int>(4)));
    CHECK(*std::move(pointer).value() == 4);
    CHECK(what((co_await as_result(failed(error("at once")))).error()) == "at once");
  });
}

// --- as_completed ---------------------------------------------------------------------------------

TEST_CASE("as_completed hands out values in the order of completion, then nothing") {
  on_sim([](Sim&) -> Future<> {
    std::vector<Future<int>> work;
    for (const int ms : {30, 10, 20}) work.push_back(later(1ms * ms, ms));
    work.push_back(ready(0));
    auto each = as_completed(std::move(work));
    std::vector<int> order;
    while (auto value = co_await each.next()) order.push_back(*value);
    CHECK(order == std::vector<int>{0, 10, 20, 30});
    CHECK_FALSE(co_await each.next());
  });
}

TEST_CASE("as_completed throws the error of one, and goes on with the others") {
  on_sim([](Sim&) -> Future<> {
    std::vector<Future<int>> work;
    work.push_back(fails(1ms, "bad"));
    work.push_back(later(2ms, 2));
    auto each = as_completed(std::move(work));
    CHECK(co_await error_of(each.next()) == "bad");
    CHECK(co_await each.next() == 2);
    CHECK_FALSE(co_await each.next());
    std::vector<Future<>> voids;
    voids.push_back(tick());
    auto each_void = as_completed(std::move(voids));
    CHECK((co_await each_void.next()).has_value());
    CHECK_FALSE((co_await each_void.next()).has_value());
  });
}

TEST_CASE("a dropped next() loses nothing, and next() can be called again") {
  on_sim([](Sim&) -> Future<> {
    std::vector<Future<int>> work;
    work.push_back(later(5ms, 1));
    work.push_back(later(9ms, 2));
    auto each = as_completed(std::move(work));
    CHECK_THROWS_AS(co_await wait_for(each.next(), 2ms), TimedOut);
    {
      auto pending = each.next();
      CHECK_THROWS_AS(co_await each.next(), std::logic_error);
    }
    CHECK(co_await each.next() == 1);
    { auto pending = each.next(); }
    CHECK(co_await each.next() == 2);
    CHECK_FALSE(co_await each.next());
  });
}

TEST_CASE("an as_completed that is destroyed drops what is left") {
  Sim sim;
  {
    std::vector<Future<int>> work;
    work.push_back(counted(1h, 1));
    work.push_back(failed<int>(error("unread")));
    const auto each = as_completed(std::move(work));
    CHECK(Counted::alive == 1);
  }
  CHECK(Counted::alive == 0);
  CHECK(sim.idle());
  CHECK(sim.unhandled.empty());
}

// --- together -------------------------------------------------------------------------------------

TEST_CASE("combinators nest") {
  on_sim([](Sim& sim) -> Future<> {
    auto [a, b] = co_await gather(wait_for(race(later(5ms, 1), sleep(1h)), 1s),
                                  as_result(gather(later(2ms, 2), fails(3ms, "bad"))));
    CHECK(a.index() == 0);
    CHECK(what(b.error()) == "bad");
    auto won = co_await race(gather(sleep(1h), sleep(1ms)), later(4ms, 7).then([](int n) { return n; }));
    CHECK(std::get<1>(won) == 7);
    CHECK(sim.passed() == 9ms);
  });
}

TEST_CASE("ten thousand sleepers are gathered, and dropped, in one go") {
  Sim sim;
  auto many = [] {
    std::vector<Future<int>> all;
    for (int i = 0; i < 10'000; ++i) all.push_back(counted(1ms * (i % 100), i));
    return all;
  };
  CHECK(sim.loop.run(gather(many())).size() == 10'000);
  { const auto dropped = gather(many()); }
  CHECK(Counted::alive == 0);
  CHECK(sim.idle());
}

TEST_SUITE_END();
}  // namespace hob_test::combine_test
