// SPDX-License-Identifier: MIT
//
// combine.hpp — gather, race, as_completed, wait_for: several Futures as one. Names are asyncio's.
//
//   auto [a, b] = co_await gather(fetch(x), fetch(y));
//
// Each takes Futures or any other awaitables, and is a coroutine of its own: it has begun when the
// call returns, and dropping it drops what it was given. What a combinator drops, it drops silently:
// the errors of losers and siblings are its own (asyncio's rule).
//
// C++ leaves open in which order the calls in gather(a(), b()) happen (gcc starts b first). Where it
// matters pass callables, gather(a, b), which are called left to right; or a vector.
//
// Complexity: one frame, and O(1) for each Future that settles.
#pragma once

#include <functional>
#include <optional>
#include <tuple>
#include <variant>
#include <vector>

#include "collect.hpp"
#include "result.hpp"

namespace hob::inline v0 {

// An awaitable, or a function that makes one: fetch, or [url] { return fetch(url); }. A function that
// is handed over is kept as long as its work, so that what it captured lives.
template <class F>
concept Starter = !Awaitable<F> && std::invocable<F&> && Awaitable<std::invoke_result_t<F&>>;
template <class A>
concept Startable = Awaitable<A> || Starter<A>;
template <class A>
using started_t = awaited_t<typename std::conditional_t<Awaitable<A>, std::type_identity<A>,
                                                        std::invoke_result<A&>>::type>;

// --- gather: all of them ---------------------------------------------------------------------------

// Waits for all; a tuple of their values (void: std::monostate). Fails fast: the first error drops the
// others, and is thrown. (asyncio lets the others run on; here nobody would own them.)
template <Startable... A>
Future<std::tuple<Unit<started_t<A>>...>> gather(A&&... work);
// The same; the values in the vector's order (void: nothing).
template <Awaitable A>
auto gather(std::vector<A> work);

// Waits for all, whatever they end in; a Result of each (asyncio's return_exceptions=True).
template <Startable... A>
Future<std::tuple<Result<started_t<A>>...>> gather_settled(A&&... work);
template <Awaitable A>
Future<std::vector<Result<awaited_t<A>>>> gather_settled(std::vector<A> work);

// --- race: the first of them -----------------------------------------------------------------------

// Waits for the first to settle and drops the others. index() of the variant tells who won. An error
// settles: it is thrown if it comes first.
template <Startable... A>
  requires(sizeof...(A) > 0)
Future<std::variant<Unit<started_t<A>>...>> race(A&&... work);
// The same; index and value of the winner. An empty vector is std::logic_error.
template <Awaitable A>
Future<std::pair<std::size_t, Unit<awaited_t<A>>>> race(std::vector<A> work);

// --- with a deadline -------------------------------------------------------------------------------

// The value, or throws TimedOut when `limit`, counted from this call, has passed; the work is dropped
// then. The value wins if the work has settled when the deadline is handled. Zero and less: ready work
// gives its value, otherwise TimedOut after one turn.
template <Awaitable A, class Rep, class Period>
Future<awaited_t<A>> wait_for(A&& work, std::chrono::duration<Rep, Period> limit);
template <Awaitable A>
Future<awaited_t<A>> wait_until(A&& work, TimePoint deadline);

// The outcome as a value; never throws what the work threw.
template <Awaitable A>
Future<Result<awaited_t<A>>> as_result(A&& work);

// --- as_completed: one after the other -------------------------------------------------------------

// Hands out the values in the order of completion:
//   auto each = as_completed(std::move(downloads));
//   while (auto value = co_await each.next()) …
// next() throws the error of one that failed; the others stay. Destroyed: drops what is left.
template <class T>
class AsCompleted {
 public:
  explicit AsCompleted(std::vector<Future<T>> work) : state_(new State(std::move(work))) {}
  // The next value; empty when all are through. One next() at a time.
  Future<std::optional<Unit<T>>> next() { return next_of(Own(), state_); }

