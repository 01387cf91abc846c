// SPDX-License-Identifier: MIT
//
// queue_test.cpp — Queue: order, bound, close; what becomes of poppers and pushers that are dropped.
#include <algorithm>
#include <set>

#include "sync_bench.hpp"

namespace hob_test::queue_test {
namespace {

using Numbers = std::vector<int>;

Future<> push_all(Queue<int>& queue, int first, int last) {
  for (int i = first; i <= last; ++i) co_await queue.push(i);
}

// Appends what comes, until the queue is closed and drained.
Future<> pop_all(Queue<int>& queue, Numbers& into) {
  while (auto value = co_await queue.pop()) into.push_back(*value);
}

void fill(Loop& loop, Queue<int>& queue, int first, int last) { loop.run(push_all(queue, first, last)); }

// What is in the queue.
Numbers drain(Loop& loop, Queue<int>& queue) {
  Numbers all;
  while (!queue.empty()) all.push_back(loop.run(queue.pop()).value());
  return all;
}

}  // namespace

TEST_SUITE("reactor") {

TEST_CASE("a queue gives values in the order in which they were pushed") {
  each_seed([](Loop& loop) {
    Queue<int> queue(3);
    Numbers got;
    auto produce = [&]() -> Future<> {
      co_await push_all(queue, 1, 100);
      queue.close();
    };
    loop.run(gather(produce, [&] { return pop_all(queue, got); }));
    Numbers wanted;
    for (int i = 1; i <= 100; ++i) wanted.push_back(i);
    CHECK(got == wanted);
  });
}

TEST_CASE("a queue holds as many as its bound, and the next push waits for a pop") {
  each_seed([](Loop& loop) {
    Queue<int> queue(2);
    CHECK(queue.empty());
    fill(loop, queue, 1, 2);
    CHECK(queue.size() == 2);
    CHECK(queue.full());
    Future<> third = queue.push(3), fourth = queue.push(4);
    settle(loop);
    CHECK(!third.ready());
    CHECK(queue.size() == 2);
    CHECK(loop.run(queue.pop()) == 1);
    settle(loop);
    CHECK(third.ready());
    CHECK(!fourth.ready());
    CHECK(queue.size() == 2);
    CHECK(drain(loop, queue) == Numbers{2, 3, 4});
    settle(loop);
    CHECK(fourth.ready());
  });
}

TEST_CASE("waiting poppers are served in the order in which they came") {
  each_seed([](Loop& loop) {
    Queue<int> queue(1);
    std::vector<Future<std::optional<int>>> poppers;
    for (int i = 0; i < 5; ++i) poppers.push_back(queue.pop());
    settle(loop);
    fill(loop, queue, 0, 4);
    Future<std::optional<int>> late = queue.pop();
    settle(loop);
    for (int i = 0; i < 5; ++i) CHECK(std::move(poppers[static_cast<std::size_t>(i)]).get() == i);
    CHECK(!late.ready());
  });
}

TEST_CASE("a pusher that comes later does not overtake those who wait, though there is room for a moment") {
  each_seed([](Loop& loop) {
    Queue<int> queue(1);
    fill(loop, queue, 1, 1);
    Future<> a = queue.push(2), b = queue.push(3);
    CHECK(loop.run(queue.pop()) == 1);
    Future<> late = queue.push(4);
    settle(loop);
    CHECK(drain(loop, queue) == Numbers{2, 3, 4});
    settle(loop);
    CHECK(late.ready());
  });
}

TEST_CASE("a popper dropped before it resumes returns its value to the front") {
  each_seed([](Loop& loop) {
    Queue<int> queue(3);
    Future<std::optional<int>> popper = queue.pop();
    in_turn(loop, [&] {
      Future<> given = push_all(queue, 1, 3);  // the first to the popper
      CHECK(queue.size() == 2);
      popper.cancel();
      CHECK(queue.size() == 3);
    });
    CHECK(drain(loop, queue) == Numbers{1, 2, 3});
  });
}

TEST_CASE("poppers dropped before they resume return their values in order, whoever is dropped first") {
  for (const auto& order : {Numbers{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}, {0, 2, 1}, {2, 0, 1}}) {
    each_seed([&](Loop& loop) {
      Queue<int> queue(5);
      std::vector<Future<std::optional<int>>> poppers;
      for (int i = 0; i < 3; ++i) poppers.push_back(queue.pop());
      in_turn(loop, [&] {
        Future<> given = push_all(queue, 1, 4);
        CHECK(queue.size() == 1);
        for (const int i : order) poppers[static_cast<std::size_t>(i)].cancel();
      });
      CHECK(drain(loop, queue) == Numbers{1, 2, 3, 4});
    }, 2);
  }
}

TEST_CASE("a popper dropped before it resumes passes its value to the one who waits") {
  each_seed([](Loop& loop) {
    Queue<int> queue(1);
    Future<std::optional<int>> a = queue.pop(), b = queue.pop(), c = queue.pop();
    in_turn(loop, [&] {
      Future<> given = push_all(queue, 1, 2);
      CHECK(queue.empty());
      b.cancel();
    });
    settle(loop);
    CHECK(std::move(a).get() == 1);
    CHECK(std::move(c).get() == 2);
  });
}

TEST_CASE("a dropped pop that only waited takes nothing") {
  each_seed([](Loop& loop) {
    Queue<int> queue(1);
    Future<std::optional<int>> popper = queue.pop();
    settle(loop);
    popper.cancel();
    fill(loop, queue, 1, 1);
    CHECK(queue.size() == 1);
  });
}

TEST_CASE("a push that is dropped while it waits has not happened") {
  each_seed([](Loop& loop) {
    Queue<int> queue(1);
    fill(loop, queue, 1, 1);
    Future<> a = queue.push(2), b = queue.push(3);
    settle(loop);
    a.cancel();
    CHECK(drain(loop, queue) == Numbers{1, 3});
  });
}

TEST_CASE("a push dropped after its value went in has happened") {
  each_seed([](Loop& loop) {
    Queue<int> queue(1);
    fill(loop, queue, 1, 1);
    Future<> a = queue.push(2);
    settle(loop);
    in_turn(loop, [&] {
      Future<std::optional<int>> one = queue.pop();  // lets the pusher in
      CHECK(std::move(one).get() == 1);
      CHECK(!a.ready());
      a.cancel();
    });
    CHECK(drain(loop, queue) == Numbers{2});
  });
}

TEST_CASE("a pop that was reserved past the fair share returns its value when it is dropped") {
  each_seed([](Loop& loop) {
    Queue<int> queue(100);
    fill(loop, queue, 1, 100);
    Numbers got;
    in_turn(loop, [&] {
      Future<> popper = pop_all(queue, got);
      CHECK(got.size() == Loop::kSteps);
      CHECK(queue.size() == 100 - Loop::kSteps - 1);
    });
    CHECK(queue.size() == 100 - Loop::kSteps);
    const Numbers rest = drain(loop, queue);
    CHECK(got.size() + rest.size() == 100);
    got.insert(got.end(), rest.begin(), rest.end());
    CHECK(std::is_sorted(got.begin(), got.end()));
  });
}

TEST_CASE("close: waiting pushers get Closed, values inside are still popped, then comes nothing") {
  each_seed([](Loop& loop) {
    Queue<int> queue(2);
    fill(loop, queue, 1, 2);
    Future<> pusher = queue.push(3), dropped = queue.push(4);
    settle(loop);
    queue.close();
    dropped.cancel();
    settle(loop);
    CHECK(failed_with<Closed>(std::move(pusher)));
    CHECK_THROWS_AS(loop.run(queue.push(5)), Closed);
    CHECK(loop.run(queue.pop()) == 1);
    CHECK(loop.run(queue.pop()) == 2);
    CHECK(loop.run(queue.pop()) == std::nullopt);
    CHECK(loop.run(queue.pop()) == std::nullopt);
    queue.close();  // again: no difference
    CHECK_THROWS_AS(loop.run(queue.push(6)), Closed);
    CHECK(queue.empty());
  });
}

TEST_CASE("close: waiting poppers get nothing, one that was given a value keeps it") {
  each_seed([](Loop& loop) {
    Queue<int> queue(1);
    Future<std::optional<int>> a = queue.pop(), b = queue.pop(), dropped = queue.pop();
    in_turn(loop, [&] {
      Future<> given = push_all(queue, 1, 1);
      queue.close();
      dropped.cancel();
    });
    settle(loop);
    CHECK(std::move(a).get() == 1);
    CHECK(std::move(b).get() == std::nullopt);
  });
}

TEST_CASE("a value returned by a dropped popper after close is still there to be drained") {
  each_seed([](Loop& loop) {
    Queue<int> queue(1);
    Future<std::optional<int>> a = queue.pop();
    in_turn(loop, [&] {
      Future<> given = push_all(queue, 1, 1);
      queue.close();
      a.cancel();
    });
    CHECK(loop.run(queue.pop()) == 1);
    CHECK(loop.run(queue.pop()) == std::nullopt);
  });
}

TEST_CASE("a queue carries what can only be moved, and destroys what is left inside") {
  each_seed([](Loop& loop) {
    {
      Queue<std::unique_ptr<Counted>> queue(2);
      loop.run(queue.push(std::make_unique<Counted>(1)));
      loop.run(queue.push(std::make_unique<Counted>(2)));
      Future<> waits = queue.push(std::make_unique<Counted>(3));
      CHECK(Counted::alive == 3);
      CHECK(loop.run(queue.pop()).value()->value == 1);
      settle(loop);
      CHECK(Counted::alive == 2);
      Future<> dropped = queue.push(std::make_unique<Counted>(4));
      CHECK(Counted::alive == 3);
      dropped.cancel();
      CHECK(Counted::alive == 2);
      queue.close();
      CHECK_THROWS_AS(loop.run(queue.push(std::make_unique<Counted>(5))), Closed);
      CHECK(Counted::alive == 2);
    }
    CHECK(Counted::alive == 0);
  });
}

TEST_CASE("a push that is never awaited has not happened") {
  each_seed([](Loop&) {
    Queue<Counted> queue(1);
    { [[maybe_unused]] auto push = queue.push(Counted(1)); }
    CHECK(Counted::alive == 0);
    CHECK(queue.empty());
  }, 1);
}

TEST_CASE("a queue destroyed under its waiters gives them BrokenPromise, and loses no memory") {
  each_seed([](Loop& loop) {
    auto queue = std::make_unique<Queue<Counted>>(1);
    loop.run(queue->push(Counted(1)));
    Future<> pusher = queue->push(Counted(2)), dropped = queue->push(Counted(3));
    settle(loop);
    dropped.cancel();
    queue.reset();
    settle(loop);
    CHECK(failed_with<BrokenPromise>(std::move(pusher)));
    CHECK(Counted::alive == 0);

    queue = std::make_unique<Queue<Counted>>(1);
    Future<std::optional<Counted>> given = queue->pop(), waits = queue->pop();
    in_turn(loop, [&] {
      Future<> push = queue->push(Counted(4));
      CHECK(push.ready());
      queue.reset();
    });
    settle(loop);
    CHECK(failed_with<BrokenPromise>(std::move(given)));
    CHECK(failed_with<BrokenPromise>(std::move(waits)));
    CHECK(Counted::alive == 0);
  });
}

TEST_CASE("a queue destroyed under a reserved pop gives BrokenPromise") {
  each_seed([](Loop& loop) {
    auto queue = std::make_unique<Queue<int>>(100);
    fill(loop, *queue, 1, 100);
    Numbers got;
    Future<> popper;
    in_turn(loop, [&] {
      popper = pop_all(*queue, got);
      CHECK(queue->size() == 100 - Loop::kSteps - 1);
      queue.reset();
    });
    settle(loop);
    CHECK(failed_with<BrokenPromise>(std::move(popper)));
  });
}

TEST_CASE("neither a full nor a filled queue keeps the loop from others") {
  once_in_order([](Loop& loop) {
    Queue<int> queue(100'000);
    int rounds = 0;
    auto count = [&]() -> Future<> {
      for (;; ++rounds) co_await yield();
    };
    Future<> counting = count();
    loop.run(push_all(queue, 1, 3200));
    CHECK(rounds >= 95);
    Numbers got;
    rounds = 0;
    queue.close();
    loop.run(pop_all(queue, got));
    CHECK(got.size() == 3200);
    CHECK(rounds >= 95);
  });
}

TEST_CASE("many producers and consumers, dropped at random: no value is lost or comes twice") {
  each_seed([](Loop& loop, sim::World& world) {
    Queue<int> queue(1 + world.random(3));
    Numbers got;
    int next = 0;
    std::vector<Future<>> tasks(6);
    auto produce = [&]() -> Future<> {
      for (;;) {
        const int mine = next++;
        try {
          co_await queue.push(mine);
        } catch (const Closed&) {
          co_return;
        }
        if (world.random(3) == 0) co_await yield();
      }
    };
    auto consume = [&]() -> Future<> {
      while (auto value = co_await queue.pop()) {
        got.push_back(*value);
        if (world.random(3) == 0) co_await yield();
      }
    };
    for (int step = 0; step < 300; ++step) {
      const auto i = world.random(tasks.size());
      tasks[i] = i % 2 ? Future<>(produce()) : Future<>(consume());
      if (world.random(2)) loop.poll();
    }
    for (std::size_t i = 1; i < tasks.size(); i += 2) tasks[i].cancel();
    tasks[0] = consume();
    settle(loop);
    queue.close();
    settle(loop);
    CHECK(tasks[0].ready());
    CHECK(queue.empty());
    CHECK(got.size() > 100);
    CHECK(std::set<int>(got.begin(), got.end()).size() == got.size());
  }, 8);
}

TEST_CASE("a queue that could hold nothing is refused") {
  CHECK_THROWS_AS(Queue<int>(0), std::invalid_argument);
}

}  // TEST_SUITE
}  // namespace hob_test::queue_test
