// SPDX-License-Identifier: MIT
//
// client.hpp — what the HTTP clients get_*.cpp have in common: how they are called, what they print.
//
//   get_X PORT CONCURRENCY SECONDS     GETs /hello of 127.0.0.1 on connections that are kept, so many at once
//
// Half a second to warm up; of the SECONDS after it: how many answers came, and the CPU time of this process.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

class Tally {
 public:
  Tally(int argc, char** argv) {
    if (argc != 4) std::fprintf(stderr, "usage: %s PORT CONCURRENCY SECONDS\n", argv[0]), std::exit(2);
    url = std::string("http://127.0.0.1:") + argv[1] + "/hello";
    concurrency = std::strtoul(argv[2], nullptr, 10);
    span_ = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::strtod(argv[3], nullptr)));
  }

  // An answer came: whether to ask again.
  bool another(long status, std::size_t size) {
    if (status != 200 || size != 13) std::fprintf(stderr, "a wrong answer\n"), std::exit(1);
    const Clock::time_point now = Clock::now();
    if (now < warm_) return true;
    if (answers_++ == 0) began_ = now, cpu_ = cpu();
    if (now - began_ < span_) return true;
    if (!told_) {
      const double seconds = std::chrono::duration<double>(now - began_).count();
      std::printf("{\"operations\": %zu, \"seconds\": %.3f, \"cpu\": %.6f}\n", answers_ - 1, seconds, cpu() - cpu_);
    }
    told_ = true;
    return false;
  }

  std::string url;
  std::size_t concurrency;

 private:
  using Clock = std::chrono::steady_clock;
  static double cpu() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](timeval t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }

  Clock::duration span_;
  const Clock::time_point warm_ = Clock::now() + std::chrono::milliseconds(500);
  Clock::time_point began_;
  std::size_t answers_ = 0;
  double cpu_ = 0;
  bool told_ = false;
};
