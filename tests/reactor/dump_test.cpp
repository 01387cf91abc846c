// SPDX-License-Identifier: MIT
//
// dump_test.cpp — Loop::dump_tasks: the tree of who awaits what; a Deadlock shows the same.
#include <algorithm>
#include <sstream>

#include "on_sim.hpp"

namespace hob_test::dump_test {
TEST_SUITE_BEGIN("reactor");

namespace {
// As "name:line" for each, two blanks deeper for what it awaits, '|' behind.
std::string shown(const std::string& dumped) {
  std::istringstream lines(dumped);
  std::string all;
  for (std::string line; std::getline(lines, line); all += line + '|') {
    const std::size_t name = line.rfind('/');
    if (name != line.npos) line.erase(line.find_first_not_of(' '), name + 1 - line.find_first_not_of(' '));
    if (line.starts_with("every task waits")) line = "deadlock";
  }
  return all;
}
std::string tree(Loop& loop) {
  std::ostringstream out;
  loop.dump_tasks(out);
  return shown(out.str());
}
std::string at(int depth, int line) {
  return std::string(static_cast<std::size_t>(2 * depth), ' ') + "dump_test.cpp:" +
         std::to_string(line) + '|';
}

constexpr int kLeaf = __LINE__ + 1;
Future<> leaf(Event& event) { co_await event.wait(); }
constexpr int kMiddle = __LINE__ + 1;
Future<> middle(Event& event) { co_await leaf(event); }
}  // namespace

TEST_CASE("who awaits whom, each with the place where it waits") {
  Sim sim;
  Event event;
  CHECK(tree(sim.loop) == "");
  detach(middle(event));
  CHECK(tree(sim.loop) == "detached:|" + at(1, kMiddle) + at(2, kLeaf));
  event.set();
  sim.settle();
  CHECK(tree(sim.loop) == "");
}

TEST_CASE("below a combinator stands what has not settled yet; below join() what the group runs") {
  Sim sim;
  Event event;
  constexpr int kWhole = __LINE__ + 8;
  auto whole = [](Event& on) -> Future<> {
    TaskGroup group;
    group.start(leaf, std::ref(on));
    Promise<> promise;
    Future<> promised = promise.future();
    std::vector<Future<>> two;
    for (int i = 0; i < 2; ++i) two.push_back(leaf(on));
    co_await gather(middle(on), ready(), std::move(promised), race(std::move(two)), group.join());
  };
  Future<> work = whole(event);
  detach(std::move(work));
  CHECK(tree(sim.loop) == "detached:|" + at(1, kWhole) + at(2, kMiddle) + at(3, kLeaf) +
                              "    a Promise|" + at(2, kLeaf) + at(2, kLeaf) + at(2, kLeaf));
}

TEST_CASE("tasks of a TaskGroup that nobody joins are roots; what a SharedFuture's readers wait for is below") {
  Sim sim;
  Event event;
  TaskGroup group;
  group.start(leaf, std::ref(event));
  SharedFuture<> shared = middle(event).share();
  constexpr int kReader = __LINE__ + 1;
  const auto reader = [](SharedFuture<> one) -> Future<> { co_await one; };
  detach(reader, shared);
  CHECK(tree(sim.loop) == "detached:|" + at(1, kReader) + at(2, kMiddle) + at(3, kLeaf) +
                              "a TaskGroup:|" + at(1, kLeaf));
  event.set();
  sim.settle();
  CHECK(tree(sim.loop) == "");
}

TEST_CASE("a Deadlock shows the tree of what waits, the work of run() first") {
  Sim sim;
  Event never;
  detach(leaf(never));
  std::string what;
  constexpr int kWait = __LINE__ + 2;
  auto work = [](Event& event) -> Future<> {
    co_await wait_for(middle(event), Duration::max());
  }(never);
  try {
    sim.loop.run(std::move(work));
  } catch (const sim::Deadlock& deadlock) {
    what = shown(deadlock.what());
  }
  CHECK(what == "deadlock|run:|" + at(1, kWait) + at(2, kMiddle) + at(3, kLeaf) + "detached:|" + at(1, kLeaf));
  CHECK(tree(sim.loop) == "detached:|" + at(1, kLeaf));
}

TEST_CASE("a ring of coroutines that wait for each other's locks is named; who has moved his lock is not known") {
  Mutex a, b;
  Sim sim;
  constexpr int kWaits = __LINE__ + 4;
  const auto both = [](Mutex& first, Mutex& second) -> Future<> {
    const auto one = co_await first.lock();
    co_await sleep(1ms);
    const auto two = co_await second.lock();
  };
  std::string what;
  try {
    sim.loop.run(gather(both(a, b), both(b, a)));
  } catch (const sim::Deadlock& deadlock) {
    what = deadlock.what();
  }
  const std::string ring = what.substr(what.find("a cycle: "));
  const std::string line = "dump_test.cpp:" + std::to_string(kWaits);
  const std::size_t first = ring.find(line + " waits for ");
  CHECK(first != ring.npos);
  CHECK(ring.find(line + " waits for the first", first + 1) != ring.npos);

  detach([&]() -> Future<> {
    auto one = co_await a.lock();
    const auto moved = std::move(one);
    const auto again = co_await a.lock();
  });
  detach([](Mutex& mutex) -> Future<> { const auto waits = co_await mutex.lock(); }, std::ref(a));
  CHECK(tree(sim.loop).find("cycle") == std::string::npos);
}

TEST_CASE("the tree may be deep") {
  Sim sim;
  Event event;
  struct Deep {
    static Future<> down(Event& on, int levels) {
      if (levels == 0) co_await on.wait();
      else co_await down(on, levels - 1);
    }
  };
  detach(Deep::down(event, 400));
  const std::string all = tree(sim.loop);
  CHECK(std::count(all.begin(), all.end(), '|') == 402);
}
TEST_SUITE_END();
}  // namespace hob_test::dump_test
