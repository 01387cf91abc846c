// SPDX-License-Identifier: MIT
//
// backend_sim.hpp — what a simulated world consists of: a clock, sockets in memory, jobs, signals.
//
// Private to this room: sim.hpp is the door. The Loop calls SimBackend, as it calls any kernel;
// SimBackend changes the Kernel, which it shares with its World.
//
// Invariants
//   1. Time moves only in wait(), and only when nothing is ready.
//   2. An event waits in `due` until wait() latches it (the Law of the Batch holds here as well).
//   3. Nothing depends on an address, on the host's clock, or on an unordered container.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <vector>

#include "sim.hpp"

namespace hob::inline v0::sim {

// One end of a stream.
struct Socket {
  int peer = -1;                   // -1: the other end is closed
  std::deque<std::byte> inbox;     // sent by the peer, not yet received
  bool sent_end = false;           // we have shut down our side
  bool end = false;                // the peer has
  Watch* watch = nullptr;
};

struct Job {
  TimePoint when;
  std::function<void()> run;
};

class Kernel {
 public:
  static constexpr std::size_t kBuffer = 64 * 1024;  // bytes in flight in one direction

  explicit Kernel(std::uint64_t seed) : state_(seed) {}
  std::uint64_t random(std::uint64_t bound) noexcept;

  TimePoint now = TimePoint(std::chrono::hours(1));
  bool shuffles = true;
  std::atomic<bool> woken = false;
  std::uint64_t signals_caught = 0;
  std::uint64_t signals_once = 0;
  std::uint64_t signals_arrived = 0;
  std::map<int, Socket> sockets;
  int next_fd = 3;
  std::vector<int> due;            // descriptors with something to latch
  std::deque<Job> jobs;            // in the order of `when`

  Socket* find(int fd) noexcept;
  void notify(int fd) { due.push_back(fd); }
  void latch();

 private:
  std::uint64_t state_;
};

class SimBackend final : public Backend {
 public:
  explicit SimBackend(std::shared_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}

  TimePoint now() noexcept override { return kernel_->now; }

  int attach(int fd, Watch& watch, Interest interest) noexcept override;
  void detach(Watch& watch) noexcept override;
  void wait(TimePoint until) override;
  void wake() noexcept override { kernel_->woken = true; }

  Io open(int family, int type) noexcept override;
  int pair(int fds[2]) noexcept override;
  int bind(int fd, const sockaddr* address, unsigned size) noexcept override;
  int listen(int fd, int backlog) noexcept override;
  Io accept(int fd, sockaddr* peer, unsigned* size) noexcept override;
  int connect(int fd, const sockaddr* address, unsigned size) noexcept override;
  int connect_result(Watch& watch) noexcept override;
  Io recv(int fd, std::span<std::byte> into) noexcept override;
  Io send(int fd, std::span<const std::byte> from) noexcept override;
  Io send_pieces(int fd, std::span<const std::string_view> pieces) noexcept override;
  Io recv_from(int fd, std::span<std::byte> into, sockaddr* from, unsigned* size) noexcept override;
  Io send_to(int fd, std::span<const std::byte> bytes, const sockaddr* to,
             unsigned size) noexcept override;
  int shutdown_write(int fd) noexcept override;
  int set_option(int fd, Option option, int value) noexcept override;
  int local_name(int fd, sockaddr* name, unsigned* size) noexcept override;
  int peer_name(int fd, sockaddr* name, unsigned* size) noexcept override;
  void close(int fd) noexcept override;

  void offload(std::function<void()> job, Pool pool) override;
  Resolver resolver() override;
  int catch_signal(int number, Catch how) noexcept override;
  std::uint64_t take_signals() noexcept override;

  bool shuffles() const noexcept override { return kernel_->shuffles; }
  void shuffle(List<Runnable>& round) noexcept override;

 private:
  std::shared_ptr<Kernel> kernel_;
};

}  // namespace hob::inline v0::sim
