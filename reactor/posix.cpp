// SPDX-License-Identifier: MIT
//
// posix.cpp — the clock and the socket calls of the native kernels, and the choice between them.
//
// See posix.hpp. The signals stand in posix_signals.cpp, what blocks in posix_files.cpp, the threads
// for it in posix_pool.cpp, and the rest of the library's system calls in the two kernels' files.
//
// Invariants
//   1. A call is repeated while it answers EINTR, connect and close excepted: those have begun.
//   2. Sockets are read and written with recv and send, never read and write: these are slower by
//      2 % of a round trip, and cannot be told to spare us SIGPIPE.
#include "posix.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace hob::inline v0 {

namespace {

constexpr std::size_t kMostPieces = 64;

#ifdef __linux__
constexpr int kAtBirth = SOCK_NONBLOCK | SOCK_CLOEXEC;
#else
constexpr int kAtBirth = 0;
#endif

#ifdef MSG_NOSIGNAL
constexpr int kNoSignal = MSG_NOSIGNAL;
#else
constexpr int kNoSignal = 0;
#endif

int last_error() noexcept { return errno == EWOULDBLOCK ? EAGAIN : errno; }

int status(int result) noexcept { return result == -1 ? last_error() : 0; }

Io received(ssize_t n) noexcept {
  return n >= 0 ? Io{static_cast<std::size_t>(n), 0} : Io{0, last_error()};
}

// macOS answers EPROTOTYPE to a send that meets a socket being torn down by the peer's RST (seen by
// libuv from 10.9 on); the next send says EPIPE. It means what ECONNRESET means elsewhere.
Io sent(ssize_t n) noexcept {
  if (n == -1 && errno == EPROTOTYPE) return Io{0, ECONNRESET};
  return received(n);
}

// Elsewhere than on Linux these are calls of their own (macOS 14 has neither accept4 nor pipe2). A
// fork by another thread in between inherits the descriptor, and nothing can prevent that.
[[maybe_unused]] int set_flags(int fd) noexcept {
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) return errno;
  const int flags = fcntl(fd, F_GETFL);
  return flags == -1 ? errno : status(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

// What a new socket still lacks of invariant 1 of posix.hpp. An accepted one inherits O_NONBLOCK
// and SO_NOSIGPIPE on some systems and not on others, so nothing is taken for granted.
int complete_socket([[maybe_unused]] int fd) noexcept {
#ifndef __linux__
  if (const int error = set_flags(fd)) return error;
#endif
#ifdef SO_NOSIGPIPE
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) == -1) return errno;
#endif
  return 0;
}

// Completes the socket that a system call just answered, or gives it back.
Io new_socket(int fd) noexcept {
  if (fd == -1) return Io{0, last_error()};
  if (const int error = complete_socket(fd)) {
    ::close(fd);
    return Io{0, error};
  }
  return Io{static_cast<std::size_t>(fd), 0};
}

// Completes both, or closes both.
int complete_both(int fds[2], int (*complete)(int)) noexcept {
  int error = complete(fds[0]);
  if (error == 0) error = complete(fds[1]);
  if (error == 0) return 0;
  ::close(fds[0]);
  ::close(fds[1]);
  return error;
}

int set(int fd, int level, int name, int value) noexcept {
  return status(setsockopt(fd, level, name, &value, sizeof value));
}

static_assert(std::is_same_v<socklen_t, unsigned>, "as the Backend has it");

}  // namespace

PosixBackend::PosixBackend() : born_(posix::generation()) {}

bool PosixBackend::forked() const noexcept { return born_ != posix::generation(); }

// --- time ----------------------------------------------------------------------------------------

// steady_clock promises not to go back; not every system kept that (macOS's mach_absolute_time was
// seen to jump, libuv issue 2891), and the wheel relies on it.
TimePoint PosixBackend::now() noexcept { return last_ = std::max(last_, TimePoint(Clock::now())); }

Duration PosixBackend::time_left(TimePoint until) noexcept {
  if (until == TimePoint::min()) return Duration::zero();
  const TimePoint present = now();
  return until <= present ? Duration::zero()
                          : std::min<Duration>(until - present, std::chrono::hours(24));
}

// --- sockets -------------------------------------------------------------------------------------

Io PosixBackend::open(int family, int type) noexcept {
  return new_socket(::socket(family, type | kAtBirth, 0));
}

int PosixBackend::pair(int fds[2]) noexcept {
  if (::socketpair(AF_UNIX, SOCK_STREAM | kAtBirth, 0, fds) == -1) return errno;
  return complete_both(fds, complete_socket);
}

int PosixBackend::bind(int fd, const sockaddr* address, unsigned size) noexcept {
  return status(::bind(fd, address, size));
}

int PosixBackend::listen(int fd, int backlog) noexcept { return status(::listen(fd, backlog)); }

Io PosixBackend::accept(int fd, sockaddr* peer, unsigned* size) noexcept {
#ifdef __linux__
  return new_socket(posix::repeated([&] { return ::accept4(fd, peer, size, kAtBirth); }));
#else
  const int accepted = posix::repeated([&] { return ::accept(fd, peer, size); });
  Io io = new_socket(accepted);
  // macOS answers EINVAL to options of a connection that its peer has reset in the backlog.
  if (accepted != -1 && io.error == EINVAL) io.error = ECONNABORTED;
  return io;
#endif
}

int PosixBackend::connect(int fd, const sockaddr* address, unsigned size) noexcept {
  const int error = status(::connect(fd, address, size));
  return error == EINTR ? EINPROGRESS : error;  // interrupted, it goes on by itself (POSIX)
}

