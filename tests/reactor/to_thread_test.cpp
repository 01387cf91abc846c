// SPDX-License-Identifier: MIT
//
// to_thread_test.cpp — work on the pool: what comes back, who destroys what, and what a drop does.
// Most of it runs on the simulator too, where a job runs on the loop's thread.
#include <atomic>
#include <latch>

#include "sync_bench.hpp"

namespace hob_test::to_thread_test {
namespace {

int twice(int n) { return 2 * n; }

// Tells on which thread it was destroyed.
struct Witness {
  explicit Witness(std::thread::id* place) : died_on(place) {}
  Witness(Witness&& from) noexcept : died_on(std::exchange(from.died_on, nullptr)) {}
  ~Witness() {
    if (died_on) *died_on = std::this_thread::get_id();
  }
  std::thread::id* died_on;
};

// Jobs that keep a pool thread until they are let go.
class Blockers {
 public:
  // Enough that no thread of the pool is free, whatever the machine.
  explicit Blockers(int count = 40) {
    for (int i = 0; i < count; ++i)
      all_.push_back(to_thread([state = state_] {
        ++state->running;
        while (!state->open) std::this_thread::sleep_for(1ms);
      }));
  }
  ~Blockers() { state_->open = true; }
  Future<> open() {
    state_->open = true;
    return gather(std::move(all_));
  }
  int running() const { return state_->running; }

