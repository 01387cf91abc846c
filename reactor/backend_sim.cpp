// SPDX-License-Identifier: MIT
//
// backend_sim.cpp — the third kernel: a clock, sockets in memory, jobs, signals. sim.hpp is the door.
//
// The Loop calls SimBackend, as it calls any kernel; SimBackend changes the Kernel, which it shares
// with its World. Addresses are not simulated yet: of the socket calls, those of a connected pair
// work; the others answer ENOSYS.
//
// Invariants
//   1. Time moves only in wait(), and only when nothing is ready.
//   2. An event waits in `due` until wait() latches it (the Law of the Batch holds here as well).
//   3. Nothing depends on an address, on the host's clock, or on an unordered container.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <deque>
#include <sstream>

#include "sim.hpp"

namespace hob::inline v0::sim {
// One end of a stream.
struct Socket {
  int peer = -1;                // not there: the other end is closed
  std::deque<std::byte> inbox;  // sent by the peer, not yet received
  bool end = false;             // the peer has shut down its side
  Watch* watch = nullptr;
};

struct Kernel {
  static constexpr std::size_t kBuffer = 64 * 1024;  // bytes in flight in one direction

  explicit Kernel(std::uint64_t seed) : state(seed) {}

  // SplitMix64 (Steele, Lea, Flood 2014): small, well mixed, and the same everywhere.
  std::uint64_t random(std::uint64_t bound) noexcept {
    std::uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return bound ? z % bound : z;
  }

  std::uint64_t state;  // of random()
  TimePoint now = TimePoint(std::chrono::hours(1));
  bool shuffles = true;
  std::atomic<bool> woken = false;
  std::uint64_t signals_caught = 0;
  std::uint64_t signals_once = 0;
  std::uint64_t signals_arrived = 0;
  std::map<int, Socket> sockets;
  int next_fd = 3;
  std::vector<int> due;  // descriptors with something to latch
  std::deque<std::pair<TimePoint, std::function<void()>>> jobs;  // in the order of their times

  Socket* find(int fd) noexcept {
    const auto found = sockets.find(fd);
    return found == sockets.end() ? nullptr : &found->second;
  }

  // Tells each watch in `due` what is so at this moment.
  void latch() {
    for (const int fd : std::exchange(due, {})) {
      Socket* socket = find(fd);
      if (!socket || !socket->watch) continue;
      Watch& watch = *socket->watch;
      const Socket* peer = find(socket->peer);
      if (!peer || socket->end) watch.read_hangup = true;
      const bool readable = !socket->inbox.empty() || watch.read_hangup;
      const bool writable = !peer || peer->inbox.size() < kBuffer;
      if (readable && (watch.interest & kRead)) watch.on_readable();
      if (writable && (watch.interest & kWrite)) watch.on_writable();
    }
  }
};

class SimBackend final : public Backend {
 public:
  explicit SimBackend(std::shared_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}

  TimePoint now() noexcept override { return kernel_->now; }
  std::int64_t date() noexcept override {
    constexpr std::int64_t kBegin = 946'684'800;  // the year 2000
    return kBegin + std::chrono::floor<std::chrono::seconds>(kernel_->now.time_since_epoch()).count();
  }

  int attach(int fd, Watch& watch, Interest interest) noexcept override {
    Socket* socket = kernel_->find(fd);
    if (!socket) return EBADF;
    if (socket->watch) return EEXIST;
    watch.fd = fd;
    watch.interest = interest;
    socket->watch = &watch;
    kernel_->due.push_back(fd);
    return 0;
  }

  void detach(Watch& watch) noexcept override {
    if (watch.interest == 0) return;
    if (Socket* socket = kernel_->find(watch.fd)) socket->watch = nullptr;
    watch.interest = 0;
  }

  void wait(TimePoint until) override {
    Kernel& k = *kernel_;
    k.latch();
    if (k.woken.exchange(false) || k.signals_arrived || !here.ready->empty()) return;
    if (until <= k.now) return;
    if (!k.jobs.empty()) until = std::min(until, k.jobs.front().first);
    if (until == kNever) {
      std::ostringstream tree;
      if (here.loop) here.loop->dump_tasks(tree);
      throw Deadlock(tree.str());
    }
    k.now = std::max(k.now, until);
    while (!k.jobs.empty() && k.jobs.front().first <= k.now) {
      const auto job = std::move(k.jobs.front().second);
      k.jobs.pop_front();
      // As on another thread: the loop is not there.
      const Here outside = std::exchange(here, Here());
      job();
      here = outside;
    }
    k.woken = false;
  }

  void wake() noexcept override { kernel_->woken = true; }

  // --- sockets --------------------------------------------------------------------------------
  Io open(int, int) noexcept override { return {0, ENOSYS}; }
  int bind(int, const sockaddr*, unsigned) noexcept override { return ENOSYS; }
  int listen(int, int) noexcept override { return ENOSYS; }
  Io accept(int, sockaddr*, unsigned*) noexcept override { return {0, ENOSYS}; }
  int connect(int, const sockaddr*, unsigned) noexcept override { return ENOSYS; }
  int connect_result(Watch&) noexcept override { return ENOSYS; }
  int local_name(int, sockaddr*, unsigned*) noexcept override { return ENOSYS; }
  int peer_name(int, sockaddr*, unsigned*) noexcept override { return ENOSYS; }
  int set_option(int fd, Option, int) noexcept override { return kernel_->find(fd) ? 0 : EBADF; }