// Order matters. First the error that came with the event: whoever asks for SO_ERROR clears it, and
// libkqueue has asked by then. Then SO_ERROR. And no error is not yet success, since readiness is a
// hint: only a socket that has a peer is connected.
int PosixBackend::connect_result(Watch& watch) noexcept {
  if (watch.error != 0) return std::exchange(watch.error, 0);
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(watch.fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1) return errno;
  if (error != 0) return error;
  sockaddr_storage peer;
  size = sizeof peer;
  if (getpeername(watch.fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0) return 0;
  return errno == ENOTCONN ? EINPROGRESS : errno;
}

Io PosixBackend::recv(int fd, std::span<std::byte> into) noexcept {
  const std::size_t size = std::min(into.size(), posix::kMostBytes);
  return received(posix::repeated([&] { return ::recv(fd, into.data(), size, 0); }));
}

Io PosixBackend::send(int fd, std::span<const std::byte> from) noexcept {
  const std::size_t size = std::min(from.size(), posix::kMostBytes);
  return sent(posix::repeated([&] { return ::send(fd, from.data(), size, kNoSignal); }));
}

Io PosixBackend::send_pieces(int fd, std::span<const std::string_view> pieces) noexcept {
  iovec parts[kMostPieces];
  std::size_t count = 0;
  std::size_t room = posix::kMostBytes;
  for (const std::string_view piece : pieces) {
    if (count == kMostPieces || room == 0) break;
    if (piece.empty()) continue;
    const std::size_t size = std::min(piece.size(), room);
    parts[count++] = iovec{const_cast<char*>(piece.data()), size};
    room -= size;
  }
  if (count == 0) return {};  // EMSGSIZE on macOS
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  return sent(posix::repeated([&] { return ::sendmsg(fd, &message, kNoSignal); }));
}

Io PosixBackend::recv_from(int fd, std::span<std::byte> into, sockaddr* from,
                           unsigned* size) noexcept {
  return received(posix::repeated(
      [&] { return ::recvfrom(fd, into.data(), into.size(), 0, from, size); }));
}

Io PosixBackend::send_to(int fd, std::span<const std::byte> bytes, const sockaddr* to,
                         unsigned size) noexcept {
  return sent(posix::repeated(
      [&] { return ::sendto(fd, bytes.data(), bytes.size(), kNoSignal, to, size); }));
}

int PosixBackend::shutdown_write(int fd) noexcept { return status(::shutdown(fd, SHUT_WR)); }

int PosixBackend::set_option(int fd, Option option, int value) noexcept {
  switch (option) {
    case Option::no_delay: return set(fd, IPPROTO_TCP, TCP_NODELAY, value);
    case Option::keep_alive: return set(fd, SOL_SOCKET, SO_KEEPALIVE, value);
    case Option::reuse_address: return set(fd, SOL_SOCKET, SO_REUSEADDR, value);
    case Option::reuse_port:
      // Elsewhere SO_REUSEPORT lets several bind, and one of them gets every connection.
#if defined(SO_REUSEPORT_LB)  // FreeBSD 12
      return set(fd, SOL_SOCKET, SO_REUSEPORT_LB, value);
#elif defined(__linux__)
      return set(fd, SOL_SOCKET, SO_REUSEPORT, value);
#else
      return ENOTSUP;
#endif
    case Option::v6_only: return set(fd, IPPROTO_IPV6, IPV6_V6ONLY, value);
    case Option::send_buffer: return set(fd, SOL_SOCKET, SO_SNDBUF, value);
    case Option::receive_buffer: return set(fd, SOL_SOCKET, SO_RCVBUF, value);
    case Option::abort_on_close: {
      const linger at_once{.l_onoff = value != 0, .l_linger = 0};
      return status(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    }
  }
  return EINVAL;
}

int PosixBackend::local_name(int fd, sockaddr* name, unsigned* size) noexcept {
  return status(::getsockname(fd, name, size));
}

int PosixBackend::peer_name(int fd, sockaddr* name, unsigned* size) noexcept {
  return status(::getpeername(fd, name, size));
}

// Once only, whatever it answers: after EINTR the number is free on Linux, and perhaps already
// another thread's descriptor.
void PosixBackend::close(int fd) noexcept { ::close(fd); }

int PosixBackend::open_pipe(int fds[2]) noexcept {
#ifdef __linux__
  return status(::pipe2(fds, O_NONBLOCK | O_CLOEXEC));
#else
  return ::pipe(fds) == -1 ? errno : complete_both(fds, set_flags);
#endif
}

// --- the pool and the choice of the kernel -------------------------------------------------------

void PosixBackend::offload(std::function<void()> job, Pool pool) {
  ThreadPool::process(pool).run(std::move(job));
}

Backend::Resolver PosixBackend::resolver() { return posix::resolve; }

std::span<const NativeKernel> native_kernels() noexcept {
  static constexpr NativeKernel kernels[] = {
#ifdef __linux__
      {"epoll", make_epoll_backend},
#endif
#if !defined(__linux__) || defined(HOB_KQUEUE)
      {"kqueue", make_kqueue_backend},
#endif
  };
  return kernels;
}

std::unique_ptr<Backend> native_backend() {
  const char* const name = std::getenv("HOB_BACKEND");
  if (!name || *name == '\0') return native_kernels()[0].make();
  std::string known;
  for (const NativeKernel& kernel : native_kernels()) {
    if (kernel.name == name) return kernel.make();
    known.append(" ").append(kernel.name);
  }
  throw std::invalid_argument("HOB_BACKEND=" + std::string(name) + ": this build has" + known);
}

}  // namespace hob::inline v0
