// SPDX-License-Identifier: MIT
//
// run.hpp — asyncio.run: the loop, the main function, and Ctrl-C, in one call.
#pragma once

#include "loop.hpp"

namespace hob::inline v0 {

// Makes a Loop, calls f(args...), runs its Future, and returns its value. Takes SIGINT
// for its duration, only where it was at its default: the first drops the Future, so that destructors
// run, and throws Interrupted; a second does what it always did.
template <class F, class... Args>
auto run(F&& f, Args&&... args) {
  Loop loop;
  loop.interruptible();
  const TimePoint before = loop.clock();
  auto work = as_future(std::invoke(std::forward<F>(f), std::forward<Args>(args)...));
  if (loop.debug()) loop.tell_slow(before, {}, "main's first stretch");
  return loop.run(std::move(work));
}

}  // namespace hob::inline v0
