// SPDX-License-Identifier: MIT
//
// thread_pool.cpp — the pool's threads: made on demand, reused, never joined.
//
// See thread_pool.hpp.
#include "thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "error.hpp"
#include "posix.hpp"

namespace hob::inline v0 {

namespace {

// Never deleted: the threads may run to the very end of the process.
struct PoolOfProcess {
  unsigned process;  // posix::generation()
  ThreadPool* pool;
  const PoolOfProcess* parents;  // its pool, whose threads this process does not have
};
constinit std::atomic<const PoolOfProcess*> pools[2] = {};  // by kind
constinit std::mutex making;

}  // namespace

ThreadPool& ThreadPool::process(Pool kind) {
  auto& current = pools[static_cast<int>(kind)];
  const unsigned process = posix::generation();
  const auto* found = current.load(std::memory_order_acquire);
  if (found && found->process == process) return *found->pool;
  const std::scoped_lock lock(making);
  found = current.load(std::memory_order_relaxed);
  if (!found || found->process != process) {
    found = new PoolOfProcess{process, new ThreadPool(kind), found};
    current.store(found, std::memory_order_release);
  }
  return *found->pool;
}

ThreadPool::ThreadPool(Pool kind)
    : most_(kind == Pool::names
                ? 8
                : std::min<std::size_t>(32, std::size_t{std::thread::hardware_concurrency()} + 4)) {}

void ThreadPool::run(std::function<void()> job) {
  const std::scoped_lock lock(mutex_);
  if (jobs_.size() >= idle_ && threads_ < most_) {
    // Fewer threads than wanted only make jobs wait; none at all would make them wait for ever.
    const int error = posix::start_thread(work, this);
    if (error == 0) ++threads_;
    if (threads_ == 0) throw_errno(error, "start a pool thread");
  }
  jobs_.push_back(std::move(job));
  arrived_.notify_one();
}

void* ThreadPool::work(void* of) noexcept {
  ThreadPool& pool = *static_cast<ThreadPool*>(of);
  std::unique_lock lock(pool.mutex_);
  for (;;) {
    ++pool.idle_;
    pool.arrived_.wait(lock, [&] { return !pool.jobs_.empty(); });
    --pool.idle_;
    std::function<void()> job = std::move(pool.jobs_.front());
    pool.jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace hob::inline v0
