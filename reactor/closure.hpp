// SPDX-License-Identifier: MIT
//
// closure.hpp — a callable to be called once; move-only, 24 bytes of captures without allocation.
// What call_soon, call_later and post keep (std::function would want copyable captures).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace hob::inline v0 {

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
      *this = Closure([held = std::make_unique<Held>(std::forward<F>(f))] {
        static_cast<void>(std::invoke(*held));
      });
    }
  }
  Closure(Closure&& from) noexcept { take(from); }
  Closure& operator=(Closure&& from) noexcept {
    if (this != &from) reset(), take(from);
    return *this;
  }
  ~Closure() { reset(); }

  explicit operator bool() const noexcept { return act_ != nullptr; }
  void operator()() { act_(Act::call, room_, nullptr); }
  void reset() noexcept {
    if (act_) std::exchange(act_, nullptr)(Act::destroy, room_, nullptr);
  }

 private:
  enum class Act { call, move, destroy };
  static constexpr std::size_t kRoom = 24;
  template <class Held>
  static constexpr bool fits = sizeof(Held) <= kRoom && alignof(Held) <= alignof(void*) &&
                               std::is_nothrow_move_constructible_v<Held>;

  void take(Closure& from) noexcept {
    if (!from.act_) return;
    from.act_(Act::move, from.room_, room_);
    act_ = std::exchange(from.act_, nullptr);
  }

  template <class Held>
  static void act(Act what, void* room, void* to) {
    Held& held = *std::launder(static_cast<Held*>(room));
    if (what == Act::call) return static_cast<void>(std::invoke(held));
    if (what == Act::move) ::new (to) Held(std::move(held));
    held.~Held();
  }

  alignas(void*) std::byte room_[kRoom];
  void (*act_)(Act, void*, void*) = nullptr;
};

}  // namespace hob::inline v0
