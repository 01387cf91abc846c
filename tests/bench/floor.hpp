// SPDX-License-Identifier: MIT
//
// floor.hpp — the least code that runs the coroutine figures: what hob's are compared with.
//
// An eager task, a ring of handles for a ready queue, frames from a free list. There is no
// cancellation, no error, no second thread, no owner check, no report, no type behind which a task
// could be something else. It is a bound and no library.
#pragma once

#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "../../timers/wheel.hpp"

namespace bench::least {

// Frames: freed ones are kept by size, until drain().
class Pool {
 public:
  static void* take(std::size_t size) {
    void*& head = free_[(size + 15) / 16];
    if (!head) return ::operator new((size + 15) / 16 * 16);
    return std::exchange(head, *static_cast<void**>(head));
  }
  static void give(void* frame, std::size_t size) noexcept {
    void*& head = free_[(size + 15) / 16];
    *static_cast<void**>(frame) = std::exchange(head, frame);
  }
  static void drain() noexcept {
    for (void*& head : free_) {
      while (head) ::operator delete(std::exchange(head, *static_cast<void**>(head)));
    }
  }

 private:
  static inline void* free_[65] = {};
};

// What is ready, first in first out; at most 256 at once.
class Ready {
 public:
  static void push_back(std::coroutine_handle<> task) { ring_[tail_++ % 256] = task; }
  static void push_front(std::coroutine_handle<> task) { ring_[--head_ % 256] = task; }
  static bool empty() { return head_ == tail_; }
  static void run_all() {
    while (head_ != tail_) ring_[head_++ % 256].resume();
  }

 private:
  static inline std::coroutine_handle<> ring_[256];
  static inline std::size_t head_ = 0, tail_ = 0;
};

// Who goes on when a task has returned; if `left` is given, when it has been counted down.
struct Next {
  std::coroutine_handle<> task;
  std::size_t* left = nullptr;
};

template <class T>
struct Value {
  std::optional<T> value;
  void return_value(T from) { value = std::move(from); }
  T take() { return std::move(*value); }
};
template <>
struct Value<void> {
  void return_void() {}
  void take() {}
};

template <class T = void>
class [[nodiscard]] Task {
 public:
  struct promise_type : Value<T> {
    Next next;

    static void* operator new(std::size_t size) { return Pool::take(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { Pool::give(frame, size); }
    Task get_return_object() { return Task(Handle::from_promise(*this)); }
    std::suspend_never initial_suspend() noexcept { return {}; }
    struct HandOver {
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> h) noexcept {
        Next& then = h.promise().next;
        if (then.task && (!then.left || --*then.left == 0)) Ready::push_front(then.task);
      }
      void await_resume() noexcept {}
    };
    HandOver final_suspend() noexcept { return {}; }
    void unhandled_exception() { std::abort(); }
  };
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& from) noexcept : handle_(std::exchange(from.handle_, nullptr)) {}
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool done() const { return handle_.done(); }
  void then_go_on(Next next) { handle_.promise().next = next; }
  T take() { return handle_.promise().take(); }

  bool await_ready() const { return done(); }
  void await_suspend(std::coroutine_handle<> h) { then_go_on({h}); }
  T await_resume() { return take(); }

 private:
  Handle handle_;
};

struct Yield {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) const noexcept { Ready::push_back(h); }
  void await_resume() const noexcept {}
};

// All of them, awaited where they stand.
template <class T, std::size_t N>
class All {
 public:
  template <class... Tasks>
  explicit All(Tasks... tasks) : tasks_{std::move(tasks)...} {}
  bool await_ready() {
    for (auto& task : tasks_) left_ += !task.done();
    return left_ == 0;
  }
  void await_suspend(std::coroutine_handle<> h) {
    for (auto& task : tasks_) {
      if (!task.done()) task.then_go_on({h, &left_});
    }
  }
  std::array<T, N> await_resume() {
    return std::apply([](auto&... task) { return std::array<T, N>{task.take()...}; }, tasks_);
  }

 private:
  std::array<Task<T>, N> tasks_;
  std::size_t left_ = 0;
};

// What follows a task goes through the ready queue, as hob's does.
template <class T, class F>
Task<T> then(Task<T> task, F f) {
  if (task.done()) co_await Yield();
  co_return f(co_await std::move(task));
}

// --- the clock -----------------------------------------------------------------------------------

using hob::Tick;
using hob::Timer;
using hob::Wheel;
using Clock = std::chrono::steady_clock;
inline Tick ticks(Clock::time_point when) {
  return static_cast<Tick>(when.time_since_epoch().count());
}
inline std::optional<Wheel> wheel;

// One timer in the awaiting frame; resumed from the wheel, since nothing can be dropped meanwhile.
class Sleep : Timer {
 public:
  explicit Sleep(Clock::duration time) : until_(ticks(Clock::now() + time)) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    task_ = h;
    wheel->schedule(*this, until_);
  }
  void await_resume() const {}
  static void fire(Timer& due) { static_cast<Sleep&>(due).task_.resume(); }

 private:
  Tick until_;
  std::coroutine_handle<> task_;
};

inline void run_timers() {
  for (;;) {
    Ready::run_all();
    const auto next = wheel->next_wake();
    if (!next) return;
    std::this_thread::sleep_until(Clock::time_point(Clock::duration(*next)));
    wheel->advance(ticks(Clock::now()), Sleep::fire);
  }
}

}  // namespace bench::least
