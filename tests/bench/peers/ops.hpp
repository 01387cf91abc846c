// SPDX-License-Identifier: MIT
//
// ops.hpp — what the programs of single operations share, hob_ops.cpp and its peers': the order of things,
// the stop-watch, what is printed. Each of them is called as
//
//   X_ops timers N | posts | tasks | sleepers      those that it has
//
// and prints one JSON object of figures. To be included by one file of a program: it takes the place of
// clock_gettime, so that a minute of timers passes when the program says so, whoever keeps them.
#pragma once

#include <dlfcn.h>
#include <malloc.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace ops {

// --- clocks --------------------------------------------------------------------------------------

inline std::int64_t virtual_ns = 0;  // what every clock says; 0: they are as they were

inline int real_gettime(clockid_t clock, timespec* time) {
  static const auto real =
      reinterpret_cast<int (*)(clockid_t, timespec*)>(dlsym(RTLD_NEXT, "clock_gettime"));
  return real(clock, time);
}

inline double real_ns(clockid_t clock) {
  timespec time;
  real_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}
inline double now() { return real_ns(CLOCK_MONOTONIC); }

// For what one thread does: on an idle machine it is the same, on a busy one the others do not count.
inline double cpu() { return real_ns(CLOCK_PROCESS_CPUTIME_ID); }

// Live bytes of the heap, malloc's own included.
inline double heap() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

// --- figures -------------------------------------------------------------------------------------

inline const char* separator = "{";

inline void tell(const char* figure, double value) {
  std::printf("%s\"%s\": %.2f", std::exchange(separator, ", "), figure, value);
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <class T>
void do_not_optimise(const T& value) {
  asm volatile("" : : "m"(value) : "memory");
}

// Nanoseconds of CPU time of each of n operations, `work(n)` doing them.
template <class Work>
void each(const char* figure, std::size_t n, Work work) {
  const double start = cpu();
  work(n);
  tell(figure, (cpu() - start) / static_cast<double>(n));
}

// --- timers --------------------------------------------------------------------------------------

constexpr std::int64_t kMinute = 60'000'000'000;

// `size` timers with deadlines uniform over a minute: all are scheduled, 90 % cancelled in random order,
// and then it is a minute later. Peer(size) has schedule(i, ns), which re-arms too, cancel(i), fire() and
// `fired`; and settle(), which does what cancelling has left behind.
template <class Peer>
void timers(std::size_t size) {
  std::mt19937_64 random(size);
  std::vector<std::size_t> order(size);
  std::vector<std::int64_t> delays(size);
  for (std::size_t i = 0; i < size; ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  for (std::int64_t& delay : delays) delay = static_cast<std::int64_t>(random() % kMinute);
  const std::size_t cancelled = size / 10 * 9, left = size - cancelled;
  const std::size_t passes = std::max<std::size_t>(4, 300'000 / size);

  virtual_ns = 1'000'000 * std::int64_t{1'000'000'000};  // eleven days after boot
  Peer peer(size);
  std::vector<double> scheduling, cancelling, firing;
  for (std::size_t pass = 0; pass <= passes; ++pass) {
    peer.fired = 0;
    double start = cpu();
    for (std::size_t i = 0; i < size; ++i) peer.schedule(i, delays[i]);
    scheduling.push_back((cpu() - start) / static_cast<double>(size));

    start = cpu();
    for (std::size_t i = 0; i < cancelled; ++i) {
      peer.cancel(order[i]);
      if (i % 256 == 0) peer.settle();
    }
    peer.settle();
    cancelling.push_back((cpu() - start) / static_cast<double>(cancelled));

    start = cpu();
    virtual_ns += kMinute + 1'000'000;
    while (peer.fired < left) peer.fire();
    firing.push_back((cpu() - start) / static_cast<double>(left));
    if (peer.fired != left) std::abort();
  }
  tell("schedule", median(scheduling));
  tell("cancel", median(cancelling));
  tell("fire", median(firing));

  for (std::size_t i = 0; i < size; ++i) peer.schedule(i, delays[i]);
  each("re-arm", 300'000, [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      peer.schedule(order[i % size], delays[i % size]);
      if (i % 256 == 0) peer.settle();
    }
    peer.settle();
  });
  virtual_ns += kMinute + 1'000'000;
  peer.fired = 0;
  while (peer.fired < size) peer.fire();
  virtual_ns = 0;
}

// --- posts ---------------------------------------------------------------------------------------

// Peer has post(f), for any thread, run(), and stop(), for what was posted.
template <class Peer>
void posts() {
  Peer peer;
  const auto burst = [&](std::size_t n) {
    std::size_t left = n;
    std::thread producer([&] {
      for (std::size_t i = 0; i < n; ++i) {
        peer.post([&left, &peer, i] {
          do_not_optimise(i);
          if (--left == 0) peer.stop();
        });
      }
    });
    peer.run();
    producer.join();
  };
  const auto bursts = [&](const char* wall, const char* work) {
    constexpr std::size_t kBurst = 300'000;
    std::vector<double> took, spent;
    for (int i = 0; i < 7; ++i) {
      const double start = now(), cpu_before = cpu();
      burst(kBurst);
      took.push_back((now() - start) / kBurst);
      spent.push_back((cpu() - cpu_before) / kBurst);
    }
    tell(wall, median(took));
    tell(work, median(spent));
  };
  bursts("post", "post, CPU");

  // On one core there is no contention: what remains is the work.
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
  bursts("post, both on one core", "post, both on one core, CPU");

  // One at a time, the next when the loop and this thread have had the time to fall asleep: from just
  // before the post to the first line of what was posted, and until this thread has been told. On one core
  // too: to wake another one takes five times that, which is the machine's.
  constexpr std::size_t kWakes = 300;
  std::vector<double> there, back;
  std::atomic<std::size_t> seen = 0;
  std::thread producer([&] {
    for (std::size_t i = 0; i < kWakes; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(300));
      const double start = now();
      peer.post([&there, &seen, start] {
        there.push_back(now() - start);
        ++seen;
        seen.notify_one();
      });
      seen.wait(i);
      back.push_back(now() - start);
    }
    peer.post([&peer] { peer.stop(); });
  });
  peer.run();
  producer.join();
  tell("wake-up", median(there) / 1000);
  tell("and back", median(back) / 1000);
}

// --- sleepers ------------------------------------------------------------------------------------

constexpr std::size_t kSleepers = 1'000'000;

// run(&heap) has them sleep for a second, and takes down the heap while they do.
template <class Run>
void sleepers(Run run) {
  double sleeping = 0;
  const double before = heap(), start = now(), cpu_before = cpu();
  run(sleeping);
  tell("beyond the sleep", (now() - start) / 1e6 - 1000);
  tell("CPU", (cpu() - cpu_before) / 1e6);
  tell("bytes each", (sleeping - before) / kSleepers);
}

// --- main ----------------------------------------------------------------------------------------

inline int usage() { return std::fprintf(stderr, "usage: X_ops timers N | posts | tasks | sleepers\n"), 2; }

inline int finish() { return std::printf("}\n"), 0; }

}  // namespace ops

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int result = ops::real_gettime(clock, time);  // always: who asks often shall pay for it
  if (ops::virtual_ns != 0) *time = {ops::virtual_ns / 1'000'000'000, ops::virtual_ns % 1'000'000'000};
  return result;
}
