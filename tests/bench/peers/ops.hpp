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
#include <sys/resource.h>

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

inline double now() {  // ns
  timespec time;
  real_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

inline double cpu() {  // seconds of this process
  timespec time;
  real_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

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

// Nanoseconds of each of n operations, `work(n)` doing them.
template <class Work>
void each(const char* figure, std::size_t n, Work work) {
  const double start = now();
  work(n);
  tell(figure, (now() - start) / static_cast<double>(n));
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
  const std::size_t passes = std::max<std::size_t>(3, 300'000 / size);

  virtual_ns = 1'000'000 * std::int64_t{1'000'000'000};  // eleven days after boot
  Peer peer(size);
  double scheduling = 0, cancelling = 0, firing = 0;
  for (std::size_t pass = 0; pass <= passes; ++pass) {  // the first is to warm up
    if (pass == 1) scheduling = cancelling = firing = 0;
    peer.fired = 0;
    double start = now();
    for (std::size_t i = 0; i < size; ++i) peer.schedule(i, delays[i]);
    scheduling += now() - start;

    start = now();
    for (std::size_t i = 0; i < cancelled; ++i) {
      peer.cancel(order[i]);
      if (i % 256 == 0) peer.settle();
    }
    peer.settle();
    cancelling += now() - start;

    start = now();
    virtual_ns += kMinute + 1'000'000;
    while (peer.fired < left) peer.fire();
    firing += now() - start;
    if (peer.fired != left) std::abort();
  }
  const auto times = static_cast<double>(passes);
  tell("schedule", scheduling / times / static_cast<double>(size));
  tell("cancel", cancelling / times / static_cast<double>(cancelled));
  tell("fire", firing / times / static_cast<double>(left));

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
  burst(100'000);
  each("post", 500'000, burst);

  // One at a time, the next when the loop and this thread have had the time to fall asleep: from just
  // before the post to the first line of what was posted, and until this thread has been told.
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
  tell("CPU", (cpu() - cpu_before) * 1000);
  tell("bytes each", (sleeping - before) / kSleepers);
}

// --- main ----------------------------------------------------------------------------------------

inline int usage() { return std::fprintf(stderr, "usage: X_ops timers N | posts | tasks | sleepers\n"), 2; }

inline int finish() { return std::printf("}\n"), 0; }

}  // namespace ops

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  if (ops::virtual_ns == 0) return ops::real_gettime(clock, time);
  *time = {ops::virtual_ns / 1'000'000'000, ops::virtual_ns % 1'000'000'000};
  return 0;
}
