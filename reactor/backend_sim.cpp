// SPDX-License-Identifier: MIT
//
// backend_sim.cpp — the third kernel: the calls of one simulated host. What they lead to is in sim.cpp;
// see backend_sim.hpp.
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

Place v4(unsigned a, unsigned b, unsigned c, unsigned d) noexcept {
  Place at;
  at.ip[10] = at.ip[11] = 0xff;
  unsigned i = 12;
  for (const unsigned byte : {a, b, c, d}) at.ip[i++] = static_cast<unsigned char>(byte);
  return at;
}

Place v6(unsigned first, unsigned last) noexcept {
  Place at;
  at.ip[0] = static_cast<unsigned char>(first);
  at.ip[14] = static_cast<unsigned char>(last >> 8), at.ip[15] = static_cast<unsigned char>(last);
  return at;
}

Place own(const Host& host, bool is_v4) noexcept {
  const auto n = static_cast<unsigned>(host.number) + 1;
  return is_v4 ? v4(10, 0, n >> 8, n & 255) : v6(0xfd, n);
}

Place loopback(bool is_v4) noexcept { return is_v4 ? v4(127, 0, 0, 1) : v6(0, 1); }

Place load(const sockaddr* from, unsigned size) {
  Place to;
  if (from->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, from, std::min<std::size_t>(size, sizeof in));
    std::memcpy(to.ip.data(), &in.sin6_addr, 16);
    to.port = ntohs(in.sin6_port);
  } else if (from->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, from, std::min<std::size_t>(size, sizeof in));
    to = v4(0, 0, 0, 0);
    std::memcpy(to.ip.data() + 12, &in.sin_addr, 4);
    to.port = ntohs(in.sin_port);
  } else if (size > kPathAt) {
    to.path.assign(reinterpret_cast<const char*>(from) + kPathAt, size - kPathAt);
    if (const auto end = to.path.find('\0', 1); end != to.path.npos) to.path.resize(end);
  }
  return to;
}

// As the system calls do: what does not fit is cut off, and `size` is the whole.
int store(const Place& from, int family, sockaddr* to, unsigned* size) noexcept {
  if (!to) return 0;
  sockaddr_storage all{};
  std::size_t whole = sizeof(sockaddr_in);
  all.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET6) {
    auto& in = reinterpret_cast<sockaddr_in6&>(all);
    std::memcpy(&in.sin6_addr, from.ip.data(), 16);
    in.sin6_port = htons(static_cast<std::uint16_t>(from.port));
    whole = sizeof in;
  } else if (family == AF_INET) {
    auto& in = reinterpret_cast<sockaddr_in&>(all);
    std::memcpy(&in.sin_addr, from.ip.data() + 12, 4);
    in.sin_port = htons(static_cast<std::uint16_t>(from.port));
  } else {
    std::memcpy(reinterpret_cast<char*>(&all) + kPathAt, from.path.data(), from.path.size());
    const bool has_end = !from.path.empty() && from.path[0] != '\0';
    whole = kPathAt + from.path.size() + has_end;
  }
#ifndef __linux__
  all.ss_len = static_cast<unsigned char>(whole);
#endif
  std::memcpy(to, &all, std::min<std::size_t>(*size, whole));
  *size = static_cast<unsigned>(whole);
  return 0;
}

class SimBackend final : public Backend {
 public:
  SimBackend(std::shared_ptr<Kernel> kernel, Host& host) : kernel_(std::move(kernel)), k_(*kernel_), host_(host) {}

  TimePoint now() noexcept override { return k_.now; }

