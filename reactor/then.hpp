// SPDX-License-Identifier: MIT
//
// then.hpp — then, recover, finally, share: what follows a Future, without a coroutine of one's own.
// The first three are coroutines of a few lines; read them to see what they are short for.
//
// Invariants
//   1. The callable is never run by the call of then(), recover() or finally(), but by the loop; that
//      of finally() also by the drop.
//   2. Locals die before parameters: the work is dropped before the callable that follows it.
#pragma once

#include <functional>

#include "sync.hpp"

namespace hob::inline v0 {

// then(), for a Future of something and for one of nothing.
template <class T, class F>
Future<eventually_t<F, T>> on_value(Own, Future<T> from, F f) {
  Future<T> work = std::move(from);
  if (work.ready()) co_await yield();
  T value = co_await std::move(work);
  if constexpr (Awaitable<std::invoke_result_t<F, T>>)
    co_return co_await std::invoke(std::move(f), std::move(value));
  else
    co_return std::invoke(std::move(f), std::move(value));
}
template <class F>
Future<eventually_t<F>> on_value(Own, Future<> from, F f) {
  Future<> work = std::move(from);
  if (work.ready()) co_await yield();
  co_await std::move(work);
  if constexpr (Awaitable<std::invoke_result_t<F>>)
    co_return co_await std::invoke(std::move(f));
  else
    co_return std::invoke(std::move(f));
}

// recover()
template <class T, class F>
Future<T> on_error(Own, Future<T> from, F f) {
  Future<T> work = std::move(from);
  if (work.ready()) co_await yield();
  std::exception_ptr error;
  try {
    co_return co_await std::move(work);
  } catch (...) {
    error = std::current_exception();
  }
  if constexpr (Awaitable<std::invoke_result_t<F, std::exception_ptr>>)
    co_return co_await std::invoke(std::move(f), error);
  else
    co_return std::invoke(std::move(f), error);
}

// finally()
template <class T, class F>
Future<T> at_end(Own, Future<T> from, F f) {
  static_assert(std::is_void_v<std::invoke_result_t<F&>>, "finally takes a function that returns void");
  struct Last {
    F& f;
    ~Last() { std::invoke(f); }  // a throw ends the program, as from any destructor
  } last{f};
  Future<T> work = std::move(from);  // dropped before `last`
  if (work.ready()) co_await yield();
  co_return co_await std::move(work);
}

// One result for many readers. Copyable; the work lives while one copy does; `co_await shared`
// yields const T&, valid while a copy lives, and rethrows the one error to each reader.
// Readers are resumed in the order in which they came. A dropped reader leaves the others be.
template <class T>
class SharedFuture {
  struct Hub;

 public:
  using awaited_type = T;

  // An empty one: only assignment and destruction make sense.
  SharedFuture() noexcept = default;
  explicit SharedFuture(Future<T> work) : hub_(std::make_shared<Hub>(std::move(work))) {}

  bool ready() const noexcept { return hub_ && hub_->work.ready(); }

  class Awaiter : Waiter {
   public:
    explicit Awaiter(std::shared_ptr<Hub> hub) : hub_(std::move(hub)) {}
    bool await_ready() const noexcept { return hub_->work.ready(); }
    template <std::derived_from<Work> P>
    void await_suspend(std::coroutine_handle<P> h) {
      hub_->home.check();
      wait_in(hub_->readers, h.promise());
      h.promise().pause();
    }
    decltype(auto) await_resume() const { return hub_->result(); }

   private:
    std::shared_ptr<Hub> hub_;
  };
  Awaiter operator co_await() const {
    if (!hub_) misuse("co_await of an empty SharedFuture: it was moved from");
    return Awaiter(hub_);
  }

 private:
  struct Hub final : Collector {
    explicit Hub(Future<T> from) : work(std::move(from)) {
      if (!work) misuse("share() of an empty Future");
      if (!work.ready()) Innards::outcome(work).watch(*this);
    }
    void settled(Work&) noexcept override {
      while (!readers.empty()) readers.front().give();
    }
    Runnable* parent() noexcept override { return readers.empty() ? nullptr : &readers.front().task(); }
    decltype(auto) result() {
      auto& outcome = Innards::outcome(work);
      if (outcome.failed()) {
        outcome.hush();
        std::rethrow_exception(outcome.error());
      }
      return outcome.value();
    }

    Home home;
    List<Waiter> readers;
    Future<T> work;  // last: dropped first
  };
  std::shared_ptr<Hub> hub_;
};

}  // namespace hob::inline v0
