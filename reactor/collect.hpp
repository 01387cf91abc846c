// SPDX-License-Identifier: MIT
// collect.hpp — what combine.hpp is made of: how one coroutine waits for many Futures at a time.
//   1. Ties go to the one that settled first; among those settled at the call, to the leftmost.
//   2. A settled Work's queue links are free: `Arrivals` chains the settled ones through them.
//   3. A collector stands in its coroutine's frame before the Futures that it watches, to outlive
//      them. (Parameters die last, so the coroutines here move theirs into a local.)
#pragma once
#include <tuple>
#include "leaf.hpp"

namespace hob::inline v0 {
// An awaitable, or a function that makes one: fetch, or [url] { return fetch(url); }. A function
// that is handed over is kept as long as its work, so that what it captured lives.
template <class A>
concept Startable = Awaitable<A> || (std::invocable<A&> && Awaitable<std::invoke_result_t<A&>>);
template <class A>
using started_t = awaited_t<typename std::conditional_t<Awaitable<A>, std::type_identity<A>,
                                                        std::invoke_result<A&>>::type>;

// The Work to be watched. Its error is the combinator's business from now on.
template <class T> Work& watched(const Future<T>& future) {
  if (!future) misuse("an empty Future was given to a combinator: it was moved from");
  future.outcome().hush();
  return future.outcome();
}

// Learns who has settled. Awaited until there is news, and again: until the next has settled, or
// all have, or (failure) one has failed. Gives the next, or the first that failed, null if none
// did; its error keeps its place in the user's source.
class Arrivals final : public Collector, public Several {
 public:
  using awaited_type = Work*;
  enum class Until { next, all, failure };
  explicit Arrivals(Until until = Until::next) noexcept : until_(until) {}

  // Watches all in a tuple or a vector, which stay where they are.
  template <class Futures> void add(const Futures& all) {
    each_of(all, [this](const auto& future) {
      Work& work = watched(future);
      ++left_;
      work.settled() ? note(work) : work.watch(*this);
    });
    all_ = &all;
    each_ = [](const void* of, const Look& look) {
      each_of(*static_cast<const Futures*>(of), [&](const auto& one) { look(one.outcome()); });
    };
  }
  void each(const Look& look) const override { each_(all_, look); }

  bool await_ready() const noexcept {
    return until_ == Until::next ? !settled_.empty() : left_ == 0 || failed_;
  }
  template <std::derived_from<Work> P> void await_suspend(std::coroutine_handle<P> h) noexcept {
    h.promise().awaits(*this);
    h.promise().pause();
  }
  // From here on nobody waits: what the combinator drops next may settle its siblings.
  Work* await_resume() noexcept {
    Work* of = until_ == Until::next ? static_cast<Work*>(&settled_.pop_front()) : failed_;
    if (of) waiter_->comes_from(*of);
    return forget(), of;
  }
  void awaited_by(Work& waiter) noexcept { waiter_ = &waiter; }
  void forget() noexcept { waiter_ = nullptr; }  // it has gone on, or away
  bool awaited() const noexcept { return waiter_ != nullptr; }
  bool through() const noexcept { return left_ == 0 && settled_.empty(); }

  void settled(Work& work) noexcept override {
    note(work);
    if (waiter_ && await_ready()) waiter_->arm();
  }
  Runnable* parent() noexcept override { return waiter_; }
 private:
  template <class... T, class F> static void each_of(const std::tuple<Future<T>...>& all, F look) {
    std::apply([&](const auto&... one) { (look(one), ...); }, all);
  }
  template <class T, class F> static void each_of(const std::vector<Future<T>>& all, F look) {
    for (const auto& one : all) look(one);
  }
  void note(Work& work) noexcept {
    --left_;
    settled_.push_back(work);
    if (until_ == Until::failure && work.failed() && !failed_) failed_ = &work;
  }

  const Until until_;
  std::size_t left_ = 0;     // how many have not settled
  List<Runnable> settled_;   // and were not given out yet
  Work* failed_ = nullptr;   // the first
  Work* waiter_ = nullptr;
  const void* all_ = nullptr;
  void (*each_)(const void* all, const Look& look) = nullptr;
};

// Waits for one, but no longer than until a deadline, and leaves it its outcome. Both arm the same
// coroutine; who was first does not matter, only whether the work has settled when it resumes.
class Settled {
 public:
  using awaited_type = void;
  explicit Settled(Work& work, TimePoint deadline = kNever) noexcept
      : work_(work), deadline_(deadline) {}

