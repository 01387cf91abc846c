// SPDX-License-Identifier: MIT
//
// threads.cpp — posts from another thread: how many get through, and how fast one wakes the loop.
#include <atomic>
#include <thread>

#include "../../reactor/reactor.hpp"
#include "bench.hpp"
#include "wake_floor.hpp"

namespace bench {

namespace {

using namespace std::chrono_literals;

// One producer posts closures of 24 bytes as fast as it can.
void post_all(std::size_t n) {
  hob::Loop loop;
  hob::Event all_came;
  std::size_t left = n;
  std::thread producer([&] {
    for (std::size_t i = 0; i < n; ++i) {
      loop.post([&left, &all_came, i] {
        do_not_optimise(i);
        if (--left == 0) all_came.set();
      });
    }
  });
  loop.run(all_came.wait());
  producer.join();
}

constexpr std::size_t kWakes = 200;

// Has `wake` called kWakes times, each time when the last one has been `seen` and the other thread
// has had the time to fall asleep again.
template <class Wake>
std::thread waker(const std::atomic<std::size_t>& seen, Wake wake) {
  return std::thread([&seen, wake] {
    for (std::size_t i = 0; i < kWakes; ++i) {
      do std::this_thread::sleep_for(300us);
      while (seen != i);
      wake();
    }
  });
}

// The median of many wake-ups: from just before the post to the first line of what was posted.
double wake_hob() {
  struct {
    hob::Loop loop;
    hob::Event all_came;
    std::vector<double> ns;
    std::atomic<std::size_t> seen = 0;
  } at;
  std::thread other = waker(at.seen, [&at] {
    at.loop.post([&at, start = now()] {
      at.ns.push_back(ns_since(start));
      if (++at.seen == kWakes) at.all_came.set();
    });
  });
  at.loop.run(at.all_came.wait());
  other.join();
  return median(at.ns) / 1000;
}

// The same for a thread that waits for an eventfd, and nothing else.
double wake_floor() {
  BareWaiter waiter;
  std::vector<double> ns;
  std::atomic<std::size_t> seen = 0;
  std::atomic<std::chrono::steady_clock::time_point> start;
  std::thread other = waker(seen, [&] {
    start = now();
    waiter.wake();
  });
  for (; seen < kWakes; ++seen) {
    waiter.wait();
    ns.push_back(ns_since(start));
  }
  other.join();
  return median(ns) / 1000;
}

}  // namespace

void threads(Table& table) {
  table.operation("post, 24 bytes of captures, 1 producer", 500'000, post_all, {}, "libuv's");
}

void wakes(Table& table) {
  table.figure("wake-up of a sleeping loop (floor: eventfd)", "us", wake_hob,
               BareWaiter::kExists ? Table::Measure(wake_floor) : Table::Measure(), "1.05x");
}

}  // namespace bench
