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
#include "sleep.hpp"

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
  explicit AsCompleted(std::vector<Future<T>> work);
  // The next value; empty when all are through. One next() at a time.
  Future<std::optional<Unit<T>>> next() { return next_of(Own(), state_); }

 private:
  struct State;
  static Future<std::optional<Unit<T>>> next_of(Own, std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // shared with a pending next()
};
template <Awaitable A>
AsCompleted<awaited_t<A>> as_completed(std::vector<A> work);

// --- implementation from here on -----------------------------------------------------------------

struct Combining {
  template <class T>
  static Work& work(const Future<T>& future) {
    if (!future) misuse("an empty Future was given to a combinator: it was moved from");
    return Innards::outcome(future);
  }
  // The value of a settled Future, in the form in which tuples and vectors hold it.
  template <class T>
  static Unit<T> unit(Future<T>& settled) {
    if constexpr (std::is_void_v<T>)
      return std::move(settled).get(), std::monostate();
    else
      return std::move(settled).get();
  }
  template <class T>
  static Result<T> result(Future<T>& settled) {
    if (Work& work = Innards::outcome(settled); work.failed()) return Result<T>(work.take_error());
    return Result<T>(unit(settled));
  }
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
      return keep_value<started_t<A>>(Own(), std::move(work));
  }
  template <class T, class F>
  static Future<T> keep_value(Own, F f) {
    co_return co_await std::invoke(f);
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

  template <class... T>
  static Future<std::tuple<Unit<T>...>> gather(Own, std::tuple<Future<T>...> from) {
    Countdown all(true);
    std::tuple<Future<T>...> each = std::move(from);
    std::apply([&](auto&... f) { (all.add(work(f)), ...); }, each);
    co_await std::move(all);
    all.check();
    co_return std::apply([](auto&... f) { return std::tuple<Unit<T>...>(unit(f)...); }, each);
  }
  template <class T>
  static Future<std::vector<T>> gather_values(Own, std::vector<Future<T>> from) {
    Countdown all(true);
    std::vector<Future<T>> each = std::move(from);
    for (auto& f : each) all.add(work(f));
    co_await std::move(all);
    all.check();
    std::vector<T> values;
    values.reserve(each.size());
    for (auto& f : each) values.push_back(std::move(f).get());
    co_return std::move(values);
  }
  static Future<> gather_voids(Own, std::vector<Future<>> from);

  template <class... T>
  static Future<std::tuple<Result<T>...>> settle(Own, std::tuple<Future<T>...> from) {
    Countdown all(false);
    std::tuple<Future<T>...> each = std::move(from);
    std::apply([&](auto&... f) { (all.add(work(f)), ...); }, each);
    co_await std::move(all);
    co_return std::apply([](auto&... f) { return std::tuple<Result<T>...>(result(f)...); }, each);
  }
  template <class T>
  static Future<std::vector<Result<T>>> settle_vector(Own, std::vector<Future<T>> from) {
    Countdown all(false);
    std::vector<Future<T>> each = std::move(from);
    for (auto& f : each) all.add(work(f));
    co_await std::move(all);
    std::vector<Result<T>> results;
    results.reserve(each.size());
    for (auto& f : each) results.push_back(result(f));
    co_return std::move(results);
  }

  template <class... T>
  static Future<std::variant<Unit<T>...>> race(Own, std::tuple<Future<T>...> from) {
    First first;
    std::tuple<Future<T>...> each = std::move(from);
    std::apply([&](auto&... f) { (first.add(work(f)), ...); }, each);
    co_await std::move(first);
    first.blame(*first.first());
    co_return winner<std::variant<Unit<T>...>>(first, each, std::index_sequence_for<T...>());
  }
  template <class Variant, class Tuple, std::size_t... I>
  static Variant winner(const First& first, Tuple& each, std::index_sequence<I...>) {
    std::optional<Variant> won;
    auto look = [&]<std::size_t N>(std::integral_constant<std::size_t, N>) {
      auto& future = std::get<N>(each);
      if (&work(future) == first.first()) won.emplace(std::in_place_index<N>, unit(future));
      return won.has_value();
    };
    static_cast<void>((look(std::integral_constant<std::size_t, I>()) || ...));
    return std::move(*won);
  }
  template <class T>
  static Future<std::pair<std::size_t, Unit<T>>> race_vector(Own, std::vector<Future<T>> from) {
    if (from.empty()) misuse("race of no Futures: nobody can win it");
    First first;
    std::vector<Future<T>> each = std::move(from);
    for (auto& f : each) first.add(work(f));
    co_await std::move(first);
    first.blame(*first.first());
    std::size_t won = 0;
    while (&work(each[won]) != first.first()) ++won;
    Unit<T> value = unit(each[won]);
    co_return std::pair<std::size_t, Unit<T>>(won, std::move(value));
  }

  // Both the work and the alarm arm the same coroutine; who was first does not matter, only whether
  // the work has settled when it resumes.
  template <class T>
  static Future<T> wait_until(Own, Future<T> from, TimePoint deadline) {
    First first;
    Limit limit(deadline);
    Future<T> only = std::move(from);
    first.add(work(only));
    if (!first.await_ready()) co_await limit.with(first);
    if (!only.ready()) throw TimedOut();
    co_return co_await std::move(only);
  }
  // Awaits a collector, but no longer than its deadline.
  class Limit {
   public:
    using awaited_type = void;
    explicit Limit(TimePoint deadline) noexcept : deadline_(deadline) {}
    Limit(const Limit&) = delete;
    Limit&& with(First& first) noexcept { return first_ = &first, std::move(*this); }
    bool await_ready() const noexcept { return false; }
    template <std::derived_from<Work> P>
    void await_suspend(std::coroutine_handle<P> h) {
      Loop& loop = Loop::current();
      alarm_.task = &h.promise();
      loop.set_alarm(alarm_, deadline_);
      first_->await_suspend(h);
    }
    void await_resume() const noexcept { first_->await_resume(); }

   private:
    TimePoint deadline_;
    First* first_ = nullptr;
    Alarm alarm_;
  };

  template <class T>
  static Future<Result<T>> as_result(Own, Future<T> from) {
    First first;
    Future<T> only = std::move(from);
    first.add(work(only));
    co_await std::move(first);
    co_return result(only);
  }
};

