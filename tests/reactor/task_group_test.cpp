// SPDX-License-Identifier: MIT
//
// task_group_test.cpp — TaskGroup: the first error ends it, whoever waits; and who may end it from where.
#include <memory>

#include "on_sim.hpp"

namespace hob_test::task_group_test {
TEST_SUITE_BEGIN("reactor");

namespace {

Future<> nap(Duration duration) {
  const Counted local;
  co_await sleep(duration);
}

Future<> fail(Duration after, const char* text) {
  const Counted local;
  co_await sleep(after);
  throw std::runtime_error(text);
}

}  // namespace

TEST_CASE("join waits for all tasks, those that tasks start included") {
  on_sim([](Sim& sim) -> Future<> {
    TaskGroup group;
    group.start(nap, 2ms);
    group.start([&]() -> Future<> {
      co_await sleep(3ms);
      group.start(nap, 4ms);
    });
    co_await group.join();
    CHECK(sim.passed() == 7ms);
    CHECK(Counted::alive == 0);
    co_await group.join();
    group.start(nap, 1ms);
    co_await group.join();
    CHECK(sim.passed() == 8ms);
  });
}

TEST_CASE("a group takes functions with and without a Future, Futures of any type, and leaves") {
  on_sim([](Sim& sim) -> Future<> {
    TaskGroup group;
    int called = 0;
    group.start([&] { ++called; });
    group.start([&](int by) { return called += by; }, 2);
    CHECK(called == 3);
    group.start(later(1ms, 5));
    group.start(later, 2ms, 6);
    group.start(sleep(3ms));
    group.start([] { return sleep(4ms); });
    SharedFuture<int> shared = later(5ms, 1).share();
    group.start(shared);
    co_await group.join();
    CHECK(sim.passed() == 5ms);
  });
}

TEST_CASE("the first error drops the other tasks at once, with nobody in join, and comes out of join") {
  on_sim([](Sim& sim) -> Future<> {
    TaskGroup group;
    group.start(nap, 1h);
    group.start(fail, 5ms, "first");
    group.start(nap, 2h);
    CHECK(Counted::alive == 3);
    co_await sleep(6ms);
    CHECK(Counted::alive == 0);
    CHECK_THROWS_WITH(co_await group.join(), "first");
    CHECK_THROWS_WITH(co_await group.join(), "first");
    CHECK(sim.passed() == 6ms);
  });
}

TEST_CASE("the first error wakes join") {
  on_sim([](Sim& sim) -> Future<> {
    TaskGroup group;
    group.start(nap, 1h);
    group.start(fail, 5ms, "first");
    CHECK_THROWS_WITH(co_await group.join(), "first");
    CHECK(sim.passed() == 5ms);
    CHECK(Counted::alive == 0);
  });
}

TEST_CASE("start after an error is a logic_error, by function and by Future") {
  on_sim([](Sim&) -> Future<> {
    TaskGroup group;
    group.start(failed(error("bad")));
    bool called = false;
    CHECK_THROWS_AS(group.start([&] { called = true; }), std::logic_error);
    CHECK_THROWS_AS(group.start(nap(1s)), std::logic_error);
    CHECK_FALSE(called);
    CHECK(Counted::alive == 0);
    group.cancel();
    CHECK_THROWS_AS(group.start(nap, 1s), std::logic_error);
    CHECK_THROWS_WITH(co_await group.join(), "bad");
  });
}

TEST_CASE("an error that join has not handed out is reported when the group goes") {
  Sim sim;
  sim.loop.run([]() -> Future<> {
    TaskGroup group;
    group.start(fail, 1ms, "untold");
    co_await sleep(2ms);
  }());
  sim.settle();
  CHECK(sim.unhandled == Log{"untold"});
}

TEST_CASE("a group reports all errors but the first") {
  Sim sim;
  sim.loop.run([]() -> Future<> {
    TaskGroup group;
    // Both fail in one resumption: the inner one in its first stretch, then the outer.
    group.start([&]() -> Future<> {
      co_await yield();
      group.start([]() -> Future<> {
        throw std::runtime_error("first");
        co_return;
      });
      throw std::runtime_error("second");
    });
    CHECK_THROWS_WITH(co_await group.join(), "first");
  }());
  sim.settle();
  CHECK(sim.unhandled == Log{"second"});
}

TEST_CASE("cancel drops all tasks at once, wakes join, and the group can be used again") {
  on_sim([](Sim& sim) -> Future<> {
    TaskGroup group;
    group.start(nap, 1h);
    group.start(nap, 2h);
    Future<> join = group.join();
    co_await yield();
    CHECK_FALSE(join.ready());
    group.cancel();
    CHECK(Counted::alive == 0);
    co_await std::move(join);
    group.start(nap, 1ms);
    co_await group.join();
    group.cancel();
    CHECK(sim.passed() == 1ms);
  });
}

TEST_CASE("a task that cancels its group goes on to its next suspension, and is dropped there") {
  on_sim([](Sim&) -> Future<> {
    TaskGroup group;
    Log log;
    group.start([](TaskGroup& g, Log& to) -> Future<> {
      const Mark mark(to, "task");
      co_await yield();
      g.cancel();
      to.push_back("after cancel");
      co_await ready();
      to.push_back("after a ready Future");
      co_await yield();
      to.push_back("never");
    }, std::ref(group), std::ref(log));
    group.start(nap, 1h);
    co_await group.join();
    co_await yield();
    CHECK(Counted::alive == 0);
    CHECK(log == Log{"after cancel", "after a ready Future", "~task"});
  });
}

TEST_CASE("a task that cancels its group from a nested child ends at the child's next suspension") {
  on_sim([](Sim&) -> Future<> {
    TaskGroup group;
    Log log;
    auto child = [](TaskGroup& g, Log& to) -> Future<> {
      const Mark mark(to, "child");
      co_await yield();
      g.cancel();
      to.push_back("after cancel");
      co_await yield();
      to.push_back("never");
    };
    group.start([](auto f, TaskGroup& g, Log& to) -> Future<> {
      const Mark mark(to, "parent");
      co_await gather(f(g, to), sleep(1h));
      to.push_back("never");
    }, child, std::ref(group), std::ref(log));
    co_await group.join();
    co_await yield();
    CHECK(log == Log{"after cancel", "~child", "~parent"});
  });
}

TEST_CASE("a child that cancels the group and returns ends its parent before that goes on") {
  on_sim([](Sim&) -> Future<> {
    TaskGroup group;
    Log log;
    group.start([](TaskGroup& g, Log& to) -> Future<> {
      const Mark mark(to, "parent");
      co_await [](TaskGroup& inner) -> Future<> {
        co_await yield();
        inner.cancel();
      }(g);
      to.push_back("never");
    }, std::ref(group), std::ref(log));
    co_await group.join();
    co_await yield();
    CHECK(log == Log{"~parent"});
  });
}

TEST_CASE("a task may cancel its group from its first stretch: it is dropped when that ends") {
  on_sim([](Sim&) -> Future<> {
    TaskGroup group;
    Log log;
    group.start(nap, 1h);
    group.start([](TaskGroup& g, Log& to) -> Future<> {
      const Mark mark(to, "task");
      g.cancel();
      to.push_back("after cancel");
      co_await yield();
      to.push_back("never");
    }, std::ref(group), std::ref(log));
    CHECK(log == Log{"after cancel", "~task"});
    CHECK(Counted::alive == 0);
    co_await group.join();
  });
}

TEST_CASE("a task whose first stretch fails ends the group, its starter included") {
  on_sim([](Sim&) -> Future<> {
    TaskGroup group;
    Log log;
    group.start([](TaskGroup& g, Log& to) -> Future<> {
      const Mark mark(to, "starter");
      co_await yield();
      g.start(failed(error("bad")));
      to.push_back("to the next suspension");
      co_await yield();
      to.push_back("never");
    }, std::ref(group), std::ref(log));
    CHECK_THROWS_WITH(co_await group.join(), "bad");
    co_await yield();
    CHECK(log == Log{"to the next suspension", "~starter"});
  });
}

TEST_CASE("a callback may cancel a group, and destroy it") {
  on_sim([](Sim& sim) -> Future<> {
    auto group = std::make_unique<TaskGroup>();
    group->start(nap, 1h);
    sim.loop.call_soon([&] { group->cancel(); });
    co_await group->join();
    CHECK(Counted::alive == 0);
    group->start(nap, 1h);
    const TimerHandle timer = sim.loop.call_later(1ms, [&] { group.reset(); });
    co_await sleep(2ms);
    CHECK(Counted::alive == 0);
    CHECK(group == nullptr);
  });
}

TEST_CASE("a post may cancel a group") {
  on_sim([](Sim& sim) -> Future<> {
    TaskGroup group;
    group.start(nap, 1h);
    sim.loop.post([&] { group.cancel(); });
    co_await group.join();
    CHECK(Counted::alive == 0);
  });
}

TEST_CASE("a task may destroy its own group: it goes on to its next suspension") {
  on_sim([](Sim&) -> Future<> {
    auto* group = new TaskGroup;
    Log log;
    group->start([](TaskGroup* g, Log& to) -> Future<> {
      const Mark mark(to, "task");
      co_await yield();
      delete g;
      to.push_back("after delete");
      co_await yield();
      to.push_back("never");
    }, group, std::ref(log));
    co_await sleep(1ms);
    CHECK(log == Log{"after delete", "~task"});
  });
}

TEST_CASE("a group destroyed under join gives it BrokenPromise") {
  on_sim([](Sim&) -> Future<> {
    auto group = std::make_unique<TaskGroup>();
    group->start(nap, 1h);
    Future<> join = group->join();
    co_await yield();
    group.reset();
    CHECK(Counted::alive == 0);
    CHECK_THROWS_AS(co_await std::move(join), BrokenPromise);
  });
}

TEST_CASE("a group destroyed under a join that need not wait, but has used up its share, gives it BrokenPromise") {
  on_sim([](Sim&) -> Future<> {
    co_await yield();
    auto group = std::make_unique<TaskGroup>();
    Event event;
    event.set();
    for (std::size_t step = 0; step < Loop::kSteps; ++step) co_await event.wait();
    Future<> join = group->join();
    CHECK(!join.ready());
    group.reset();
    CHECK_THROWS_AS(co_await std::move(join), BrokenPromise);
  });
}

TEST_CASE("a group that goes drops its tasks, in the order in which they were started") {
  Sim sim;
  Log log;
  auto task = [](Log& to, std::string name) -> Future<> {
    const Mark mark(to, name);
    co_await sleep(1h);
  };
  {
    TaskGroup group;
    group.start(task, std::ref(log), "a");
    group.start(task, std::ref(log), "b");
  }
  CHECK(log == Log{"~a", "~b"});
  CHECK(sim.idle());
}

TEST_CASE("a dropped join leaves the tasks alone") {
  on_sim([](Sim& sim) -> Future<> {
    TaskGroup group;
    group.start(nap, 5ms);
    CHECK_THROWS_AS(co_await wait_for(group.join(), 1ms), TimedOut);
    CHECK(Counted::alive == 1);
    co_await group.join();
    CHECK(sim.passed() == 5ms);
  });
}

TEST_CASE("two may be in join at once") {
  on_sim([](Sim&) -> Future<> {
    TaskGroup group;
    group.start(fail, 1ms, "bad");
    auto [a, b] = co_await gather_settled(group.join(), group.join());
    CHECK(what(a.error()) == "bad");
    CHECK(what(b.error()) == "bad");
  });
}

TEST_CASE("finished tasks are freed as they finish, and what they kept with them") {
  on_sim([](Sim&) -> Future<> {
    TaskGroup group;
    group.start([c = Counted(1)]() -> Future<> { co_await sleep(1ms); });
    group.start([c = Counted(2)]() -> Future<> { co_await sleep(5ms); });
    group.start([c = Counted(3)] {});
    CHECK(Counted::alive == 2);
    co_await sleep(2ms);
    CHECK(Counted::alive == 1);
    co_await group.join();
    co_await yield();
    CHECK(Counted::alive == 0);
  });
}

TEST_CASE("arguments decay and are kept as long as the task; std::ref passes a reference") {
  on_sim([](Sim&) -> Future<> {
    TaskGroup group;
    std::string seen;
    int number = 1;
    {
      char buffer[] = "text";
      std::string words = "words";
      group.start([](const std::string& a, std::string_view b, std::unique_ptr<int> c, int& d,
                     std::string& to) -> Future<> {
        co_await sleep(1ms);
        d = *c;
        to = a + " " + std::string(b);
      }, std::string(buffer), words, std::make_unique<int>(8), std::ref(number), std::ref(seen));
      words = "gone";
    }
    co_await group.join();
    CHECK(seen == "text words");
    CHECK(number == 8);
  });
}

TEST_CASE("a function that throws, coroutine or not, fails its task") {
  on_sim([](Sim&) -> Future<> {
    Future<> (*const at_once)(int) = [](int n) -> Future<> { throw std::runtime_error(std::to_string(n)); };
    TaskGroup group;
    group.start(at_once, 7);
    std::string said;
    try {
      co_await group.join();
    } catch (const std::runtime_error& e) {
      said = e.what();
    }
    CHECK(said == "7");
  });
}

TEST_CASE("a capturing lambda lives as long as its task") {
  on_sim([](Sim&) -> Future<> {
    TaskGroup group;
    std::string seen;
    auto text = std::make_unique<std::string>("a text too long for the small string buffer");
    group.start([text = std::move(text), &seen]() -> Future<> {
      co_await sleep(1ms);
      seen = *text;
    });
    co_await group.join();
    CHECK(seen == "a text too long for the small string buffer");
  });
}

TEST_CASE("a group whose task starts another as it is dropped drops that one too") {
  struct Starter {
    TaskGroup* group;
    ~Starter() { group->start(nap, 1h); }
  };
  Sim sim;
  {
    TaskGroup group;
    group.start([](TaskGroup& g) -> Future<> {
      const Starter starter{&g};
      co_await sleep(1h);
    }, std::ref(group));
  }
  CHECK(Counted::alive == 0);
  CHECK(sim.idle());
}

TEST_SUITE_END();
}  // namespace hob_test::task_group_test
