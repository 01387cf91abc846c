// SPDX-License-Identifier: MIT
//
// to_thread.hpp — blocking or CPU-bound work on the process's thread pool, awaited (asyncio.to_thread).
//
// Calls Backend::offload; the answer comes back through Loop::post. On the simulator the job runs on
// the loop's thread, when its simulated time has come.
//
// Invariants
//   1. Exactly one side takes the job: the pool, which runs it, or the dropping coroutine, which
//      destroys it.
//   2. `waiter` is touched on the loop's thread only.
#pragma once

#include <atomic>
#include <memory>
#include <tuple>

#include "leaf.hpp"
#include "loop.hpp"
#include "result.hpp"

namespace hob::inline v0 {

// Runs f(args...) on the pool and gives its value, or throws what it threw. f and args are moved in.
// At most min(32, cores + 4) jobs run at once; more wait in line.
// Dropped: a job that has not begun never runs; one that runs goes on, and its result is discarded, so
// it must own what it uses. Exit never waits for a job.
template <class F, class... Args>
  requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
Future<std::decay_t<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>>> to_thread(
    F&& f, Args&&... args);

// --- implementation from here on -----------------------------------------------------------------

// A job on the pool, seen from the loop: who waits for it.
struct Pooled : Link {
  std::source_location site() const noexcept;
  Runnable* task = nullptr;
  std::source_location made{};
};

class PoolJob {
 public:
  virtual ~PoolJob() = default;
  // On the pool: runs it, unless it was dropped.
  void run() noexcept {
    if (!taken_.exchange(true)) call();
  }
  // On the loop: nobody waits any more.
  void drop() noexcept {
    waiter = nullptr;
    if (!taken_.exchange(true)) forget();
  }
  void arrive() noexcept {
    if (waiter) waiter->arm();
  }
  Runnable* waiter = nullptr;

 private:
  virtual void call() noexcept = 0;
  virtual void forget() noexcept = 0;
  std::atomic<bool> taken_ = false;
};

// Waits until the job has run; hands it to the pool when it begins.
class OnPool : public Leaf<OnPool>, public Pooled {
 public:
  explicit OnPool(std::shared_ptr<PoolJob> job, Pool pool = Pool::work) noexcept
      : job_(std::move(job)), pool_(pool) {}
  ~OnPool() { job_->drop(); }

  bool try_now() const noexcept { return false; }
  void begin(Runnable& coroutine);
  void finish() const noexcept {}

 private:
  std::shared_ptr<PoolJob> job_;
  Pool pool_;
};

template <class R, class F, class... Args>
class PoolCall final : public PoolJob {
 public:
  explicit PoolCall(F f, Args... args) : call_(std::in_place, std::move(f), std::move(args)...) {}
  R take() { return std::move(*result_).value(); }

 private:
  void call() noexcept override {
    try {
      if constexpr (std::is_void_v<R>) {
        apply();
        result_.emplace(std::monostate());
      } else {
        result_.emplace(apply());
      }
    } catch (...) {
      result_.emplace(std::current_exception());
    }
    call_.reset();
  }
  void forget() noexcept override { call_.reset(); }
  decltype(auto) apply() {
    return std::apply(
        [](auto&... parts) -> decltype(auto) { return std::invoke(std::move(parts)...); }, *call_);
  }

  std::optional<std::tuple<F, Args...>> call_;
  std::optional<Result<R>> result_;
};

struct Pooling {
  template <class R, class Call>
  static Future<R> run(Own, std::shared_ptr<Call> call, Pool pool) {
    co_await OnPool(call, pool);
    co_return call->take();
  }
};

// On a pool of one's choice.
template <class F, class... Args>
auto to_pool(Pool pool, F&& f, Args&&... args) {
  using R = std::decay_t<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>>;
  using Call = PoolCall<R, std::decay_t<F>, std::decay_t<Args>...>;
  return Pooling::run<R>(Own(), std::make_shared<Call>(std::forward<F>(f), std::forward<Args>(args)...),
                         pool);
}

template <class F, class... Args>
  requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
Future<std::decay_t<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>>> to_thread(
    F&& f, Args&&... args) {
  return to_pool(Pool::work, std::forward<F>(f), std::forward<Args>(args)...);
}

}  // namespace hob::inline v0
