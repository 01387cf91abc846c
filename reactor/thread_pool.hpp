// SPDX-License-Identifier: MIT
//
// thread_pool.hpp — the process's few threads for what blocks: names, files, to_thread.
//
// PosixBackend::offload calls it, from every loop's thread; it calls posix::start_thread.
//
// Invariants
//   1. One pool of each kind per process, each thread made when a job finds no idle one: for work
//      min(32, cores + 4) at most (asyncio's default), for names 8.
//   2. The pool is never destroyed and its threads are detached: exit waits for nobody.
//   3. A job and what it captured are destroyed on the thread that ran it, without the lock.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

#include "backend.hpp"

namespace hob::inline v0 {

class ThreadPool {
 public:
  // The process's pool. A forked child has none of its parent's threads, so it gets a new one.
  static ThreadPool& process(Pool kind);

  // Runs `job` on some thread, in order of arrival. The job must not throw.
  // Errors: std::system_error if there is no thread and none can be made; the job is dropped.
  void run(std::function<void()> job);

 private:
  explicit ThreadPool(Pool kind);
  static void* work(void* of) noexcept;  // what each thread does, for ever

  const std::size_t most_;
  std::mutex mutex_;                         // guards what follows
  std::condition_variable arrived_;
  std::deque<std::function<void()>> jobs_;
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;  // threads in arrived_.wait(); one just notified is still counted
};

}  // namespace hob::inline v0
