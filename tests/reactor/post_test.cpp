// SPDX-License-Identifier: MIT
//
// post_test.cpp — Loop::post and Remote: the only door for other threads.
#include <array>
#include <atomic>
#include <latch>

#include "sync_bench.hpp"

namespace hob_test::post_test {
TEST_SUITE("threads") {

TEST_CASE("a post is called on the loop's thread, and wakes a loop that sleeps") {
  Loop loop;
  Event came;
  std::thread::id called_on;
  std::thread other([&] {
    std::this_thread::sleep_for(5ms);
    loop.post([&] {
      called_on = std::this_thread::get_id();
      came.set();
    });
  });
  loop.run(wait_for(came.wait(), kPatience));
  other.join();
  CHECK(called_on == std::this_thread::get_id());
}

TEST_CASE("a million posts from four threads: each is called once, and those of one thread in order") {
  constexpr int kThreads = 4, kEach = 250'000;
  Loop loop;
  Event all;
  int last[kThreads] = {};
  int wrong = 0, left = kThreads * kEach;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t, remote = loop.remote()] {
      for (int i = 1; i <= kEach; ++i)
        remote.post([&, t, i] {
          wrong += last[t] != i - 1;
          last[t] = i;
          if (--left == 0) all.set();
        });
    });
  loop.run(all.wait());
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(left == 0);
}

TEST_CASE("posts do not keep the loop: at most 128 of them are called between two looks at the clock") {
  Loop loop;
  int called = 0, at_timer = -1, at_task = -1;
  const TimerHandle timer = loop.call_later(Duration(0), [&] { at_timer = called; });
  for (int i = 0; i < 1000; ++i) loop.post([&] { ++called; });
  loop.run([](const int& now, int& seen) -> Future<> {
    co_await yield();
    seen = now;
    while (now < 1000) co_await yield();
  }(called, at_task));
  CHECK(called == 1000);
  CHECK(at_task <= 128);
  CHECK(at_timer >= 0);
  CHECK(at_timer <= 256);
}

TEST_CASE("no wake-up is lost when the loop has nothing else: only posts end its sleep") {
  Loop loop;
  int ball = 0;
  std::atomic<int> returned = 0;
  Event done;
  constexpr int kRounds = 20'000;
  bool lost = false;
  std::thread other([&] {
    for (int i = 0; i < kRounds && !lost; ++i) {
      loop.post([&] { returned = ++ball; });
      const auto end = Clock::now() + kPatience;
      while (returned == i && !lost) std::this_thread::yield(), lost = Clock::now() > end;
    }
    loop.post([&] { done.set(); });
  });
  loop.run(done.wait());
  other.join();
  CHECK_FALSE(lost);
  CHECK(ball == kRounds);
}

TEST_CASE("a post from the loop's own thread, and from within a post, is called too, never at once") {
  each_seed([](Loop& loop) {
    std::string log;
    Event done;
    loop.post([&] {
      log += 'a';
      loop.post([&] {
        log += 'c';
        done.set();
      });
      log += 'b';
    });
    log += '0';
    loop.run(done.wait());
    CHECK(log == "0abc");
  });
}

TEST_CASE("what a post throws goes to on_unhandled, and the loop goes on") {
  each_seed([](Loop& loop) {
    std::string told;
    loop.on_unhandled([&](std::exception_ptr error) { told += what(error); });
    Event done;
    loop.post([] { throw std::runtime_error("thrown"); });
    loop.post([&] { done.set(); });
    loop.run(done.wait());
    settle(loop);
    CHECK(told == "thrown");
  });
}

TEST_CASE("a closure that is posted is destroyed once, on the loop's thread, right after its call") {
  Loop loop;
  struct Count {
    std::atomic<int>* alive;
    explicit Count(std::atomic<int>& n) : alive(&n) { ++n; }
    Count(Count&& from) noexcept : alive(std::exchange(from.alive, nullptr)) {}
    ~Count() {
      if (alive) --*alive;
    }
  };
  std::atomic<int> alive = 0;
  int during = 0;
  Event done;
  std::thread([&] {
    std::array<char, 100> large{};
    loop.post([&, count = Count(alive)] { during = alive; });
    loop.post([&, large, count = Count(alive)] { during += alive + large[0]; });
    loop.post([&] { done.set(); });
  }).join();
  CHECK(alive == 2);
  loop.run(done.wait());
  CHECK(alive == 0);
  CHECK(during == 3);
}

TEST_CASE("a Remote outlives its loop, and then refuses: false, and the closure is dropped there") {
  auto loop = std::make_unique<Loop>();
  const Remote remote = loop->remote();
  const Remote copy = remote;
  bool called = false;
  auto owned = std::make_shared<int>(1);
  CHECK(remote.post([&called, owned] { called = true; }));
  CHECK(owned.use_count() == 2);
  loop.reset();  // what it did not call is dropped, too
  CHECK(owned.use_count() == 1);
  CHECK(!copy.post([&called, owned] { called = true; }));
  CHECK(owned.use_count() == 1);
  std::thread([&] { CHECK(!remote.post([] {})); }).join();
  CHECK(!called);
}

TEST_CASE("threads that post while the loop ends are answered true or false; each closure is destroyed once") {
  std::atomic<int> alive = 0;
  struct Count {
    std::atomic<int>& n;
    explicit Count(std::atomic<int>& count) : n(count) { ++n; }
    ~Count() { --n; }
  };
  for (int round = 0; round < 15; ++round) {
    std::atomic<int> refused = 0;
    std::vector<std::thread> threads;
    {
      Loop loop;
      std::latch ready(4);
      for (int t = 0; t < 3; ++t)
        threads.emplace_back([&alive, &refused, &ready, remote = loop.remote()] {
          ready.count_down();
          while (remote.post([count = std::make_unique<Count>(alive)] {})) {
          }
          ++refused;
        });
      ready.arrive_and_wait();
      for (int i = 0; i < round % 5; ++i) loop.poll();
    }
    for (auto& thread : threads) thread.join();
    CHECK(refused == 3);
    CHECK(alive == 0);
  }
}

TEST_CASE("a closure dropped by ~Loop may post, call, detach and own a task: nothing is left") {
  auto owned = std::make_shared<int>(1);
  {
    Loop loop;
    struct Last {
      std::shared_ptr<int> owned;
      Remote remote;
      ~Last() {
        if (!owned) return;
        remote.post([own = owned] {});
        Loop::current().call_soon([own = owned] {});
        detach([own = owned]() -> Future<> { co_await sleep(1h); });
      }
    };
    auto waits = [](std::shared_ptr<int> own) -> Future<> {
      co_await sleep(1h);
      static_cast<void>(own);
    };
    loop.post([last = std::make_unique<Last>(owned, loop.remote())] {});
    loop.post([task = waits(owned)] {});
    CHECK(owned.use_count() == 3);
  }
  CHECK(owned.use_count() == 1);
}

TEST_CASE("call_soon, run and poll of another thread's loop are logic_errors") {
  Loop loop;
  int refused = 0;
  std::thread([&] {
    try {
      loop.call_soon([] {});
    } catch (const std::logic_error&) {
      ++refused;
    }
    try {
      loop.poll();
    } catch (const std::logic_error&) {
      ++refused;
    }
    try {
      static_cast<void>(loop.call_later(1s, [] {}));
    } catch (const std::logic_error&) {
      ++refused;
    }
    try {
      Loop::current();
    } catch (const std::logic_error&) {
      ++refused;
    }
  }).join();
  CHECK(refused == 4);
}

}  // TEST_SUITE
}  // namespace hob_test::post_test