 private:
  struct State {
    explicit State(std::vector<Future<T>> all);
    Arrivals arrivals;
    std::vector<Future<T>> work;
    std::size_t left;
  };
  static Future<std::optional<Unit<T>>> next_of(Own, std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // shared with a pending next()
};
template <Awaitable A>
AsCompleted<awaited_t<A>> as_completed(std::vector<A> work);

// --- implementation from here on -----------------------------------------------------------------

struct Combining {
  // What a settled Future holds, in the form in which tuples and vectors hold it.
  struct Values {
    template <class T>
    Unit<T> operator()(Future<T>& settled) const {
      if constexpr (std::is_void_v<T>)
        return std::move(settled).get(), std::monostate();
      else
        return std::move(settled).get();
    }
  };
  struct Results {
    template <class T>
    Result<T> operator()(Future<T>& settled) const {
      Work& work = Innards::outcome(settled);
      if (work.failed()) return Result<T>(work.take_error());
      return Result<T>(Values()(settled));
    }
  };

  // --- a tuple or a vector of Futures: made of what was given, watched, taken apart ---------------
  // Left to right: braces say so, where arguments of a call would not.
  template <Startable... A>
  static std::tuple<Future<started_t<A>>...> begin(A&&... work) {
    return std::tuple<Future<started_t<A>>...>{begin_one(std::forward<A>(work))...};
  }
  template <Startable A>
  static Future<started_t<A>> begin_one(A&& work) {
    using Held = std::remove_cvref_t<A>;
    if constexpr (Awaitable<A>)
      return as_future(std::forward<A>(work));
    else if constexpr (std::is_lvalue_reference_v<A> || !std::is_class_v<Held> || std::is_empty_v<Held>)
      return as_future(std::invoke(work));
    else
      return keep<Held>(Own(), std::move(work));
  }
  template <Awaitable A>
  static std::vector<Future<awaited_t<A>>> futures(std::vector<A>& from) {
    if constexpr (std::same_as<A, Future<awaited_t<A>>>) {
      return std::move(from);
    } else {
      std::vector<Future<awaited_t<A>>> all;
      all.reserve(from.size());
      for (A& each : from) all.push_back(as_future(std::move(each)));
      return all;
    }
  }

  template <class T>
  static Work& work(const Future<T>& future) {
    if (!future) misuse("an empty Future was given to a combinator: it was moved from");
    return Innards::outcome(future);
  }
  template <class Collector, class... T>
  static void watch(Collector& collector, const std::tuple<Future<T>...>& each) {
    std::apply([&](const auto&... one) { (collector.add(work(one)), ...); }, each);
  }
  template <class Collector, class T>
  static void watch(Collector& collector, const std::vector<Future<T>>& each) {
    for (const auto& one : each) collector.add(work(one));
  }

  template <class Take, class... T>
  static auto taken(std::tuple<Future<T>...>& each, Take take) {
    using All = std::tuple<std::invoke_result_t<Take, Future<T>&>...>;
    return std::apply([&](auto&... one) { return All(take(one)...); }, each);
  }
  template <class Take, class T>
  static auto taken(std::vector<Future<T>>& each, Take take) {
    if constexpr (!std::is_void_v<T> || !std::same_as<Take, Values>) {
      std::vector<std::invoke_result_t<Take, Future<T>&>> all;
      all.reserve(each.size());
      for (auto& one : each) all.push_back(take(one));
      return all;
    }
  }

  template <class... T>
  static std::variant<Unit<T>...> won(std::tuple<Future<T>...>& each, const Work& first) {
    std::optional<std::variant<Unit<T>...>> value;
    const auto look = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
      auto& one = std::get<I>(each);
      if (&work(one) == &first) value.emplace(std::in_place_index<I>, Values()(one));
    };
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (look(std::integral_constant<std::size_t, I>()), ...);
    }(std::index_sequence_for<T...>());
    return std::move(*value);
  }
  template <class T>
  static std::pair<std::size_t, Unit<T>> won(std::vector<Future<T>>& each, const Work& first) {
    std::size_t winner = 0;
    while (&work(each[winner]) != &first) ++winner;
    return {winner, Values()(each[winner])};
  }

  // --- the coroutines: parameters die last, so what they hold is moved behind its collector -------
  template <class Take, class Futures>
  static auto gather(Own, Futures from, Take take) -> Future<decltype(taken(from, take))> {
    Countdown all(std::same_as<Take, Values>);
    Futures each = std::move(from);
    watch(all, each);
    co_await std::move(all);
    all.check();
    co_return taken(each, take);
  }

