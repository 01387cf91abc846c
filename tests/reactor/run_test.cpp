// SPDX-License-Identifier: MIT
//
// run_test.cpp — hob::run: its value, its error, and what Ctrl-C does to it, seen on forked children.
#include <atomic>
#include <csignal>
#include <latch>

#include "sync_bench.hpp"

namespace hob_test::run_test {
namespace {

// Says so when it is destroyed.
struct Farewell {
  ~Farewell() { say("[destroyed]"); }
};

Future<> sleep_long() {
  const Farewell farewell;
  say("[begun]");
  co_await sleep(1h);
}

struct Down {
  std::atomic<int>& count;
  ~Down() { ++count; }
};

// The shape of every example.
template <class F>
int as_main(F f) try {
  hob::run(f);
  return 0;
} catch (const Interrupted&) {
  return 130;
}

}  // namespace

TEST_SUITE("reactor") {

TEST_CASE("run calls a function with its arguments, and gives its value or throws its error") {
  auto add = [](int a, std::unique_ptr<int> b) -> Future<int> {
    co_await yield();
    co_return a + *b;
  };
  CHECK(hob::run(add, 40, std::make_unique<int>(2)) == 42);
  auto fails = []() -> Future<int> {
    co_await yield();
    throw std::out_of_range("by design");
  };
  CHECK_THROWS_WITH_AS(hob::run(fails), "by design", std::out_of_range);
  auto throws = []() -> Future<> { throw std::out_of_range("at once"); };
  CHECK_THROWS_AS(hob::run(throws), std::out_of_range);
  hob::run([] { return sleep(1us); });
  CHECK(hob::run([]() -> Future<std::unique_ptr<int>> { co_return std::make_unique<int>(7); }).operator*() == 7);
  CHECK_THROWS_AS(Loop::current(), std::logic_error);  // its Loop is gone
}

TEST_CASE("run inside a loop is a logic_error, and the loop goes on") {
  hob::run([]() -> Future<> {
    CHECK_THROWS_AS(hob::run([] { return sleep(1us); }), std::logic_error);
    co_await yield();
  });
}

TEST_CASE("run drops what is still detached when its Future has settled") {
  bool dropped = false;
  hob::run([&]() -> Future<> {
    detach(Future<>(sleep(1h)).finally([&] { dropped = true; }));
    co_return;
  });
  CHECK(dropped);
}

TEST_CASE("Ctrl-C drops the Future, so that destructors run, then throws Interrupted: exit 130") {
  Child child([] { ::_exit(as_main(sleep_long)); });
  REQUIRE(child.says("[begun]"));
  child.kill(SIGINT);
  CHECK(child.says("[destroyed]"));
  CHECK(child.wait() == 130);
}

TEST_CASE("Ctrl-C during the first stretch of the program is not lost") {
  Child child([] {
    ::_exit(as_main([]() -> Future<> {
      const Farewell farewell;
      ::raise(SIGINT);
      co_await sleep(1h);
    }));
  });
  CHECK(child.says("[destroyed]"));
  CHECK(child.wait() == 130);
}

TEST_CASE("Ctrl-C reaches a loop that never sleeps") {
  Child child([] {
    ::_exit(as_main([]() -> Future<> {
      const Farewell farewell;
      say("[begun]");
      for (;;) co_await yield();
    }));
  });
  REQUIRE(child.says("[begun]"));
  child.kill(SIGINT);
  CHECK(child.says("[destroyed]"));
  CHECK(child.wait() == 130);
}

TEST_CASE("a second Ctrl-C kills a program whose loop is stuck") {
  Child child([] {
    ::_exit(as_main([]() -> Future<> {
      say("[begun]");
      ::raise(SIGINT);
      say("[survived]");
      for (;;) ::pause();
      co_return;
    }));
  });
  REQUIRE(child.says("[survived]"));
  child.kill(SIGINT);
  CHECK(child.wait() == -SIGINT);
}

TEST_CASE("a second Ctrl-C kills a program whose destructors are stuck") {
  Child child([] {
    struct Stuck {
      ~Stuck() {
        say("[stuck]");
        for (;;) ::pause();
      }
    };
    ::_exit(as_main([]() -> Future<> {
      const Stuck stuck;
      say("[begun]");
      co_await sleep(1h);
    }));
  });
  REQUIRE(child.says("[begun]"));
  child.kill(SIGINT);
  REQUIRE(child.says("[stuck]"));
  child.kill(SIGINT);
  CHECK(child.wait() == -SIGINT);
}

TEST_CASE("run leaves SIGINT alone where it was not at its default") {
  Child ignores([] {
    std::signal(SIGINT, SIG_IGN);
    ::_exit(as_main([]() -> Future<> {
      ::raise(SIGINT);
      co_await sleep(5ms);
    }));
  });
  CHECK(ignores.wait() == 0);
  Child handles([] {
    std::signal(SIGINT, [](int) { say("[theirs]"); });
    ::_exit(as_main([]() -> Future<> {
      ::raise(SIGINT);
      co_await sleep(5ms);
    }));
  });
  CHECK(handles.says("[theirs]"));
  CHECK(handles.wait() == 0);
}

TEST_CASE("run puts SIGINT back to its default, whether it was interrupted or not") {
  Child quiet([] {
    hob::run([] { return sleep(1us); });
    ::raise(SIGINT);
  });
  CHECK(quiet.wait() == -SIGINT);
  Child twice([] {
    for (int i = 0; i < 2; ++i) {
      const int code = as_main([]() -> Future<> {
        ::raise(SIGINT);
        co_await sleep(1h);
      });
      if (code != 130) ::_exit(1);
    }
    ::raise(SIGINT);
  });
  CHECK(twice.wait() == -SIGINT);
}

TEST_CASE("SIGINT is not lost on work that ends without another turn") {
  Child child([] {
    ::_exit(as_main([]() -> Future<> {
      ::raise(SIGINT);
      co_return;
    }));
  });
  CHECK(child.wait() == 130);
  Child late([] {
    ::_exit(as_main([]() -> Future<> {
      co_await yield();
      ::raise(SIGINT);
    }));
  });
  CHECK(late.wait() == 130);
}

TEST_CASE("a program that awaits SIGINT itself takes it over: every one of them") {
  Child child([] {
    ::_exit(as_main([]() -> Future<> {
      for (int i = 0; i < 3; ++i) {
        auto next = signal(SIGINT);
        say("[ready]");
        ::raise(SIGINT);
        co_await std::move(next);
        say("[taken]");
      }
    }));
  });
  CHECK(child.wait() == 0);
  CHECK(child.text() == "[ready][taken][ready][taken][ready][taken]");
}

TEST_CASE("a Loop of one's own takes no signal") {
  Child child([] {
    Loop loop;
    ::raise(SIGINT);
  });
  CHECK(child.wait() == -SIGINT);
}

TEST_CASE("SIGINT ends the shards as an error does, also when the first shard is done") {
  for (const bool first_is_done : {false, true}) {
    CAPTURE(first_is_done);
    Child child([&] {
      std::atomic<int> down = 0;
      std::latch begun(3);
      try {
        run_shards(3, [&](unsigned shard) -> Future<> {
          const Down guard{down};
          begun.arrive_and_wait();
          if (first_is_done && shard == 0) co_return;
          if (shard == 1) {
            co_await sleep(20ms);
            ::kill(::getpid(), SIGINT);
          }
          co_await sleep(1h);
        });
      } catch (const Interrupted&) {
        ::_exit(down == 3 ? 130 : 1);
      }
    });
    CHECK(child.wait() == 130);
  }
}

TEST_CASE("exit does not wait for a job that is stuck on the pool") {
  Child child([] {
    hob::run([]() -> Future<> {
      detach(to_thread([] {
        for (;;) ::pause();
      }));
      co_await sleep(5ms);
    });
    std::exit(3);
  });
  CHECK(child.wait() == 3);
}

}  // TEST_SUITE
}  // namespace hob_test::run_test
