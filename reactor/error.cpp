// SPDX-License-Identifier: MIT
//
// error.cpp — how the library says no: the three ends of every failed check.
//
// Called by everything above; calls the C++ library only.
#include "error.hpp"

#include <cstdio>
#include <cstdlib>

namespace hob::inline v0 {

// An errno value is a POSIX number, so the category is the generic one: it compares with std::errc.
void throw_errno(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

void misuse(const char* sentence) { throw std::logic_error(sentence); }

void fatal(const char* sentence) noexcept {
  std::fprintf(stderr, "hob: %s\n", sentence);
  std::abort();
}

}  // namespace hob::inline v0