  template <class Futures>
  static auto race(Own, Futures from) -> Future<decltype(won(from, std::declval<Work&>()))> {
    Arrivals arrivals;
    Futures each = std::move(from);
    watch(arrivals, each);
    co_await std::move(arrivals);
    const Work& first = arrivals.next();
    arrivals.blame(first);
    co_return won(each, first);
  }

  // Both the work and the alarm arm the same coroutine; who was first does not matter, only whether
  // the work has settled when it resumes.
  template <class T>
  static Future<T> wait_until(Own, Future<T> from, TimePoint deadline) {
    Limited limited(deadline);
    Future<T> only = std::move(from);
    limited.add(work(only));
    co_await std::move(limited);
    if (!only.ready()) throw TimedOut();
    co_return co_await std::move(only);
  }

  template <class T>
  static Future<Result<T>> as_result(Own, Future<T> from) {
    Arrivals arrivals;
    Future<T> only = std::move(from);
    arrivals.add(work(only));
    co_await std::move(arrivals);
    co_return Results()(only);
  }
};

template <Startable... A>
Future<std::tuple<Unit<started_t<A>>...>> gather(A&&... work) {
  return Combining::gather(Own(), Combining::begin(std::forward<A>(work)...), Combining::Values());
}
template <Awaitable A>
auto gather(std::vector<A> work) {
  return Combining::gather(Own(), Combining::futures(work), Combining::Values());
}

template <Startable... A>
Future<std::tuple<Result<started_t<A>>...>> gather_settled(A&&... work) {
  return Combining::gather(Own(), Combining::begin(std::forward<A>(work)...), Combining::Results());
}
template <Awaitable A>
Future<std::vector<Result<awaited_t<A>>>> gather_settled(std::vector<A> work) {
  return Combining::gather(Own(), Combining::futures(work), Combining::Results());
}

template <Startable... A>
  requires(sizeof...(A) > 0)
Future<std::variant<Unit<started_t<A>>...>> race(A&&... work) {
  return Combining::race(Own(), Combining::begin(std::forward<A>(work)...));
}
template <Awaitable A>
Future<std::pair<std::size_t, Unit<awaited_t<A>>>> race(std::vector<A> work) {
  if (work.empty()) misuse("race of no Futures: nobody can win it");
  return Combining::race(Own(), Combining::futures(work));
}

template <Awaitable A, class Rep, class Period>
Future<awaited_t<A>> wait_for(A&& work, std::chrono::duration<Rep, Period> limit) {
  return wait_until(std::forward<A>(work), Loop::current().after(to_duration(limit)));
}
template <Awaitable A>
Future<awaited_t<A>> wait_until(A&& work, TimePoint deadline) {
  return Combining::wait_until(Own(), as_future(std::forward<A>(work)), deadline);
}
template <Awaitable A>
Future<Result<awaited_t<A>>> as_result(A&& work) {
  return Combining::as_result(Own(), as_future(std::forward<A>(work)));
}

template <class T>
AsCompleted<T>::State::State(std::vector<Future<T>> all) : work(std::move(all)), left(work.size()) {
  Combining::watch(arrivals, work);
}

template <class T>
Future<std::optional<Unit<T>>> AsCompleted<T>::next_of(Own, std::shared_ptr<State> state) {
  if (state->left == 0) co_return std::nullopt;
  if (state->arrivals.awaited()) misuse("as_completed: one next() at a time");
  struct Leave {
    Arrivals& arrivals;
    ~Leave() { arrivals.forget(); }
  } leave{state->arrivals};
  co_await std::move(state->arrivals);
  --state->left;
  auto& outcome = static_cast<Outcome<T>&>(state->arrivals.next());
  state->arrivals.blame(outcome);
  if constexpr (std::is_void_v<T>) {
    outcome.take();
    co_return std::monostate();
  } else {
    co_return outcome.take();
  }
}

template <Awaitable A>
AsCompleted<awaited_t<A>> as_completed(std::vector<A> work) {
  return AsCompleted<awaited_t<A>>(Combining::futures(work));
}

}  // namespace hob::inline v0
