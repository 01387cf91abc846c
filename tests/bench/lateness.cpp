// SPDX-License-Identifier: MIT
//
// lateness.cpp — how late a sleep ends on an idle loop, beside the bare system call's, and whether
// one ever ended early.
#include <algorithm>
#include <limits>
#include <string>
#include <thread>

#include "../../reactor/reactor.hpp"
#include "bench.hpp"

namespace bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSleeps = 200;
double earliest = std::numeric_limits<double>::max();  // of all hob's sleeps, in us

hob::Future<> sleep_often(std::chrono::microseconds time, std::vector<double>& late) {
  while (late.size() < kSleeps) {
    const auto start = now();
    co_await hob::sleep(time);
    late.push_back((ns_since(start) - static_cast<double>(time.count()) * 1e3) / 1e3);
  }
}

std::vector<double> on_hob(std::chrono::microseconds time) {
  hob::Loop loop;
  std::vector<double> late;
  loop.run(sleep_often(time, late));
  earliest = std::min(earliest, *std::min_element(late.begin(), late.end()));
  return late;
}

std::vector<double> on_system(std::chrono::microseconds time) {
  std::vector<double> late;
  while (late.size() < kSleeps) {
    const auto start = now();
    std::this_thread::sleep_for(time);
    late.push_back((ns_since(start) - static_cast<double>(time.count()) * 1e3) / 1e3);
  }
  return late;
}

}  // namespace

void lateness(Table& table) {
  static std::vector<double> hob_late, system_late;
  for (const auto time : {150us, 300us, 1000us, 3000us}) {
    const std::string name = "sleep " + std::to_string(time.count()) + " us: lateness ";
    table.figure(name + "p50 (floor: nanosleep)", "us",
                 [time] { return percentile(hob_late = on_hob(time), 0.5); },
                 [time] { return percentile(system_late = on_system(time), 0.5); }, "100 us");
    table.figure(name + "p99", "us", [] { return percentile(hob_late, 0.99); },
                 [] { return percentile(system_late, 0.99); });
  }
  table.figure("the least lateness of all these (< 0: early)", "us", [] { return earliest; });
}

}  // namespace bench
