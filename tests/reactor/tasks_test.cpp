// SPDX-License-Identifier: MIT
//
// tasks_test.cpp — detach: work that the loop owns.
#include <memory>

#include "on_sim.hpp"

namespace hob_test::tasks_test {
TEST_SUITE_BEGIN("reactor");

TEST_CASE("detached work goes on by itself, and is freed when it ends") {
  on_sim([](Sim&) -> Future<> {
    bool done = false;
    detach([](bool& d) -> Future<> {
      const Counted local;
      co_await sleep(2ms);
      d = true;
    }(done));
    CHECK(Counted::alive == 1);
    co_await sleep(3ms);
    CHECK(done);
    CHECK(Counted::alive == 0);
  });
}

TEST_CASE("detach keeps the function and its arguments alive") {
  on_sim([](Sim&) -> Future<> {
    std::string seen;
    {
      std::string word = "argument";
      detach([text = std::string("a capture too long for the small string"), &seen](
                 const std::string& w) -> Future<> {
        co_await sleep(1ms);
        seen = text + ", " + w;
      }, word);
      word = "gone";
    }
    co_await sleep(2ms);
    CHECK(seen == "a capture too long for the small string, argument");
  });
}

TEST_CASE("detach takes Futures of any type, leaves, and plain functions") {
  on_sim([](Sim&) -> Future<> {
    int called = 0;
    detach(later(1ms, 5));
    detach(sleep(1ms));
    detach(later, 1ms, 6);
    detach([&] { ++called; });
    detach([&](int by) { return called += by; }, 2);
    CHECK(called == 3);
    co_await sleep(2ms);
  });
}

TEST_CASE("an error of detached work goes to on_unhandled, whether it comes at once or later") {
  Sim sim;
  sim.loop.run([]() -> Future<> {
    detach(failed(error("at once")));
    detach([]() -> Future<> {
      throw std::runtime_error("first stretch");
      co_return;
    });
    detach(fails(1ms, "later"));
    detach([] { throw std::runtime_error("plain"); });
    co_await sleep(2ms);
  }());
  CHECK(sim.unhandled == Log{"at once", "first stretch", "plain", "later"});
}

TEST_CASE("the loop's end drops detached work, also what that detaches as it goes") {
  struct Again {
    int* left;
    ~Again() {
      if ((*left)-- > 0) {
        detach([](int* n) -> Future<> {
          const Again again{n};
          const Counted local;
          co_await sleep(1h);
        }, left);
      }
    }
  };
  int left = 3;
  {
    Sim sim;
    { const Again first{&left}; }
    sim.settle();
    CHECK(Counted::alive == 1);
  }
  CHECK(Counted::alive == 0);
  CHECK(left == -1);
}

TEST_CASE("without a loop, detach is a logic_error") {
  CHECK_THROWS_AS(detach([]() -> Future<> { co_return; }), std::logic_error);
}

TEST_CASE("a hundred thousand detached tasks come and go") {
  Sim sim;
  int done = 0;
  for (int i = 0; i < 100'000; ++i) {
    detach([](int& n) -> Future<> {
      co_await yield();
      ++n;
    }, std::ref(done));
  }
  sim.settle();
  CHECK(done == 100'000);
}

TEST_SUITE_END();
}  // namespace hob_test::tasks_test
