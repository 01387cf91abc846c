// SPDX-License-Identifier: MIT
// backend.hpp — one kernel, as the library sees it: the time, which descriptors are ready, the
// socket calls, the thread pool, the signals. The seam between hob and the operating system.
//
// Loop and net/ call it. Three kernels implement it: epoll (Linux), kqueue (macOS, BSD), and the
// simulator. To write a fourth, implement this class; the conformance suite tells when it is right.
//
// **The Law of the Batch.** Between wait() receiving events and returning, no user code runs: an event
// only latches a bit and arms a waiter. Hence no descriptor closes while a batch is delivered: there
// are no stale events, no ABA, and no generation numbers.
//
// **The Law of the Latch.** A kernel event sets `readable` / `writable`; only a system call that
// answered EAGAIN (or a short read on a stream with no hang-up seen) clears it. Readiness is a
// hint, the system call is the truth: nothing is ever concluded from an event's other fields.
//   1. A descriptor is attached once, edge-triggered, and detached before it is closed.
//   2. Below this line there are no exceptions: every call answers at once, with a number or errno.
//   3. No call changes the process behind the user's back: no signal disposition that was not asked
//      for, no SIGPIPE (prevented per call or per socket), every descriptor close-on-exec.
//   4. Only wake() may be called from another thread, and from a signal handler.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include "runnable.hpp"
#include "time.hpp"

struct sockaddr;  // <sys/socket.h>; net/address.hpp holds one, this file only passes it on

namespace hob::inline v0 {
// The answer of a call that moves bytes, or makes a descriptor. EINTR never comes out.
struct Io {
  std::size_t n = 0;  // bytes moved, or the new descriptor
  int error = 0;      // 0, or an errno value; would-block is always EAGAIN
};

enum Interest : unsigned char { kRead = 1, kWrite = 2, kReadWrite = 3 };

// One attached descriptor, from the loop's side. Owned by whoever owns the descriptor; the kernel
// holds its address from attach() to detach(). At most one waiter per direction.
struct Watch : Link {
  bool readable = true;          // latched (the Law of the Latch); true at birth: try first, ask after
  bool writable = true;
  bool read_hangup = false;      // the kernel hinted that the peer has finished: a short read is no news
  unsigned char interest = 0;    // what it was attached for; 0: not attached
  int error = 0;                 // an errno value that came with an event; a hint for connect
  int fd = -1;
  Runnable* reader = nullptr;    // armed by the next event; not owned
  Runnable* writer = nullptr;
  std::source_location site{};   // where it was attached, for the list of what is still open
  // Latch and arm; called from Backend::wait(), and by an attach() that learns at once.
  void on_readable() noexcept { readable = true, arm(reader); }
  void on_writable() noexcept { writable = true, arm(writer); }
 private:
  static void arm(Runnable*& waiter) noexcept { if (waiter) std::exchange(waiter, nullptr)->arm(); }
};

enum class Option {
  no_delay, keep_alive, reuse_address,  // TCP_NODELAY, SO_KEEPALIVE, SO_REUSEADDR
  reuse_port,                           // SO_REUSEPORT where it balances; ENOTSUP elsewhere (macOS)
  v6_only,                              // IPV6_V6ONLY
  send_buffer, receive_buffer,          // SO_SNDBUF, SO_RCVBUF; bytes
  abort_on_close                        // SO_LINGER 0: close() sends RST
};

// Who may wait for whom: a name server that does not answer keeps no file and no computation.
enum class Pool { work, names };

// How long a caught signal stays caught.
enum class Catch {
  until_closed,    // until the Backend is destroyed
  once_if_default  // only if nobody handles it (else EBUSY); from the second on, the default acts
};

// Bit n-1 for signal n; 0: there is no such signal.
constexpr std::uint64_t signal_bit(int number) noexcept {
  return number >= 1 && number <= 64 ? std::uint64_t{1} << (number - 1) : 0;
}

class Backend {
 public:
  virtual ~Backend() = default;

  // --- time ---------------------------------------------------------------------------------
  virtual TimePoint now() noexcept = 0;  // the clock: never goes backwards
  // The date, in seconds since 1970 began in Greenwich. It may jump.
  virtual std::int64_t date() noexcept = 0;

