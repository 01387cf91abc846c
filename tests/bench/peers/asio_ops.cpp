// SPDX-License-Identifier: MIT
//
// asio_ops.cpp — Asio's timers, posts, and coroutines (awaitable).
#include "ops.hpp"

#include <asio.hpp>
#include <asio/experimental/deferred.hpp>
#include <asio/experimental/parallel_group.hpp>
#include <utility>

namespace {
using Guard = asio::executor_work_guard<asio::io_context::executor_type>;
using asio::use_awaitable;

// A cancelled wait is told so: that is settled by poll(). When the clock has jumped, one more timer that was
// due before all others has the reactor look at it.
struct Timers {
  explicit Timers(std::size_t n) {
    timers.reserve(n);
    for (std::size_t i = 0; i < n; ++i) timers.emplace_back(context);
  }
  void schedule(std::size_t i, std::int64_t ns) {
    timers[i].expires_after(std::chrono::nanoseconds(ns));
    timers[i].async_wait([this](const std::error_code& error) { fired += !error; });
  }
  void cancel(std::size_t i) { timers[i].cancel(); }
  void settle() { context.poll(); }
  void fire() {
    asio::steady_timer due(context, std::chrono::steady_clock::time_point());
    due.async_wait([](const std::error_code&) {});
    context.poll();
  }

  asio::io_context context{1};
  Guard guard{context.get_executor()};
  std::vector<asio::steady_timer> timers;
  std::size_t fired = 0;
};

// With a timer that runs, as in a program that has timers or sockets: otherwise there is nothing but a
// condition variable to wake.
struct Posts {
  Posts() { far.async_wait([](const std::error_code&) {}); }
  template <class F>
  void post(F f) {
    asio::post(context, f);
  }
  void run() { context.run(), context.restart(); }
  void stop() { context.stop(); }

  asio::io_context context{1};
  asio::steady_timer far{context, std::chrono::hours(1)};
};

// --- tasks ---------------------------------------------------------------------------------------

[[gnu::noinline]] asio::awaitable<int> ready_child() { co_return 1; }
[[gnu::noinline]] asio::awaitable<int> yielding_child() {
  co_await asio::post(use_awaitable);
  co_return 1;
}

template <auto child>
asio::awaitable<void> await_each(std::size_t n) {
  for (; n; --n) ops::do_not_optimise(co_await child());
}

asio::awaitable<void> yielder(std::size_t n) {
  for (; n; --n) co_await asio::post(use_awaitable);
}

template <auto child, std::size_t... I>
auto ten(asio::any_io_executor on, std::index_sequence<I...>) {
  using asio::experimental::deferred;
  return asio::experimental::make_parallel_group(((void)I, asio::co_spawn(on, child(), deferred))...);
}
template <auto child>
asio::awaitable<void> gather_ten(std::size_t n) {
  const asio::any_io_executor on = co_await asio::this_coro::executor;
  for (; n; --n) {
    auto group = ten<child>(on, std::make_index_sequence<10>());
    auto all = group.async_wait(asio::experimental::wait_for_all(), use_awaitable);
    ops::do_not_optimise(co_await std::move(all));
  }
}

template <class... Tasks>
void run(Tasks... tasks) {
  asio::io_context context(1);
  (asio::co_spawn(context, std::move(tasks), asio::detached), ...);
  context.run();
}

void tasks() {
  ops::each("await a ready child", 2'000'000, [](std::size_t n) { run(await_each<ready_child>(n)); });
  ops::each("await a yielding child", 1'000'000, [](std::size_t n) { run(await_each<yielding_child>(n)); });
  ops::each("yield, 2 tasks", 2'000'000, [](std::size_t n) { run(yielder(n / 2), yielder(n / 2)); });
  ops::each("gather ten, ready", 50'000, [](std::size_t n) { run(gather_ten<ready_child>(n)); });
  ops::each("gather ten, yielding", 50'000, [](std::size_t n) { run(gather_ten<yielding_child>(n)); });
}

asio::awaitable<void> sleeper() {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::seconds(1));
  co_await timer.async_wait(use_awaitable);
}

// Detached: run() returns with the last, so they need not be gathered.
void sleep_all(double& heap) {
  asio::io_context context(1);
  for (std::size_t i = 0; i < ops::kSleepers; ++i) asio::co_spawn(context, sleeper(), asio::detached);
  asio::post(context, [&heap] { heap = ops::heap(); });
  context.run();
}
}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "timers") ops::timers<Timers>(std::strtoul(argc > 2 ? argv[2] : "1000", nullptr, 10));
  else if (what == "posts") ops::posts<Posts>();
  else if (what == "tasks") tasks();
  else if (what == "sleepers") ops::sleepers(sleep_all);
  else return ops::usage();
  return ops::finish();
}
