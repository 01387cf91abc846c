// SPDX-License-Identifier: MIT
//
// drop_scenarios.hpp — programs that use every combinator and primitive; drop_everywhere_test.cpp drops
// each of them at every moment there is.
//
// A lambda that owns what it captures is named before it is used: gcc 12 destroys such a temporary twice
// when it stands in one full expression with a co_await.
#pragma once

#include <csignal>
#include <functional>
#include <memory>

#include "on_sim.hpp"

namespace hob_test::dropping {

inline int resumed = 0;  // how often code of a scenario has gone on after a suspension

inline Future<int> nap(int ms, int value = 0) {
  const Counted local;
  co_await sleep(1ms * ms);
  ++resumed;
  co_await yield();
  ++resumed;
  co_return value;
}

inline Future<> pause(int ms) {
  const Counted local;
  co_await nap(ms);
  ++resumed;
}

inline Future<int> bad(int ms) {
  const Counted local;
  co_await sleep(1ms * ms);
  ++resumed;
  throw std::runtime_error("bad");
}

struct Scenario {
  const char* name;
  std::function<Future<>()> run;
  bool fails = false;  // errors are part of it: one that a dropped reader did not take may be reported
};

struct Ends {  // of a stream
  int fds[2];
  Ends() { Loop::current().backend().pair(fds); }
  Ends(const Ends&) = delete;
  ~Ends() {
    for (const int fd : fds) Loop::current().backend().close(fd);
  }
};

template <class T>
std::vector<Future<T>> list(Future<T> a, Future<T> b, Future<T> c) {
  std::vector<Future<T>> all;
  all.push_back(std::move(a));
  all.push_back(std::move(b));
  all.push_back(std::move(c));
  return all;
}

inline Future<> mutex_user(Mutex& mutex) {
  const Counted local;
  for (int i = 0; i < 2; ++i) {
    const auto guard = co_await mutex.lock();
    ++resumed;
    co_await sleep(1ms);
    ++resumed;
  }
}

inline Future<> condition_user(Mutex& mutex, Condition& condition, bool& ready) {
  const Counted local;
  auto guard = co_await mutex.lock();
  while (!ready) co_await condition.wait(guard);
  ++resumed;
}

inline Future<> barrier_user(Barrier& barrier, int ms) {
  const Counted local;
  co_await sleep(1ms * ms);
  co_await barrier.wait();
  ++resumed;
  co_await barrier.wait();
  ++resumed;
}

inline Future<> producer(Queue<Counted>& queue, int count) {
  const Counted local;
  for (int i = 0; i < count; ++i) {
    co_await queue.push(Counted(i));
    ++resumed;
  }
}

inline Future<> consumer(Queue<Counted>& queue) {
  const Counted local;
  while (auto value = co_await queue.pop()) {
    ++resumed;
    co_await yield();
  }
}

inline std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  auto add = [&](const char* name, std::function<Future<>()> run) { all.push_back({name, run}); };
  auto add_failing = [&](const char* name, std::function<Future<>()> run) {
    all.push_back({name, run, true});
  };