  bool await_ready() const noexcept { return work_.settled(); }
  template <std::derived_from<Work> P> void await_suspend(std::coroutine_handle<P> h) {
    alarm_.task = &h.promise();
    if (deadline_ != kNever) Loop::current().set_alarm(alarm_, deadline_);
    h.promise().awaits(work_);
  }
  void await_resume() const noexcept {}
 private:
  Work& work_;
  TimePoint deadline_;
  Alarm alarm_;
};

struct Combining {
  // What a settled Future holds, in the form in which tuples and vectors hold it.
  struct Values {
    template <class T> Unit<T> operator()(Future<T>& settled) const {
      return to_unit([&]() -> T { return std::move(settled).get(); });
    }
  };
  struct Results {
    template <class T> Result<T> operator()(Future<T>& settled) const {
      Work& work = settled.outcome();
      if (work.failed()) return Result<T>(work.take_error());
      return Result<T>(Values()(settled));
    }
  };

  // A tuple or a vector of Futures: made of what was given, and taken apart. Left to right: braces
  // say so, where arguments of a call would not.
  template <Startable... A> static std::tuple<Future<started_t<A>>...> begin(A&&... work) {
    return std::tuple<Future<started_t<A>>...>{begin_one(std::forward<A>(work))...};
  }
  template <Startable A> static Future<started_t<A>> begin_one(A&& work) {
    using Held = std::remove_cvref_t<A>;
    if constexpr (Awaitable<A>)
      return as_future(std::forward<A>(work));
    else if constexpr (std::is_reference_v<A> || !std::is_class_v<Held> || std::is_empty_v<Held>)
      return as_future(std::invoke(work));
    else return keep<Held>(Own(), std::move(work));
  }
  template <Awaitable A> static std::vector<Future<awaited_t<A>>> begin(std::vector<A>& work) {
    if constexpr (std::same_as<A, Future<awaited_t<A>>>) return std::move(work);
    else return {std::move_iterator(work.begin()), std::move_iterator(work.end())};
  }

  template <class Take, class... T> static auto taken(std::tuple<Future<T>...>& each, Take take) {
    using All = std::tuple<std::invoke_result_t<Take, Future<T>&>...>;
    return std::apply([&](auto&... one) { return All(take(one)...); }, each);
  }
  template <class Take, class T> static auto taken(std::vector<Future<T>>& each, Take take) {
    if constexpr (!std::is_void_v<T> || !std::same_as<Take, Values>) {
      std::vector<std::invoke_result_t<Take, Future<T>&>> all;
      all.reserve(each.size());
      for (auto& one : each) all.push_back(take(one));
      return all;
    }
  }

  template <std::size_t I = 0, class... T>
  static std::variant<Unit<T>...> won(std::tuple<Future<T>...>& each, const Work& first) {
    auto& one = std::get<I>(each);
    if constexpr (I + 1 < sizeof...(T))
      if (&one.outcome() != &first) return won<I + 1>(each, first);
    return std::variant<Unit<T>...>(std::in_place_index<I>, Values()(one));
  }
  template <class T>
  static std::pair<std::size_t, Unit<T>> won(std::vector<Future<T>>& each, const Work& first) {
    std::size_t winner = 0;
    while (&each[winner].outcome() != &first) ++winner;
    return {winner, Values()(each[winner])};
  }

  // --- the coroutines
  template <class Take, class Futures>
  static auto gather(Own, Futures from, Take take) -> Future<decltype(taken(from, take))> {
    Arrivals arrivals(std::same_as<Take, Values> ? Arrivals::Until::failure : Arrivals::Until::all);
    Futures each = std::move(from);
    arrivals.add(each);
    Work* const failed = co_await std::move(arrivals);
    if (failed) std::rethrow_exception(failed->take_error());
    co_return taken(each, take);
  }

  template <class Futures>
  static auto race(Own, Futures from) -> Future<decltype(won(from, std::declval<Work&>()))> {
    Arrivals arrivals;
    Futures each = std::move(from);
    arrivals.add(each);
    const Work* const first = co_await std::move(arrivals);
    co_return won(each, *first);
  }

  template <class T> static Future<T> wait_until(Own, Future<T> from, TimePoint deadline) {
    Future<T> only = std::move(from);
    co_await Settled(watched(only), deadline);
    if (!only.ready()) throw TimedOut();
    co_return co_await std::move(only);
  }

  template <class T> static Future<Result<T>> as_result(Own, Future<T> from) {
    Future<T> only = std::move(from);
    co_await Settled(watched(only));
    co_return Results()(only);
  }
};
}  // namespace hob::inline v0
