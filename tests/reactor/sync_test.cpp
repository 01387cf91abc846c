// SPDX-License-Identifier: MIT
//
// sync_test.cpp — Event, Mutex, Semaphore, Barrier: what each promises, and what becomes of waiters
// that are dropped. Condition has condition_test.cpp, all schedules of small programs
// schedules_test.cpp.
#include "sync_bench.hpp"

namespace hob_test::sync_test {
namespace {

// Takes the lock, leaves its name, keeps the lock for some rounds.
Future<> visit(Mutex& mutex, std::string& log, char name, int rounds = 1) {
  auto guard = co_await mutex.lock();
  log += name;
  while (rounds-- > 0) co_await yield();
}

Future<> pass(Event& event, std::string& log, char name) {
  co_await event.wait();
  log += name;
}

template <class F>
std::string misuse_of(F call) {
  try {
    call();
  } catch (const std::logic_error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_SUITE("reactor") {

// --- Event ---------------------------------------------------------------------------------------

TEST_CASE("an event that is set lets everybody through, until it is cleared") {
  each_seed([](Loop& loop) {
    Event event;
    CHECK(!event.is_set());
    Future<> early = event.wait();
    settle(loop);
    CHECK(!early.ready());
    event.set();
    CHECK(event.is_set());
    CHECK(!early.ready());  // set() runs nobody
    settle(loop);
    CHECK(early.ready());
    loop.run(event.wait());
    event.set();  // again: no difference
    event.clear();
    CHECK(!event.is_set());
    Future<> late = event.wait();
    settle(loop);
    CHECK(!late.ready());
  });
}

TEST_CASE("a waiter that was woken returns though the event is cleared before it resumes") {
  each_seed([](Loop& loop) {
    Event event;
    std::string log;
    Future<> a = pass(event, log, 'a'), b = pass(event, log, 'b');
    event.set();
    event.clear();
    Future<> late = pass(event, log, 'c');
    settle(loop);
    CHECK(a.ready());
    CHECK(b.ready());
    CHECK(!late.ready());
  });
}

TEST_CASE("set wakes the waiters in the order in which they came") {
  once_in_order([](Loop& loop) {
    Event event;
    std::string log;
    std::vector<Future<>> all;
    for (char name = 'a'; name <= 'f'; ++name) all.push_back(pass(event, log, name));
    all[2].cancel();
    event.set();
    all[4].cancel();
    loop.run(gather(std::move(all[0]), std::move(all[1]), std::move(all[3]), std::move(all[5])));
    CHECK(log == "abdf");
  });
}

TEST_CASE("an event destroyed under its waiters gives them BrokenPromise, and not those it has woken") {
  each_seed([](Loop& loop) {
    auto event = std::make_unique<Event>();
    Future<> woken = event->wait();
    event->set();
    event->clear();
    Future<> a = event->wait(), b = event->wait(), dropped = event->wait();
    dropped.cancel();
    event.reset();
    settle(loop);
    CHECK_NOTHROW(std::move(woken).get());
    CHECK(failed_with<BrokenPromise>(std::move(a)));
    CHECK(failed_with<BrokenPromise>(std::move(b)));
  });
}

// --- Mutex -----------------------------------------------------------------------------------------

TEST_CASE("a mutex lets one in at a time, in the order of arrival, whatever the ready queue does") {
  each_seed([](Loop& loop) {
    Mutex mutex;
    std::string log;
    std::vector<Future<>> all;
    for (char name = 'a'; name <= 'h'; ++name) all.push_back(visit(mutex, log, name, name % 3));
    CHECK(mutex.locked());
    loop.run(gather(std::move(all)));
    CHECK(log == "abcdefgh");
    CHECK(!mutex.locked());
  });
}

TEST_CASE("who releases a mutex and asks again comes after those who wait") {
  each_seed([](Loop& loop) {
    Mutex mutex;
    std::string log;
    auto twice = [&]() -> Future<> {
      co_await visit(mutex, log, 'a');
      co_await visit(mutex, log, 'A');
    };
    loop.run(gather(twice, [&] { return visit(mutex, log, 'b'); }, [&] { return visit(mutex, log, 'c'); }));
    CHECK(log == "abcA");
  });
}

TEST_CASE("a newcomer does not overtake a waiter that was given the lock and has not resumed") {
  each_seed([](Loop& loop) {
    Mutex mutex;
    std::string log;
    auto guard = loop.run(mutex.lock());
    Future<> waiter = visit(mutex, log, 'w');
    guard.release();
    CHECK(mutex.locked());
    Future<> newcomer = visit(mutex, log, 'n');
    settle(loop);
    CHECK(log == "wn");
  });
}

TEST_CASE("a dropped waiter leaves the line; one that was given the lock passes it on") {
  each_seed([](Loop& loop) {
    Mutex mutex;
    std::string log;
    auto guard = loop.run(mutex.lock());
    Future<> a = visit(mutex, log, 'a'), b = visit(mutex, log, 'b'), c = visit(mutex, log, 'c');
    b.cancel();
    guard.release();
    a.cancel();  // it had the lock, and never knew
    settle(loop);
    CHECK(log == "c");

    guard = loop.run(mutex.lock());
    Future<> d = visit(mutex, log, 'd');
    guard.release();
    CHECK(mutex.locked());
    d.cancel();  // nobody waits: then it is free
    CHECK(!mutex.locked());
    loop.run(visit(mutex, log, 'e'));
    CHECK(log == "ce");
  });
}

TEST_CASE("a guard can be moved, gives the lock back once, and is empty then") {
  each_seed([](Loop& loop) {
    Mutex mutex, other;
    Mutex::Guard guard = loop.run(mutex.lock());
    CHECK(guard);
    Mutex::Guard moved = std::move(guard);
    CHECK(!guard);
    CHECK(moved);
    CHECK(mutex.locked());
    moved = loop.run(other.lock());  // gives back what it held
    CHECK(!mutex.locked());
    CHECK(other.locked());
    auto& same = moved;
    moved = std::move(same);
    CHECK(other.locked());
    moved.release();
    moved.release();
    CHECK(!other.locked());
    { Mutex::Guard scoped = loop.run(mutex.lock()); }
    CHECK(!mutex.locked());
  }, 1);
}

TEST_CASE("a mutex destroyed under its waiters gives them BrokenPromise, those it was given to as well") {
  each_seed([](Loop& loop) {
    auto mutex = std::make_unique<Mutex>();
    auto guard = loop.run(mutex->lock());
    Future<Permit> given = mutex->lock(), waits = mutex->lock(), dropped = mutex->lock();
    guard.release();
    dropped.cancel();
    mutex.reset();
    settle(loop);
    CHECK(failed_with<BrokenPromise>(std::move(given)));
    CHECK(failed_with<BrokenPromise>(std::move(waits)));
  });
}

TEST_CASE("a mutex or semaphore destroyed while it is held ends the program with a sentence") {
  Child child([] {
    sim::World world(1);
    Loop loop(world.backend());
    auto mutex = std::make_unique<Mutex>();
    auto guard = loop.run(mutex->lock());
    mutex.reset();
  });
  CHECK(child.text().find("destroyed while a Guard or Permit of it was held") != std::string::npos);
  CHECK(child.wait() == -SIGABRT);
}

// --- Semaphore -------------------------------------------------------------------------------------

TEST_CASE("a semaphore lets in as many as it has permits, and the next as they leave") {
  each_seed([](Loop& loop) {
    Semaphore semaphore(3);
    int inside = 0, most = 0, all = 0;
    auto work = [&](Duration time) -> Future<> {
      auto permit = co_await semaphore.acquire();
      most = std::max(most, ++inside);
      co_await sleep(time);
      --inside;
      ++all;
    };
    TaskGroup group;
    for (int i = 0; i < 50; ++i) group.start(work, 1ms * (i % 7));
    loop.run(group.join());
    CHECK(most == 3);
    CHECK(all == 50);
    CHECK(!semaphore.locked());
  });
}

TEST_CASE("a semaphore without permits lets nobody in") {
  each_seed([](Loop& loop) {
    Semaphore none(0);
    CHECK(none.locked());
    Future<Permit> waits = none.acquire();
    settle(loop);
    CHECK(!waits.ready());
  }, 1);
}

TEST_CASE("permits come back from every way out: value, error, drop") {
  each_seed([](Loop& loop) {
    Semaphore semaphore(2);
    auto fails = [&]() -> Future<> {
      auto permit = co_await semaphore.acquire();
      co_await yield();
      throw std::runtime_error("on purpose");
    };
    CHECK_THROWS_AS(loop.run(fails()), std::runtime_error);
    auto stays = [&]() -> Future<> {
      auto permit = co_await semaphore.acquire();
      co_await sleep(1h);
    };
    CHECK_THROWS_AS(loop.run(wait_for(stays(), 1s)), TimedOut);
    auto a = loop.run(semaphore.acquire());
    auto b = loop.run(semaphore.acquire());
    CHECK(semaphore.locked());
  });
}

TEST_CASE("what was reserved past the fair share is used, or returned by a drop") {
  each_seed([](Loop& loop) {
    Semaphore semaphore(2);
    Event set;
    set.set();
    int got = 0;
    auto take = [&]() -> Future<> {
      for (std::uint32_t i = 0; i < Loop::kSteps; ++i) co_await set.wait();
      auto permit = co_await semaphore.acquire();
      ++got;
    };
    Future<> a, b, c;
    in_turn(loop, [&] {
      a = take();  // spends the share
      b = Future<Permit>(semaphore.acquire()).then([](Permit) {});
      c = take();
      CHECK(semaphore.locked());
      CHECK(!a.ready());
      CHECK(!b.ready());
      a.cancel();
      CHECK(!semaphore.locked());
    });
    settle(loop);
    CHECK(b.ready());
    CHECK(c.ready());
    CHECK(got == 1);
    CHECK(!semaphore.locked());
  });
}

TEST_CASE("one resumption takes a share of permits at once, then goes through the ready queue") {
  each_seed([](Loop& loop) {
    Semaphore semaphore(1000);
    bool other = false;
    std::size_t before_other = 0;
    auto greedy = [&]() -> Future<> {
      std::vector<Permit> mine;
      co_await yield();
      while (!other) {
        mine.push_back(co_await semaphore.acquire());
        before_other = mine.size();
      }
    };
    auto modest = [&]() -> Future<> {
      co_await yield();
      co_await yield();
      other = true;
    };
    loop.run(gather(greedy, modest));
    CHECK(before_other >= Loop::kSteps);
    CHECK(before_other <= 3 * (Loop::kSteps + 1));
  });
}

TEST_CASE("a semaphore destroyed under a reserved permit gives BrokenPromise") {
  each_seed([](Loop& loop) {
    auto semaphore = std::make_unique<Semaphore>(1);
    here.steps = 0;  // as if this resumption had had its share
    Future<Permit> reserved = semaphore->acquire();
    Future<Permit> waits = semaphore->acquire();
    CHECK(!reserved.ready());
    CHECK(semaphore->locked());
    semaphore.reset();
    settle(loop);
    CHECK(failed_with<BrokenPromise>(std::move(reserved)));
    CHECK(failed_with<BrokenPromise>(std::move(waits)));
  });
}

// --- Barrier ---------------------------------------------------------------------------------------

TEST_CASE("a barrier opens when all are there, numbers them in the order of arrival, and works again") {
  each_seed([](Loop& loop) {
    Barrier barrier(3);
    for (int round = 0; round < 3; ++round) {
      Future<std::size_t> a = barrier.wait(), b = barrier.wait();
      settle(loop);
      CHECK(!a.ready());
      CHECK(!b.ready());
      Future<std::size_t> c = barrier.wait(), next = barrier.wait();
      settle(loop);
      CHECK(std::move(a).get() == 0);
      CHECK(std::move(b).get() == 1);
      CHECK(std::move(c).get() == 2);
      CHECK(!next.ready());
    }
  });
}

TEST_CASE("who waits at a barrier and is dropped is not counted; dropped after it opened, the rest go on") {
  each_seed([](Loop& loop) {
    Barrier barrier(2);
    Future<std::size_t> gone = barrier.wait();
    gone.cancel();
    Future<std::size_t> a = barrier.wait();
    settle(loop);
    CHECK(!a.ready());
    Future<std::size_t> b = barrier.wait();
    a.cancel();
    settle(loop);
    CHECK(b.ready());
    Future<std::size_t> c = barrier.wait();
    settle(loop);
    CHECK(!c.ready());
  });
}

TEST_CASE("tasks meet at a barrier again and again: nobody is a round ahead") {
  each_seed([](Loop& loop, sim::World& world) {
    constexpr std::size_t kTasks = 5;
    Barrier barrier(kTasks);
    std::size_t arrived = 0;
    auto walk = [&]() -> Future<> {
      for (std::size_t round = 0; round < 10; ++round) {
        co_await sleep(1us * world.random(3));
        ++arrived;
        co_await barrier.wait();
        CHECK(arrived >= (round + 1) * kTasks);
        CHECK(arrived <= (round + 2) * kTasks);
      }
    };
    TaskGroup group;
    for (std::size_t i = 0; i < kTasks; ++i) group.start(walk);
    loop.run(group.join());
    CHECK(arrived == 10 * kTasks);
  });
}

TEST_CASE("a barrier for one never waits; a barrier for nobody is refused") {
  each_seed([](Loop& loop) {
    Barrier one(1);
    CHECK(loop.run(one.wait()) == 0);
    CHECK(loop.run(one.wait()) == 0);
  }, 1);
  CHECK_THROWS_AS(Barrier(0), std::invalid_argument);
}

TEST_CASE("a barrier destroyed under its waiters gives them BrokenPromise") {
  each_seed([](Loop& loop) {
    auto barrier = std::make_unique<Barrier>(3);
    Future<std::size_t> a = barrier->wait(), dropped = barrier->wait();
    dropped.cancel();
    barrier.reset();
    settle(loop);
    CHECK(failed_with<BrokenPromise>(std::move(a)));
  });
}

// --- which loop ------------------------------------------------------------------------------------

TEST_CASE("a primitive used on another thread, or under another loop, is a logic_error") {
  sim::World world(1);
  Event event;  // before any loop: belongs to the first that uses it
  Mutex mutex;
  Semaphore semaphore(1);
  Condition condition;
  Barrier barrier(1);
  Queue<int> queue(1);
  const auto use_all = [&](Loop& loop) {
    std::string all;
    all += misuse_of([&] { event.set(); }) + '\n';
    all += misuse_of([&] { loop.run(event.wait()); }) + '\n';
    all += misuse_of([&] { loop.run(mutex.lock()).release(); }) + '\n';
    all += misuse_of([&] { loop.run(semaphore.acquire()).release(); }) + '\n';
    all += misuse_of([&] { condition.notify_all(); }) + '\n';
    all += misuse_of([&] { loop.run(barrier.wait()); }) + '\n';
    all += misuse_of([&] { loop.run(queue.push(1)); }) + '\n';
    all += misuse_of([&] { loop.run(queue.pop()); });
    return all;
  };
  std::string refused = "this belongs to another Loop: tasks of different threads meet in Loop::post";
  for (int i = 0; i < 3; ++i) refused += "\n" + refused.substr(0, refused.find('\n'));
  refused += "\n" + refused;
  Loop loop(world.backend());
  CHECK(use_all(loop) == "\n\n\n\n\n\n\n");
  std::string elsewhere;
  std::thread([&] {
    sim::World other(2);
    Loop theirs(other.backend());
    elsewhere = use_all(theirs);
  }).join();
  CHECK(elsewhere == refused);
  std::thread([&] { elsewhere = misuse_of([&] { event.set(); }); }).join();
  CHECK(elsewhere == "there is no Loop on this thread");
}

}  // TEST_SUITE
}  // namespace hob_test::sync_test
