// SPDX-License-Identifier: MIT
//
// main.cpp — measures the groups that are named, and prints their rows; `run` calls it.
//
//   bench ROUNDS GROUP…          coroutines leaves sleepers timers threads wakes lateness connections
//   bench list                   the operations that a profiler can ask for
//   bench only NAME N [floor]    does one of them N times, and nothing else
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string_view>

#include "bench.hpp"

int main(int argc, char** argv) {
  const std::map<std::string_view, void (*)(bench::Table&)> groups = {
      {"coroutines", bench::coroutines}, {"leaves", bench::leaves}, {"sleepers", bench::sleepers},
      {"timers", bench::timers},         {"threads", bench::threads}, {"wakes", bench::wakes},
      {"lateness", bench::lateness},     {"connections", bench::connections}};
  const std::string_view first = argc > 1 ? argv[1] : "";
  bench::Table table;
  if (first == "list" || first == "only") {
    for (auto& [name, add] : groups) add(table);
    if (first == "list") return table.list(), 0;
    if (argc < 4) return 2;
    return table.run_only(argv[2], std::strtoul(argv[3], nullptr, 10), argc > 4) ? 0 : 2;
  }
  for (int i = 2; i < argc; ++i) {
    const auto group = groups.find(argv[i]);
    if (group == groups.end()) return std::fprintf(stderr, "no such group: %s\n", argv[i]), 2;
    group->second(table);
  }
  const int rounds = std::atoi(argc > 1 ? argv[1] : "");
  if (rounds < 1 || argc < 3) return std::fprintf(stderr, "usage: bench ROUNDS GROUP...\n"), 2;
  table.measure(rounds);
}
