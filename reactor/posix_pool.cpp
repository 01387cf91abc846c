// SPDX-License-Identifier: MIT
//
// posix_pool.cpp — the threads of the process's pools: made on demand, reused, never joined.
//
// See ThreadPool in posix.hpp.
#include <pthread.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "error.hpp"
#include "posix.hpp"

namespace hob::inline v0 {

// Counted by the fork itself: to ask the kernel who we are would cost a call each time.
unsigned posix::generation() noexcept {
  static constinit std::atomic<unsigned> forks{0};
  static const int counting = ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1); });
  static_cast<void>(counting);
  return forks.load(std::memory_order_relaxed);
}

namespace {

// Starts a thread that nobody joins, with as much stack as a main thread has; answers errno.
int start_thread(void* (*body)(void*), void* argument) noexcept {
  // The default would be 512 KiB on macOS and 128 KiB with musl: little for a job that was written
  // as ordinary code. No signal is blocked: it would stay so in every process that a job starts.
  constexpr std::size_t kStack = 8u << 20;
  pthread_attr_t wanted;
  if (const int error = pthread_attr_init(&wanted)) return error;
  pthread_attr_setdetachstate(&wanted, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&wanted, kStack);
  pthread_t thread;
  const int error = pthread_create(&thread, &wanted, body, argument);
  pthread_attr_destroy(&wanted);
  return error;
}

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
    const int error = start_thread(work, this);
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
