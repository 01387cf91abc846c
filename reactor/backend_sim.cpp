// SPDX-License-Identifier: MIT
// backend_sim.cpp — the third kernel: the calls of one simulated host. See backend_sim.hpp.
#include "backend_sim.hpp"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace hob::inline v0::sim {
namespace {
using Is = Socket::Is;

constexpr Duration kConnects = std::chrono::seconds(127);  // as Linux, after six times
constexpr Duration kJob = std::chrono::milliseconds(1);    // what one takes
constexpr std::size_t kPathAt = offsetof(sockaddr_un, sun_path);
constexpr std::size_t kLargest = 65507;  // datagram

// 127.0.0.1, ::1, 10.0.0.2, fd00::2: what begins with `first` and ends with `last`.
Place made(bool is_v4, unsigned first, std::size_t last) noexcept {
  Place at;
  if (is_v4) at.ip[10] = at.ip[11] = 0xff;
  at.ip[is_v4 ? 12 : 0] = static_cast<unsigned char>(first);
  at.ip[14] = static_cast<unsigned char>(last >> 8), at.ip[15] = static_cast<unsigned char>(last);
  return at;
}
Place loopback(bool is_v4) noexcept { return made(is_v4, is_v4 ? 127 : 0, 1); }
Place own(const Host& host, bool is_v4) noexcept {
  return made(is_v4, is_v4 ? 10 : 0xfd, static_cast<std::size_t>(host.number) + 1);
}

// Family and port stand in the same place in IPv4's addresses and in IPv6's.
Place load(const sockaddr* from, unsigned size) {
  Place to;
  if (from->sa_family == AF_UNIX) {
    if (size > kPathAt) to.path.assign(reinterpret_cast<const char*>(from) + kPathAt, size - kPathAt);
    to.path.resize(std::min(to.path.size(), to.path.find('\0', 1)));
    return to;
  }
  sockaddr_in6 in{};
  std::memcpy(&in, from, std::min<std::size_t>(size, sizeof in));
  const bool is_v4 = from->sa_family == AF_INET;
  if (is_v4) to = made(true, 0, 0);
  to.port = ntohs(in.sin6_port);
  is_v4 ? std::memcpy(&to.ip[12], &reinterpret_cast<const sockaddr_in&>(in).sin_addr, 4)
        : std::memcpy(&to.ip[0], &in.sin6_addr, 16);
  return to;
}

// As the system calls do: what does not fit is cut off, and `size` is the whole.
int store(const Place& from, int family, sockaddr* to, unsigned* size) noexcept {
  if (!to) return 0;
  sockaddr_storage all{};
  auto& in = reinterpret_cast<sockaddr_in6&>(all);
  std::size_t whole = family == AF_INET ? sizeof(sockaddr_in) : sizeof in;
  in.sin6_family = static_cast<sa_family_t>(family);
  in.sin6_port = htons(static_cast<std::uint16_t>(from.port));
  if (family == AF_INET6) {
    std::memcpy(&in.sin6_addr, from.ip.data(), 16);
  } else if (family == AF_INET) {
    std::memcpy(&reinterpret_cast<sockaddr_in&>(all).sin_addr, &from.ip[12], 4);
  } else {
    from.path.copy(reinterpret_cast<char*>(&all) + kPathAt, from.path.size());
    whole = kPathAt + from.path.size() + (!from.path.empty() && from.path[0] != '\0');
  }
#ifndef __linux__
  in.sin6_len = static_cast<unsigned char>(whole);
#endif
  std::memcpy(to, &all, std::min<std::size_t>(*size, whole));
  *size = static_cast<unsigned>(whole);
  return 0;
}

class SimBackend final : public Backend {
 public:
  SimBackend(std::shared_ptr<Kernel> kernel, Host& host)
      : kernel_(std::move(kernel)), k_(*kernel_), host_(host) {}
  TimePoint now() noexcept override { return k_.now; }
  std::int64_t date() noexcept override {
    constexpr std::int64_t kBegin = 946'684'800;  // the year 2000
    return kBegin + std::chrono::floor<std::chrono::seconds>(k_.now.time_since_epoch()).count();
  }

