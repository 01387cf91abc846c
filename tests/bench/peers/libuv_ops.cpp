// SPDX-License-Identifier: MIT
//
// libuv_ops.cpp — libuv's timers, and posts as its users write them: a queue under a mutex, and uv_async_send.
#include "ops.hpp"

#include <uv.h>

#include <memory>
#include <mutex>
#include <new>

namespace {
struct Timers {
  explicit Timers(std::size_t n) : timers(new uv_timer_t[n]) {
    uv_loop_init(&loop);
    for (std::size_t i = 0; i < n; ++i) {
      uv_timer_init(&loop, &timers[i]);
      timers[i].data = this;
    }
  }
  void schedule(std::size_t i, std::int64_t ns) {
    uv_timer_start(&timers[i], fire_one, static_cast<std::uint64_t>(ns / 1'000'000), 0);
  }
  void cancel(std::size_t i) { uv_timer_stop(&timers[i]); }
  void settle() {}
  void fire() { uv_run(&loop, UV_RUN_NOWAIT); }
  static void fire_one(uv_timer_t* timer) { ++static_cast<Timers*>(timer->data)->fired; }

  uv_loop_t loop;
  std::unique_ptr<uv_timer_t[]> timers;
  std::size_t fired = 0;
};

// A function and 24 bytes for it.
class Job {
 public:
  template <class F>
  explicit Job(F f) : call_([](void* room) { (*static_cast<F*>(room))(); }) {
    static_assert(sizeof f <= sizeof room_ && std::is_trivially_copyable_v<F>);
    new (room_) F(f);
  }
  void operator()() { call_(room_); }

 private:
  void (*call_)(void*);
  alignas(8) std::byte room_[24];
};

class Posts {
 public:
  Posts() {
    uv_loop_init(&loop_);
    uv_async_init(&loop_, &async_, came);
    async_.data = this;
  }
  template <class F>
  void post(F f) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(Job(f));
    }
    uv_async_send(&async_);
  }
  void run() { uv_run(&loop_, UV_RUN_DEFAULT); }
  void stop() { uv_stop(&loop_); }

 private:
  static void came(uv_async_t* async) {
    Posts& self = *static_cast<Posts*>(async->data);
    {
      const std::lock_guard lock(self.mutex_);
      self.running_.swap(self.jobs_);
    }
    for (Job& job : self.running_) job();
    self.running_.clear();
  }

  uv_loop_t loop_;
  uv_async_t async_;
  std::mutex mutex_;
  std::vector<Job> jobs_, running_;
};
}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "timers") ops::timers<Timers>(std::strtoul(argc > 2 ? argv[2] : "1000", nullptr, 10));
  else if (what == "posts") ops::posts<Posts>();
  else return ops::usage();
  return ops::finish();
}
