// SPDX-License-Identifier: MIT
// promise.hpp — what comes before a Future and after it, without a coroutine of one's own: Promise, the
// writing end, for adapting callbacks; then, recover, finally, share.
//
//   hob::Promise<int> promise;
//   library_call([p = std::move(promise)](int n) mutable { p.set_value(n); });
//   1. A Pair lives until both its Promise and its Future are gone.
//   2. A Promise destroyed unset gives its reader BrokenPromise: an error, never a hang.
//   3. The callable is run by the loop, finally()'s also by the drop; never by the call that takes it.
//   4. Locals die before parameters: the work is dropped before the callable that follows it.
#pragma once
#include "sync.hpp"

namespace hob::inline v0 {
// The other kind of Work: what a Promise writes and its Future reads.
template <class T> class Pair final : public Outcome<T>, public Framed {
 public:
  int ends = 1;        // how many of the two are there; the Promise at first
  bool given = false;  // the Promise has handed out the Future
  Pair() noexcept : Outcome<T>(&leave, 0) {}
  static void leave(Runnable& self) noexcept {
    auto& pair = static_cast<Pair&>(self);
    if (--pair.ends == 0) delete &pair;
  }
  bool abandoned() const noexcept { return given && ends == 1; }  // asked by the Promise
  bool at_home() const noexcept { return this->loop_id_ == here.id || this->loop_id_ == 0; }
};

template <class T> class Promise {
 public:
  // The reading end; it has one owner, so a second call is std::logic_error.
  Future<T> future() {
    check_thread();
    if (std::exchange(pair_->given, true)) misuse("Promise::future() was called before: one reader only");
    ++pair_->ends;
    return Future<T>(pair_.get());
  }

  // Settles the Future; its reader goes through the ready queue. Abandoned: does nothing. A second
  // time, or from a thread that is not the loop's: std::logic_error.
  template <class V = T> requires std::constructible_from<T, V&&> void set_value(V&& value) {
    settle([&] { pair_->return_value(std::forward<V>(value)); });
  }
  void set_value() requires std::is_void_v<T> { settle([] {}); }
  void set_error(std::exception_ptr error) {
    if (!error) misuse("set_error of no error");
    settle([&] { pair_->set_error(std::move(error)); });
  }

  // Whether the Future was dropped: nobody waits any more, so the work can stop.
  bool abandoned() const { return held().abandoned(); }
 private:
  struct Break {
    void operator()(Pair<T>* pair) const noexcept {
      if (!pair->settled() && !pair->abandoned()) {
        if (pair->given && !pair->at_home())
          fatal("a Promise was destroyed unset on a thread that is not its Loop's: its Future waits there");
        pair->hush();  // if nobody reads it, nobody is told
        pair->set_error(std::make_exception_ptr(BrokenPromise()));
        pair->settle();
      }
      Pair<T>::leave(*pair);
    }
  };
  Pair<T>& held() const {
    if (!pair_) misuse("this Promise was moved from");
    return *pair_;
  }
  void check_thread() const {
    if (!held().at_home()) misuse("a Promise belongs to the thread of its Loop; from another one use Loop::post");
  }
  void settle(auto put) {
    if (held().settled()) misuse("this Promise was set before");
    if (pair_->abandoned()) return;
    check_thread();
    put();
    pair_->settle();
  }

  std::unique_ptr<Pair<T>, Break> pair_{new Pair<T>};
};

// A Future that has its value already.
template <class T> Future<T> ready(T value) { co_return std::move(value); }
inline Future<> ready() { co_return; }

// A Future that has failed already. Dropped unread, it is reported.
template <class T = void> Future<T> failed(std::exception_ptr error) {
  Promise<T> promise;
  promise.set_error(std::move(error));
  return promise.future();
}

// --- what follows a Future -------------------------------------------------------------------------
// then(), for a Future of something and for one of nothing.
template <class T, class F> Future<eventually_t<F, T>> on_value(Own, Future<T> from, F f) {
  Future<T> work = std::move(from);
  if (work.ready()) co_await yield();
  T value = co_await std::move(work);
  if constexpr (Awaitable<std::invoke_result_t<F, T>>)
    co_return co_await std::invoke(std::move(f), std::move(value));
  else co_return std::invoke(std::move(f), std::move(value));
}
template <class F> Future<eventually_t<F>> on_value(Own, Future<> from, F f) {
  Future<> work = std::move(from);
  if (work.ready()) co_await yield();
  co_await std::move(work);
  if constexpr (Awaitable<std::invoke_result_t<F>>) co_return co_await std::invoke(std::move(f));
  else co_return std::invoke(std::move(f));
}

template <class T, class F>  // recover()
Future<T> on_error(Own, Future<T> from, F f) {
  Future<T> work = std::move(from);
  if (work.ready()) co_await yield();
  std::exception_ptr error;
  try {
    co_return co_await std::move(work);
  } catch (...) { error = std::current_exception(); }
  if constexpr (Awaitable<std::invoke_result_t<F, std::exception_ptr>>)
    co_return co_await std::invoke(std::move(f), error);
  else co_return std::invoke(std::move(f), error);
}

template <class T, class F>  // finally()
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
template <class T> class SharedFuture {
  struct Hub;
 public:
  using awaited_type = T;
  // An empty one: only assignment and destruction make sense.
  SharedFuture() noexcept = default;
  explicit SharedFuture(Future<T> work) : hub_(std::make_shared<Hub>(std::move(work))) {}
  bool ready() const noexcept { return hub_ && hub_->work.ready(); }
  class Awaiter : std::shared_ptr<Hub>, public Event::Wait, public Several {
   public:
    explicit Awaiter(const std::shared_ptr<Hub>& hub) : std::shared_ptr<Hub>(hub), Wait(hub->done) {}
    bool await_ready() { return (*this)->work.ready() || Wait::await_ready(); }
    template <std::derived_from<Work> P>
    void await_suspend(std::coroutine_handle<P> h) { Wait::await_suspend(h), h.promise().awaits(*this); }
    void each(const Look& look) const override { look((*this)->work.outcome()); }
    decltype(auto) await_resume() { return finish(), (*this)->result(); }
  };
  Awaiter operator co_await() const {
    if (!hub_) misuse("co_await of an empty SharedFuture: it was moved from");
    return Awaiter(hub_);
  }
 private:
  struct Hub final : Collector {
    explicit Hub(Future<T> from) : work(std::move(from)) {
      if (!work) misuse("share() of an empty Future");
      if (!work.ready()) work.outcome().watch(*this);
    }
    void settled(Work&) noexcept override { done.fire(); }
    Runnable* parent() noexcept override { return done.first(); }
    decltype(auto) result() {
      auto& outcome = work.outcome();
      if (outcome.failed()) outcome.hush(), std::rethrow_exception(outcome.error());
      return outcome.value();
    }

    Event done;
    Future<T> work;  // last: dropped first
  };
  std::shared_ptr<Hub> hub_;
};
}  // namespace hob::inline v0
