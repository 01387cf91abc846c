// SPDX-License-Identifier: MIT
//
// posix_signals_test.cpp — who gets a signal, how often, and what is left behind.
//
// Real signals; forked children where the process itself is at stake.
#include "kernels.hpp"

namespace hob_test::posix_signals_test {
namespace {

constexpr std::uint64_t bit(int number) { return std::uint64_t{1} << (number - 1); }

void others_handler(int) {}

// A disposition for the time of a test.
class Disposition {
 public:
  Disposition(int number, void (*handler)(int)) : number_(number) {
    struct sigaction wanted {};
    wanted.sa_handler = handler;
    ::sigaction(number, &wanted, &before_);
  }
  ~Disposition() { ::sigaction(number_, &before_, nullptr); }

 private:
  int number_;
  struct sigaction before_;
};

bool arrives(Bench& bench, int number) {
  std::uint64_t seen = 0;
  return bench.eventually([&] {
    seen |= bench->take_signals();
    return (seen & bit(number)) != 0;
  });
}

}  // namespace

TEST_SUITE_BEGIN("reactor");

TEST_CASE("a signal ends the wait and is told once, however often it came") {
  each_real_kernel([](Bench& bench) {
    CHECK(bench->take_signals() == 0);
    REQUIRE(bench->catch_signal(SIGUSR1, Catch::until_closed) == 0);
    REQUIRE(bench->catch_signal(SIGUSR2, Catch::until_closed) == 0);
    CHECK(bench->take_signals() == 0);
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 5; ++i) ::raise(SIGUSR1);
      const TimePoint end = bench->now() + kPatience;
      bench->wait(end);
      CHECK(bench->now() < end);
      CHECK(bench->take_signals() == bit(SIGUSR1));
      CHECK(bench->take_signals() == 0);
    }
    ::raise(SIGUSR1);
    ::raise(SIGUSR2);
    CHECK(bench->take_signals() == (bit(SIGUSR1) | bit(SIGUSR2)));
  });
}

TEST_CASE("a signal that comes to another thread wakes the loop that sleeps") {
  each_real_kernel([](Bench& bench) {
    REQUIRE(bench->catch_signal(SIGUSR1, Catch::until_closed) == 0);
    std::thread other([] {
      std::this_thread::sleep_for(20ms);
      ::pthread_kill(::pthread_self(), SIGUSR1);
    });
    const TimePoint end = bench->now() + kPatience;
    std::uint64_t seen = 0;
    while (seen == 0 && bench->now() < end) {
      bench->wait(end);
      seen = bench->take_signals();
    }
    CHECK(seen == bit(SIGUSR1));
    CHECK(bench->now() < end);
    other.join();
  });
}

TEST_CASE("every backend that asked gets the signal, and the last one restores what was there") {
  const Disposition outer(SIGUSR1, others_handler);
  each_real_kernel([](Bench& first) {
    {
      Bench second(first.kind());
      REQUIRE(first->catch_signal(SIGUSR1, Catch::until_closed) == 0);
      REQUIRE(second->catch_signal(SIGUSR1, Catch::until_closed) == 0);
      CHECK_FALSE(handled_by(SIGUSR1, others_handler));
      ::raise(SIGUSR1);
      CHECK(arrives(first, SIGUSR1));
      CHECK(arrives(second, SIGUSR1));
    }
    CHECK_FALSE(handled_by(SIGUSR1, others_handler));
    ::raise(SIGUSR1);
    CHECK(arrives(first, SIGUSR1));
  });
  CHECK(handled_by(SIGUSR1, others_handler));
}

TEST_CASE("two backends on two threads both get a signal") {
  for (const Kernel& kind : kernels()) {
    if (!kind.real) continue;
    Moment ready;
    std::atomic<int> got = 0;
    auto body = [&] {
      Bench bench(kind);
      const bool caught = bench->catch_signal(SIGUSR2, Catch::until_closed) == 0;
      ready.come();
      if (caught && arrives(bench, SIGUSR2)) ++got;
      ready.came(3);
    };
    std::thread a(body), b(body);
    CHECK(ready.came(2));
    ::kill(::getpid(), SIGUSR2);
    ready.come();
    a.join();
    b.join();
    CHECK(got == 2);
  }
  CHECK(handled_by(SIGUSR2, SIG_DFL));
}

TEST_CASE("a handler put over ours by somebody else is left to him") {
  each_real_kernel([](Bench& outer) {
    {
      Bench bench(outer.kind());
      REQUIRE(bench->catch_signal(SIGUSR1, Catch::until_closed) == 0);
      ::signal(SIGUSR1, others_handler);
    }
    CHECK(handled_by(SIGUSR1, others_handler));
    ::signal(SIGUSR1, SIG_DFL);
  });
}

TEST_CASE("numbers that cannot be caught are refused, and change nothing") {
  each_real_kernel([](Bench& bench) {
    for (const int number : {-1, 0, 65, SIGKILL, SIGSTOP}) {
      CHECK(bench->catch_signal(number, Catch::until_closed) == EINVAL);
    }
    ::raise(SIGWINCH);
    CHECK(bench->take_signals() == 0);
  });
}

