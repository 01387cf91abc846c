// SPDX-License-Identifier: MIT
// future.hpp — Future<T>: the one type for a value that takes time, and the coroutine type.
//
//   hob::Future<int> answer() { co_await hob::sleep(1s); co_return 42; }
//   int n = co_await answer();
//
// A coroutine that returns a Future runs at once, inside its call, up to its first suspension: a
// Future in hand is running, as asyncio's create_task(f()) is. Then only Loop::turn() resumes it.
//
// **The Law of One Owner.** Every Future has exactly one owner. To drop it is to cancel the work,
// at once: when the destructor returns, every local of that coroutine is gone, its timers and waits
// are unlinked, and none of its code will run again. Nobody else is waiting, so nobody needs to be
// told; there is no CancelledError to catch, or to swallow.
//
// Bad use: awaiting or getting an empty Future is std::logic_error. A coroutine that drops itself, or a
// Future dropped unsettled on a foreign thread or after its Loop, ends the program with a sentence.
// Invariants (those of what a Future points at are in work.hpp)
//   1. A Future is empty, or the only owner of an Outcome; awaiting it hands the Outcome over.
//   2. What a coroutine awaits stands in its frame: to destroy the frame destroys that as well.
#pragma once
#include <coroutine>
#include "work.hpp"