  // --- readiness ------------------------------------------------------------------------------
  int attach(int fd, Watch& watch, Interest interest) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return EBADF;
    if (socket->watch) return EEXIST;
    watch.fd = fd, watch.interest = interest;
    socket->watch = &watch;
    k_.tell(*socket);
    return 0;
  }

  void detach(Watch& watch) noexcept override {
    if (watch.interest == 0) return;
    if (Socket* const socket = host_.find(watch.fd)) socket->watch = nullptr;
    watch.interest = 0;
  }

  // A hosted Loop only says here until when it could sleep. The nameless one's waiting drives the world.
  void wait(TimePoint until) override {
    for (;;) {
      const bool latched = latch();
      const bool stays = host_.woken.exchange(false) || host_.signals_arrived || latched;
      if (host_.loop) return static_cast<void>(host_.sleeps = stays ? TimePoint::min() : until);
      k_.round();
      if (stays || until <= k_.now) return;
      if (!k_.advance(until)) k_.deadlock();
    }
  }

  void wake() noexcept override { host_.woken = true, k_.stir(host_); }

  // --- sockets --------------------------------------------------------------------------------
  Io open(int family, int type) noexcept override {
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) return {0, EAFNOSUPPORT};
    if (type != SOCK_STREAM && (type != SOCK_DGRAM || family == AF_UNIX)) return {0, EPROTONOSUPPORT};
    if (const int error = none_left()) return {0, error};
    const auto socket = std::make_shared<Socket>(host_, family, type == SOCK_STREAM, family == AF_UNIX);
    if (family == AF_INET) socket->local = socket->remote = made(true, 0, 0);
    return number(socket);
  }

  int pair(int fds[2]) noexcept override {
    SocketPtr ends[2];
    for (SocketPtr& end : ends) {
      if (const int error = none_left()) return error;
      end = std::make_shared<Socket>(host_, AF_UNIX, true, true);
      end->is = Is::connected;
    }
    ends[0]->peer = ends[1], ends[1]->peer = ends[0];
    for (const int i : {0, 1}) fds[i] = static_cast<int>(number(ends[i]).n);
    return 0;
  }

  int bind(int fd, const sockaddr* address, unsigned size) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return EBADF;
    if (address->sa_family != socket->family) return EAFNOSUPPORT;
    if (socket->local.key() != Place().key()) return EINVAL;
    return bind(*socket, load(address, size));
  }

  int listen(int fd, int backlog) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return EBADF;
    if (!socket->is_stream) return EOPNOTSUPP;
    if (socket->is != Is::fresh && socket->is != Is::listening) return EINVAL;
    if (socket->local.key() == Place().key()) {
      if (socket->is_unix) return EINVAL;
      if (const int error = bind(*socket, socket->local)) return error;
    }
    socket->is = Is::listening;
    socket->backlog = static_cast<std::size_t>(std::max(backlog, 0));
    return 0;
  }

  Io accept(int fd, sockaddr* peer, unsigned* size) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return {0, EBADF};
    if (socket->is != Is::listening) return {0, EINVAL};
    if (socket->queue.empty()) return {0, EAGAIN};
    if (const int error = none_left()) return {0, error};
    const SocketPtr taken = socket->queue.front();
    socket->queue.pop_front();
    if (k_.happens(Chance::accept, k_.faults.accept_failures_per_mille))
      return k_.hang_up(taken, true), Io{0, ECONNABORTED};
    k_.note(host_, fd, 'a', taken->remote.port);
    store(taken->remote, taken->family, peer, size);
    return number(taken);
  }

  int connect(int fd, const sockaddr* address, unsigned size) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return EBADF;
    if (address->sa_family != socket->family) return EAFNOSUPPORT;
    Place to = load(address, size);
    if (socket->is == Is::connecting) return EALREADY;
    if (socket->is == Is::connected) return EISCONN;
    if (socket->is == Is::listening) return EOPNOTSUPP;
    if (!socket->is_unix) {
      if (to.is_any()) to.ip = loopback(to.is_v4()).ip;
      const Place source = source_for(to);
      if (socket->local.is_any() && socket->local.port) socket->local.ip = source.ip;
      if (const int error = socket->local.port ? 0 : bind(*socket, source)) return error;
    } else if (!host_.bound.contains(to.key())) {
      return ENOENT;
    }
    k_.note(host_, fd, 'c', to.port);
    socket->remote = to;
    socket->is_broken = false;
    if (!socket->is_stream) return 0;
    socket->is = Is::connecting;
    socket->gives_up = k_.now + kConnects;
    k_.knock(socket->shared_from_this());
    if (socket->is == Is::connecting) return EINPROGRESS;
    return std::exchange(socket->error, 0);
  }

  int connect_result(Watch& watch) noexcept override {
    Socket* const socket = host_.find(watch.fd);
    if (!socket) return EBADF;
    if (watch.error != 0) return std::exchange(watch.error, 0);
    if (socket->error != 0) return std::exchange(socket->error, 0);
    return socket->is == Is::connected ? 0 : EINPROGRESS;
  }

  Io send(int fd, std::span<const std::string_view> pieces, const sockaddr* whom,
          unsigned size) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return {0, EBADF};
    if (whom && socket->is_stream) return {0, EISCONN};
    if (whom && whom->sa_family != socket->family) return {0, EAFNOSUPPORT};
    const std::size_t most = socket->is_stream ? socket->room : kLargest + 1;
    std::string bytes;
    for (const auto piece : pieces) bytes += piece.substr(0, most - bytes.size());
    if (!socket->is_stream)
      return send_datagram(*socket, std::move(bytes), whom ? load(whom, size) : socket->remote);
    if (socket->error != 0) return {0, std::exchange(socket->error, 0)};
    const SocketPtr peer = socket->peer.lock();
    const bool is_alone = socket->is_unix && (!peer || peer->is == Is::closed);
    if (socket->is_broken || socket->is_shut || is_alone) return {0, EPIPE};
    if (socket->is != Is::connected) return {0, socket->is == Is::connecting ? EAGAIN : ENOTCONN};
    if (socket->room == 0) return socket->is_full = true, Io{0, EAGAIN};
    bytes.resize(shortened(bytes.size()));
    const std::size_t n = bytes.size();
    k_.note(host_, fd, 's', n);
    if (n != 0) k_.send(socket->shared_from_this(), std::move(bytes));
    return {n, 0};
  }

  // A piece after the other of a stream; of datagrams one.
  Io recv(int fd, std::span<std::byte> into, sockaddr* from, unsigned* size) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return {0, EBADF};
    const bool streams = socket->is_stream;
    if (socket->inbox.empty()) {
      if (socket->error != 0) return {0, std::exchange(socket->error, 0)};
      if (streams && (socket->at_end || socket->is_broken)) return {0, 0};
      return {0, streams && socket->is != Is::connected ? ENOTCONN : EAGAIN};
    }
    const std::size_t most = streams ? shortened(into.size()) : into.size();
    std::size_t n = 0;
    do {
      const auto& [sender, bytes] = socket->inbox.front();
      char* const to = reinterpret_cast<char*>(into.data()) + n;
      const std::size_t part = bytes.copy(to, most - n, socket->read);
      n += part, socket->read += part;
      if (!streams) store(sender, socket->family, from, size);
      if (streams && socket->read != bytes.size()) break;
      socket->inbox.pop_front(), socket->read = 0;
    } while (streams && !socket->inbox.empty());
    k_.note(host_, fd, 'r', n);
    // A short read tells its caller that nothing is left: so the rest comes just after it.
    if (streams && n < into.size() && !socket->inbox.empty()) k_.tell(*socket);
    const SocketPtr peer = socket->peer.lock();
    if (!peer) return {n, 0};
    peer->room += n;
    if (std::exchange(peer->is_full, false))
      k_.carry(socket->shared_from_this(), peer->host, 0, [&k = k_, peer] { k.tell(*peer); });
    return {n, 0};
  }

  std::size_t unsent(int fd) noexcept override {
    const Socket* const socket = host_.find(fd);
    return socket ? socket->under_way : 0;
  }

  int shutdown_write(int fd) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return EBADF;
    if (socket->is != Is::connected || socket->is_broken) return ENOTCONN;
    if (std::exchange(socket->is_shut, true)) return 0;
    k_.note(host_, fd, 'f', 0);
    k_.finish(socket->shared_from_this());
    k_.tell(*socket);
    return 0;
  }

  int set_option(int fd, Option option, int value) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return EBADF;
    if (option == Option::abort_on_close) socket->aborts = value != 0;
    if (option == Option::v6_only) socket->v6_only = value != 0;
    if (option == Option::reuse_port) socket->reuse_port = value != 0;
    const bool sets_room = option == Option::send_buffer && socket->sent == 0;
    if (sets_room) socket->room = static_cast<std::size_t>(std::max(value, 1));
    return 0;
  }

  int local_name(int fd, sockaddr* name, unsigned* size) noexcept override {
    const Socket* const socket = host_.find(fd);
    return socket ? store(socket->local, socket->family, name, size) : EBADF;
  }

  int peer_name(int fd, sockaddr* name, unsigned* size) noexcept override {
    const Socket* const socket = host_.find(fd);
    if (!socket) return EBADF;
    const bool is_connected = socket->is == Is::connected && !socket->is_broken;
    const bool has_one = socket->is_stream ? is_connected : socket->remote.port != 0;
    return has_one ? store(socket->remote, socket->family, name, size) : ENOTCONN;
  }

  void close(int fd) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return;
    k_.note(host_, fd, 'x', 0);
    k_.hang_up(socket->shared_from_this(), host_.is_crashing);
  }

  // --- jobs, signals, order -------------------------------------------------------------------
  void offload(std::function<void()> job, Pool) override {
    k_.at(k_.now + kJob, [&k = k_, &host = host_, ends = host_.ends, job = std::move(job)] {
      if (host.ends == ends) job(), host.woken = true, k.stir(host);
    });
  }

  Resolver resolver() override {
    return [world = std::weak_ptr(kernel_)](const std::string& name, const Found& found) -> std::string {
      const auto kernel = world.lock();
      if (!kernel) return "the world has ended";
      for (const auto& host : kernel->hosts) {
        if (host->name != name) continue;
        for (const bool is_v4 : {false, true}) {
          sockaddr_storage at;
          unsigned size = sizeof at;
          const Place place = host->number ? own(*host, is_v4) : loopback(is_v4);
          store(place, is_v4 ? AF_INET : AF_INET6, reinterpret_cast<sockaddr*>(&at), &size);
          found(reinterpret_cast<const sockaddr*>(&at), size);
        }
        return "";
      }
      return "there is no such name in this world";
    };
  }

  int catch_signal(int number, Catch how) noexcept override {
    const std::uint64_t bit = signal_bit(number);
    if (bit == 0 || number == SIGKILL || number == SIGSTOP) return EINVAL;
    const bool once = how == Catch::once_if_default;
    if (once && (host_.signals_caught & bit)) return EBUSY;
    host_.signals_caught |= bit;
    host_.signals_once &= ~bit;
    if (once) host_.signals_once |= bit;
    return 0;
  }

  std::uint64_t take_signals() noexcept override { return std::exchange(host_.signals_arrived, 0); }
  bool shuffle(List<Runnable>& round) noexcept override {
    if (k_.is_out(Chance::order)) return false;
    std::vector<Runnable*> order;
    while (!round.empty()) order.push_back(&round.pop_front());
    k_.shuffle(order);
    for (Runnable* each : order) round.push_back(*each);
    return true;
  }
 private:
  // What each one in `due` is at this moment. Whether there was any to tell.
  bool latch() {
    bool any = false;
    while (!host_.due.empty()) {
      Socket* const socket = &host_.due.pop_front();
      if (!socket->watch) continue;
      Watch& watch = *socket->watch;
      const bool is_over = socket->at_end || socket->is_broken;
      if (is_over) watch.read_hangup = true;
      bool readable = is_over || socket->error || !socket->inbox.empty() || !socket->queue.empty();
      bool writable = socket->is_broken || socket->error || socket->is_shut || !socket->is_stream ||
                      (socket->is == Is::connected && socket->room != 0);
      if (k_.happens(Chance::spurious, k_.faults.spurious_per_mille)) readable = writable = true;
      k_.note(host_, watch.fd, 'e', readable + 2u * writable);
      if (readable && (watch.interest & kRead)) watch.on_readable(), any = true;
      if (writable && (watch.interest & kWrite)) watch.on_writable(), any = true;
    }
    return any;
  }

  int none_left() noexcept {
    if (host_.open() >= k_.faults.descriptors) return EMFILE;
    return k_.happens(Chance::no_buffers, k_.faults.no_buffers_per_mille) ? ENOBUFS : 0;
  }

  // Gives it the lowest descriptor that is free.
  Io number(const SocketPtr& socket) {
    auto& all = host_.sockets;
    const auto at = static_cast<std::size_t>(std::ranges::find(all, nullptr) - all.begin());
    if (at == all.size()) all.emplace_back();
    all[at] = socket;
    socket->fd = static_cast<int>(at + Host::kFirst);
    return {at + Host::kFirst, 0};
  }

  std::size_t shortened(std::size_t n) noexcept {
    const bool is_short = n > 1 && k_.happens(Chance::short_io, k_.faults.short_io_per_mille);
    return is_short ? 1 + k_.draw(Chance::short_io, n - 1) : n;
  }
  Place source_for(const Place& to) const noexcept {
    const Host* const host = k_.find(to, host_);
    const bool is_local = host == &host_ && to.ip != own(host_, to.is_v4()).ip;
    return is_local ? loopback(to.is_v4()) : own(host_, to.is_v4());
  }

  int bind(Socket& socket, Place at) {
    const bool v4 = at.is_v4();
    const bool is_ours = at.is_any() || at.ip == own(host_, v4).ip || at.ip == loopback(v4).ip;
    if (!is_ours) return EADDRNOTAVAIL;
    if (!socket.is_unix && at.port == 0) {
      do at.port = host_.last_port = host_.last_port < 65535 ? host_.last_port + 1 : 49152;
      while (host_.bound.contains(at.key()));
    }
    const Place before = std::exchange(socket.local, at);
    const auto [begin, end] = host_.bound.equal_range(at.key());
    for (auto each = begin; each != end; ++each) {
      const Socket& other = *each->second;
      const bool shares = (socket.reuse_port && other.reuse_port) || other.is_stream != socket.is_stream;
      if (shares || !(other.covers(at) || socket.covers(other.local))) continue;
      socket.local = before;
      return EADDRINUSE;
    }
    host_.bound.emplace(at.key(), &socket);
    return 0;
  }

  Io send_datagram(Socket& socket, std::string bytes, Place to) {
    if (socket.error != 0) return {0, std::exchange(socket.error, 0)};
    if (to.port == 0) return {0, EDESTADDRREQ};
    if (bytes.size() > kLargest) return {0, EMSGSIZE};
    if (k_.happens(Chance::no_buffers, k_.faults.no_buffers_per_mille)) return {0, ENOBUFS};
    if (to.is_any()) to.ip = loopback(to.is_v4()).ip;
    Place sender = socket.local;
    if (sender.port == 0) {
      if (const int error = bind(socket, sender)) return {0, error};
      sender = socket.local;
    }
    if (sender.is_any()) sender.ip = source_for(to).ip;
    const std::size_t n = bytes.size();
    k_.note(host_, socket.fd, 's', n);
    k_.send_datagram(socket.shared_from_this(), sender, to, std::move(bytes));
    return {n, 0};
  }

  const std::shared_ptr<Kernel> kernel_;
  Kernel& k_;
  Host& host_;
};
}  // namespace

std::unique_ptr<Backend> make_sim_backend(std::shared_ptr<Kernel> kernel, Host& host) {
  return std::make_unique<SimBackend>(std::move(kernel), host);
}
}  // namespace hob::inline v0::sim
