// SPDX-License-Identifier: MIT
//
// condition_test.cpp — Condition: the lock is released and taken again, and no notification is lost.
#include "sync_bench.hpp"

namespace hob_test::condition_test {
namespace {

// A mutex, a condition, and tasks that wait for one notification each.
struct Room {
  Mutex mutex;
  std::unique_ptr<Condition> condition = std::make_unique<Condition>();
  std::string log;

  Future<> wait(char name, int rounds = 0) {
    auto guard = co_await mutex.lock();
    co_await condition->wait(guard);
    CHECK(guard);
    CHECK(mutex.locked());
    log += name;
    while (rounds-- > 0) co_await yield();
  }
};

}  // namespace

TEST_SUITE("reactor") {

TEST_CASE("waiting for a condition releases the lock, and returns holding it again") {
  each_seed([](Loop& loop) {
    Room room;
    Future<> waiter = room.wait('w');
    settle(loop);
    CHECK(!room.mutex.locked());
    auto guard = loop.run(room.mutex.lock());
    room.condition->notify_one();
    settle(loop);
    CHECK(!waiter.ready());  // the lock is ours
    guard.release();
    settle(loop);
    CHECK(room.log == "w");
    CHECK(!room.mutex.locked());
  });
}

TEST_CASE("notify_one wakes the one who waits longest; without a waiter it is nothing") {
  each_seed([](Loop& loop) {
    Room room;
    room.condition->notify_one();
    Future<> a = room.wait('a'), b = room.wait('b'), c = room.wait('c');
    settle(loop);
    CHECK(room.log == "");
    room.condition->notify_one();
    settle(loop);
    CHECK(room.log == "a");
    room.condition->notify_one();
    room.condition->notify_one();
    room.condition->notify_one();
    settle(loop);
    CHECK(room.log.size() == 3);
    Future<> late = room.wait('l');
    settle(loop);
    CHECK(!late.ready());
  });
}

TEST_CASE("notify_all wakes all who wait, in the order in which they came, one after the other") {
  once_in_order([](Loop& loop) {
    Room room;
    std::vector<Future<>> all;
    for (char name = 'a'; name <= 'f'; ++name) all.push_back(room.wait(name, 2));
    settle(loop);
    room.condition->notify_all();
    Future<> late = room.wait('l');
    settle(loop);
    CHECK(room.log == "abcdef");
    CHECK(!late.ready());
  });
}

TEST_CASE("a notification goes on to the next when the notified waiter is dropped before it resumes") {
  each_seed([](Loop& loop) {
    Room room;
    Future<> a = room.wait('a'), b = room.wait('b'), c = room.wait('c');
    settle(loop);
    room.condition->notify_one();
    a.cancel();
    settle(loop);
    CHECK(room.log == "b");
    CHECK(!c.ready());
  });
}

TEST_CASE("a notification goes on to the next when the notified waiter is dropped as it waits for the lock") {
  each_seed([](Loop& loop) {
    Room room;
    Future<> a = room.wait('a'), b = room.wait('b'), c = room.wait('c');
    settle(loop);
    auto guard = loop.run(room.mutex.lock());
    room.condition->notify_one();
    settle(loop);
    a.cancel();
    settle(loop);
    guard.release();
    settle(loop);
    CHECK(room.log == "b");
    CHECK(!c.ready());
    CHECK(!room.mutex.locked());
  });
}

TEST_CASE("a notification goes on to the next when the notified waiter is dropped holding the lock unawares") {
  each_seed([](Loop& loop) {
    Room room;
    Future<> a = room.wait('a'), b = room.wait('b');
    settle(loop);
    auto guard = loop.run(room.mutex.lock());
    room.condition->notify_one();
    settle(loop);
    guard.release();  // a has the lock now, and has not resumed
    a.cancel();
    settle(loop);
    CHECK(room.log == "b");
    CHECK(!room.mutex.locked());
  });
}

TEST_CASE("a dropped waiter leaves the guard empty, and takes no notification") {
  each_seed([](Loop& loop) {
    Room room;
    auto guard = loop.run(room.mutex.lock());
    Future<> dropped = room.condition->wait(guard);
    CHECK(!guard);
    CHECK(!room.mutex.locked());
    Future<> b = room.wait('b');
    settle(loop);
    dropped.cancel();
    CHECK(!guard);
    room.condition->notify_one();
    settle(loop);
    CHECK(room.log == "b");
  });
}

TEST_CASE("waiting for a condition with an empty guard is a logic_error") {
  each_seed([](Loop& loop) {
    Condition condition;
    Permit empty;
    CHECK_THROWS_AS(loop.run(condition.wait(empty)), std::logic_error);
  }, 1);
}

TEST_CASE("a condition destroyed under its waiters gives them BrokenPromise, and the lock stays sound") {
  each_seed([](Loop& loop) {
    Room room;
    Future<> a = room.wait('a'), b = room.wait('b');
    settle(loop);
    room.condition->notify_one();
    room.condition.reset();
    settle(loop);
    CHECK(failed_with<BrokenPromise>(std::move(a)));
    CHECK(failed_with<BrokenPromise>(std::move(b)));
    CHECK(room.log == "");
    CHECK(!room.mutex.locked());
  });
}

TEST_CASE("a condition destroyed while a notified task waits for the lock does not let it in") {
  each_seed([](Loop& loop) {
    Room room;
    Future<> a = room.wait('a');
    settle(loop);
    auto guard = loop.run(room.mutex.lock());
    room.condition->notify_one();
    settle(loop);
    room.condition.reset();
    settle(loop);
    CHECK(!a.ready());  // the lock is ours
    CHECK(room.mutex.locked());
    guard.release();
    settle(loop);
    CHECK(failed_with<BrokenPromise>(std::move(a)));
    CHECK(!room.mutex.locked());
    auto again = loop.run(room.mutex.lock());
    CHECK(room.mutex.locked());
  });
}

TEST_CASE("a mutex destroyed while a notified task waits for it: that one fails, the next is notified") {
  each_seed([](Loop& loop) {
    auto mutex = std::make_unique<Mutex>();
    Mutex other;
    Condition condition;
    std::string log;
    auto wait = [&](Mutex& m, char name) -> Future<> {
      auto guard = co_await m.lock();
      co_await condition.wait(guard);
      log += name;
    };
    Future<> a = wait(*mutex, 'a');
    settle(loop);
    Future<> b = wait(other, 'b');
    settle(loop);
    condition.notify_one();
    Future<Permit> reserved = mutex->lock();  // a will have to wait
    settle(loop);
    std::move(reserved).get().release();
    mutex.reset();
    settle(loop);
    CHECK(failed_with<BrokenPromise>(std::move(a)));
    CHECK(log == "b");
  });
}

}  // TEST_SUITE
}  // namespace hob_test::condition_test
