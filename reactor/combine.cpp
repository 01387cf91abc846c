// SPDX-License-Identifier: MIT
//
// combine.cpp — the part of gather that needs no type.
#include "combine.hpp"

namespace hob::inline v0 {

Future<> Combining::gather_voids(Own, std::vector<Future<>> from) {
  Countdown all(true);
  std::vector<Future<>> each = std::move(from);
  for (auto& f : each) all.add(work(f));
  co_await std::move(all);
  all.check();
}

}  // namespace hob::inline v0
