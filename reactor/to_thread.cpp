// SPDX-License-Identifier: MIT
//
// to_thread.cpp — a job's way to the pool and back.
#include "to_thread.hpp"

#include "mailbox.hpp"

namespace hob::inline v0 {

void OnPool::begin(Runnable& coroutine) {
  Loop& loop = *here.loop;
  loop.backend().offload([job = job_, back = loop.remote()] {
    job->run();
    back.post([job] { job->arrive(); });
  });
  job_->waiter = task = &coroutine;
  loop.pooled().push_back(*this);
}

std::source_location Pooled::site() const noexcept {
  const Work* job = Work::of(*task);
  Runnable* waiter = job ? job->parent() : nullptr;
  return waiter ? waiter->site() : std::source_location();
}

}  // namespace hob::inline v0