TEST_CASE("once_if_default leaves alone what somebody handles or ignores") {
  each_real_kernel([](Bench& bench) {
    for (void (*handler)(int) : {others_handler, SIG_IGN}) {
      const Disposition taken(SIGUSR1, handler);
      CHECK(bench->catch_signal(SIGUSR1, Catch::once_if_default) == EBUSY);
      CHECK(handled_by(SIGUSR1, handler));
    }
    REQUIRE(bench->catch_signal(SIGUSR1, Catch::once_if_default) == 0);
    Bench second(bench.kind());
    CHECK(second->catch_signal(SIGUSR1, Catch::once_if_default) == EBUSY);
  });
  CHECK(handled_by(SIGUSR1, SIG_DFL));
}

TEST_CASE("once_if_default: the first arrival is told, the second kills though the loop is stuck") {
  each_real_kernel([](Bench& outer) {
    const Kernel& kind = outer.kind();
    const int status = in_child([&] {
      ::signal(SIGTERM, SIG_DFL);  // doctest handles it
      Bench bench(kind);
      if (bench->catch_signal(SIGTERM, Catch::once_if_default) != 0) ::_exit(2);
      ::raise(SIGTERM);
      if (!arrives(bench, SIGTERM)) ::_exit(3);
      if (!handled_by(SIGTERM, SIG_DFL)) ::_exit(4);
      ::raise(SIGTERM);
      ::_exit(5);
    });
    CHECK(killed_by(status, SIGTERM));
  });
}

TEST_CASE("once_if_default can be asked again, upgraded, and outlived by one who asked for good") {
  each_real_kernel([](Bench& bench) {
    for (int i = 0; i < 2; ++i) {
      REQUIRE(bench->catch_signal(SIGUSR1, Catch::once_if_default) == 0);
      ::raise(SIGUSR1);
      CHECK(arrives(bench, SIGUSR1));
      CHECK(handled_by(SIGUSR1, SIG_DFL));
    }
    REQUIRE(bench->catch_signal(SIGUSR1, Catch::until_closed) == 0);
    for (int i = 0; i < 3; ++i) {
      ::raise(SIGUSR1);
      CHECK(arrives(bench, SIGUSR1));
    }
    REQUIRE(bench->catch_signal(SIGUSR2, Catch::once_if_default) == 0);
    {
      Bench second(bench.kind());
      REQUIRE(second->catch_signal(SIGUSR2, Catch::until_closed) == 0);
      for (int i = 0; i < 2; ++i) {
        ::raise(SIGUSR2);
        CHECK(arrives(bench, SIGUSR2));
        CHECK(arrives(second, SIGUSR2));
      }
    }
    ::raise(SIGUSR2);  // once again the kind of the one who is left
    CHECK(arrives(bench, SIGUSR2));
    CHECK(handled_by(SIGUSR2, SIG_DFL));
  });
  CHECK(handled_by(SIGUSR1, SIG_DFL));
}

TEST_CASE("put back by another library after we have gone, our handler hands the signal on") {
  each_real_kernel([](Bench& outer) {
    static std::atomic<int> theirs;
    theirs = 0;
    struct sigaction first {}, ours, before;
    first.sa_handler = [](int) { ++theirs; };
    ::sigaction(SIGUSR1, &first, &before);
    {
      Bench bench(outer.kind());
      REQUIRE(bench->catch_signal(SIGUSR1, Catch::until_closed) == 0);
      ::sigaction(SIGUSR1, nullptr, &ours);
    }
    CHECK(handled_by(SIGUSR1, first.sa_handler));
    ::sigaction(SIGUSR1, &ours, nullptr);
    ::raise(SIGUSR1);
    CHECK(theirs == 1);
    CHECK(handled_by(SIGUSR1, first.sa_handler));
    ::sigaction(SIGUSR1, &before, nullptr);
  });
}

TEST_CASE("backends come and go in a storm of signals") {
  each_real_kernel([](Bench& outer) {
    REQUIRE(outer->catch_signal(SIGUSR1, Catch::until_closed) == 0);
    std::atomic<bool> over = false;
    std::thread storm([&] {
      while (!over) ::kill(::getpid(), SIGUSR1);
    });
    auto body = [&] {
      for (int i = 0; i < 50; ++i) {
        Bench bench(outer.kind());
        if (bench->catch_signal(SIGUSR1, Catch::until_closed) == 0) arrives(bench, SIGUSR1);
      }
    };
    std::thread other(body);
    body();
    other.join();
    over = true;
    storm.join();
    CHECK(arrives(outer, SIGUSR1));
  });
}

TEST_CASE("calls go on through signals: EINTR never comes out") {
  each_real_kernel([](Bench& bench) {
    struct sigaction no_restart {}, before;
    no_restart.sa_handler = others_handler;
    ::sigaction(SIGUSR1, &no_restart, &before);
    std::atomic<bool> over = false;
    const pthread_t loop = ::pthread_self();
    std::thread storm([&] {
      while (!over) ::pthread_kill(loop, SIGUSR1), std::this_thread::yield();
    });
    {
      Connection tcp(bench);
      const std::string block(256 << 10, 'b');
      std::string text(256 << 10, '\0');
      const TimePoint end = bench->now() + 100ms;
      while (bench->now() < end) {
        const Io out = tcp.client.send(block);
        const Io in = bench->recv(tcp.server.fd, std::as_writable_bytes(std::span(text)));
        if (out.error != 0) CHECK(out.error == EAGAIN);
        if (in.error != 0) CHECK(in.error == EAGAIN);
        bench->wait(bench->now() + 100us);
      }
    }
    over = true;
    storm.join();
    ::sigaction(SIGUSR1, &before, nullptr);
  });
}

TEST_SUITE_END();
}  // namespace hob_test::posix_signals_test
