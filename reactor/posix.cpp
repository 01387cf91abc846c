// SPDX-License-Identifier: MIT
// posix.cpp — all that the native kernels have in common: the clock, the sockets, the signals; and
// the choice between them. See posix.hpp.
//   1. A call is repeated while it answers EINTR, connect and close excepted: those have begun.
//   2. Sockets are never read and written with read and write: these are slower than recv and send by
//      2 % of a round trip, and cannot be told to spare us SIGPIPE.
//   3. The signal handler touches nothing but atomics and sockets, and only of inboxes in the list;
//      an inbox leaves the list first, and its sockets are closed when no handler runs any more.
#include "posix.hpp"
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <type_traits>
#include "error.hpp"

namespace hob::inline v0 {
namespace {
using posix::kMostBytes;
using posix::repeated;

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

static_assert(std::is_same_v<socklen_t, unsigned>, "as the Backend has it");

// As Backend answers: 0, or errno.
int status(int result) noexcept { return result != -1 ? 0 : errno == EWOULDBLOCK ? EAGAIN : errno; }
Io received(ssize_t n) noexcept {
  return n >= 0 ? Io{static_cast<std::size_t>(n), 0} : Io{0, status(-1)};
}

// macOS answers EPROTOTYPE to a send that meets a socket being torn down by the peer's RST (seen by
// libuv from 10.9 on); the next send says EPIPE. It means what ECONNRESET means elsewhere.
Io sent(ssize_t n) noexcept {
  if (n == -1 && errno == EPROTOTYPE) return Io{0, ECONNRESET};
  return received(n);
}
int set(int fd, int level, int name, int value) noexcept {
  return status(setsockopt(fd, level, name, &value, sizeof value));
}

// What a new socket still lacks of invariant 1 of posix.hpp. macOS (14) has neither accept4 nor
// SOCK_CLOEXEC: a fork by another thread in between inherits the descriptor, and nothing can prevent
// that. An accepted socket inherits O_NONBLOCK and SO_NOSIGPIPE on some systems only: all are set here.
int complete([[maybe_unused]] int fd) noexcept {
#ifndef __linux__
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) return errno;
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags == -1 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1) return errno;
#endif
#ifdef SO_NOSIGPIPE
  // macOS answers EINVAL to options of a connection that its peer has reset in the backlog.
  const int error = set(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
  return error == EINVAL ? ECONNABORTED : error;
#else
  return 0;
#endif
}

// Completes the socket that a system call just answered, or gives it back.
Io new_socket(int fd) noexcept {
  if (fd == -1) return received(-1);
  if (const int error = complete(fd)) return ::close(fd), Io{0, error};
  return received(fd);
}
void close_both(const int fds[2]) noexcept { ::close(fds[0]), ::close(fds[1]); }

// --- signals -------------------------------------------------------------------------------------
//
// The handler sets a bit in the inbox of every backend that asked, and sends it a byte, whose other end is
// attached to that backend's kernel like any socket. So signals work alike on every system, none is ever
// blocked, and it does not matter which thread the kernel picks.

struct SignalInbox {  // one per backend that asked for a signal
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "a signal handler cannot wait");
  std::atomic<std::uint64_t> asked = 0;  // as signal_bit()
  std::atomic<std::uint64_t> arrived = 0;
  std::uint64_t for_good = 0;  // of asked: with Catch::until_closed
  int ends[2] = {-1, -1};  // a byte in it ends wait(); made when first asked
  Watch watch;             // of ends[0]
  std::atomic<SignalInbox*> next = nullptr;
};

constinit std::mutex signals;                          // guards the list and the dispositions
constinit std::atomic<SignalInbox*> inboxes{nullptr};  // of every backend that ever asked
constinit std::atomic<int> handlers{0};                // how many run at this moment
struct sigaction replaced[65];                         // what was there before us, by number