  add("sleep, yield, a nested call", []() -> Future<> {
    co_await pause(1);
    co_await sleep(0s);
    co_await yield();
    Future<> as_future = sleep(2ms);
    co_await nap(1);
    co_await std::move(as_future);
  });
  add("gather", []() -> Future<> { co_await gather(nap(2, 1), pause(1), sleep(3ms), nap(1, 2)); });
  add("gather of callables", []() -> Future<> {
    co_await gather([] { return nap(2); }, [] { return pause(1); });
  });
  add("gather of vectors", []() -> Future<> {
    co_await gather(list(nap(3), nap(1), nap(2)));
    co_await gather(list(pause(1), pause(2), pause(1)));
  });
  add_failing("gather that fails", []() -> Future<> {
    try {
      co_await gather(nap(5), bad(2), pause(3));
    } catch (const std::runtime_error&) {
      ++resumed;
    }
    co_await nap(1);
  });
  add_failing("gather_settled", []() -> Future<> {
    co_await gather_settled(nap(1), bad(2), pause(3));
    co_await gather_settled(list(nap(1), bad(2), bad(1)));
  });
  add("race", []() -> Future<> {
    co_await race(nap(3), pause(1), sleep(2ms));
    co_await race(list(nap(3), nap(1), nap(1)));
  });
  add_failing("wait_for", []() -> Future<> {
    co_await wait_for(nap(1), 5ms);
    try {
      co_await wait_for(pause(5), 2ms);
    } catch (const TimedOut&) {
      ++resumed;
    }
    co_await wait_for(nap(2), 3ms);
  });
  add_failing("as_result", []() -> Future<> {
    static_cast<void>(co_await as_result(nap(1)));
    static_cast<void>(co_await as_result(bad(1)));
  });
  add("as_completed", []() -> Future<> {
    auto each = as_completed(list(nap(3), nap(1), nap(2)));
    { auto dropped = each.next(); }
    while (co_await each.next()) ++resumed;
  });
  add("then, flattened", []() -> Future<> {
    auto keeps = [c = Counted(1)](int n) { return nap(n); };
    co_await nap(1, 3).then(std::move(keeps)).then([](int) { ++resumed; });
    co_await ready(1).then([](int) { return pause(1); });
  });
  add_failing("recover", []() -> Future<> {
    auto keeps = [c = Counted(1)](std::exception_ptr) { return nap(1); };
    co_await bad(1).recover(std::move(keeps));
  });
  add("finally", []() -> Future<> {
    auto flag = std::make_unique<Counted>(1);
    co_await pause(2).finally([flag = flag.get()] { flag->value = 2; });
    co_await ready().finally([&] { flag->value = 3; });
  });
  add("share", []() -> Future<> {
    SharedFuture<int> shared = nap(2, 4).share();
    auto reader = [](SharedFuture<int> from) -> Future<int> {
      const Counted local;
      const int n = co_await from;
      ++resumed;
      co_await nap(n);
      co_return n;
    };
    co_await gather(reader(shared), reader(shared), shared);
  });
  add("a Promise set by a sibling", []() -> Future<> {
    Promise<Counted> promise;
    auto setter = [](Promise<Counted>& p) -> Future<> {
      co_await nap(2);
      p.set_value(Counted(1));
      co_await nap(1);
    };
    Future<Counted> value = promise.future();
    co_await gather(setter(promise), std::move(value));
  });
  add_failing("a Promise that is broken", []() -> Future<> {
    auto promise = std::make_unique<Promise<int>>();
    auto breaker = [](std::unique_ptr<Promise<int>>& p) -> Future<> {
      co_await nap(1);
      p.reset();
    };
    Future<int> value = promise->future();
    co_await gather(breaker(promise), as_result(std::move(value)));
  });
  add("a TaskGroup", []() -> Future<> {
    TaskGroup group;
    group.start(pause, 2);
    group.start([c = Counted(1)]() -> Future<> { co_await nap(3); });
    group.start(nap(1));
    co_await group.join();
    group.start(pause, 1);
    co_await group.join();
  });
  add_failing("a TaskGroup that fails", []() -> Future<> {
    TaskGroup group;
    group.start(pause, 5);
    group.start(bad, 2);
    group.start(nap, 5, 0);
    static_cast<void>(co_await as_result(group.join()));
  });
  add("a TaskGroup cancelled by a task", []() -> Future<> {
    TaskGroup group;
    group.start(pause, 5);
    group.start([&]() -> Future<> {
      const Counted local;
      co_await nap(1);
      group.cancel();
      ++resumed;
      co_await nap(1);
    });
    co_await group.join();
    co_await nap(1);
  });
  add("an Event", []() -> Future<> {
    Event event;
    auto waiter = [](Event& e) -> Future<> {
      const Counted local;
      co_await e.wait();
      ++resumed;
    };
    auto setter = [](Event& e) -> Future<> {
      co_await nap(1);
      e.set();
      co_await e.wait();
    };
    co_await gather(waiter(event), event.wait(), setter(event), waiter(event));
  });
  add("a Mutex", []() -> Future<> {
    Mutex mutex;
    co_await gather(mutex_user(mutex), mutex_user(mutex), mutex_user(mutex));
  });
  add("a Semaphore", []() -> Future<> {
    Semaphore two(2);
    auto user = [](Semaphore& s) -> Future<> {
      const Counted local;
      const auto permit = co_await s.acquire();
      co_await nap(1);
    };
    co_await gather(user(two), user(two), user(two), user(two), two.acquire());
  });
  add("a Condition", []() -> Future<> {
    Mutex mutex;
    Condition condition;
    bool ready = false;
    auto notifier = [](Mutex& m, Condition& c, bool& r) -> Future<> {
      co_await nap(1);
      {
        const auto guard = co_await m.lock();
        r = true;
        c.notify_one();
      }
      co_await nap(1);
      c.notify_all();
    };
    co_await gather(condition_user(mutex, condition, ready), condition_user(mutex, condition, ready),
                    condition_user(mutex, condition, ready), notifier(mutex, condition, ready));
  });
  add("a Barrier", []() -> Future<> {
    Barrier barrier(3);
    co_await gather(barrier_user(barrier, 1), barrier_user(barrier, 2), barrier_user(barrier, 1));
  });
  add("a Queue", []() -> Future<> {
    Queue<Counted> queue(1);
    auto producers = [](Queue<Counted>& q) -> Future<> {
      co_await gather(producer(q, 3), producer(q, 2));
      q.close();
    };
    co_await gather(producers(queue), consumer(queue), consumer(queue));
  });
  add("a Queue with limits in time", []() -> Future<> {
    Queue<Counted> queue(1);
    auto pop = [](Queue<Counted>& q) -> Future<> {
      for (int i = 0; i < 3; ++i) co_await race(q.pop(), sleep(1ms));
    };
    auto push = [](Queue<Counted>& q) -> Future<> {
      for (int i = 0; i < 3; ++i) co_await race(q.push(Counted(i)), sleep(1ms));
    };
    co_await gather(pop(queue), push(queue), push(queue));
  });
  add("primitives destroyed under their waiters", []() -> Future<> {
    struct All {
      Event event;
      Semaphore none{0};
      Barrier barrier{2};
      Queue<int> queue{1};
      Condition condition;
      TaskGroup group;
    };
    auto owner = std::make_unique<All>();
    owner->group.start(pause, 9);
    Future<> event = owner->event.wait(), join = owner->group.join();
    Future<Permit> permit = owner->none.acquire();
    Future<std::size_t> barrier = owner->barrier.wait();
    Future<std::optional<int>> pop = owner->queue.pop();
    auto destroy = [](std::unique_ptr<All>& a) -> Future<> {
      co_await nap(1);
      a.reset();
    };
    co_await gather(as_result(std::move(event)), as_result(std::move(join)), as_result(std::move(permit)),
                    as_result(std::move(barrier)), as_result(std::move(pop)), destroy(owner));
  });
  add("to_thread", []() -> Future<> {
    auto keeps = [c = Counted(1)](int n) { return n; };
    co_await gather(to_thread(std::move(keeps), 3), nap(1));
    co_await to_thread([] {});
  });
  add("a signal", []() -> Future<> {
    co_await race(signal(SIGUSR2), nap(2));
  });
  add("wait_readable and wait_writable", []() -> Future<> {
    const Ends ends;
    auto writer = [](const Ends& e) -> Future<> {
      co_await nap(1);
      co_await wait_writable(e.fds[1]);
      const std::string_view one[] = {"x"};
      Loop::current().backend().send(e.fds[1], one);
    };
    co_await gather(wait_readable(ends.fds[0]), writer(ends), wait_writable(ends.fds[0]));
  });
  add("timer handles", []() -> Future<> {
    Promise<> promise;
    const TimerHandle timer = Loop::current().call_later(2ms, [&, c = Counted(1)] { promise.set_value(); });
    const TimerHandle never = Loop::current().call_later(1h, [c = Counted(1)] {});
    co_await promise.future();
    co_await nap(1);
  });
  add_failing("all of it", []() -> Future<> {
    Queue<Counted> queue(1);
    TaskGroup group;
    SharedFuture<int> shared = nap(2, 1).share();
    group.start(producer, std::ref(queue), 3);
    group.start(shared);
    co_await gather(wait_for(queue.pop(), 5ms), race(shared, sleep(3ms)),
                    as_result(wait_for(pause(9), 3ms)), nap(1).then([](int) { return pause(1); }),
                    wait_for(gather(queue.pop(), queue.pop()), 1h));
    co_await group.join();
  });
  return all;
}

}  // namespace hob_test::dropping