namespace hob::inline v0 {
template <class T = void> class Promise;
template <class T = void> class SharedFuture;
template <class T> class Coroutine;

// What can be awaited: a Future, a SharedFuture, or a leaf such as sleep(1s); and what comes out of it.
template <class A> using awaited_t = typename std::remove_cvref_t<A>::awaited_type;
template <class A> concept Awaitable = requires { typename awaited_t<A>; };

// What an F called with Args gives in the end: U, whether it returns U or something that awaits to U.
template <class R> struct Eventually { using type = std::remove_cvref_t<R>; };
template <Awaitable R> struct Eventually<R> { using type = awaited_t<R>; };
template <class F, class... Args>
using eventually_t = typename Eventually<std::invoke_result_t<F, Args...>>::type;

// A value that is on its way. Move-only; already running; dropping it cancels.
template <class T = void>
class [[nodiscard("dropping a Future cancels it: co_await it, or hand it to detach() or a TaskGroup")]]
Future {
 public:
  using awaited_type = T;
  using promise_type = Coroutine<T>;
  Future() noexcept = default;  // empty, as after a move: only assignment and destruction make sense
  // Any other awaitable begins when it is converted: Future<> f = sleep(1s);
  template <Awaitable A>
    requires(!std::same_as<std::remove_cvref_t<A>, Future> && std::same_as<awaited_t<A>, T>)
  Future(A&& leaf) : Future(drive(Own(), std::forward<A>(leaf))) {}
  explicit operator bool() const noexcept { return static_cast<bool>(outcome_); }  // not empty
  // Whether its value or error is there, so that awaiting it would not suspend.
  bool ready() const noexcept { return outcome_ && outcome_->settled(); }
  // Drops the work at once (the Law of One Owner); the Future is empty then.
  void cancel() noexcept { outcome_.reset(); }
  // The value of a ready Future; rethrows its error. std::logic_error if it is not ready.
  T get() && {
    if (!outcome_) misuse("get() of an empty Future: it was moved from, or awaited before");
    if (!ready()) misuse("get() of a Future that is not ready: co_await it, or give it to Loop::run");
    const auto done = std::move(outcome_);  // freed on every way out
    return done->take();
  }

  // Calls f with the value when it comes, from the loop, never from this call, not even when the
  // Future is ready. f: T -> U or T -> Future<U>; gives Future<U>. Errors pass f by.
  auto then(auto f) && { return on_value(Own(), std::move(*this), std::move(f)); }
  // Calls f with the error, if that is what comes. f: std::exception_ptr -> T or Future<T>.
  Future recover(auto f) && { return on_error(Own(), std::move(*this), std::move(f)); }
  // Calls f on value, error and cancellation alike; on a drop after the work's locals are gone.
  // f returns void and must not throw.
  Future finally(auto f) && { return at_end(Own(), std::move(*this), std::move(f)); }
  // The same value for many readers; the work lives while one copy does.
  SharedFuture<T> share() && { return SharedFuture<T>(std::move(*this)); }
  // `co_await std::move(future)`, or `co_await call()`. What it awaited is freed before it returns.
  // Awaiting takes no time of its own: a ready Future does not suspend.
  auto operator co_await() && noexcept { return Awaiter{std::move(outcome_)}; }

  // --- implementation from here on -------------------------------------------------------------
  explicit Future(Outcome<T>* outcome) noexcept : outcome_(outcome) {}  // owns it now
  void awaited_by(Work& self) const noexcept { if (ready()) self.comes_from(*outcome_); }
  Outcome<T>& outcome() const noexcept { return *outcome_; }  // not of an empty one
 private:
  struct Drop {
    void operator()(Outcome<T>* outcome) const noexcept { outcome->template drop<T>(); }
  };
  using Owner = std::unique_ptr<Outcome<T>, Drop>;

  struct Awaiter {
    Owner work;  // the awaiting coroutine owns it now
    bool await_ready() const {
      if (!work) misuse("co_await of an empty Future: it was moved from, or awaited before");
      return work->settled();
    }
    template <std::derived_from<Work> P>
    void await_suspend(std::coroutine_handle<P> h) const { h.promise().awaits(*work); }
    T await_resume() {
      const Owner done = std::move(work);
      return done->take();
    }
  };

  template <class A> static Future drive(Own, A leaf) { co_return co_await static_cast<A&&>(leaf); }
  Owner outcome_;
};

// --- the coroutine -----------------------------------------------------------------------------
// Awaits a leaf where it stands. (gcc 12 copies an awaiter that await_transform returns by reference.)
template <class L> struct InPlace {
  L& leaf;
  bool await_ready() { return leaf.await_ready(); }
  void await_suspend(auto h) { leaf.await_suspend(h); }
  decltype(auto) await_resume() { return leaf.await_resume(); }
};

// A coroutine's promise. Its frame comes from Frames, and starts inside the call.
template <class T> class Coroutine final : public Outcome<T>, public Framed {
 public:
  template <class... Args> explicit Coroutine(Args&...) noexcept
      : Outcome<T>(&resume, Work::kCoroutine | Work::kRunning |
                                ((std::same_as<Args, Own> || ...) ? Work::kOwn : 0)) {}

  struct Settle : std::suspend_always {
    void await_suspend(std::coroutine_handle<Coroutine> h) const noexcept { h.promise().settle(); }
  };

  Future<T> get_return_object() noexcept { return Future<T>(this); }
  std::suspend_never initial_suspend() const noexcept { return {}; }
  Settle final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { this->set_error(std::current_exception()); }
  // Every co_await passes here and leaves its place in the source, for reports and traces.
  template <Awaitable A>
  auto await_transform(A&& awaitable, std::source_location site = std::source_location::current()) {
    this->site_ = site;
    if constexpr (requires { awaitable.awaited_by(*this); }) awaitable.awaited_by(*this);
    if constexpr (requires { std::forward<A>(awaitable).operator co_await(); }) {
      return std::forward<A>(awaitable).operator co_await();
    } else {
      static_assert(!std::is_lvalue_reference_v<A>,
                    "one owner: co_await of a Future or leaf that has a name needs std::move");
      return InPlace<A>{awaitable};
    }
  }

  auto handle() noexcept { return std::coroutine_handle<Coroutine>::from_promise(*this); }
 private:
  static void resume(Runnable& runnable) {
    auto& self = static_cast<Coroutine&>(runnable);
    if (self.resumed()) self.handle().resume();
  }
};

template <class T> void Work::drop() noexcept {
  before_drop();
  if (flags_ & kCoroutine) static_cast<Coroutine<T>&>(*this).handle().destroy();
  else step_(*this);  // a Pair, which is never armed
}

// Turns any awaitable into a Future, which begins it. A Future stays what it is.
template <Awaitable A> Future<awaited_t<A>> as_future(A&& awaitable) {
  static_assert(!std::is_lvalue_reference_v<A> || !std::same_as<std::remove_cvref_t<A>, Future<awaited_t<A>>>,
                "a Future has one owner: pass it on with std::move");
  return Future<awaited_t<A>>(std::forward<A>(awaitable));
}
}  // namespace hob::inline v0
