// SPDX-License-Identifier: MIT
// combine.hpp — gather, race, as_completed, wait_for: several Futures as one. Names are asyncio's.
//   auto [a, b] = co_await gather(fetch(x), fetch(y));
//
// Each takes Futures or any other awaitables, and is a coroutine of its own: it has begun when the
// call returns, and dropping it drops what it was given; silently, as the errors of losers and
// siblings are its own (asyncio's rule). It costs one frame, and O(1) for each Future that settles.
//
// C++ leaves open in which order the calls in gather(a(), b()) happen (gcc starts b first). Where
// it matters pass callables, gather(a, b), which are called left to right; or a vector.
#pragma once
#include "collect.hpp"

namespace hob::inline v0 {
// Waits for all; a tuple of their values (void: std::monostate). Fails fast: the first error drops
// the others, and is thrown. (asyncio lets the others run on; here nobody would own them.)
template <Startable... A> Future<std::tuple<Unit<started_t<A>>...>> gather(A&&... work) {
  return Combining::gather(Own(), Combining::begin(std::forward<A>(work)...), Combining::Values());
}
// The same; the values in the vector's order (void: nothing).
template <Awaitable A> auto gather(std::vector<A> work) {
  return Combining::gather(Own(), Combining::begin(work), Combining::Values());
}

// Waits for all, whatever they end in; a Result of each (asyncio's return_exceptions=True).
template <Startable... A> Future<std::tuple<Result<started_t<A>>...>> gather_settled(A&&... work) {
  return Combining::gather(Own(), Combining::begin(std::forward<A>(work)...), Combining::Results());
}
template <Awaitable A> Future<std::vector<Result<awaited_t<A>>>> gather_settled(std::vector<A> work) {
  return Combining::gather(Own(), Combining::begin(work), Combining::Results());
}

// Waits for the first to settle and drops the others. index() of the variant tells who won. An
// error settles: it is thrown if it comes first.
template <Startable... A> requires(sizeof...(A) > 0)
Future<std::variant<Unit<started_t<A>>...>> race(A&&... work) {
  return Combining::race(Own(), Combining::begin(std::forward<A>(work)...));
}
// The same; index and value of the winner. An empty vector is std::logic_error.
template <Awaitable A> Future<std::pair<std::size_t, Unit<awaited_t<A>>>> race(std::vector<A> work) {
  if (work.empty()) misuse("race of no Futures: nobody can win it");
  return Combining::race(Own(), Combining::begin(work));
}

// The value, or throws TimedOut when the deadline has passed; the work is dropped then. The value
// wins if the work has settled when the deadline is handled. One that has passed already: ready
// work gives its value, otherwise TimedOut after one turn.
template <Awaitable A> Future<awaited_t<A>> wait_until(A&& work, TimePoint deadline) {
  return Combining::wait_until(Own(), as_future(std::forward<A>(work)), deadline);
}
// The same, with a limit that counts from this call.
template <Awaitable A, class Rep, class Period>
Future<awaited_t<A>> wait_for(A&& work, std::chrono::duration<Rep, Period> limit) {
  return wait_until(std::forward<A>(work), Loop::current().after(to_duration(limit)));
}

// The outcome as a value; never throws what the work threw.
template <Awaitable A> Future<Result<awaited_t<A>>> as_result(A&& work) {
  return Combining::as_result(Own(), as_future(std::forward<A>(work)));
}

// Hands out the values in the order of completion:
//   auto each = as_completed(std::move(downloads));
//   while (auto value = co_await each.next()) …
// next() throws the error of one that failed; the others stay. Destroyed: drops what is left.
template <class T> class AsCompleted {
 public:
  explicit AsCompleted(std::vector<Future<T>> work) : state_(new State(std::move(work))) {}
  // The next value; empty when all are through. One next() at a time.
  Future<std::optional<Unit<T>>> next() { return next_of(Own(), state_); }
 private:
  struct State {
    explicit State(std::vector<Future<T>> all) : work(std::move(all)) { arrivals.add(work); }
    Arrivals arrivals;
    std::vector<Future<T>> work;
  };
  static Future<std::optional<Unit<T>>> next_of(Own, std::shared_ptr<State> state) {
    Arrivals& arrivals = state->arrivals;
    if (arrivals.through()) co_return std::nullopt;
    if (arrivals.awaited()) misuse("as_completed: one next() at a time");
    struct Leave {
      Arrivals& arrivals;
      ~Leave() { arrivals.forget(); }
    } leave{arrivals};
    Work* const next = co_await std::move(arrivals);
    co_return to_unit([&]() -> T { return static_cast<Outcome<T>*>(next)->take(); });
  }
  std::shared_ptr<State> state_;  // shared with a pending next()
};
template <Awaitable A> AsCompleted<awaited_t<A>> as_completed(std::vector<A> work) {
  return AsCompleted<awaited_t<A>>(Combining::begin(work));
}
}  // namespace hob::inline v0
