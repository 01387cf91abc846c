// SPDX-License-Identifier: MIT
// runnable.hpp — a thing that can be put into the ready queue, and then runs once.
// A Runnable is a coroutine, or a callback. Whoever makes it ready calls arm(); only Loop::turn() ever runs
// it. Its destructor takes it out of the queue, which is all that cancellation needs at this level.
//   1. A Runnable is in at most one list: the ready queue of its loop (or, once it has settled,
//      the list of a Collector, see work.hpp).
//   2. arm() and arm_next() run nobody.
//   3. `here` is this thread's view of its current loop; nothing in it is shared between threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <source_location>
#include "../timers/intrusive_list.hpp"

namespace hob::inline v0 {
class Loop;
class Runnable;

// What this thread's current loop looks like from below: enough to arm, to account, to check.
struct Here {
  Loop* loop = nullptr;
  List<Runnable>* ready = nullptr;
  std::uint32_t id = 0;      // of the loop; never reused; 0: there is no loop
  std::uint32_t steps = 0;   // how many leaves may still finish at once in this resumption
  std::size_t bytes = 0;     // how many bytes they may still move (the Law of the Fair Share)
  bool reserved = false;     // what try_now() answered of the leaf that is being awaited just now
};
inline constinit thread_local Here here;

// A place in a second list, for what is in the ready queue as well.
template <class T> struct Hook : Link {
  explicit Hook(T& of) noexcept : owner(of) {}
  T& owner;
};

// The loop a primitive (an Event …) belongs to: the one it was made under or, if none, first used in.
class Home {
 public:
  // std::logic_error on any other thread, and on a later loop.
  void check() const { if (id_ != here.id) [[unlikely]] adopt(); }
  // For what must not throw: whether another loop's thread has come here.
  bool foreign() const noexcept { return id_ != here.id && id_ != 0; }
 private:
  void adopt() const;
  mutable std::uint32_t id_ = here.id;
};

class Runnable : public Link {
 public:
  using Step = void (*)(Runnable&);
  // Puts it at the end of the ready queue of this thread's loop. Armed already: stays where it is.
  void arm() noexcept { if (!linked()) here.ready->push_back(*this); }
  // Puts it before everything that is ready: how a coroutine that returns hands over.
  void arm_next() noexcept { if (!linked()) here.ready->push_front(*this); }
  // Where in the user's source it was made, or last suspended.
  const std::source_location& site() const noexcept { return site_; }
 protected:
  explicit Runnable(Step step, std::source_location site = {}, unsigned flags = 0) noexcept
      : step_(step), site_(site), loop_id_(here.id), flags_(static_cast<std::uint16_t>(flags)) {}
  ~Runnable() = default;
  Step step_;                  // what the turn calls; a Pair, never armed, is dropped by it
  std::source_location site_;
  std::uint32_t loop_id_;      // the loop it was made under; 0: none
  std::uint16_t flags_;        // a Work's; see work.hpp

  friend class Loop;
};
}  // namespace hob::inline v0
