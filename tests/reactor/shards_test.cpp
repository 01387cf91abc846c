// SPDX-License-Identifier: MIT
//
// shards_test.cpp — run_shards: one loop per thread, and how one shard's error ends the others.
#include <atomic>
#include <csignal>
#include <latch>
#include <mutex>
#include <set>

#include "sync_bench.hpp"

namespace hob_test::shards_test {
namespace {

struct Down {
  std::atomic<int>& count;
  ~Down() { ++count; }
};

}  // namespace

TEST_SUITE("threads") {

TEST_CASE("run_shards runs n shards, each on a thread and a loop of its own, the first on this one") {
  for (const unsigned n : {1u, 2u, 8u}) {
    std::mutex mutex;
    std::set<unsigned> numbers;
    std::set<std::thread::id> threads;
    std::set<Loop*> loops;
    std::thread::id first;
    std::latch all(n);
    run_shards(n, [&](unsigned shard) -> Future<> {
      all.arrive_and_wait();
      co_await sleep(1ms);
      const std::scoped_lock lock(mutex);
      numbers.insert(shard);
      threads.insert(std::this_thread::get_id());
      loops.insert(&Loop::current());
      if (shard == 0) first = std::this_thread::get_id();
    });
    CHECK(numbers.size() == n);
    CHECK(*numbers.rbegin() == n - 1);
    CHECK(threads.size() == n);
    CHECK(loops.size() == n);
    CHECK(first == std::this_thread::get_id());
  }
  CHECK_THROWS_AS(Loop::current(), std::logic_error);
}

TEST_CASE("run_shards takes any awaitable, and forgets its value") {
  std::atomic<int> ran = 0;
  run_shards(3, [&](unsigned) -> Future<int> {
    ++ran;
    co_return 42;
  });
  CHECK(ran == 3);
  run_shards(2, [](unsigned) { return sleep(1ms); });
}

TEST_CASE("the first error drops the other shards' work and comes out") {
  for (const unsigned failing : {0u, 1u, 3u}) {
    CAPTURE(failing);
    std::atomic<int> down = 0;
    std::latch all(4);
    try {
      run_shards(4, [&](unsigned shard) -> Future<> {
        const Down guard{down};
        all.arrive_and_wait();
        co_await sleep(1ms);
        if (shard == failing) throw std::runtime_error("shard " + std::to_string(shard));
        co_await sleep(1h);
      });
      FAIL("no error");
    } catch (const std::runtime_error& e) {
      CHECK(e.what() == "shard " + std::to_string(failing));
    }
    CHECK(down == 4);
  }
}

TEST_CASE("an error thrown by the call itself, before there is a Future, ends the others as well") {
  std::atomic<int> ended = 0;
  const auto start = [&](unsigned shard) -> Future<> {
    if (shard == 2) throw std::runtime_error("at once");
    return Future<>(sleep(1h)).finally([&] { ++ended; });
  };
  CHECK_THROWS_WITH_AS(run_shards(3, start), "at once", std::runtime_error);
  CHECK(ended <= 2);
}

TEST_CASE("one error of many comes out; run_shards works again afterwards") {
  for (int round = 0; round < 50; ++round)
    CHECK_THROWS_AS(run_shards(4, [](unsigned) -> Future<> {
                      co_await yield();
                      throw std::runtime_error("each fails");
                    }),
                    std::runtime_error);
  run_shards(4, [](unsigned) -> Future<> { co_return; });
}

TEST_CASE("shards that end early do not end the others") {
  std::atomic<int> ended = 0;
  run_shards(4, [&](unsigned shard) -> Future<> {
    co_await sleep(1ms * shard);
    ++ended;
  });
  CHECK(ended == 4);
}

TEST_CASE("no shard at all, and a loop on this thread already, are logic_errors") {
  const auto nothing = [](unsigned) -> Future<> { co_return; };
  CHECK_THROWS_AS(run_shards(0, nothing), std::logic_error);
  Loop loop;
  CHECK_THROWS_AS(run_shards(2, nothing), std::logic_error);
}

TEST_CASE("shards meet through Remote::post") {
  std::mutex mutex;
  std::vector<std::pair<unsigned, Remote>> remotes;
  std::atomic<int> greeted = 0;
  std::latch all(3);
  run_shards(3, [&](unsigned shard) -> Future<> {
    Event come;
    int missing = 2;
    {
      const std::scoped_lock lock(mutex);
      remotes.emplace_back(shard, Loop::current().remote());
    }
    all.arrive_and_wait();
    // What is posted finds its own shard's locals: each shard has one.
    static thread_local Event* mine;
    static thread_local int* left;
    mine = &come, left = &missing;
    co_await sleep(1ms);
    for (const auto& [other, remote] : remotes)
      if (other != shard)
        remote.post([&greeted] {
          ++greeted;
          if (--*left == 0) mine->set();
        });
    co_await come.wait();
  });
  CHECK(greeted == 6);
}

TEST_CASE("a signal reaches every shard that asked for it, and the last one restores what was there") {
  std::latch asked(3);
  std::atomic<int> seen = 0;
  run_shards(3, [&](unsigned shard) -> Future<> {
    auto waits = signal(SIGUSR2);
    asked.arrive_and_wait();
    if (shard == 0) ::kill(::getpid(), SIGUSR2);
    seen += co_await std::move(waits) == SIGUSR2;
  });
  CHECK(seen == 3);
  struct sigaction present;
  ::sigaction(SIGUSR2, nullptr, &present);
  CHECK((present.sa_handler == SIG_DFL));
}

}  // TEST_SUITE
}  // namespace hob_test::shards_test