template <Startable... A>
Future<std::tuple<Unit<started_t<A>>...>> gather(A&&... work) {
  return Combining::gather(Own(), Combining::begin(std::forward<A>(work)...));
}
template <Awaitable A>
auto gather(std::vector<A> work) {
  if constexpr (std::is_void_v<awaited_t<A>>)
    return Combining::gather_voids(Own(), Combining::futures(work));
  else
    return Combining::gather_values(Own(), Combining::futures(work));
}

template <Startable... A>
Future<std::tuple<Result<started_t<A>>...>> gather_settled(A&&... work) {
  return Combining::settle(Own(), Combining::begin(std::forward<A>(work)...));
}
template <Awaitable A>
Future<std::vector<Result<awaited_t<A>>>> gather_settled(std::vector<A> work) {
  return Combining::settle_vector(Own(), Combining::futures(work));
}

template <Startable... A>
  requires(sizeof...(A) > 0)
Future<std::variant<Unit<started_t<A>>...>> race(A&&... work) {
  return Combining::race(Own(), Combining::begin(std::forward<A>(work)...));
}
template <Awaitable A>
Future<std::pair<std::size_t, Unit<awaited_t<A>>>> race(std::vector<A> work) {
  return Combining::race_vector(Own(), Combining::futures(work));
}

template <Awaitable A, class Rep, class Period>
Future<awaited_t<A>> wait_for(A&& work, std::chrono::duration<Rep, Period> limit) {
  const TimePoint deadline = Loop::current().after(to_duration(limit));
  return Combining::wait_until(Own(), as_future(std::forward<A>(work)), deadline);
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
struct AsCompleted<T>::State {
  Arrivals arrivals;
  std::vector<Future<T>> work;
  std::size_t left = work.size();
};

template <class T>
AsCompleted<T>::AsCompleted(std::vector<Future<T>> work) : state_(new State{{}, std::move(work)}) {
  for (auto& f : state_->work) state_->arrivals.add(Combining::work(f));
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
