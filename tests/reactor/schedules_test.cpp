// SPDX-License-Identifier: MIT
//
// schedules_test.cpp — small programs over one primitive, in every order: tasks begin, are dropped,
// and the loop turns, in all sequences of a few such actions and in many long ones by chance. What
// must hold in between and at the end is checked against a model.
//
// A task that was given something has not resumed before the next turn, so an action before that turn
// meets it there: the windows in which permits, values and notifications get lost.
#include <algorithm>
#include <deque>
#include <set>

#include "sync_bench.hpp"

namespace hob_test::schedules_test {
namespace {

using Actions = std::vector<std::size_t>;

// One run of a program: a loop, and how many leaves may finish at once.
class Stage {
 public:
  explicit Stage(std::uint32_t share) : share_(share) {}
  Loop& loop() { return sim_.loop; }
  // An action runs as a resumption with its share, or with none left.
  template <class F>
  auto act(F f) {
    here.steps = share_;
    return f();
  }

 private:
  Sim sim_;
  const std::uint32_t share_;
};

// Calls run(stage, actions) for every sequence of `length` actions out of `kinds`, and for long ones
// by chance. It answers what is wrong; "" if nothing.
template <class Run>
void all_sequences(std::size_t kinds, std::size_t length, Run run) {
  const auto check = [&](const Actions& actions) {
    for (const std::uint32_t share : {0u, Loop::kSteps}) {
      Stage stage(share);
      const std::string wrong = run(stage, actions);
      if (wrong.empty()) continue;
      std::string all;
      for (const auto action : actions) all += ' ' + std::to_string(action);
      FAIL(wrong, ", after", all, " with a share of ", share);
    }
  };
  Actions actions(length, 0);
  for (;;) {
    check(actions);
    std::size_t i = 0;
    while (i < length && ++actions[i] == kinds) actions[i++] = 0;
    if (i == length) break;
  }
  sim::World chance(1);
  actions.resize(40);
  for (int i = 0; i < 300; ++i) {
    for (auto& action : actions) action = chance.random(kinds);
    check(actions);
  }
}

}  // namespace

TEST_SUITE("reactor") {

TEST_CASE("a semaphore: in every order of arrivals, drops and turns no permit is lost, nobody overtakes") {
  for (const std::size_t permits : {1u, 2u}) {
    all_sequences(4, 6, [&](Stage& stage, const Actions& actions) -> std::string {
      struct Slot {
        Future<Permit> work;
        std::size_t since = 0;
      };
      Semaphore semaphore(permits);
      Slot slots[3];
      std::size_t clock = 0;
      for (const auto action : actions) {
        if (action < 3) {
          Slot& slot = slots[action];
          if (slot.work)
            slot.work.cancel();  // a waiter, a holder, or one that was given a permit unawares
          else
            slot.work = stage.act([&] { return Future<Permit>(semaphore.acquire()); }), slot.since = ++clock;
          continue;
        }
        settle(stage.loop());
        std::size_t held = 0, waiting = 0;
        for (const Slot& slot : slots) {
          if (!slot.work) continue;
          ++(slot.work.ready() ? held : waiting);
          for (const Slot& other : slots)
            if (slot.work.ready() && other.work && !other.work.ready() && slot.since > other.since)
              return "a newcomer overtook";
        }
        if (held > permits) return "more permits than there are";
        if (waiting && held < permits) return "one waits while a permit is free";
        if (semaphore.locked() != (held == permits)) return "locked() is wrong";
      }
      for (Slot& slot : slots) slot.work.cancel();
      settle(stage.loop());
      std::vector<Permit> all;
      while (!semaphore.locked() && all.size() < 5) all.push_back(stage.loop().run(semaphore.acquire()));
      return all.size() == permits ? "" : "permits at the end: " + std::to_string(all.size());
    });
  }
}

TEST_CASE("an event: in every order of waits, drops, sets, clears and turns whoever was to wake wakes") {
  all_sequences(5, 6, [](Stage& stage, const Actions& actions) -> std::string {
    struct Slot {
      Future<> work;
      bool woken = false;
    };
    Event event;
    Slot slots[2];
    for (const auto action : actions) {
      if (action < 2) {
        Slot& slot = slots[action];
        if (slot.work)
          slot.work.cancel();
        else
          slot.work = stage.act([&] { return Future<>(event.wait()); }), slot.woken = event.is_set();
      } else if (action == 2) {
        event.set();
        for (Slot& slot : slots) slot.woken = true;
      } else if (action == 3) {
        event.clear();
      } else {
        settle(stage.loop());
        for (const Slot& slot : slots)
          if (slot.work && slot.work.ready() != slot.woken) return "a waiter is asleep, or awake, wrongly";
      }
    }
    return "";
  });
}

TEST_CASE("a queue: in every order of pushes, pops, drops and turns no value is lost or comes twice") {
  all_sequences(5, 6, [](Stage& stage, const Actions& actions) -> std::string {
    struct Pusher {
      Future<> work;
      int value = 0;
    };
    Queue<int> queue(1);
    Pusher pushers[2];
    Future<std::optional<int>> poppers[2];
    int next = 0;
    std::set<int> done, got;
    const auto end_push = [&](Pusher& pusher) {
      if (pusher.work.ready()) done.insert(pusher.value);
      pusher.work.cancel();
    };
    const auto end_pop = [&](Future<std::optional<int>>& popper) {
      if (!popper.ready()) return popper.cancel(), true;
      return got.insert(*std::move(popper).get()).second;
    };
    for (const auto action : actions) {
      if (action < 2) {
        Pusher& pusher = pushers[action];
        if (pusher.work)
          end_push(pusher);
        else
          pusher.value = ++next,
          pusher.work = stage.act([&] { return Future<>(queue.push(pusher.value)); });
      } else if (action < 4) {
        auto& popper = poppers[action - 2];
        if (!popper)
          popper = stage.act([&] { return Future<std::optional<int>>(queue.pop()); });
        else if (!end_pop(popper))
          return "a value came twice";
      } else {
        settle(stage.loop());
        for (const auto& pusher : pushers)
          if (pusher.work && !pusher.work.ready() && !queue.full()) return "a push waits, there is room";
        for (const auto& popper : poppers)
          if (popper && !popper.ready() && !queue.empty()) return "a pop waits, there is a value";
      }
    }
    settle(stage.loop());
    for (auto& pusher : pushers)
      if (pusher.work) end_push(pusher);
    for (auto& popper : poppers)
      if (popper && !end_pop(popper)) return "a value came twice at the end";
    for (int last = 0; !queue.empty();) {
      const int value = stage.loop().run(queue.pop()).value();
      if (value < last) return "values changed places";
      if (!got.insert(last = value).second) return "a value came twice while draining";
    }
    return std::includes(got.begin(), got.end(), done.begin(), done.end()) ? "" : "a value was lost";
  });
}

TEST_CASE("a closed queue: in every order nobody waits after close, and what was pushed comes out") {
  all_sequences(5, 6, [](Stage& stage, const Actions& actions) -> std::string {
    Queue<int> queue(1);
    Future<> pushers[2];
    Future<std::optional<int>> poppers[1];
    bool closed = false;
    int in = 0, out = 0, next = 0;
    const auto end_push = [&](Future<>& work) {
      if (!work.ready()) return;
      try {
        std::move(work).get();
        ++in;
      } catch (const Closed&) {
      }
    };
    const auto end_pop = [&](Future<std::optional<int>>& work) {
      if (work.ready() && std::move(work).get()) ++out;
      work.cancel();
    };
    for (const auto action : actions) {
      if (action < 2) {
        if (!pushers[action])
          pushers[action] = stage.act([&] { return Future<>(queue.push(++next)); });
        else if (settle(stage.loop()); pushers[action].ready())
          end_push(pushers[action]);
        else
          pushers[action].cancel();
      } else if (action == 2) {
        if (!poppers[0])
          poppers[0] = stage.act([&] { return Future<std::optional<int>>(queue.pop()); });
        else
          end_pop(poppers[0]);
      } else if (action == 3) {
        queue.close();
        closed = true;
      } else {
        settle(stage.loop());
        for (const auto& pusher : pushers)
          if (closed && pusher && !pusher.ready()) return "a push waits at a closed queue";
        if (closed && poppers[0] && !poppers[0].ready()) return "a pop waits at a closed queue";
      }
    }
    settle(stage.loop());
    for (auto& pusher : pushers)
      if (pusher) end_push(pusher), pusher.cancel();
    if (poppers[0]) end_pop(poppers[0]);
    while (!queue.empty()) out += stage.loop().run(queue.pop()).has_value();
    return in == out ? "" : std::to_string(in) + " went in, " + std::to_string(out) + " came out";
  });
}

TEST_CASE("a condition: in every order of waits, drops, notifications and turns none goes to nobody") {
  all_sequences(6, 5, [](Stage& stage, const Actions& actions) -> std::string {
    enum class State { none, entering, waiting, notified };
    struct Slot {
      Future<> work;
      State state = State::none;
    };
    Mutex mutex;
    Condition condition;
    Slot slots[3];
    std::deque<std::size_t> entering, waiting;  // in the order of arrival
    std::size_t woken = 0, wanted = 0;
    Permit outside;
    const auto wait = [&]() -> Future<> {
      auto guard = co_await mutex.lock();
      co_await condition.wait(guard);
      ++woken;
    };
    const auto notify = [&] {
      if (waiting.empty()) return;
      slots[waiting.front()].state = State::notified;
      waiting.pop_front();
    };
    for (const auto action : actions) {
      if (action < 3) {
        Slot& slot = slots[action];
        if (slot.state == State::none) {
          const bool enters = stage.act([&] { return mutex.locked() || here.steps == 0; });
          slot.work = stage.act([&] { return wait(); });
          slot.state = enters ? State::entering : State::waiting;
          (enters ? entering : waiting).push_back(action);
        } else {
          std::erase(entering, action);
          std::erase(waiting, action);
          if (slot.state == State::notified) notify();
          slot.state = State::none;
          slot.work.cancel();
        }
      } else if (action == 3) {
        condition.notify_one();
        notify();
      } else if (action == 4) {
        if (outside) {
          outside.release();
        } else if (!mutex.locked()) {
          here.steps = Loop::kSteps;
          outside = Future<Permit>(mutex.lock()).get();
        }
      } else {
        settle(stage.loop());
        if (outside) continue;
        for (const auto i : entering) slots[i].state = State::waiting, waiting.push_back(i);
        entering.clear();
        for (Slot& slot : slots) {
          const bool wakes = slot.state == State::notified;
          if (slot.work && slot.work.ready() != wakes) return "a waiter is asleep, or awake, wrongly";
          if (wakes) ++wanted, slot.state = State::none, slot.work.cancel();
        }
        if (mutex.locked()) return "the lock was lost";
      }
    }
    outside.release();
    for (Slot& slot : slots) slot.work.cancel();
    settle(stage.loop());
    if (mutex.locked()) return "the lock was lost at the end";
    return woken >= wanted ? "" : "a wake-up was lost";
  });
}

}  // TEST_SUITE
}  // namespace hob_test::schedules_test
