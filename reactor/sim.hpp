// SPDX-License-Identifier: MIT
//
// sim.hpp — the simulator: the same program, unchanged, on a kernel that is a seeded simulation.
//
//   hob::sim::World world(42);
//   hob::Loop loop(world.backend());
//   loop.run(program());
//
// The clock is virtual and jumps to the next deadline when nothing is ready: a day of sleep costs
// microseconds. Each round of the ready queue is shuffled by the seed; the same seed gives the same
// run. Streams are in memory (Backend::pair). Jobs for the pool run on the loop's thread, when their
// simulated time has come. Nothing sleeps, nothing touches the network.
#pragma once

#include "loop.hpp"

namespace hob::inline v0::sim {
// Nothing is left that could ever wake this loop. Thrown out of Loop::run, on the simulator only: a
// native loop cannot know that no thread will post. what() ends with the tree of Loop::dump_tasks.
struct Deadlock : std::logic_error {
  explicit Deadlock(const std::string& tree)
      : logic_error("every task waits, and nothing is left that could ever wake one of them\n" + tree) {}
};

struct Kernel;

class World {
 public:
  explicit World(std::uint64_t seed);

  // The kernel for a Loop; one for each world. May outlive the World.
  std::unique_ptr<Backend> backend();

  // The virtual clock.
  TimePoint now() const noexcept;

  // Sends a signal; a loop that does not catch it does not notice.
  void signal(int number) noexcept;

  // Whether rounds are shuffled; on by default. Say so before the Loop is made.
  void shuffle(bool on) noexcept;

  // The next number of the seeded sequence, below `bound`; for programs that need chance of their own.
  std::uint64_t random(std::uint64_t bound) noexcept;

 private:
  std::shared_ptr<Kernel> kernel_;
};
}  // namespace hob::inline v0::sim
