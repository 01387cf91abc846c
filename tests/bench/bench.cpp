// SPDX-License-Identifier: MIT
//
// bench.cpp — the harness at work: rounds, medians, the table.
#include "bench.hpp"

#include <algorithm>
#include <cstdio>

#include "../counting_new.hpp"

namespace bench {

namespace {

double per_operation(const Table::Work& work, std::size_t n) {
  const auto start = now();
  work(n);
  return ns_since(start) / static_cast<double>(n);
}

std::size_t allocations_of(const Table::Work& work, std::size_t n) {
  const std::size_t before = hob_test::heap().allocations;
  work(n);
  return hob_test::heap().allocations - before;
}

// Three digits that count.
std::string shown(double value) {
  char text[40];
  std::snprintf(text, sizeof text, value < 9.995 ? "%.2f" : value < 99.95 ? "%.1f" : "%.0f", value);
  return text;
}

}  // namespace

double median(std::vector<double> values) { return percentile(std::move(values), 0.5); }

double percentile(std::vector<double> values, double part) {
  const auto last = static_cast<double>(values.size() - 1);
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(last * part);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void Table::operation(std::string name, std::size_t n, Work work, Work floor, std::string goal) {
  rows_.push_back({std::move(name), "ns", std::move(goal), n, {work, floor}, {}});
  const auto as_measure = [n](const Work& of) {
    return of ? Measure([of, n] { return per_operation(of, n); }) : Measure();
  };
  rows_.back().measure[0] = as_measure(work);
  rows_.back().measure[1] = as_measure(floor);
}

void Table::figure(std::string name, std::string unit, Measure measure, Measure floor,
                   std::string goal) {
  rows_.push_back({std::move(name), std::move(unit), std::move(goal), 0, {},
                   {std::move(measure), std::move(floor)}});
}

void Table::measure(int rounds) {
  // What one operation allocates: by doing twice as many, so that the set-up does not count.
  for (Row& row : rows_) {
    if (!row.n) continue;
    const std::size_t once = allocations_of(row.work[0], row.n);
    const std::size_t twice = allocations_of(row.work[0], 2 * row.n);
    const double each = (static_cast<double>(twice) - static_cast<double>(once)) /
                        static_cast<double>(row.n);
    row.allocations = each < 0.005 ? "0" : shown(each);
  }
  for (int round = 0; round < rounds; ++round) {
    for (Row& row : rows_) {
      for (int side : {0, 1}) {
        if (row.measure[side]) row.seen[side].push_back(row.measure[side]());
      }
    }
  }
  for (const Row& row : rows_) {
    const double hob = median(row.seen[0]);
    std::string floor, ratio;
    if (row.measure[1]) {
      floor = shown(median(row.seen[1]));
      std::vector<double> ratios;  // round by round: both sides had the same weather
      for (std::size_t i = 0; i < row.seen[0].size(); ++i) {
        ratios.push_back(row.seen[0][i] / row.seen[1][i]);
      }
      ratio = shown(median(ratios));
    }
    std::printf("| %s | %s | %s | %s | %s | %s | %s |\n", row.name.c_str(), row.unit.c_str(),
                shown(hob).c_str(), floor.c_str(), ratio.c_str(), row.allocations.c_str(),
                row.goal.c_str());
  }
}

bool Table::run_only(const std::string& name, std::size_t n, bool floor) const {
  const auto row =
      std::find_if(rows_.begin(), rows_.end(), [&](auto& each) { return each.name == name; });
  if (row == rows_.end() || !row->work[floor]) return false;
  row->work[floor](n);
  return true;
}

void Table::list() const {
  for (const Row& row : rows_) {
    if (row.n) std::printf("%s\t%s\n", row.name.c_str(), row.work[1] ? "floor" : "");
  }
}

}  // namespace bench