 private:
  struct State {
    std::atomic<bool> open = false;
    std::atomic<int> running = 0;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::vector<Future<>> all_;
};

}  // namespace

TEST_SUITE("threads") {

TEST_CASE("to_thread gives what the function returns, or throws what it threw") {
  const auto check = [](Loop& loop) {
    CHECK(loop.run(to_thread(twice, 21)) == 42);
    bool ran = false;
    loop.run(to_thread([&] { ran = true; }));
    CHECK(ran);
    CHECK(loop.run(to_thread([](const std::string& a, std::string b) { return a + b; }, "a", std::string("b"))) == "ab");
    CHECK(loop.run(to_thread(&std::string::size, std::string("four"))) == 4);
    CHECK_THROWS_WITH_AS(loop.run(to_thread([]() -> int { throw std::runtime_error("on the pool"); })),
                         "on the pool", std::runtime_error);
    CHECK_THROWS_AS(loop.run(to_thread([] { throw 42; })), int);
    const std::string kept = "kept";
    CHECK(loop.run(to_thread([&]() -> const std::string& { return kept; })) == "kept");
  };
  each_seed(check, 2);
  Loop loop;
  check(loop);
}

TEST_CASE("to_thread moves the function, its arguments and the result; none of them need be copyable") {
  const auto check = [](Loop& loop) {
    auto work = [own = std::make_unique<int>(40)](std::unique_ptr<int> more) {
      return std::make_unique<int>(*own + *more);
    };
    const auto result = loop.run(to_thread(std::move(work), std::make_unique<int>(2)));
    CHECK(*result == 42);
  };
  each_seed(check, 2);
  Loop loop;
  check(loop);
}

TEST_CASE("to_thread runs on another thread, and the loop goes on meanwhile") {
  Loop loop;
  std::thread::id ran_on;
  std::atomic<bool> seen = false;
  auto ticker = [&]() -> Future<> {
    co_await sleep(1ms);
    seen = true;
    co_await sleep(1h);
  };
  Future<> ticking = ticker();
  loop.run(to_thread([&] {
    ran_on = std::this_thread::get_id();
    while (!seen) std::this_thread::yield();
  }));
  CHECK(ran_on != std::this_thread::get_id());
}

TEST_CASE("a job that ran is destroyed on its thread, before its value is there") {
  Loop loop;
  std::thread::id ran_on, died_on;
  loop.run(to_thread([&, witness = Witness(&died_on)] { ran_on = std::this_thread::get_id(); }));
  CHECK(ran_on == died_on);
  CHECK(died_on != std::this_thread::get_id());
}

TEST_CASE("a job dropped before it begins never runs, and is destroyed by the drop") {
  Loop loop;
  Blockers blockers;
  std::atomic<bool> ran = false;
  std::thread::id died_on;
  {
    Future<> waits = to_thread([&, witness = Witness(&died_on)] { ran = true; });
    loop.run(sleep(2ms));
    CHECK(!waits.ready());
    CHECK(died_on == std::thread::id());
  }
  CHECK(died_on == std::this_thread::get_id());
  loop.run(blockers.open());
  loop.run(to_thread([] {}));
  CHECK(!ran);
}

TEST_CASE("on the simulator a job runs at its time on the loop's thread; dropped before, never") {
  each_seed([](Loop& loop, sim::World& world) {
    bool ran = false;
    std::thread::id died_on;
    Future<> dropped = to_thread([&, witness = Witness(&died_on)] { ran = true; });
    settle(loop);
    dropped.cancel();
    CHECK(died_on == std::this_thread::get_id());
    const TimePoint before = world.now();
    CHECK(loop.run(to_thread([] { return std::this_thread::get_id(); })) == std::this_thread::get_id());
    CHECK(!ran);
    CHECK(world.now() > before);
    CHECK(world.now() - before < 10ms);
    Future<int> a = to_thread(twice, 1), b = to_thread(twice, 2);
    CHECK(loop.run(gather(std::move(a), std::move(b))) == std::tuple(2, 4));
  });
}

TEST_CASE("a job dropped while it runs goes on, and its result is discarded") {
  Loop loop;
  struct State {
    std::latch begun{1}, dropped{1}, done{1};
  };
  auto state = std::make_shared<State>();
  Future<std::string> work = to_thread([state] {
    state->begun.count_down();
    state->dropped.wait();
    state->done.count_down();
    return std::string(100, 'x');
  });
  state->begun.wait();
  work.cancel();
  state->dropped.count_down();
  state->done.wait();
  loop.run(to_thread([] {}));
}

TEST_CASE("the error of a job that was dropped while it ran is discarded too") {
  Loop loop;
  int unhandled = 0;
  loop.on_unhandled([&](std::exception_ptr) { ++unhandled; });
  auto begun = std::make_shared<std::latch>(1), dropped = std::make_shared<std::latch>(1);
  Future<> work = to_thread([=] {
    begun->count_down();
    dropped->wait();
    throw std::runtime_error("nobody waits");
  });
  begun->wait();
  work.cancel();
  dropped->count_down();
  loop.run(to_thread([] {}));
  loop.run(sleep(1ms));
  CHECK(unhandled == 0);
}

TEST_CASE("a loop may end while a job of its runs, and while one waits in line") {
  auto begun = std::make_shared<std::latch>(1), gone = std::make_shared<std::latch>(1);
  auto done = std::make_shared<std::latch>(1);
  auto ran = std::make_shared<std::atomic<int>>(0);
  {
    Loop loop;
    detach(to_thread([=] {
      begun->count_down();
      gone->wait();
      done->count_down();
    }));
    begun->wait();
    // Enough that no thread is left, until the loop has gone.
    for (int i = 0; i < 40; ++i) detach(to_thread([=] { gone->wait(); }));
    for (int i = 0; i < 10; ++i) detach(to_thread([=] { ++*ran; }));
    loop.run(sleep(1ms));
  }
  gone->count_down();
  done->wait();
  Loop next;
  next.run(to_thread([] {}));
  CHECK(*ran == 0);
}

TEST_CASE("more jobs than threads wait in line, and all are done") {
  Loop loop;
  std::atomic<int> now = 0, most = 0, all = 0;
  std::latch two(2);
  std::vector<Future<int>> jobs;
  for (int i = 0; i < 200; ++i)
    jobs.push_back(to_thread([&, i] {
      const int running = ++now;
      for (int seen = most; seen < running && !most.compare_exchange_weak(seen, running);) {
      }
      if (i < 2) two.arrive_and_wait();  // so there are two at once
      std::this_thread::sleep_for(100us);
      --now;
      ++all;
      return i;
    }));
  const std::vector<int> values = loop.run(gather(std::move(jobs)));
  CHECK(all == 200);
  CHECK(values[199] == 199);
  CHECK(most <= static_cast<int>(std::min(32u, std::thread::hardware_concurrency() + 4)));
}

TEST_CASE("jobs dropped at every moment: each runs once or never, and nothing leaks") {
  Loop loop;
  auto alive = std::make_shared<std::atomic<int>>(0);
  struct Token {
    explicit Token(std::shared_ptr<std::atomic<int>> c) : count(std::move(c)) { ++*count; }
    Token(Token&& from) noexcept : count(std::move(from.count)) {}
    ~Token() {
      if (count) --*count;
    }
    std::shared_ptr<std::atomic<int>> count;
  };
  auto runs = std::make_shared<std::vector<std::atomic<int>>>(2000);
  for (std::size_t i = 0; i < runs->size(); ++i) {
    Future<Token> job = to_thread([runs, i, token = Token(alive)]() mutable {
      ++(*runs)[i];
      return std::move(token);
    });
    if (i % 4 == 0)
      static_cast<void>(loop.run(std::move(job)));
    else if (i % 4 == 1)
      loop.poll();
    else if (i % 4 == 2)
      std::this_thread::yield();
  }
  const TimePoint end = loop.clock() + kPatience;
  while (*alive != 0 && loop.clock() < end) loop.run(sleep(1ms));
  CHECK(*alive == 0);
  bool once = true;
  for (std::size_t i = 0; i < runs->size(); ++i) once = once && (*runs)[i] <= 1 && (i % 4 || (*runs)[i] == 1);
  CHECK(once);
}

TEST_CASE("two loops on two threads share the pool") {
  std::atomic<int> sum = 0;
  const auto work = [&] {
    Loop loop;
    for (int i = 0; i < 100; ++i) sum += loop.run(to_thread(twice, i));
  };
  std::thread other(work);
  work();
  other.join();
  CHECK(sum == 2 * 9900);
}

}  // TEST_SUITE
}  // namespace hob_test::to_thread_test
