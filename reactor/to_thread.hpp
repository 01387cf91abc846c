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

#include "error.hpp"
#include "leaf.hpp"

namespace hob::inline v0 {

// What a copy of f gives when it is called with copies of args.
template <class F, class... Args>
using called_t = std::decay_t<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>>;

// Runs f(args...) on the pool and gives its value, or throws what it threw. f and args are moved in.
// At most min(32, cores + 4) jobs run at once; more wait in line.
// Dropped: a job that has not begun never runs; one that runs goes on, and its result is discarded, so
// it must own what it uses. Exit never waits for a job.
template <class F, class... Args>
Future<called_t<F, Args...>> to_thread(F&& f, Args&&... args);

// --- implementation from here on -----------------------------------------------------------------

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
  Runnable* waiter = nullptr;

 private:
  virtual void call() noexcept = 0;
  virtual void forget() noexcept = 0;
  std::atomic<bool> taken_ = false;
};

// Waits until the job has run; hands it to the pool when it begins.
class OnPool : public Leaf<OnPool>, public Link {
 public:
  OnPool(std::shared_ptr<PoolJob> job, Pool pool) noexcept : job_(std::move(job)), pool_(pool) {}
  ~OnPool() { job_->drop(); }

  bool try_now() const noexcept { return false; }
  void begin(Runnable& task);
  void finish() const noexcept {}
  std::source_location site() const noexcept;  // who waits, for the list of what is still open

 private:
  std::shared_ptr<PoolJob> job_;
  Pool pool_;
  std::source_location made_{};
};

template <class R, class F, class... Args>
class PoolCall final : public PoolJob {
 public:
  explicit PoolCall(F f, Args... args) : call_(std::in_place, std::move(f), std::move(args)...) {}
  R take() { return std::move(*result_).value(); }

 private:
  void call() noexcept override {
    const auto apply = [](auto&... parts) -> decltype(auto) {
      return std::invoke(std::move(parts)...);
    };
    try {
      if constexpr (std::is_void_v<R>)
        std::apply(apply, *call_), result_.emplace(std::monostate());
      else
        result_.emplace(std::apply(apply, *call_));
    } catch (...) {
      result_.emplace(std::current_exception());
    }
    call_.reset();
  }
  void forget() noexcept override { call_.reset(); }

  std::optional<std::tuple<F, Args...>> call_;
  std::optional<Result<R>> result_;
};

template <class R, class Call>
Future<R> wait_on_pool(Own, std::shared_ptr<Call> call, Pool pool) {
  co_await OnPool(call, pool);
  co_return call->take();
}

// On a pool of one's choice.
template <class F, class... Args>
Future<called_t<F, Args...>> to_pool(Pool pool, F&& f, Args&&... args) {
  using Call = PoolCall<called_t<F, Args...>, std::decay_t<F>, std::decay_t<Args>...>;
  auto call = std::make_shared<Call>(std::forward<F>(f), std::forward<Args>(args)...);
  return wait_on_pool<called_t<F, Args...>>(Own(), std::move(call), pool);
}

template <class F, class... Args>
Future<called_t<F, Args...>> to_thread(F&& f, Args&&... args) {
  return to_pool(Pool::work, std::forward<F>(f), std::forward<Args>(args)...);
}

}  // namespace hob::inline v0