  // --- readiness ----------------------------------------------------------------------------
  // Asks for events of `fd` from now on, its present state included. Answers errno: EPERM for a regular
  // file, on every kernel. Attach a connecting socket after connect() was called.
  virtual int attach(int fd, Watch& watch, Interest interest = kReadWrite) noexcept = 0;
  // Ends that. Before close(fd), always: a duplicated descriptor would keep the registration.
  virtual void detach(Watch& watch) noexcept = 0;
  // Sleeps until an event, a wake() or `until`, whichever is first; then latches and arms, and
  // returns (the Law of the Batch). TimePoint::min(): does not sleep. kNever: no limit. May return
  // early for no reason, never late by rounding down. The simulator may throw sim::Deadlock here.
  virtual void wait(TimePoint until) = 0;
  // Makes the present or the next wait() return at once. From any thread, or a signal handler.
  virtual void wake() noexcept = 0;

  // --- sockets: each answers at once; a 0 is success, otherwise errno ---------------------------
  // A new non-blocking socket; family and type as in socket(2) (AF_*, SOCK_STREAM, SOCK_DGRAM).
  virtual Io open(int family, int type) noexcept = 0;
  virtual int pair(int fds[2]) noexcept = 0;  // two connected streams (socketpair(2))
  virtual int bind(int fd, const sockaddr* address, unsigned size) noexcept = 0;
  virtual int listen(int fd, int backlog) noexcept = 0;
  virtual Io accept(int fd, sockaddr* peer, unsigned* size) noexcept = 0;
  // EINPROGRESS: wait until writable, then ask connect_result().
  virtual int connect(int fd, const sockaddr* address, unsigned size) noexcept = 0;
  virtual int connect_result(Watch& watch) noexcept = 0;
  // 0 bytes and no error: the peer has finished (streams only). Of a datagram: who has sent it.
  virtual Io recv(int fd, std::span<std::byte> into, sockaddr* from = nullptr,
                  unsigned* size = nullptr) noexcept = 0;
  // Several pieces as one (writev(2)). Of a datagram: to whom, if not to the peer.
  virtual Io send(int fd, std::span<const std::string_view> pieces, const sockaddr* to = nullptr,
                  unsigned size = 0) noexcept = 0;
  // How much of what was sent the other side's system has not taken yet, in bytes.
  virtual std::size_t unsent(int fd) noexcept = 0;
  virtual int shutdown_write(int fd) noexcept = 0;
  virtual int set_option(int fd, Option option, int value) noexcept = 0;
  virtual int local_name(int fd, sockaddr* name, unsigned* size) noexcept = 0;
  virtual int peer_name(int fd, sockaddr* name, unsigned* size) noexcept = 0;
  virtual void close(int fd) noexcept = 0;

  // --- the pools and the signals ---------------------------------------------------------------
  // Runs `job` where blocking hurts nobody: natively on a thread of one of the process's pools. The
  // job must not throw. Exit does not wait for it.
  virtual void offload(std::function<void()> job, Pool pool = Pool::work) = 0;
  // What looks names up: calls found() with each address of `host`, port 0, the best first; answers
  // why there is none, or "". It blocks, so it is for a job, and may be called after the Backend.
  using Found = std::function<void(const sockaddr* address, unsigned size)>;
  using Resolver = std::function<std::string(const std::string& host, const Found& found)>;
  virtual Resolver resolver() = 0;
  virtual int catch_signal(int number, Catch how) noexcept = 0;  // from now on; answers errno
  // The signals that arrived since the last call, a signal_bit() for each; several of one are one.
  virtual std::uint64_t take_signals() noexcept = 0;

  // --- the order of the ready queue --------------------------------------------------------------
  // The simulator shuffles each round, by its seed; a real kernel leaves it as it is, and says false.
  virtual bool shuffle(List<Runnable>& /*round*/) noexcept { return false; }
};

// This system's kernel: epoll on Linux, kqueue on macOS and BSD. HOB_BACKEND=epoll or =kqueue in
// the environment chooses among those compiled in; one that is not is std::invalid_argument.
std::unique_ptr<Backend> native_backend();
}  // namespace hob::inline v0