  int pair(int fds[2]) noexcept override {
    fds[0] = kernel_->next_fd++;
    fds[1] = kernel_->next_fd++;
    kernel_->sockets[fds[0]].peer = fds[1];
    kernel_->sockets[fds[1]].peer = fds[0];
    return 0;
  }

  Io recv(int fd, std::span<std::byte> into, sockaddr*, unsigned*) noexcept override {
    Socket* socket = kernel_->find(fd);
    if (!socket) return {0, EBADF};
    auto& inbox = socket->inbox;
    const auto n = std::min(into.size(), inbox.size());
    const bool over = socket->end || !kernel_->find(socket->peer);
    if (n == 0 && !into.empty()) return {0, over ? 0 : EAGAIN};
    const auto end = inbox.begin() + static_cast<std::ptrdiff_t>(n);
    std::copy(inbox.begin(), end, into.begin());
    const bool was_full = inbox.size() >= Kernel::kBuffer;
    inbox.erase(inbox.begin(), end);
    if (was_full && n != 0) kernel_->due.push_back(socket->peer);
    return {n, 0};
  }

  Io send(int fd, std::span<const std::string_view> pieces, const sockaddr*,
          unsigned) noexcept override {
    Socket* socket = kernel_->find(fd);
    if (!socket) return {0, EBADF};
    Socket* peer = kernel_->find(socket->peer);
    if (!peer || peer->end) return {0, EPIPE};
    auto& inbox = peer->inbox;
    Io all;
    for (const std::string_view piece : pieces) {
      const auto bytes = std::as_bytes(std::span(piece));
      const auto n = std::min(bytes.size(), Kernel::kBuffer - std::min(Kernel::kBuffer, inbox.size()));
      inbox.insert(inbox.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
      all.n += n;
      if (n == bytes.size()) continue;
      if (all.n == 0) return {0, EAGAIN};
      break;
    }
    kernel_->due.push_back(socket->peer);
    return all;
  }

  std::size_t unsent(int) noexcept override { return 0; }

  int shutdown_write(int fd) noexcept override {
    const Socket* socket = kernel_->find(fd);
    if (!socket) return EBADF;
    if (Socket* peer = kernel_->find(socket->peer)) peer->end = true;
    kernel_->due.push_back(socket->peer);
    return 0;
  }

  void close(int fd) noexcept override {
    const Socket* socket = kernel_->find(fd);
    if (!socket) return;
    const int peer = socket->peer;
    kernel_->sockets.erase(fd);
    kernel_->due.push_back(peer);
  }

  // --- jobs, signals, order -------------------------------------------------------------------
  void offload(std::function<void()> job, Pool) override {
    constexpr Duration kCost = std::chrono::milliseconds(1);
    kernel_->jobs.push_back({saturating_add(kernel_->now, kCost), std::move(job)});
  }

  Resolver resolver() override {
    return [](const std::string&, const Found&) { return "there are no names in this world yet"; };
  }

  int catch_signal(int number, Catch how) noexcept override {
    const std::uint64_t bit = signal_bit(number);
    if (bit == 0 || number == SIGKILL || number == SIGSTOP) return EINVAL;
    const bool once = how == Catch::once_if_default;
    if (once && (kernel_->signals_caught & bit)) return EBUSY;
    kernel_->signals_caught |= bit;
    kernel_->signals_once &= ~bit;
    if (once) kernel_->signals_once |= bit;
    return 0;
  }

  std::uint64_t take_signals() noexcept override {
    return std::exchange(kernel_->signals_arrived, 0);
  }

  // Fisher and Yates.
  bool shuffle(List<Runnable>& round) noexcept override {
    if (!kernel_->shuffles) return false;
    std::vector<Runnable*> order;
    while (!round.empty()) order.push_back(&round.pop_front());
    for (std::size_t i = order.size(); i-- > 1;) std::swap(order[i], order[kernel_->random(i + 1)]);
    for (Runnable* each : order) round.push_back(*each);
    return true;
  }

 private:
  std::shared_ptr<Kernel> kernel_;
};

World::World(std::uint64_t seed) : kernel_(std::make_shared<Kernel>(seed)) {}
std::unique_ptr<Backend> World::backend() { return std::make_unique<SimBackend>(kernel_); }
TimePoint World::now() const noexcept { return kernel_->now; }
void World::shuffle(bool on) noexcept { kernel_->shuffles = on; }
std::uint64_t World::random(std::uint64_t bound) noexcept { return kernel_->random(bound); }

void World::signal(int number) noexcept {
  kernel_->signals_arrived |= signal_bit(number) & kernel_->signals_caught;
  kernel_->signals_caught &= ~(signal_bit(number) & kernel_->signals_once);
}
}  // namespace hob::inline v0::sim
