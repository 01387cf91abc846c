// SPDX-License-Identifier: MIT
//
// run.hpp — asyncio.run: the loop, the main function, and Ctrl-C, in one call; and run_shards, one loop
// per thread, to use every core without a lock in user code.
#pragma once

#include "loop.hpp"

namespace hob::inline v0 {

// Makes a Loop, calls f(args...), runs its Future, and returns its value. Takes SIGINT for its
// duration, only where it was at its default: the first drops the Future, so that destructors run, and
// throws Interrupted; a second does what it always did.
template <class F, class... Args>
auto run(F&& f, Args&&... args) {
  Loop loop;
  loop.interruptible();
  const TimePoint before = loop.clock();
  auto work = as_future(std::invoke(std::forward<F>(f), std::forward<Args>(args)...));
  if (loop.debug()) loop.tell_slow(before, {}, "main's first stretch");
  return loop.run(std::move(work));
}

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
