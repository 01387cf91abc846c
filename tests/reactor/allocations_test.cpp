// SPDX-License-Identifier: MIT
//
// What takes no memory: in the steady state neither leaves nor small combinators call operator new,
// and the parts that programs hold by the million are as small as they are said to be.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>
#include <vector>

#include "../../reactor/reactor.hpp"
#include "../../reactor/sim.hpp"
#include "../counting_new.hpp"

namespace hob_test::allocations_test {
TEST_SUITE_BEGIN("reactor");

namespace {

using namespace hob;
using namespace std::chrono_literals;

constexpr std::size_t kTimes = 1000;

// Whether frames are kept for the next coroutine. Not under AddressSanitizer (frames.hpp).
bool frames_are_kept() {
  Frames::give(Frames::take(64), 64);
  const std::size_t before = heap().allocations;
  Frames::give(Frames::take(64), 64);
  return heap().allocations == before;
}

// How often `program(n)` calls operator new on a simulated loop the second time it runs: the frames
// are in the free list by then, and every vector has grown.
template <class Program>
std::size_t allocations_of(Program program) {
  sim::World world{1};
  world.shuffle(false);  // which takes memory
  Loop loop(world.backend());
  std::size_t before = 0, after = 0;
  auto counted = [&]() -> Future<> {
    co_await program(kTimes);
    before = heap().allocations;
    co_await program(kTimes);
    after = heap().allocations;
  };
  loop.run(counted());
  return after - before;
}

Future<> sleeping(std::size_t n) {
  for (; n; --n) co_await sleep(1ms);
}

Future<> yielding(std::size_t n) {
  for (; n; --n) co_await yield();
}

Future<> answering(std::size_t n, Event& ping, Event& pong) {
  for (; n; --n) {
    co_await ping.wait();
    ping.clear();
    pong.set();
  }
}
Future<> events(std::size_t n) {
  Event ping, pong;
  Future<> other = answering(n, ping, pong);
  for (; n; --n) {
    ping.set();
    co_await pong.wait();
    pong.clear();
  }
  co_await std::move(other);
}

Future<> locking(std::size_t n, Mutex& mutex) {
  for (; n; --n) {
    Permit guard = co_await mutex.lock();
    co_await yield();
  }
}
Future<> mutexes(std::size_t n) {
  Mutex mutex;
  Future<> other = locking(n, mutex);
  co_await locking(n, mutex);
  co_await std::move(other);
}

Future<> acquiring(std::size_t n, Semaphore& semaphore) {
  for (; n; --n) {
    Permit permit = co_await semaphore.acquire();
    co_await yield();
  }
}
Future<> semaphores(std::size_t n) {
  Semaphore semaphore(2);
  Future<> first = acquiring(n, semaphore), second = acquiring(n, semaphore);
  co_await acquiring(n, semaphore);
  co_await std::move(first);
  co_await std::move(second);
}

Future<> pushing(std::size_t n, Queue<std::size_t>& queue) {
  for (; n; --n) co_await queue.push(n);
  queue.close();
}
Future<> queues(std::size_t n) {
  Queue<std::size_t> queue(2);
  Future<> pusher = pushing(n, queue);
  for (;;) {
    const std::optional<std::size_t> value = co_await queue.pop();
    if (!value) break;
  }
  co_await std::move(pusher);
}

Future<int> child() {
  co_await yield();
  co_return 1;
}

}  // namespace

TEST_CASE("awaiting a leaf allocates nothing") {
  // A run of a thousand takes one to three frames, which ASan's build does not keep.
  const std::size_t frames = frames_are_kept() ? 0 : 10;
  CHECK(allocations_of(sleeping) <= frames);
  CHECK(allocations_of(yielding) <= frames);
  CHECK(allocations_of(events) <= frames);
  CHECK(allocations_of(mutexes) <= frames);
  CHECK(allocations_of(semaphores) <= frames);
}

TEST_CASE("children, wait_for, gather of two, then and queues allocate nothing once warm") {
  if (!frames_are_kept()) return;
  CHECK(allocations_of(queues) == 0);
  CHECK(allocations_of([](std::size_t n) -> Future<> {
          for (; n; --n) co_await child();
        }) == 0);
  CHECK(allocations_of([](std::size_t n) -> Future<> {
          for (; n; --n) co_await wait_for(child(), 1s);
        }) == 0);
  CHECK(allocations_of([](std::size_t n) -> Future<> {
          for (; n; --n) co_await gather(child(), sleep(1ms));
        }) == 0);
  CHECK(allocations_of([](std::size_t n) -> Future<> {
          for (; n; --n) co_await child().then([](int one) { return one + 1; });
        }) == 0);
  CHECK(allocations_of([](std::size_t n) -> Future<> {
          for (; n; --n) {
            Loop::current().call_soon([] {});
            TimerHandle later = Loop::current().call_later(1s, [] {});
            co_await yield();
          }
        }) == 0);
}

TEST_CASE("a post of 24 bytes of captures allocates nothing once the mailbox has grown") {
  Loop loop;
  struct Captures {
    std::size_t* left;
    Event* all_came;
    std::size_t more;
  };
  static_assert(sizeof(Captures) == 24);
  const auto post_many = [&] {
    Event all_came;
    std::size_t left = kTimes;
    for (std::size_t i = 0; i < kTimes; ++i) {
      loop.post([c = Captures{&left, &all_came, i}] {
        if (--*c.left == 0) c.all_came->set();
      });
    }
    while (!all_came.is_set()) loop.poll();
  };
  post_many();
  post_many();  // the two vectors that take turns have grown
  const std::size_t before = heap().allocations;
  post_many();
  CHECK(heap().allocations == before);
}

TEST_CASE("the heap is as it was when a loop and what it ran are gone") {
  const auto once = [] {
    Loop loop;
    loop.run([]() -> Future<> { co_await gather(child(), child()); }());
  };
  once();
  const Heap before = heap();
  once();
  CHECK(heap().blocks == before.blocks);
  CHECK(heap().bytes == before.bytes);
}

namespace {
Future<> sleeper() { co_await sleep(1h); }
Future<> by_value(std::unique_ptr<int>) { co_await sleep(1h); }
Future<> by_view(std::string_view) { co_await sleep(1h); }
}  // namespace

TEST_CASE("a task that takes its arguments by value has one frame, others one more that keeps them") {
  sim::World world{1};
  Loop loop(world.backend());
  TaskGroup group;
  const auto blocks_of = [&](auto start) {
    for (int i = 0; i < 5000; ++i) start();  // beyond what the free lists keep
    const Heap before = heap();
    for (int i = 0; i < 1000; ++i) start();
    return heap().blocks - before.blocks;
  };
  const std::string text = "a text";
  CHECK(blocks_of([&] { group.start(by_value, std::make_unique<int>(1)); }) == 3000);  // what it takes is one
  CHECK(blocks_of([&] { group.start(by_view, text); }) == 3000);
}

TEST_CASE("what programs hold by the million is small") {
  CHECK(sizeof(Timer) <= 40);
  CHECK(sizeof(Future<>) == sizeof(void*));
  CHECK(sizeof(Work) <= 96);

  sim::World world{1};
  Loop loop(world.backend());
  std::vector<Future<>> sleepers;
  sleepers.reserve(10000);
  while (sleepers.size() < 5000) sleepers.push_back(sleeper());  // beyond what the free list keeps
  const Heap before = heap();
  while (sleepers.size() < 6000) sleepers.push_back(sleeper());
  const Heap after = heap();
  REQUIRE(after.blocks - before.blocks == 1000);
  const std::size_t frame = (after.bytes - before.bytes) / 1000;
  MESSAGE("Timer ", sizeof(Timer), ", Work ", sizeof(Work), ", a sleeping coroutine ", frame,
          " bytes");
  CHECK(frame <= 240);  // the goal is 170, with what gather keeps
}

TEST_SUITE_END();
}  // namespace hob_test::allocations_test
