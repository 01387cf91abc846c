// SPDX-License-Identifier: MIT
//
// libevent_ops.cpp — libevent's timers, in its min-heap.
#include "ops.hpp"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <memory>

namespace {
struct Timers {
  explicit Timers(std::size_t n) : timers(new event[n]) {
    for (std::size_t i = 0; i < n; ++i) evtimer_assign(&timers[i], base, fire_one, this);
  }
  void schedule(std::size_t i, std::int64_t ns) {
    const timeval delay = {ns / 1'000'000'000, ns % 1'000'000'000 / 1000};
    event_add(&timers[i], &delay);
  }
  void cancel(std::size_t i) { event_del(&timers[i]); }
  void settle() {}
  void fire() { event_base_loop(base, EVLOOP_NONBLOCK); }
  static void fire_one(evutil_socket_t, short, void* self) { ++static_cast<Timers*>(self)->fired; }

  event_base* base = event_base_new();
  std::unique_ptr<event[]> timers;
  std::size_t fired = 0;
};
}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what != "timers") return ops::usage();
  ops::timers<Timers>(std::strtoul(argc > 2 ? argv[2] : "1000", nullptr, 10));
  return ops::finish();
}
