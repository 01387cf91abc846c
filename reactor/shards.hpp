// SPDX-License-Identifier: MIT
//
// shards.hpp — run_shards: one loop per thread, to use every core without a lock in user code.
#pragma once

#include <functional>

#include "tasks.hpp"

namespace hob::inline v0 {

// Runs start(0) … start(n-1), each on a thread and a Loop of its own, the first on this thread; returns
// when all have settled. The first error drops the other shards' work and is thrown. Ctrl-C as for
// run(), to the end of the last. n == 0, or a Loop on this thread already, is std::logic_error.
void run_shards_of(unsigned n, const std::function<Future<>(unsigned)>& start);

// The same for any F(unsigned shard) -> awaitable; f is called on all threads at once.
template <class F>
void run_shards(unsigned n, F f) {
  run_shards_of(n, [&f](unsigned shard) { return forget(std::invoke(f, shard)); });
}

}  // namespace hob::inline v0
