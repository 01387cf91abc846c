// SPDX-License-Identifier: MIT
//
// drop_everywhere_test.cpp — drops every combinator and primitive at every moment there is.
//
// Each scenario is run once to the end, one resumption at a time, to count its moments; then again for
// each of them, dropped there. Whatever the moment: its locals are gone when the drop returns, nothing
// is armed, no timer is set, nothing runs later, nobody is told of an error, and the heap is as it was.
#include <algorithm>
#include <memory>

#include "../counting_new.hpp"
#include "drop_scenarios.hpp"
#include "stderr.hpp"

namespace hob_test::drop_everywhere_test {
using namespace hob_test::dropping;

TEST_SUITE_BEGIN("reactor");

namespace {

// --- one resumption at a time ---------------------------------------------------------------------

// Uses up resumptions, so that a turn ends where the test wants it to.
struct Burner : Runnable {
  Burner() : Runnable([](Runnable& self) {
    auto& burner = static_cast<Burner&>(self);
    if (--burner.left != 0) burner.arm_next();
  }) {}
  std::size_t left = 0;
};

class Steps {
 public:
  explicit Steps(Sim& sim, std::uint64_t seed) : sim_(sim), seed_(seed), clock_(sim.world.backend()) {}

  // The next moment: a turn that collects and resumes nobody; or one resumption of one task, or, with
  // nobody to resume, a millisecond of nothing.
  void next() {
    if (std::exchange(collect_, !collect_)) {
      burn(Loop::kTurn);
    } else if (!here.ready->empty()) {
      if (seed_ != 0) shuffle();
      burn(Loop::kTurn - 1);
    } else {
      clock_->wait(sim_.world.now() + 1ms);
    }
  }

 private:
  void burn(std::size_t resumptions) {
    burner_.left = resumptions;
    burner_.arm_next();
    sim_.loop.poll();
  }
  void shuffle() {
    std::vector<Runnable*> all;
    for (Runnable& each : *here.ready) all.push_back(&each);
    for (Runnable* each : all) each->unlink();
    for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[sim_.world.random(i)]);
    for (Runnable* each : all) each->arm();
  }

  Sim& sim_;
  std::uint64_t seed_;
  std::unique_ptr<Backend> clock_;  // of the same world
  Burner burner_;
  bool collect_ = true;
};

// --- the generator ----------------------------------------------------------------------------------

struct Found {
  unsigned moments = 0;  // until it settled, or was dropped
  bool settled = false;
  std::string failure;
  int alive = 0;         // just after the drop
  bool armed = false;
  bool idle = true;
  int resumed_after = 0;
  std::vector<std::string> unhandled;
  std::size_t blocks = 0;  // on the heap, more than before, in the end
};

// Drops the scenario at the given moment. No doctest in here: it would allocate.
Found drop_at(unsigned moment, const Scenario& scenario, std::uint64_t seed) {
  Found found;
  {
    Sim sim(seed);
    Steps steps(sim, seed);
    Future<> root = scenario.run();
    while (!root.ready() && found.moments < moment) {
      steps.next();
      ++found.moments;
    }
    found.settled = root.ready();
    if (found.settled) {
      try {
        std::move(root).get();
      } catch (const std::exception& e) {
        found.failure = e.what();
      }
    }
    root.cancel();
    found.alive = Counted::alive;
    found.armed = !here.ready->empty();
    const int before = resumed;
    found.idle = sim.idle() || sim.idle();  // a job that nobody waits for may still pass by
    found.resumed_after = resumed - before;
    sim.settle();
    found.unhandled = std::move(sim.unhandled);
  }
  return found;
}

}  // namespace

TEST_CASE("whatever is dropped, at whatever moment, leaves nothing behind and runs no more") {
  constexpr unsigned kEnough = 2000;
  for (const std::uint64_t seed : {0u, 1u, 2u, 3u}) {
    for (const Scenario& scenario : scenarios()) {
      INFO("seed " << seed << ", " << std::string(scenario.name));
      const Found whole = drop_at(kEnough, scenario, seed);
      CHECK(whole.settled);
      CHECK(whole.failure == "");
      CHECK(whole.moments > 2);
      for (unsigned moment = 0; moment <= whole.moments; ++moment) {
        INFO("dropped at moment " << moment << " of " << whole.moments);
        const std::size_t before = heap().blocks;
        Found found = drop_at(moment, scenario, seed);
        const Log unhandled = std::exchange(found.unhandled, {});
        if (!unhandled.empty()) CHECK(scenario.fails);
        if (unhandled.empty()) CHECK(heap().blocks == before);
        CHECK(found.alive == 0);
        CHECK_FALSE(found.armed);
        CHECK(found.idle);
        CHECK(found.resumed_after == 0);
        CHECK(found.settled == (moment == whole.moments));
      }
    }
  }
}

TEST_CASE("the loop's end drops whatever is detached, at whatever moment") {
  const Stderr lines;  // what the end of a loop leaves unhandled is printed
  for (const Scenario& scenario : scenarios()) {
    INFO(std::string(scenario.name));
    const unsigned moments = drop_at(2000, scenario, 1).moments;
    for (unsigned moment = 0; moment <= moments; ++moment) {
      INFO("dropped at moment " << moment << " of " << moments);
      std::size_t before = 0;
      for (int i = 0; i < 2; ++i) {  // the second time the free lists are warm
        before = heap().blocks;
        Sim sim(1);
        Steps steps(sim, 1);
        detach(scenario.run);
        for (unsigned n = 0; n < moment; ++n) steps.next();
      }
      CHECK(Counted::alive == 0);
      if (!scenario.fails) CHECK(heap().blocks == before);
    }
  }
}

TEST_SUITE_END();
}  // namespace hob_test::drop_everywhere_test
