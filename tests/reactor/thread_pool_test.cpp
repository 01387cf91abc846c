// SPDX-License-Identifier: MIT
//
// thread_pool_test.cpp — the pool: who runs a job, how many at once, and what exit waits for.
//
// Real threads; forked children where the process itself is at stake.
#include <sys/resource.h>

#include <algorithm>
#include <set>

#include "kernels.hpp"

namespace hob_test::thread_pool_test {
// Asked by ThreadSanitizer: it would end a forked child that makes a thread.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "die_after_fork=0"; }

TEST_SUITE_BEGIN("reactor");

namespace {

// How many threads this process has; 0 where the system does not tell in a few words.
std::size_t threads() {
#ifdef __linux__
  return posix::list_dir("/proc/self/task").size();
#else
  return 0;
#endif
}

}  // namespace

TEST_CASE("a job runs on another thread, and the caller goes on at once") {
  each_real_kernel([](Bench& bench) {
    Moment released, done;
    std::thread::id where;
    bench->offload([&] {
      released.came();
      where = std::this_thread::get_id();
      done.come();
    });
    released.come();
    CHECK(done.came());
    CHECK(where != std::this_thread::get_id());
  });
}

TEST_CASE("a job's wake reaches the loop, and what it captured is gone with it") {
  each_real_kernel([](Bench& bench) {
    auto token = std::make_shared<int>(7);
    const std::weak_ptr<int> watched = token;
    std::atomic<bool> done = false;
    bench->offload([&, token = std::move(token)] {
      done = true;
      bench->wake();
    });
    CHECK(bench.eventually([&] { return done.load() && watched.expired(); }));
  });
}

TEST_CASE("an idle thread is used before a new one is made") {
  const int status = in_child([] {  // whose pool is new
    std::set<std::thread::id> seen;
    // Rests until it is idle again, longer each time; five jobs, and the pool may have five threads.
    for (Duration rest{0}; rest < 10s; rest = 10 * rest + 5ms) {
      std::this_thread::sleep_for(rest);
      Moment done;
      bool used_again = false;
      const std::size_t before = threads();
      posix::offload([&] {
        used_again = !seen.insert(std::this_thread::get_id()).second;
        done.come();
      });
      const bool made_one = threads() != before;
      if (!done.came()) ::_exit(2);
      if (used_again && !made_one) ::_exit(0);
    }
    ::_exit(3);
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("the pool grows to min(32, cores + 4) threads, and jobs beyond wait in order") {
  const int most = static_cast<int>(std::min(32u, std::thread::hardware_concurrency() + 4));
  std::atomic<int> running = 0;
  Moment full, released, done;
  for (int i = 0; i < most + 20; ++i) {
    posix::offload([&] {
      if (++running == most) full.come();
      released.came();
      done.come();
    });
  }
  CHECK(full.came());
  std::this_thread::sleep_for(20ms);
  CHECK(running == most);
  released.come();
  CHECK(done.came(most + 20));
}

// A forked child lacks its parent's other threads, and what only they point at looks leaked. LSan asks
// this at exit.
static bool forked = false;
extern "C" int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() { return forked; }

TEST_CASE("a stuck job does not hold up the exit of the process") {
  each_real_kernel([](Bench& outer) {
    const Kernel& kind = outer.kind();
    const int status = in_child([&] {
      Bench bench(kind);
      Moment begun;
      bench->offload([&] {
        begun.come();
        for (;;) ::pause();
      });
      if (!begun.came()) ::_exit(2);
      forked = true;
      std::exit(7);
    });
    CHECK(exited_with(status, 7));
  });
}

TEST_CASE("a forked child has a pool of its own") {
  Moment here_first;
  posix::offload([&] { here_first.come(); });
  REQUIRE(here_first.came());
  const int status = in_child([] {
    Moment done;
    posix::offload([&] { done.come(); });
    ::_exit(done.came() ? 0 : 1);
  });
  CHECK(exited_with(status, 0));
}

#ifdef __linux__  // where a limit of processes counts threads
TEST_CASE("with no thread to be had, the job is refused with an error") {
  const int status = in_child([] {
    const rlimit one{.rlim_cur = 1, .rlim_max = 1};
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(0);  // root has no limit
    if (::setrlimit(RLIMIT_NPROC, &one) != 0) ::_exit(2);
    try {
      posix::offload([] { ::_exit(3); });
      ::_exit(4);
    } catch (const std::system_error& error) {
      ::_exit(error.code() == std::errc::resource_unavailable_try_again ? 0 : 5);
    }
  });
  CHECK(exited_with(status, 0));
}
#endif

TEST_SUITE_END();
}  // namespace hob_test::thread_pool_test
