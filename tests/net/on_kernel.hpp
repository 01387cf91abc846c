// SPDX-License-Identifier: MIT
//
// on_kernel.hpp — what the tests of net/ run on: the native kernel, or, with HOB_NET_ON=simulator, a
// simulated one, whose calls move less than they could and whose events say too much.
#pragma once

#include <cstdlib>
#include <memory>

#include "../reactor/on_sim.hpp"
#include "../../reactor/sim.hpp"

namespace hob_test {
inline bool simulated() { return std::getenv("HOB_NET_ON") != nullptr; }

inline std::unique_ptr<Backend> kernel() {
  if (!simulated()) return native_backend();
  sim::World world(seeds()[0]);
  world.faults.short_io_per_mille = world.faults.spurious_per_mille = 100;
  return world.backend();
}
}  // namespace hob_test
