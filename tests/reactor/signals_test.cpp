// SPDX-License-Identifier: MIT
//
// signals_test.cpp — signal(n): who gets an arrival, what is kept, what ~Loop puts back.
#include <csignal>

#include "sync_bench.hpp"

namespace hob_test::signals_test {
namespace {

void handler_of_ours(int) {}

// What a signal does at this moment.
void (*disposition(int number))(int) {
  struct sigaction present;
  ::sigaction(number, nullptr, &present);
  return present.sa_handler;
}

Future<> count(int number, int& n) {
  for (;; ++n) co_await signal(number);
}

}  // namespace

TEST_SUITE("reactor") {

TEST_CASE("signal gives the number of the signal, when it arrives") {
  each_seed([](Loop& loop, sim::World& world) {
    Future<int> usr1 = signal(SIGUSR1), usr2 = signal(SIGUSR2);
    settle(loop);
    CHECK(!usr1.ready());
    world.signal(SIGUSR2);
    CHECK(loop.run(std::move(usr2)) == SIGUSR2);
    CHECK(!usr1.ready());
    world.signal(SIGUSR1);
    CHECK(loop.run(std::move(usr1)) == SIGUSR1);
  });
}

TEST_CASE("every waiter gets an arrival") {
  each_seed([](Loop& loop, sim::World& world) {
    int a = 0, b = 0;
    Future<> first = count(SIGUSR1, a), second = count(SIGUSR1, b);
    for (int i = 1; i <= 3; ++i) {
      world.signal(SIGUSR1);
      settle(loop);
      CHECK(a == i);
      CHECK(b == i);
    }
  });
}

TEST_CASE("arrivals while nobody waits are kept, as one") {
  each_seed([](Loop& loop, sim::World& world) {
    { [[maybe_unused]] auto asked = signal(SIGUSR1); }  // caught from this call on
    for (int i = 0; i < 3; ++i) {
      world.signal(SIGUSR1);
      settle(loop);
    }
    int n = 0;
    Future<> counter = count(SIGUSR1, n);
    settle(loop);
    CHECK(n == 1);
    world.signal(SIGUSR1);
    settle(loop);
    CHECK(n == 2);
  });
}

TEST_CASE("an arrival given to a waiter that is dropped goes on to the next") {
  each_seed([](Loop& loop, sim::World& world) {
    Future<int> dropped = signal(SIGUSR1);
    settle(loop);
    world.signal(SIGUSR1);
    loop.post([&] { dropped.cancel(); });  // after it was given, before it resumes
    settle(loop);
    int n = 0;
    Future<> late = count(SIGUSR1, n);
    settle(loop);
    CHECK(n == 1);
  });
}

TEST_CASE("an arrival given to a waiter that is dropped wakes one that has begun to wait meanwhile") {
  each_seed([](Loop& loop, sim::World& world) {
    Future<int> dropped = signal(SIGUSR1), next;
    settle(loop);
    world.signal(SIGUSR1);
    loop.post([&] {
      next = signal(SIGUSR1);
      dropped.cancel();
    });
    settle(loop);
    CHECK(next.ready());
  });
}

TEST_CASE("an arrival that one has seen is not kept for another that is dropped with it") {
  each_seed([](Loop& loop, sim::World& world) {
    // The first SIGTERM ends the group, whose members wait for it as well; a second is another matter.
    TaskGroup group;
    group.start([]() -> Future<> { co_await signal(SIGTERM), co_await sleep(1h); });
    auto main = [&]() -> Future<bool> {
      co_await signal(SIGTERM);
      group.cancel();
      auto second = co_await as_result(wait_for(signal(SIGTERM), 1s));
      co_return second.has_value();
    };
    group.start([]() -> Future<> { co_await signal(SIGTERM), co_await sleep(1h); });
    Future<bool> running = main();
    settle(loop);
    world.signal(SIGTERM);
    CHECK(!loop.run(std::move(running)));
  });
}

TEST_CASE("an arrival whose waiters are all dropped before they resume is kept once") {
  each_seed([](Loop& loop, sim::World& world) {
    Future<int> a = signal(SIGUSR1), b = signal(SIGUSR1);
    settle(loop);
    world.signal(SIGUSR1);
    loop.post([&] { a.cancel(), b.cancel(); });
    settle(loop);
    int n = 0;
    Future<> late = count(SIGUSR1, n);
    settle(loop);
    CHECK(n == 1);
  });
}

TEST_CASE("a signal that cannot be caught, or is none, is a system_error that names it") {
  const auto check = [](Loop&) {
    for (const int number : {SIGKILL, SIGSTOP, 0, -1, 65, 1000}) {
      CAPTURE(number);
      try {
        static_cast<void>(signal(number));
        FAIL_CHECK("not refused");
      } catch (const std::system_error& e) {
        CHECK(std::string(e.what()).find("catch signal " + std::to_string(number)) == 0);
        CHECK(e.code() == std::errc::invalid_argument);
      }
    }
  };
  each_seed(check, 1);
  Loop loop;
  check(loop);
  Future<int> works = signal(SIGUSR1);
  std::raise(SIGUSR1);
  CHECK(loop.run(std::move(works)) == SIGUSR1);
}

TEST_CASE("a signal is caught from the call of signal on, and what was there is restored by ~Loop") {
  struct sigaction wanted {};
  for (auto* before : {SIG_DFL, SIG_IGN, &handler_of_ours}) {
    wanted.sa_handler = before;
    ::sigaction(SIGUSR1, &wanted, nullptr);
    {
      Loop loop;
      CHECK((disposition(SIGUSR1) == before));
      {
        auto asked = signal(SIGUSR1);  // not awaited yet
        std::raise(SIGUSR1);
        CHECK(loop.run(std::move(asked)) == SIGUSR1);
      }
      CHECK((disposition(SIGUSR1) != before));
      CHECK((disposition(SIGUSR2) == SIG_DFL));
    }
    CHECK((disposition(SIGUSR1) == before));
  }
  std::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("a signal wakes a loop that sleeps, and many arrivals are never lost") {
  Loop loop;
  int n = 0;
  Future<> counter = count(SIGUSR1, n);
  for (int i = 1; i <= 200; ++i) {
    ::kill(::getpid(), SIGUSR1);
    auto until = [&]() -> Future<> {
      while (n < i) co_await sleep(10us);
    };
    loop.run(wait_for(until(), kPatience));
  }
  CHECK(n == 200);
}

}  // TEST_SUITE
}  // namespace hob_test::signals_test
