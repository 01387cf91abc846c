// SPDX-License-Identifier: MIT
//
// bench.hpp — the harness: rows of figures, measured in interleaved rounds, printed as Markdown.
//
// Each group's source adds its rows to the Table; main.cpp has it measured and printed. Nothing is
// asserted here: times are compared by people, counts are tests (reactor/allocations_test.cpp).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bench {

// Has the compiler believe that `value` is looked at.
template <class T>
void do_not_optimise(const T& value) {
  asm volatile("" : : "m"(value) : "memory");
}

inline std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }
inline double ns_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::nano>(now() - start).count();
}

// The one in the middle; of an even number the lower. And the one with `part` of them below it.
double median(std::vector<double> values);
double percentile(std::vector<double> values, double part);

class Table {
 public:
  using Work = std::function<void(std::size_t n)>;  // does n operations
  using Measure = std::function<double()>;          // one round's figure

  // Nanoseconds and allocations for each of n operations. `floor` does the same by the least code
  // there is, or is empty. The goal is what is aimed at, as text: a ratio ends in x.
  void operation(std::string name, std::size_t n, Work work, Work floor = {},
                 std::string goal = {});

  // Any other figure.
  void figure(std::string name, std::string unit, Measure measure, Measure floor = {},
              std::string goal = {});

  // Runs all rows in turn, `rounds` times over, and prints the medians.
  void measure(int rounds);

  // For a profiler: does n operations of one row, and nothing else. False: there is no such row.
  bool run_only(const std::string& name, std::size_t n, bool floor) const;
  void list() const;

 private:
  struct Row {
    std::string name, unit, goal;
    std::size_t n;        // of an operation; otherwise 0
    Work work[2];         // hob's, the floor's
    Measure measure[2];
    std::vector<double> seen[2] = {};
    std::string allocations = {};
  };
  std::vector<Row> rows_;
};

// The groups, one source file each.
void coroutines(Table& table);
void leaves(Table& table);
void sleepers(Table& table);
void timers(Table& table);
void threads(Table& table);
void wakes(Table& table);
void lateness(Table& table);
void connections(Table& table);

}  // namespace bench
