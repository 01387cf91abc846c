// SPDX-License-Identifier: MIT
//
// to_thread.cpp — a job's way to the pool and back.
#include "to_thread.hpp"

#include "mailbox.hpp"

namespace hob::inline v0 {

void OnPool::begin(Runnable& coroutine) {
  Loop& loop = *here.loop;
  loop.backend().offload(
      [job = job_, back = loop.remote()] {
        job->run();
        back.post([job] { job->arrive(); });
      },
      pool_);
  job_->waiter = task = &coroutine;
  made = loop.place_now();
  loop.pooled().push_back(*this);
}

std::source_location Pooled::site() const noexcept {
  const Work* job = Work::of(*task);
  const std::source_location place = job ? job->place_above() : std::source_location();
  return place.line() ? place : made;
}

}  // namespace hob::inline v0