// Runs on whichever thread the kernel picked, in the middle of anything.
void on_signal(int number) noexcept {
  const int error = errno;
  bool asked = false;
  handlers.fetch_add(1);
  for (SignalInbox* inbox = inboxes.load(); inbox; inbox = inbox->next.load()) {
    if ((inbox->asked.load() & signal_bit(number)) == 0) continue;
    asked = true;
    inbox->arrived.fetch_or(signal_bit(number));
    // A full socket is no loss: its reader has not come yet, and will find the bit.
    ::send(inbox->ends[1], "", 1, kNoSignal);
  }
  handlers.fetch_sub(1);
  if (!asked) {
    // Another library has put us back after we had gone, as it found us. The signal belongs to whoever
    // was there before us, and comes to him as soon as this handler returns.
    ::sigaction(number, &replaced[number], nullptr);
    ::raise(number);
  }
  errno = error;
}

// Brings a signal's disposition in line with who asks for it, `leaving` excepted; under the lock.
int settle(int number, const SignalInbox* leaving) noexcept {
  bool asked = false, for_good = false;
  for (SignalInbox* inbox = inboxes.load(); inbox; inbox = inbox->next.load()) {
    if (inbox == leaving || (inbox->asked.load() & signal_bit(number)) == 0) continue;
    asked = true;
    for_good |= (inbox->for_good & signal_bit(number)) != 0;
  }
  struct sigaction present;
  if (::sigaction(number, nullptr, &present) == -1) return errno;
  const bool ours = present.sa_handler == on_signal;
  // Somebody who put his own handler after ours keeps it.
  if (!asked && ours) ::sigaction(number, &replaced[number], nullptr);
  if (!asked) return 0;
  struct sigaction wanted {};
  wanted.sa_handler = on_signal;
  // SA_RESETHAND: the kernel puts the default back, so a second Ctrl-C ends a program that is stuck.
  wanted.sa_flags = SA_RESTART | SA_ONSTACK | (for_good ? 0 : static_cast<int>(SA_RESETHAND));
  sigemptyset(&wanted.sa_mask);
  if (::sigaction(number, &wanted, nullptr) == -1) return errno;
  if (!ours) replaced[number] = present;
  return 0;
}

// --- the backend ---------------------------------------------------------------------------------
class PosixBackend final : public Backend {
 public:
  explicit PosixBackend(std::unique_ptr<Poller> poller) : poller_(std::move(poller)) {
    if (const int error = poller_->open()) throw_errno(error, "open the kernel's event queue");
  }
  ~PosixBackend() override { if (inbox_.ends[0] != -1) leave_signals(); }

  // steady_clock promises not to go back; not every system kept that (macOS's mach_absolute_time was
  // seen to jump, libuv issue 2891), and the wheel relies on it.
  TimePoint now() noexcept override { return last_ = std::max(last_, TimePoint(Clock::now())); }
  std::int64_t date() noexcept override { return ::time(nullptr); }

  // --- readiness
  int attach(int fd, Watch& watch, Interest interest) noexcept override {
    if (poller_->forked()) return EBADF;
    if (const int error = poller_->attach(fd, watch, interest)) return error;
    watch.fd = fd, watch.interest = interest;
    return 0;
  }

  void detach(Watch& watch) noexcept override {
    if (watch.interest == 0) return;
    if (!poller_->forked()) poller_->detach(watch);
    watch.interest = 0;
  }

  void wait(TimePoint until) override {
    if (poller_->forked()) throw_errno(EBADF, "a Loop does not live on in a forked child");
    int count = poller_->wait(time_left(until));
    while (count == 0 && until != TimePoint::min() && now() < until) count = poller_->wait(time_left(until));
    if (count == -1 && errno != EINTR) throw_errno(errno, "wait for events");
  }

  void wake() noexcept override {
    if (poller_->forked()) return;
    const int error = errno;  // of whom a signal handler has interrupted
    poller_->wake();
    errno = error;
  }

