// SPDX-License-Identifier: MIT
//
// patience.hpp — how long a test waits for what must come, before it says that it did not.
//
// No test fails by any other duration that has passed: machines are slow, busy, and paused for
// seconds. This one is out of proportion to all of that.
#pragma once

#include <chrono>

namespace hob_test {

inline constexpr std::chrono::seconds kPatience{100};

}  // namespace hob_test
