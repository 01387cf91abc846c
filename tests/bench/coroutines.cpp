// SPDX-License-Identifier: MIT
//
// coroutines.cpp — what await, yield, then and gather cost. Each program is written once, and runs
// on hob and on the floor.
#include <utility>

#include "../../reactor/reactor.hpp"
#include "bench.hpp"
#include "floor.hpp"

namespace bench {

namespace {

struct Hob {
  template <class T = void>
  using Task = hob::Future<T>;
  static auto yield() { return hob::yield(); }
  template <class... Tasks>
  static auto gather(Tasks&&... tasks) {
    return hob::gather(std::move(tasks)...);
  }
  static hob::Future<int> one() { return hob::ready(1); }
  template <class F>
  static hob::Future<int> then(hob::Future<int> task, F f) {
    return std::move(task).then(f);
  }
  static void run(hob::Future<> task) { hob::Loop::current().run(std::move(task)); }
};

struct Floor {
  template <class T = void>
  using Task = least::Task<T>;
  static auto yield() { return least::Yield(); }
  template <class... Tasks>
  static auto gather(Tasks&&... tasks) {
    return least::All<int, sizeof...(Tasks)>(std::move(tasks)...);
  }
  static least::Task<int> one() { co_return 1; }
  template <class F>
  static least::Task<int> then(least::Task<int> task, F f) {
    return least::then(std::move(task), f);
  }
  static void run(const least::Task<>&) { least::Ready::run_all(); }
};

template <class On, class T = void>
using Task = typename On::template Task<T>;

// --- the programs --------------------------------------------------------------------------------

template <class On>
[[gnu::noinline]] Task<On, int> ready_child() {
  co_return 1;
}
template <class On>
[[gnu::noinline]] Task<On, int> yielding_child() {
  co_await On::yield();
  co_return 1;
}

template <class On>
Task<On> await_ready(std::size_t n) {
  for (; n; --n) do_not_optimise(co_await ready_child<On>());
}
template <class On>
Task<On> await_yielding(std::size_t n) {
  for (; n; --n) do_not_optimise(co_await yielding_child<On>());
}

// Half of the n switches each.
template <class On>
Task<On> yielder(std::size_t n) {
  for (n /= 2; n; --n) co_await On::yield();
}
template <class On>
Task<On> two_yielders(std::size_t n) {
  Task<On> other = yielder<On>(n);
  co_await yielder<On>(n);
  co_await std::move(other);
}

template <class On>
[[gnu::noinline]] Task<On, int> nest(int depth) {
  if (depth == 0) {
    co_await On::yield();
    co_return 1;
  }
  co_return co_await nest<On>(depth - 1) + 1;
}
template <class On>
Task<On> nest_ten(std::size_t n) {
  for (; n; --n) do_not_optimise(co_await nest<On>(10));
}

template <class On, class Child, std::size_t... I>
auto ten(Child child, std::index_sequence<I...>) {
  return On::gather(((void)I, child())...);
}
template <class On, class Child>
Task<On> gather_ten(Child child, std::size_t n) {
  for (; n; --n) do_not_optimise(co_await ten<On>(child, std::make_index_sequence<10>()));
}

constexpr auto kAddOne = [](int x) { return x + 1; };

template <class On>
Task<On, int> chain(int links) {
  return links == 0 ? On::one() : On::then(chain<On>(links - 1), kAddOne);
}
template <class On>
Task<On> then_ten(std::size_t n) {
  for (; n; --n) do_not_optimise(co_await chain<On>(10));
}

// --- the rows ------------------------------------------------------------------------------------

template <class Program>
void add(Table& table, const char* name, std::size_t n, const char* goal, Program program) {
  table.operation(
      name, n,
      [=](std::size_t times) {
        hob::Loop loop;
        program(Hob(), times);
      },
      [=](std::size_t times) { program(Floor(), times); }, goal);
}

}  // namespace

void coroutines(Table& table) {
  add(table, "co_await a ready child", 1'000'000, "1.5x",
      [](auto on, std::size_t n) { on.run(await_ready<decltype(on)>(n)); });
  add(table, "co_await a yielding child", 500'000, "",
      [](auto on, std::size_t n) { on.run(await_yielding<decltype(on)>(n)); });
  add(table, "yield, 2 tasks", 2'000'000, "2x",
      [](auto on, std::size_t n) { on.run(two_yielders<decltype(on)>(n)); });
  add(table, "nest 10 + yield", 100'000, "2.3x",
      [](auto on, std::size_t n) { on.run(nest_ten<decltype(on)>(n)); });
  add(table, "gather 10 ready", 100'000, "2.6x", [](auto on, std::size_t n) {
    using On = decltype(on);
    on.run(gather_ten<On>(&ready_child<On>, n));
  });
  add(table, "gather 10 yielding", 50'000, "3.2x", [](auto on, std::size_t n) {
    using On = decltype(on);
    on.run(gather_ten<On>(&yielding_child<On>, n));
  });
  add(table, "then x 10", 50'000, "1.6x",
      [](auto on, std::size_t n) { on.run(then_ten<decltype(on)>(n)); });
}

}  // namespace bench