  // --- sockets
  Io open(int family, int type) noexcept override { return new_socket(::socket(family, type | kAtBirth, 0)); }
  int pair(int fds[2]) noexcept override {
    if (::socketpair(AF_UNIX, SOCK_STREAM | kAtBirth, 0, fds) == -1) return errno;
    int error = complete(fds[0]);
    if (error == 0) error = complete(fds[1]);
    if (error != 0) close_both(fds);
    return error;
  }

  int bind(int fd, const sockaddr* address, unsigned size) noexcept override {
    return status(::bind(fd, address, size));
  }
  int listen(int fd, int backlog) noexcept override { return status(::listen(fd, backlog)); }
  Io accept(int fd, sockaddr* peer, unsigned* size) noexcept override {
#ifdef __linux__
    return new_socket(repeated([&] { return ::accept4(fd, peer, size, kAtBirth); }));
#else
    return new_socket(repeated([&] { return ::accept(fd, peer, size); }));
#endif
  }

  int connect(int fd, const sockaddr* address, unsigned size) noexcept override {
    const int error = status(::connect(fd, address, size));
    return error == EINTR ? EINPROGRESS : error;  // interrupted, it goes on by itself (POSIX)
  }

  // Order matters. First the error that came with the event: whoever asks for SO_ERROR clears it,
  // and libkqueue has asked by then. Then SO_ERROR. And no error is not yet success, since readiness
  // is a hint: only a socket that has a peer is connected.
  int connect_result(Watch& watch) noexcept override {
    if (watch.error != 0) return std::exchange(watch.error, 0);
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(watch.fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1) return errno;
    if (error != 0) return error;
    sockaddr_storage peer;
    size = sizeof peer;
    error = peer_name(watch.fd, reinterpret_cast<sockaddr*>(&peer), &size);
    return error == ENOTCONN ? EINPROGRESS : error;
  }

  Io recv(int fd, std::span<std::byte> into, sockaddr* from, unsigned* size) noexcept override {
    const std::size_t most = std::min(into.size(), kMostBytes);
    return received(repeated([&] { return ::recvfrom(fd, into.data(), most, 0, from, size); }));
  }

  Io send(int fd, std::span<const std::string_view> pieces, const sockaddr* to,
          unsigned size) noexcept override {
    if (pieces.size() == 1) {
      const std::size_t most = std::min(pieces[0].size(), kMostBytes);
      return sent(repeated([&] { return ::sendto(fd, pieces[0].data(), most, kNoSignal, to, size); }));
    }
    iovec parts[kMostPieces];
    std::size_t count = 0, room = kMostBytes;
    for (const std::string_view piece : pieces) {
      if (count == kMostPieces || room == 0) break;
      if (piece.empty()) continue;
      const std::size_t bytes = std::min(piece.size(), room);
      parts[count++] = iovec{const_cast<char*>(piece.data()), bytes};
      room -= bytes;
    }
    if (count == 0) return {};  // EMSGSIZE on macOS
    msghdr message{};
    message.msg_name = const_cast<sockaddr*>(to);
    message.msg_namelen = size;
    message.msg_iov = parts;
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
    return sent(repeated([&] { return ::sendmsg(fd, &message, kNoSignal); }));
  }

  // What was not acknowledged: tcp(7) on Linux, SO_NWRITE on macOS, FIONWRITE on FreeBSD.
  std::size_t unsent(int fd) noexcept override {
    int bytes = 0;
#ifdef SO_NWRITE
    socklen_t size = sizeof bytes;
    const int failed = getsockopt(fd, SOL_SOCKET, SO_NWRITE, &bytes, &size);
#elif defined(FIONWRITE)
    const int failed = ioctl(fd, FIONWRITE, &bytes);
#else
    const int failed = ioctl(fd, TIOCOUTQ, &bytes);
#endif
    return failed ? 0 : static_cast<std::size_t>(bytes);
  }

  int shutdown_write(int fd) noexcept override { return status(::shutdown(fd, SHUT_WR)); }

