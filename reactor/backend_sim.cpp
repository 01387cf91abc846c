// SPDX-License-Identifier: MIT
//
// backend_sim.cpp — the third kernel. See backend_sim.hpp for its invariants, sim.hpp for its use.
//
// Addresses are not simulated yet: of the socket calls, those of a connected pair work; the others
// answer ENOSYS.
#include "backend_sim.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

namespace hob::inline v0::sim {

World::World(std::uint64_t seed) : kernel_(std::make_shared<Kernel>(seed)) {}
World::~World() = default;
std::unique_ptr<Backend> World::backend() { return std::make_unique<SimBackend>(kernel_); }
TimePoint World::now() const noexcept { return kernel_->now; }
void World::shuffle(bool on) noexcept { kernel_->shuffles = on; }
std::uint64_t World::random(std::uint64_t bound) noexcept { return kernel_->random(bound); }

void World::signal(int number) noexcept {
  const std::uint64_t bit = std::uint64_t{1} << (number - 1);
  kernel_->signals_arrived |= bit & kernel_->signals_caught;
  kernel_->signals_caught &= ~(bit & kernel_->signals_once);
}

// SplitMix64 (Steele, Lea, Flood 2014): small, well mixed, and the same everywhere.
std::uint64_t Kernel::random(std::uint64_t bound) noexcept {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return bound ? z % bound : z;
}

Socket* Kernel::find(int fd) noexcept {
  const auto found = sockets.find(fd);
  return found == sockets.end() ? nullptr : &found->second;
}

// Tells each watch in `due` what is so at this moment.
void Kernel::latch() {
  for (const int fd : std::exchange(due, {})) {
    Socket* socket = find(fd);
    if (!socket || !socket->watch) continue;
    Watch& watch = *socket->watch;
    const Socket* peer = find(socket->peer);
    if (!peer || socket->end) watch.read_hangup = true;
    if ((watch.interest & kRead) && (!socket->inbox.empty() || watch.read_hangup)) watch.on_readable();
    if ((watch.interest & kWrite) && (!peer || peer->inbox.size() < kBuffer)) watch.on_writable();
  }
}

// --- readiness ------------------------------------------------------------------------------------

int SimBackend::attach(int fd, Watch& watch, Interest interest) noexcept {
  Socket* socket = kernel_->find(fd);
  if (!socket) return EBADF;
  if (socket->watch) return EEXIST;
  watch.fd = fd;
  watch.interest = interest;
  socket->watch = &watch;
  kernel_->notify(fd);
  return 0;
}

void SimBackend::detach(Watch& watch) noexcept {
  if (watch.interest == 0) return;
  if (Socket* socket = kernel_->find(watch.fd)) socket->watch = nullptr;
  watch.interest = 0;
}

void SimBackend::wait(TimePoint until) {
  Kernel& k = *kernel_;
  k.latch();
  if (k.woken.exchange(false) || k.signals_arrived || !here.ready->empty()) return;
  if (until <= k.now) return;
  if (!k.jobs.empty()) until = std::min(until, k.jobs.front().when);
  if (until == kNever)
    throw Deadlock("every task waits, and nothing is left that could ever wake one of them");
  k.now = std::max(k.now, until);
  while (!k.jobs.empty() && k.jobs.front().when <= k.now) {
    const Job job = std::move(k.jobs.front());
    k.jobs.pop_front();
    // As on another thread: the loop is not there.
    const Here outside = std::exchange(here, Here());
    job.run();
    here = outside;
  }
  k.woken = false;
}

// --- sockets ----------------------------------------------------------------------------------------

Io SimBackend::open(int, int) noexcept { return {0, ENOSYS}; }
int SimBackend::bind(int, const sockaddr*, unsigned) noexcept { return ENOSYS; }
int SimBackend::listen(int, int) noexcept { return ENOSYS; }
Io SimBackend::accept(int, sockaddr*, unsigned*) noexcept { return {0, ENOSYS}; }
int SimBackend::connect(int, const sockaddr*, unsigned) noexcept { return ENOSYS; }
int SimBackend::connect_result(Watch&) noexcept { return ENOSYS; }
Io SimBackend::recv_from(int, std::span<std::byte>, sockaddr*, unsigned*) noexcept {
  return {0, ENOSYS};
}
Io SimBackend::send_to(int, std::span<const std::byte>, const sockaddr*, unsigned) noexcept {
  return {0, ENOSYS};
}
int SimBackend::local_name(int, sockaddr*, unsigned*) noexcept { return ENOSYS; }
int SimBackend::peer_name(int, sockaddr*, unsigned*) noexcept { return ENOSYS; }
int SimBackend::set_option(int fd, Option, int) noexcept { return kernel_->find(fd) ? 0 : EBADF; }

int SimBackend::pair(int fds[2]) noexcept {
  fds[0] = kernel_->next_fd++;
  fds[1] = kernel_->next_fd++;
  kernel_->sockets[fds[0]].peer = fds[1];
  kernel_->sockets[fds[1]].peer = fds[0];
  return 0;
}

Io SimBackend::recv(int fd, std::span<std::byte> into) noexcept {
  Socket* socket = kernel_->find(fd);
  if (!socket) return {0, EBADF};
  auto& inbox = socket->inbox;
  const auto n = std::min(into.size(), inbox.size());
  if (n == 0 && !into.empty())
    return {0, socket->end || !kernel_->find(socket->peer) ? 0 : EAGAIN};
  const auto end = inbox.begin() + static_cast<std::ptrdiff_t>(n);
  std::copy(inbox.begin(), end, into.begin());
  const bool was_full = inbox.size() >= Kernel::kBuffer;
  inbox.erase(inbox.begin(), end);
  if (was_full && n != 0) kernel_->notify(socket->peer);
  return {n, 0};
}

Io SimBackend::send(int fd, std::span<const std::byte> from) noexcept {
  Socket* socket = kernel_->find(fd);
  if (!socket) return {0, EBADF};
  Socket* peer = kernel_->find(socket->peer);
  if (!peer || socket->sent_end) return {0, EPIPE};
  const auto n = std::min(from.size(), Kernel::kBuffer - std::min(Kernel::kBuffer, peer->inbox.size()));
  if (n == 0 && !from.empty()) return {0, EAGAIN};
  peer->inbox.insert(peer->inbox.end(), from.begin(), from.begin() + static_cast<std::ptrdiff_t>(n));
  kernel_->notify(socket->peer);
  return {n, 0};
}

Io SimBackend::send_pieces(int fd, std::span<const std::string_view> pieces) noexcept {
  Io all;
  for (const auto piece : pieces) {
    const Io one = send(fd, std::as_bytes(std::span(piece)));
    all.n += one.n;
    if (one.error || one.n < piece.size()) {
      all.error = all.n ? 0 : one.error;
      break;
    }
  }
  return all;
}

int SimBackend::shutdown_write(int fd) noexcept {
  Socket* socket = kernel_->find(fd);
  if (!socket) return EBADF;
  socket->sent_end = true;
  if (Socket* peer = kernel_->find(socket->peer)) peer->end = true;
  kernel_->notify(socket->peer);
  return 0;
}

void SimBackend::close(int fd) noexcept {
  const Socket* socket = kernel_->find(fd);
  if (!socket) return;
  const int peer = socket->peer;
  kernel_->sockets.erase(fd);
  kernel_->notify(peer);
}

// --- jobs, signals, order ------------------------------------------------------------------------------

void SimBackend::offload(std::function<void()> job, Pool) {
  constexpr Duration kCost = std::chrono::milliseconds(1);
  kernel_->jobs.push_back({saturating_add(kernel_->now, kCost), std::move(job)});
}

Backend::Resolver SimBackend::resolver() {
  return [](const std::string&, const Found&) { return "there are no names in this world yet"; };
}

int SimBackend::catch_signal(int number, Catch how) noexcept {
  if (number < 1 || number > 64 || number == SIGKILL || number == SIGSTOP) return EINVAL;
  const std::uint64_t bit = std::uint64_t{1} << (number - 1);
  if (how == Catch::once_if_default) {
    if (kernel_->signals_caught & bit) return EBUSY;
    kernel_->signals_once |= bit;
  } else {
    kernel_->signals_once &= ~bit;
  }
  kernel_->signals_caught |= bit;
  return 0;
}

std::uint64_t SimBackend::take_signals() noexcept { return std::exchange(kernel_->signals_arrived, 0); }

// Fisher and Yates.
void SimBackend::shuffle(List<Runnable>& round) noexcept {
  std::vector<Runnable*> order;
  for (auto& each : round) order.push_back(&each);
  if (order.size() < 2) return;
  for (std::size_t i = order.size() - 1; i > 0; --i)
    std::swap(order[i], order[kernel_->random(i + 1)]);
  for (Runnable* each : order) each->unlink();
  for (Runnable* each : order) round.push_back(*each);
}

}  // namespace hob::inline v0::sim
