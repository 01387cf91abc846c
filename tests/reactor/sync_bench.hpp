// SPDX-License-Identifier: MIT
//
// sync_bench.hpp — what the tests of the primitives, the pool and the signals are made of.
#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "on_sim.hpp"
#include "patience.hpp"

namespace hob_test {

// Turns until nothing is ready. No time passes.
inline void settle(Loop& loop) {
  for (int turns = 0; loop.poll() != 0; ++turns) REQUIRE(turns < 10'000);
}

// Calls a case with a loop on a simulated world; all errors are taken by somebody.
template <class Case>
void in_world(Case run, std::uint64_t seed, Order order) {
  INFO("HOB_SIM_SEED=" << seed);
  Sim sim(seed, order);
  if constexpr (std::invocable<Case, Loop&, sim::World&>)
    run(sim.loop, sim.world);
  else
    run(sim.loop);
  settle(sim.loop);
  CHECK(sim.unhandled == std::vector<std::string>());
}

// With each of many seeds.
template <class Case>
void each_seed(Case run, std::uint64_t count = 20) {
  for (const std::uint64_t seed : seeds(count)) in_world(run, seed, Order::shuffled);
}

// Once, with the ready queue in order, as a native kernel leaves it.
template <class Case>
void once_in_order(Case run) {
  in_world(run, 1, Order::fifo);
}

// Runs f inside a turn, as one resumption, and nobody else: what it arms is still to come.
template <class F>
void in_turn(Loop& loop, F f) {
  settle(loop);
  auto once = [&]() -> Future<> {
    co_await yield();
    f();
  };
  loop.run(once());
}

// Whether the settled work failed with an E.
template <class E, class T>
bool failed_with(Future<T>&& work) {
  try {
    static_cast<void>(std::move(work).get());
  } catch (const E&) {
    return true;
  } catch (...) {
  }
  return false;
}

// A child process that runs `body`, then exits with 0.
class Child {
 public:
  template <class Body>
  explicit Child(Body body) {
    std::fflush(nullptr);
    REQUIRE(::pipe(said_) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(said_[1], 2);
      ::close(said_[0]);
      for (const int number : {SIGINT, SIGTERM, SIGABRT, SIGSEGV})
        std::signal(number, SIG_DFL);  // doctest has handlers of its own
      ::alarm(unsigned{kPatience.count()});  // whatever happens, it does not stay
      try {
        body();
      } catch (...) {  // or doctest would go on with its cases, here as well
        ::_exit(99);
      }
      ::_exit(0);
    }
    ::close(said_[1]);
  }
  Child(const Child&) = delete;
  ~Child() {
    if (!ended_) ::kill(pid_, SIGKILL), wait();
    ::close(said_[0]);
  }

  void kill(int signal) const { ::kill(pid_, signal); }
  // Reads from its stderr until `word` has come; false if it ends before.
  bool says(const std::string& word) {
    char c;
    while (text_.find(word) == std::string::npos) {
      if (::read(said_[0], &c, 1) != 1) return false;
      text_ += c;
    }
    return true;
  }
  // All that it wrote to stderr.
  const std::string& text() {
    says("\x04never");
    return text_;
  }
  // How it ended: its exit code, or minus the number of the signal.
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  int said_[2];
  pid_t pid_;
  std::string text_;
  bool ended_ = false;
};

// One word to the parent, from a Child.
inline void say(const char* word) { [[maybe_unused]] const auto n = ::write(2, word, std::strlen(word)); }

}  // namespace hob_test
