// SPDX-License-Identifier: MIT
//
// callbacks.cpp — from a function to a place in the ready queue, or in the wheel.
#include "callbacks.hpp"

namespace hob::inline v0 {

void Loop::call_soon(Closure f, std::source_location site) {
  check_thread();
  auto* callback = new Callback(std::move(f), site);
  callbacks_.push_back(callback->hook_);
  callback->arm();
}

TimerHandle Loop::call_at(TimePoint when, Closure f, std::source_location site) {
  check_thread();
  TimerHandle handle;
  handle.callback_ = new Callback(std::move(f), site);
  handle.callback_->handle_ = &handle;
  set_alarm(handle.callback_->alarm_, when);
  return handle;
}

// Free before it is called: f may drop the handle, or be the last to need anything of the loop.
void Callback::call(Runnable& self) {
  auto& callback = static_cast<Callback&>(self);
  Closure f = std::move(callback.f_);
  if (callback.handle_) callback.handle_->callback_ = nullptr;
  const std::source_location site = callback.site_;
  here.loop->running_ = nullptr;
  delete &callback;
  here.loop->call(f, site);
}

void TimerHandle::cancel() noexcept {
  if (callback_ && callback_->pending() && callback_->loop_id_ != here.id)
    fatal("a TimerHandle was dropped on a thread that is not its Loop's");
  delete std::exchange(callback_, nullptr);
}

void TimerHandle::take(TimerHandle& from) noexcept {
  callback_ = std::exchange(from.callback_, nullptr);
  if (callback_) callback_->handle_ = this;
}

}  // namespace hob::inline v0