  // --- readiness ------------------------------------------------------------------------------
  int attach(int fd, Watch& watch, Interest interest) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return EBADF;
    if (socket->watch) return EEXIST;
    watch.fd = fd;
    watch.interest = interest;
    socket->watch = &watch;
    k_.tell(socket->shared_from_this());
    return 0;
  }

  void detach(Watch& watch) noexcept override {
    if (watch.interest == 0) return;
    if (Socket* const socket = host_.find(watch.fd)) socket->watch = nullptr;
    watch.interest = 0;
  }

  // A hosted Loop never sleeps here: it says until when it could. The nameless one's waiting is what
  // drives the world.
  void wait(TimePoint until) override {
    for (;;) {
      const bool latched = latch();
      const bool stays = host_.woken.exchange(false) || host_.signals_arrived || latched;
      if (host_.loop) {
        host_.sleeps = stays ? TimePoint::min() : until;
        return;
      }
      k_.round();
      if (stays || until <= k_.now) return;
      if (!k_.advance(until)) throw Deadlock(kDeadlock);
    }
  }

  void wake() noexcept override {
    host_.woken = true;
    k_.stir(host_);
  }

  // --- sockets --------------------------------------------------------------------------------
  Io open(int family, int type) noexcept override {
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) return {0, EAFNOSUPPORT};
    if (type != SOCK_STREAM && (type != SOCK_DGRAM || family == AF_UNIX)) return {0, EPROTONOSUPPORT};
    if (const int error = none_left()) return {0, error};
    const auto socket = std::make_shared<Socket>(host_, family, type == SOCK_STREAM);
    socket->is_unix = family == AF_UNIX;
    if (family == AF_INET) socket->local = socket->remote = v4(0, 0, 0, 0);
    return number(socket);
  }

  int pair(int fds[2]) noexcept override {
    SocketPtr ends[2];
    for (SocketPtr& end : ends) {
      if (const int error = none_left()) return error;
      end = std::make_shared<Socket>(host_, AF_UNIX, true);
      end->is_unix = true;
      end->is = Is::connected;
    }
    ends[0]->peer = ends[1], ends[1]->peer = ends[0];
    fds[0] = static_cast<int>(number(ends[0]).n);
    fds[1] = static_cast<int>(number(ends[1]).n);
    return 0;
  }

  int bind(int fd, const sockaddr* address, unsigned size) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return EBADF;
    if (address->sa_family != socket->family) return EAFNOSUPPORT;
    if (socket->local.port || !socket->local.path.empty()) return EINVAL;
    return bind(*socket, load(address, size));
  }

  int listen(int fd, int backlog) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return EBADF;
    if (!socket->is_stream) return EOPNOTSUPP;
    if (socket->is != Is::fresh && socket->is != Is::listening) return EINVAL;
    if (!socket->local.port && socket->local.path.empty()) {
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
    if (k_.happens(Chance::accept, k_.faults.accept_failures_per_mille)) return k_.hang_up(taken, true), Io{0, ECONNABORTED};
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
      const auto source = source_for(to);
      if (!socket->local.port) {
        if (const int error = bind(*socket, source)) return error;
      }
      socket->local.ip = source.ip;
    } else if (!host_.paths.contains(to.path)) {
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

  Io recv(int fd, std::span<std::byte> into) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return {0, EBADF};
    if (!socket->is_stream) return recv_from(fd, into, nullptr, nullptr);
    const std::size_t there = socket->inbox.size() - socket->read;
    if (there == 0) {
      if (socket->error != 0) return {0, std::exchange(socket->error, 0)};
      if (socket->at_end || socket->is_broken) return {0, 0};
      return {0, socket->is == Is::connected ? EAGAIN : ENOTCONN};
    }
    const std::size_t n = shortened(std::min(into.size(), there));
    std::memcpy(into.data(), socket->inbox.data() + socket->read, n);
    socket->read += n;
    if (socket->read == socket->inbox.size()) std::string().swap(socket->inbox), socket->read = 0;
    // A short read means to its caller that nothing is left: so this was sent in two.
    else if (n < into.size()) k_.tell(socket->shared_from_this());
    if (const SocketPtr peer = socket->peer.lock()) {
      peer->room += n;
      if (std::exchange(peer->is_full, false))
        k_.carry(socket->shared_from_this(), peer->host, 0, [&k = k_, peer] { k.tell(peer); });
    }
    k_.note(host_, fd, 'r', n);
    return {n, 0};
  }

  Io send(int fd, std::span<const std::byte> from) noexcept override {
    const std::string_view piece(reinterpret_cast<const char*>(from.data()), from.size());
    return send_pieces(fd, std::span(&piece, 1));
  }

  Io send_pieces(int fd, std::span<const std::string_view> pieces) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return {0, EBADF};
    std::string bytes;
    for (const auto piece : pieces) {
      const bool fits = !socket->is_stream || bytes.size() < socket->room;
      if (fits) bytes.append(piece.substr(0, socket->is_stream ? socket->room - bytes.size() : piece.npos));
    }
    if (!socket->is_stream) return send_datagram(*socket, std::move(bytes), socket->remote);
    if (socket->error != 0) return {0, std::exchange(socket->error, 0)};
    if (socket->is == Is::connecting) return {0, EAGAIN};
    const bool is_alone = socket->is_unix && is_gone(socket->peer.lock());
    if (socket->is_broken || socket->is_shut || is_alone) return {0, EPIPE};
    if (socket->is != Is::connected) return {0, ENOTCONN};
    if (bytes.empty()) {
      const bool is_nothing = std::ranges::all_of(pieces, [](auto piece) { return piece.empty(); });
      socket->is_full = !is_nothing;
      return {0, is_nothing ? 0 : EAGAIN};
    }
    const std::size_t n = shortened(bytes.size());
    bytes.resize(n);
    k_.note(host_, fd, 's', n);
    k_.send(socket->shared_from_this(), std::move(bytes));
    return {n, 0};
  }

  Io recv_from(int fd, std::span<std::byte> into, sockaddr* from, unsigned* size) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return {0, EBADF};
    if (socket->is_stream) return recv(fd, into);
    if (socket->error != 0) return {0, std::exchange(socket->error, 0)};
    if (socket->datagrams.empty()) return {0, EAGAIN};
    const auto [sender, bytes] = std::move(socket->datagrams.front());
    socket->datagrams.pop_front();
    socket->held -= bytes.size() + 1;
    const std::size_t n = std::min(into.size(), bytes.size());
    std::memcpy(into.data(), bytes.data(), n);
    store(sender, socket->family, from, size);
    k_.note(host_, fd, 'r', n);
    return {n, 0};
  }

  Io send_to(int fd, std::span<const std::byte> bytes, const sockaddr* to, unsigned size) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return {0, EBADF};
    if (socket->is_stream) return {0, EISCONN};
    if (to->sa_family != socket->family) return {0, EAFNOSUPPORT};
    return send_datagram(*socket, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), load(to, size));
  }

  int shutdown_write(int fd) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return EBADF;
    if (socket->is != Is::connected || socket->is_broken) return ENOTCONN;
    if (std::exchange(socket->is_shut, true)) return 0;
    k_.note(host_, fd, 'f', 0);
    const SocketPtr self = socket->shared_from_this(), peer = socket->peer.lock();
    if (peer) k_.carry(self, peer->host, 0, [&k = k_, peer] { peer->at_end = true, k.tell(peer); });
    k_.tell(self);
    return 0;
  }

  int set_option(int fd, Option option, int value) noexcept override {
    Socket* const socket = host_.find(fd);
    if (!socket) return EBADF;
    if (option == Option::abort_on_close) socket->aborts = value != 0;
    if (option == Option::v6_only) socket->v6_only = value != 0;
    if (option == Option::reuse_port) socket->reuse_port = value != 0;
    if (option == Option::send_buffer && socket->sent == 0) socket->room = static_cast<std::size_t>(std::max(value, 1));
    return 0;
  }

  int local_name(int fd, sockaddr* name, unsigned* size) noexcept override {
    const Socket* const socket = host_.find(fd);
    return socket ? store(socket->local, socket->family, name, size) : EBADF;
  }

  int peer_name(int fd, sockaddr* name, unsigned* size) noexcept override {
    const Socket* const socket = host_.find(fd);
    if (!socket) return EBADF;
    const bool has_one = socket->is_stream ? socket->is == Is::connected && !socket->is_broken : socket->remote.port != 0;
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
      sockaddr_in6 at;
      const auto tell = [&](const Place& place, bool is_v4) {
        unsigned size = sizeof at;
        store(place, is_v4 ? AF_INET : AF_INET6, reinterpret_cast<sockaddr*>(&at), &size);
        found(reinterpret_cast<const sockaddr*>(&at), size);
      };
      for (const auto& host : kernel->hosts) {
        if (host->name != name) continue;
        for (const bool is_v4 : {false, true}) tell(host->number ? own(*host, is_v4) : loopback(is_v4), is_v4);
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

  // Fisher and Yates.
  bool shuffle(List<Runnable>& round) noexcept override {
    if (k_.is_out(Chance::order)) return false;
    std::vector<Runnable*> order;
    while (!round.empty()) order.push_back(&round.pop_front());
    for (std::size_t i = order.size(); i-- > 1;) std::swap(order[i], order[k_.draw(Chance::order, i + 1)]);
    for (Runnable* each : order) round.push_back(*each);
    return true;
  }

 private:
  static bool is_gone(const SocketPtr& socket) noexcept { return !socket || socket->is == Is::closed; }

  // What each one in `due` is at this moment. Whether there was any to tell.
  bool latch() {
    bool any = false;
    for (const SocketPtr& socket : std::exchange(host_.due, {})) {
      socket->is_due = false;
      if (!socket->watch) continue;
      Watch& watch = *socket->watch;
      const bool is_over = socket->at_end || socket->is_broken;
      if (is_over) watch.read_hangup = true;
      bool readable = is_over || socket->error || socket->read != socket->inbox.size() ||
                      !socket->queue.empty() || !socket->datagrams.empty();
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
    if (host_.open >= k_.faults.descriptors) return EMFILE;
    return k_.happens(Chance::no_buffers, k_.faults.no_buffers_per_mille) ? ENOBUFS : 0;
  }

  // Gives it the lowest descriptor that is free.
  Io number(const SocketPtr& socket) {
    auto& all = host_.sockets;
    const auto at = std::find(all.begin() + static_cast<std::ptrdiff_t>(host_.lowest), all.end(), nullptr);
    host_.lowest = static_cast<std::size_t>(at - all.begin());
    const std::size_t fd = host_.lowest + Host::kFirst;
    if (at == all.end()) all.push_back(socket); else *at = socket;
    ++host_.open, ++host_.lowest;
    socket->fd = static_cast<int>(fd);
    return {fd, 0};
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
    if (socket.is_unix) {
      if (!host_.paths.emplace(at.path, &socket).second) return EADDRINUSE;
      socket.local = at;
      return 0;
    }
    const bool v4 = at.is_v4();
    const bool is_ours = at.is_any() || at.ip == own(host_, v4).ip || at.ip == loopback(v4).ip;
    if (!is_ours) return EADDRNOTAVAIL;
    if (at.port == 0) {
      do host_.last_port = host_.last_port < 65535 ? host_.last_port + 1 : 49152;
      while (host_.ports.contains(host_.last_port));
      at.port = host_.last_port;
    }
    const Place before = std::exchange(socket.local, at);
    const auto [begin, end] = host_.ports.equal_range(at.port);
    for (auto each = begin; each != end; ++each) {
      const Socket& other = *each->second;
      const bool shares = socket.reuse_port && other.reuse_port;
      if (other.is_stream == socket.is_stream && !shares && (other.covers(at) || socket.covers(other.local))) {
        socket.local = before;
        return EADDRINUSE;
      }
    }
    host_.ports.emplace(at.port, &socket);
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
