// SPDX-License-Identifier: MIT
// collect.hpp — the machinery behind combine.hpp: how one coroutine waits for many Futures, and what it
// makes of a tuple or a vector of them.
// Invariants
//   1. Ties go to the one that settled first; among those settled at the call, to the leftmost.
//   2. A settled Work's queue links are free: `Arrivals` chains the settled ones through them.
//   3. A collector stands in the combinator's frame before the Futures that it watches, so it outlives
//      them. (Parameters die last, so the coroutines here move theirs into a local.)
#pragma once
#include <tuple>
#include "leaf.hpp"

namespace hob::inline v0 {
// An awaitable, or a function that makes one: fetch, or [url] { return fetch(url); }. One that is handed
// over is kept as long as its work, so that what it captured lives.
template <class F>
concept Starter = !Awaitable<F> && std::invocable<F&> && Awaitable<std::invoke_result_t<F&>>;
template <class A>
concept Startable = Awaitable<A> || Starter<A>;
template <class A>
using started_t = awaited_t<typename std::conditional_t<Awaitable<A>, std::type_identity<A>,
                                                        std::invoke_result<A&>>::type>;

template <class T>  // the Work to be watched; its error is the combinator's business from now on
Work& watched(const Future<T>& future) {
  if (!future) misuse("an empty Future was given to a combinator: it was moved from");
  future.outcome().hush();
  return future.outcome();
}

// Learns who has settled. Awaited, again and again, until the next has, or all have, or one has failed.
class Arrivals final : public Collector, public Several {
 public:
  using awaited_type = void;
  enum class Until { next, all, failure };
  explicit Arrivals(Until until = Until::next) noexcept : until_(until) {}
  Arrivals(const Arrivals&) = delete;
  // Watches all in a tuple or a vector, which stay where they are.
  template <class Futures>
  void add(const Futures& all) {
    each_of(all, [this](const auto& future) {
      Work& work = watched(future);
      ++left_;
      work.settled() ? note(work) : work.watch(*this);
    });
    all_ = &all;
    each_ = [](const void* futures, const std::function<void(const Work&)>& look) {
      each_of(*static_cast<const Futures*>(futures), [&](const auto& one) { look(one.outcome()); });
    };
  }
  void each(const std::function<void(const Work&)>& look) const override { each_(all_, look); }
  bool await_ready() const noexcept {
    return until_ == Until::next ? !settled_.empty() : left_ == 0 || failed_;
  }
  template <std::derived_from<Work> P>
  void await_suspend(std::coroutine_handle<P> h) noexcept {
    waits_ = true;
    h.promise().awaits(*this);
    h.promise().pause();
  }
  // From here on nobody waits: what the combinator drops next may settle its siblings.
  void await_resume() noexcept { forget(); }
  // An error then keeps its place in the user's source.
  void awaited_by(Work& self) noexcept { self_ = &self; }
  void blame(const Work& work) const noexcept { self_->comes_from(work); }
  void settled(Work& work) noexcept override {
    note(work);
    if (waits_ && await_ready()) self_->arm();
  }
  Runnable* parent() noexcept override { return waits_ ? self_ : nullptr; }
  // The one that settled first and has not been asked for yet, and the first that failed, if any did.
  Work& next() noexcept { return static_cast<Work&>(settled_.pop_front()); }
  Work* failed() const noexcept { return failed_; }
  bool through() const noexcept { return left_ == 0 && settled_.empty(); }
  bool awaited() const noexcept { return waits_; }
  void forget() noexcept { waits_ = false; }  // the one who waited has gone on, or away
 private:
  template <class... T, class F>
  static void each_of(const std::tuple<Future<T>...>& all, F look) {
    std::apply([&](const auto&... one) { (look(one), ...); }, all);
  }
  template <class T, class F>
  static void each_of(const std::vector<Future<T>>& all, F look) {
    for (const auto& one : all) look(one);
  }
  void note(Work& work) noexcept {
    --left_;
    settled_.push_back(work);
    if (until_ == Until::failure && work.failed() && !failed_) failed_ = &work;
  }

  const Until until_;
  bool waits_ = false;
  std::size_t left_ = 0;  // how many have not settled
  List<Runnable> settled_;
  Work* failed_ = nullptr;
  Work* self_ = nullptr;
  const void* all_ = nullptr;
  void (*each_)(const void* all, const std::function<void(const Work&)>& look) = nullptr;
};

// Waits for one, but no longer than until a deadline, and leaves it its outcome. Both arm the same
// coroutine; who was first does not matter, only whether the work has settled when it resumes.
class Settled {
 public:
  using awaited_type = void;
  explicit Settled(Work& work, TimePoint until = kNever) noexcept : work_(work), deadline_(until) {}
  bool await_ready() const noexcept { return work_.settled(); }
  template <std::derived_from<Work> P>
  void await_suspend(std::coroutine_handle<P> h) {
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
    template <class T>
    Unit<T> operator()(Future<T>& settled) const {
      return to_unit([&]() -> T { return std::move(settled).get(); });
    }
  };
  struct Results {
    template <class T>
    Result<T> operator()(Future<T>& settled) const {
      Work& work = settled.outcome();
      if (work.failed()) return Result<T>(work.take_error());
      return Result<T>(Values()(settled));
    }
  };

  // --- a tuple or a vector of Futures: made of what was given, and taken apart ---------------------
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
  static std::vector<Future<awaited_t<A>>> begin(std::vector<A>& work) {
    if constexpr (std::same_as<A, Future<awaited_t<A>>>)
      return std::move(work);
    else
      return {std::move_iterator(work.begin()), std::move_iterator(work.end())};
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
    const auto look = [&]<std::size_t I>() {
      auto& one = std::get<I>(each);
      if (&one.outcome() == &first) value.emplace(std::in_place_index<I>, Values()(one));
    };
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (look.template operator()<I>(), ...);
    }(std::index_sequence_for<T...>());
    return std::move(*value);
  }
  template <class T>
  static std::pair<std::size_t, Unit<T>> won(std::vector<Future<T>>& each, const Work& first) {
    std::size_t winner = 0;
    while (&each[winner].outcome() != &first) ++winner;
    return {winner, Values()(each[winner])};
  }

  // --- the coroutines ------------------------------------------------------------------------------
  template <class Take, class Futures>
  static auto gather(Own, Futures from, Take take) -> Future<decltype(taken(from, take))> {
    Arrivals arrivals(std::same_as<Take, Values> ? Arrivals::Until::failure : Arrivals::Until::all);
    Futures each = std::move(from);
    arrivals.add(each);
    co_await std::move(arrivals);
    if (Work* const failed = arrivals.failed()) {
      arrivals.blame(*failed);
      std::rethrow_exception(failed->take_error());
    }
    co_return taken(each, take);
  }

  template <class Futures>
  static auto race(Own, Futures from) -> Future<decltype(won(from, std::declval<Work&>()))> {
    Arrivals arrivals;
    Futures each = std::move(from);
    arrivals.add(each);
    co_await std::move(arrivals);
    const Work& first = arrivals.next();
    arrivals.blame(first);
    co_return won(each, first);
  }

  template <class T>
  static Future<T> wait_until(Own, Future<T> from, TimePoint deadline) {
    Future<T> only = std::move(from);
    co_await Settled(watched(only), deadline);
    if (!only.ready()) throw TimedOut();
    co_return co_await std::move(only);
  }

  template <class T>
  static Future<Result<T>> as_result(Own, Future<T> from) {
    Future<T> only = std::move(from);
    co_await Settled(watched(only));
    co_return Results()(only);
  }
};
}  // namespace hob::inline v0
