// SPDX-License-Identifier: MIT
//
// counting_new.hpp — what the heap was asked for: for tests and benchmarks that count allocations.
//
// A binary that is linked to counting_new.cpp has its global operator new and delete replaced by
// ones that count, for all threads together.
#pragma once

#include <cstddef>

namespace hob_test {

struct Heap {
  std::size_t allocations;  // calls of operator new so far
  std::size_t blocks;       // not yet deleted
  std::size_t bytes;        // in those, as the system rounds them up
};
Heap heap() noexcept;

}  // namespace hob_test