  int set_option(int fd, Option option, int value) noexcept override {
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

  int local_name(int fd, sockaddr* name, unsigned* size) noexcept override {
    return status(::getsockname(fd, name, size));
  }
  int peer_name(int fd, sockaddr* name, unsigned* size) noexcept override {
    return status(::getpeername(fd, name, size));
  }

  // Once, whatever it answers: after EINTR the number is free on Linux, or another thread's already.
  void close(int fd) noexcept override { ::close(fd); }

  // --- the pools and the signals
  void offload(std::function<void()> job, Pool pool) override { posix::offload(std::move(job), pool); }
  Resolver resolver() override { return posix::resolve; }
  int catch_signal(int number, Catch how) noexcept override {
    if (signal_bit(number) == 0) return EINVAL;
    const std::scoped_lock lock(signals);
    struct sigaction present;
    if (::sigaction(number, nullptr, &present) == -1) return errno;
    if (how == Catch::once_if_default && present.sa_handler != SIG_DFL) return EBUSY;
    if (const int error = inbox_.ends[0] == -1 ? join_signals() : 0) return error;
    const std::uint64_t asked = inbox_.asked;
    inbox_.asked |= signal_bit(number);
    if (how == Catch::until_closed) inbox_.for_good |= signal_bit(number);
    const int error = settle(number, nullptr);
    if (error != 0) inbox_.asked = asked;
    return error;
  }

  std::uint64_t take_signals() noexcept override {
    if (inbox_.ends[0] == -1 || (!inbox_.watch.readable && inbox_.arrived == 0)) return 0;
    // The bytes before the bits: what arrives in between leaves a byte, and wakes the next wait()
    // once for nothing. The other way round it would leave a bit, and wake nobody.
    inbox_.watch.readable = false;
    char bytes[64];
    while (::recv(inbox_.ends[0], bytes, sizeof bytes, 0) > 0) {}
    return inbox_.arrived.exchange(0);
  }
 private:
  // How long wait(until) may sleep: for ever, or a day at most, which every kernel's timeout can hold.
  Duration time_left(TimePoint until) noexcept {
    if (until == kNever) return Duration::max();
    if (until == TimePoint::min()) return Duration::zero();
    return std::clamp<Duration>(until - now(), Duration::zero(), std::chrono::hours(24));
  }

  // Puts the inbox into the list; under the lock.
  int join_signals() noexcept {
    int ends[2];
    if (const int error = pair(ends)) return error;
    if (const int error = attach(ends[0], inbox_.watch, kRead)) return close_both(ends), error;
    std::copy(ends, ends + 2, inbox_.ends);
    inbox_.watch.readable = false;
    inbox_.next = inboxes.load();
    inboxes = &inbox_;
    return 0;
  }

  void leave_signals() noexcept {
    if (!poller_->forked()) {  // else the lock may be held by a thread that is not there
      const std::scoped_lock lock(signals);
      // In this order no signal is swallowed: it finds the inbox, or what was there before us.
      for (int number = 1; number <= 64; ++number)
        if (inbox_.asked & signal_bit(number)) settle(number, &inbox_);
      std::atomic<SignalInbox*>* place = &inboxes;
      while (*place != &inbox_) place = &(*place).load()->next;
      *place = inbox_.next.load();
    }
    // A handler that began earlier, on another thread, may still hold our inbox.
    while (!poller_->forked() && handlers.load() != 0) std::this_thread::yield();
    detach(inbox_.watch);
    close_both(inbox_.ends);
  }

  TimePoint last_ = TimePoint::min();  // what now() answered last
  SignalInbox inbox_;
  std::unique_ptr<Poller> poller_;
};
}  // namespace

// --- the choice of the kernel --------------------------------------------------------------------
std::unique_ptr<Backend> posix_backend(std::unique_ptr<Poller> poller) {
  return std::make_unique<PosixBackend>(std::move(poller));
}

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
