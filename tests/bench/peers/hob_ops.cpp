// SPDX-License-Identifier: MIT
//
// hob_ops.cpp — hob's single operations, to stand beside its peers'. Two kinds of timers: the Wheel, which
// has no callbacks of its own, and the loop's call_later.
#include "ops.hpp"

#include <memory>
#include <utility>

#include "../../../reactor/reactor.hpp"
#include "../../../timers/wheel.hpp"

namespace {
using namespace std::chrono_literals;

struct Wheel {
  explicit Wheel(std::size_t n) : timers(new hob::Timer[n]) {}
  void schedule(std::size_t i, std::int64_t ns) {
    wheel.schedule(timers[i], wheel.now() + static_cast<hob::Tick>(ns));
  }
  void cancel(std::size_t i) { timers[i].cancel(); }
  void settle() {}
  void fire() {
    wheel.advance(static_cast<hob::Tick>(ops::virtual_ns), [this](hob::Timer&) { ++fired; });
  }

  hob::Wheel wheel{static_cast<hob::Tick>(ops::virtual_ns)};
  std::unique_ptr<hob::Timer[]> timers;
  std::size_t fired = 0;
};

struct CallLater {
  explicit CallLater(std::size_t n) : handles(n) {}
  void schedule(std::size_t i, std::int64_t ns) {
    handles[i] = loop.call_later(std::chrono::nanoseconds(ns), [this] { ++fired; });
  }
  void cancel(std::size_t i) { handles[i].cancel(); }
  void settle() {}
  void fire() { loop.poll(); }

  hob::Loop loop;
  std::vector<hob::TimerHandle> handles;
  std::size_t fired = 0;
};

struct Posts {
  template <class F>
  void post(F f) {
    loop.post(f);
  }
  void run() { loop.run(stopped.wait()), stopped.clear(); }
  void stop() { stopped.set(); }

  hob::Loop loop;
  hob::Event stopped;
};

// --- tasks ---------------------------------------------------------------------------------------

[[gnu::noinline]] hob::Future<int> ready_child() { co_return 1; }
[[gnu::noinline]] hob::Future<int> yielding_child() {
  co_await hob::yield();
  co_return 1;
}

template <auto child>
hob::Future<> await_each(std::size_t n) {
  for (; n; --n) ops::do_not_optimise(co_await child());
}

hob::Future<> yielder(std::size_t n) {
  for (; n; --n) co_await hob::yield();
}

template <auto child, std::size_t... I>
auto ten(std::index_sequence<I...>) {
  return hob::gather(((void)I, child())...);
}
template <auto child>
hob::Future<> gather_ten(std::size_t n) {
  for (; n; --n) ops::do_not_optimise(co_await ten<child>(std::make_index_sequence<10>()));
}

void tasks() {
  hob::Loop loop;
  ops::each("await a ready child", 2'000'000, [&](std::size_t n) { loop.run(await_each<ready_child>(n)); });
  ops::each("await a yielding child", 1'000'000,
            [&](std::size_t n) { loop.run(await_each<yielding_child>(n)); });
  ops::each("yield, 2 tasks", 2'000'000,
            [&](std::size_t n) { loop.run(hob::gather(yielder(n / 2), yielder(n / 2))); });
  ops::each("gather ten, ready", 200'000, [&](std::size_t n) { loop.run(gather_ten<ready_child>(n)); });
  ops::each("gather ten, yielding", 200'000, [&](std::size_t n) { loop.run(gather_ten<yielding_child>(n)); });
}

hob::Future<> sleeper() { co_await hob::sleep(1s); }

hob::Future<> sleep_all(double& heap) {
  std::vector<hob::Future<>> all;
  all.reserve(ops::kSleepers);
  for (std::size_t i = 0; i < ops::kSleepers; ++i) all.push_back(sleeper());
  auto gathered = hob::gather(std::move(all));
  heap = ops::heap();
  co_await std::move(gathered);
}
}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  const std::size_t n = std::strtoul(argc > 2 ? argv[2] : "1000", nullptr, 10);
  if (what == "timers") ops::timers<CallLater>(n);
  else if (what == "wheel") ops::timers<Wheel>(n);
  else if (what == "posts") ops::posts<Posts>();
  else if (what == "tasks") tasks();
  else if (what == "sleepers") ops::sleepers([](double& heap) { hob::Loop().run(sleep_all(heap)); });
  else return ops::usage();
  return ops::finish();
}
