// SPDX-License-Identifier: MIT
// callbacks.hpp — plain functions that the loop calls: call_soon, call_later, call_at, post.
//   1. A Callback has one owner: its TimerHandle, or, from call_soon, the loop.
//   2. Its function is moved out of it to be called, so it may do anything to the handle.
//   3. The Mailbox lives while a Remote does, and is open while the loop lives. Only it takes a lock.
//   4. The loop is woken without the lock, which it wants at once; so it does not go away while
//      somebody is waking it. And only if it sleeps: a burst of posts costs one system call.
#pragma once
#include <atomic>
#include <mutex>
#include <thread>
#include "loop.hpp"

namespace hob::inline v0 {
// A callable to be called once: move-only, unlike std::function; allocates for more than 24 bytes.
class Closure {
 public:
  Closure() noexcept = default;
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Closure> && std::invocable<std::decay_t<F>&>)
  Closure(F&& f) {
    using Held = std::decay_t<F>;
    if constexpr (fits<Held>) {
      ::new (static_cast<void*>(room_)) Held(std::forward<F>(f));
      act_ = &act<Held>;
    } else {
      *this = Closure(
          [held = std::make_unique<Held>(std::forward<F>(f))] { static_cast<void>((*held)()); });
    }
  }
  Closure(Closure&& from) noexcept { *this = std::move(from); }
  Closure& operator=(Closure&& from) noexcept {
    if (this == &from) return *this;
    reset();
    if (from.act_) from.act_(Act::move, from.room_, room_);
    act_ = std::exchange(from.act_, nullptr);
    return *this;
  }
  ~Closure() { reset(); }

  explicit operator bool() const noexcept { return act_ != nullptr; }
  void operator()() { act_(Act::call, room_, nullptr); }
  void reset() noexcept { if (act_) std::exchange(act_, nullptr)(Act::destroy, room_, nullptr); }
 private:
  enum class Act { call, move, destroy };
  static constexpr std::size_t kRoom = 24;
  template <class Held>
  static constexpr bool fits = sizeof(Held) <= kRoom && alignof(Held) <= alignof(void*) &&
                               std::is_nothrow_move_constructible_v<Held>;

  template <class Held> static void act(Act what, void* room, void* to) {
    Held& held = *std::launder(static_cast<Held*>(room));
    if (what == Act::call) return static_cast<void>(held());
    if (what == Act::move) ::new (to) Held(std::move(held));
    held.~Held();
  }

  alignas(void*) std::byte room_[kRoom];
  void (*act_)(Act, void*, void*) = nullptr;
};

// What call_soon and call_later keep.
class Callback final : public Runnable, public Framed {
 public:
  Callback(Closure f, const std::source_location& site) noexcept
      : Runnable(&call, site), f_(std::move(f)), hook_(*this) {
    alarm_.task = this;
  }
  ~Callback() {
    if ((linked() || alarm_.scheduled()) && loop_id_ != here.id)
      fatal("a TimerHandle was dropped on a thread that is not its Loop's");
  }
 private:
  friend class Loop;
  friend class TimerHandle;
  // Done with before it is called: f may drop the handle, or be the last to need the loop.
  static void call(Runnable& self) {
    auto& callback = static_cast<Callback&>(self);
    Closure f = std::move(callback.f_);
    const std::source_location site = callback.site_;
    here.loop->running_ = nullptr;
    if (callback.hook_.linked()) delete &callback;
    here.loop->call(f, site);
  }

  Closure f_;
  Alarm alarm_;
  Hook<Callback> hook_;  // among the loop's callbacks_, if the loop owns it
};

// Keeps a call_later alive: dropping it cancels. May outlive the loop.
class [[nodiscard("dropping a TimerHandle cancels the call")]] TimerHandle {
 public:
  TimerHandle() noexcept = default;
  void cancel() noexcept { callback_.reset(); }
  bool pending() const noexcept { return callback_ && callback_->f_; }
 private:
  friend class Loop;
  explicit TimerHandle(Callback* callback) noexcept : callback_(callback) {}
  std::unique_ptr<Callback> callback_;
};

template <class Rep, class Period>
TimerHandle Loop::call_later(std::chrono::duration<Rep, Period> delay, Closure f,
                             std::source_location site) {
  return call_at(after(to_duration(delay)), std::move(f), site);
}

// What other threads post.
class Mailbox {
 public:
  explicit Mailbox(Backend& backend) noexcept : backend_(&backend) {}

  // From any thread. False, and f untouched, if the loop is gone.
  bool post(Closure& f) {
    std::unique_lock lock(mutex_);
    if (!backend_) return false;
    posts_.push_back(std::move(f));
    if (posts_.size() != 1) return true;  // who was first has woken the loop
    any_ = true;
    if (!asleep_.exchange(false)) return true;
    Backend& backend = *backend_;
    ++waking_;
    lock.unlock();
    backend.wake();
    --waking_;
    return true;
  }

  // For the loop: whether it may sleep, which it may not if something is here. (It says so before it looks,
  // as who posts looks after having put it here: one of the two sees the other.)
  bool fall_asleep() noexcept { return asleep_ = true, !any_; }
  void take(std::vector<Closure>& into) {
    asleep_.store(false, std::memory_order_relaxed);
    if (!any_) return;
    const std::scoped_lock lock(mutex_);
    any_ = false;
    into.swap(posts_);
  }
  void close(std::vector<Closure>& left) noexcept {
    std::unique_lock lock(mutex_);
    backend_ = nullptr;
    left.swap(posts_);
    lock.unlock();
    while (waking_ != 0) std::this_thread::yield();
  }
 private:
  std::mutex mutex_;  // guards the next two
  Backend* backend_;  // null: closed
  std::vector<Closure> posts_;
  std::atomic<bool> any_ = false;     // posts_ is not empty
  std::atomic<bool> asleep_ = false;  // a post has to wake the loop
  std::atomic<unsigned> waking_ = 0;  // threads in Backend::wake(); grows under the lock
};

// A door to a loop for other threads; copyable, outlives the loop.
class Remote {
 public:
  // As Loop::post, but answers false, and drops f on this thread, once the loop is gone.
  bool post(Closure f) const { return box_->post(f); }
 private:
  friend class Loop;
  explicit Remote(std::shared_ptr<Mailbox> box) noexcept : box_(std::move(box)) {}
  std::shared_ptr<Mailbox> box_;
};
}  // namespace hob::inline v0
