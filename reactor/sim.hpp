// SPDX-License-Identifier: MIT
// sim.hpp — the simulator: the same program, unchanged, on a kernel that is a seeded simulation.
//
//   hob::sim::World world(42);
//   world.faults.loss_per_mille = 20;
//   world.host("db", serve_rows);         // a main, any () -> awaitable; found by resolve("db")
//   world.host("web", [] { return serve_pages("db"); });
//   world.run();                          // drives them, each on a Loop of its own. Or, beside them, on
//   hob::Loop loop(world.backend());      // the world's nameless host, "localhost", the program's own:
//   loop.run(program());
//
// The clock is virtual and jumps to whatever comes next when nothing is ready: a day of sleep costs
// microseconds. The same seed gives the same run, on every machine and compiler. Nothing sleeps, nothing
// touches the network; files are the real ones. Jobs for the pool run on the loop's thread, in their time.
#pragma once
#include "loop.hpp"

namespace hob::inline v0::sim {
// Nothing is left that could ever wake anybody. Thrown out of Loop::run and World::run, on the simulator
// only: a native loop cannot know that no thread will post. what() ends with the tree of who awaits what.
struct Deadlock : std::logic_error {
  explicit Deadlock(const std::string& tree)
      : logic_error("every task waits, and nothing is left that could ever wake one of them\n" + tree) {}
};

// What chance decides. Each kind has a sequence of its own: without one, the others fall as before.
enum class Chance {
  order, latency, loss, duplicate, reorder, reset, short_io, spurious, accept, no_buffers
};

// How well a network and its hosts work; by default without a fault. "Per mille": of a thousand.
struct Faults {
  Duration latency_min = std::chrono::microseconds(50);  // one way; anything between the two,
  Duration latency_max = std::chrono::microseconds(50);  // within one host 5 us
  std::uint64_t bandwidth = 0;             // bytes a second, each way; 0: no limit
  unsigned loss_per_mille = 0;             // TCP sends it again, 200 ms later; of UDP it is gone
  unsigned duplicate_per_mille = 0;        // UDP: comes twice
  unsigned reorder_per_mille = 0;          // UDP: comes so late that others overtake it
  unsigned reset_per_mille = 0;            // of writes to a stream: its connection is reset
  std::uint64_t reset_after = 0;           // so many bytes, a connection is reset; 0: never
  // Of the hosts; those of World::faults count.
  unsigned short_io_per_mille = 0;         // of reads and writes: less is moved than could be
  unsigned spurious_per_mille = 0;         // of events: too much is said to be ready
  unsigned accept_failures_per_mille = 0;  // ECONNABORTED
  unsigned no_buffers_per_mille = 0;       // ENOBUFS, of open, accept and datagrams sent
  std::size_t descriptors = 1 << 20;       // open at once on one host; then EMFILE
};

struct Kernel;
struct Host;

class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();  // crashes all hosts: what their coroutines refer to is still there
  World(const World&) = delete;
  // The kernel of the nameless host, for a Loop that is yours: while it waits, all others run. One for
  // each world. May outlive the World.
  std::unique_ptr<Backend> backend();
  // Adds a host. It has an address of its own (10.0.0.2, fd00::2 and so on; the nameless is first), and
  // 127.0.0.1 and ::1. Each time it starts, main() is called by its Loop; when that has ended, so has
  // the host, as a process exits. An error of it comes out of what drives the world.
  template <class F> void host(std::string name, F main) {
    add(std::move(name), [main = std::move(main)] { return forget(std::invoke(main)); });
  }

  // Drops all that runs on a host; its connections are reset. From its own code: at its turn's end.
  void crash(std::string_view host) { stop(host, false); }
  void restart(std::string_view host) { stop(host, true); }  // crashes it, if it is up, and starts it
  bool is_up(std::string_view host) const;
  std::string address(std::string_view host) const;  // its IPv4 one
  // Lets the hosts run until the main of each has ended; the first error, or Deadlock. (Not needed
  // where a Loop on backend() runs: that drives them too.)
  void run();
  void run_for(Duration span);
  // Of the whole network; and of the way between two hosts ("localhost": the nameless), at first a copy.
  Faults& faults;
  Faults& link(std::string_view a, std::string_view b);
  // Between the two nothing arrives: datagrams are lost, streams and connects stand still, until they
  // give up (ETIMEDOUT) or go on when it is healed.
  void partition(std::string_view a, std::string_view b) { cut(a, b, true); }
  void heal(std::string_view a, std::string_view b) { cut(a, b, false); }
  // Rules out what chance would decide, whatever `faults` says.
  void without(Chance what) noexcept;
  // Whether rounds are shuffled; on by default. Say so before the Loop is made.
  void shuffle(bool on) noexcept;
  // Sends a signal; a loop that does not catch it does not notice.
  void signal(int number) { signal("localhost", number); }
  void signal(std::string_view host, int number);
  // The virtual clock.
  TimePoint now() const noexcept;
  // The next number of a seeded sequence, below `bound`; for programs that need chance of their own.
  std::uint64_t random(std::uint64_t bound) noexcept;
  // A hash of all that the kernels delivered, and of every call that moved bytes, up to now.
  std::uint64_t trace() const noexcept;
  // How many are open, on all hosts.
  std::size_t open_descriptors() const noexcept;
 private:
  explicit World(std::shared_ptr<Kernel> kernel);
  void stop(std::string_view host, bool starts);
  void cut(std::string_view a, std::string_view b, bool apart);
  void add(std::string name, std::function<Future<>()> main);
  Host& named(std::string_view host) const;  // std::invalid_argument

  std::shared_ptr<Kernel> kernel_;
};

// A program has failed. what() has the seed, its reason, and which faults that takes.
struct Failure : std::runtime_error {
  Failure(std::uint64_t s, const std::string& text) : std::runtime_error(text), seed(s) {}
  std::uint64_t seed;
};

// Runs program(World&) with the seeds 1, 2, 3 …; what it throws first becomes a Failure, once it has
// been seen which kinds of chance can be left out. HOB_SIM_SEED=<n> runs that one alone.
void test(std::uint64_t seeds, const std::function<void(World&)>& program);
}  // namespace hob::inline v0::sim
