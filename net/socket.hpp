// SPDX-License-Identifier: MIT
// socket.hpp — what streams, listeners and UDP sockets share: a descriptor on a loop, and waiting
// for it; no other place meets a call that would block. Public classes: net.hpp; the rest: net.cpp.
//   1. A Socket is attached once, edge-triggered, both directions, until close().
//   2. An Operation tries first. What would block waits for the latch, and tries again when its
//      coroutine is about to resume (the Law of the Latch): a hint that was wrong costs one try.
//   3. What a try has brought is handed out in the same resumption: to drop who waits loses nothing.
//   4. At most one Operation waits in each direction; a second is std::logic_error.
//   5. Bytes are counted against the Law of the Fair Share as they move.
#pragma once
#include "../reactor/error.hpp"
#include "../reactor/leaf.hpp"
#include "../reactor/loop.hpp"
#include "address.hpp"

namespace hob::inline v0::net {
class Operation;
inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Throws std::system_error if a call has failed; `what` reads like "connect 10.0.0.1:80".
inline void check(int error, const std::string& what) { if (error) throw_errno(error, what); }

// What stands between a stream's text and its bytes on the wire. Does no I/O; what has failed is failed.
class Filter {
 public:
  virtual ~Filter() = default;
  virtual void feed(std::span<const std::byte> wire) noexcept = 0;  // none: it has ended
  // Gives text. EAGAIN: that takes more of the wire; 0 bytes: the peer has said that it is the end.
  virtual Io open(std::span<std::byte> into) noexcept = 0;
  // Adds text to `out`, or with none that it is the end. Answers errno; EAGAIN: that takes more of the wire.
  virtual int seal(std::string_view text) noexcept = 0;
  bool more = false;  // open() has something to say without the wire
  std::string out;    // to be sent
  std::string why;    // EPROTO
};

class Socket : public Framed {
 public:
  explicit Socket(int fd) : loop_(&Loop::current()) { watch.fd = fd; }
  // A new one, of the address's family; for check().
  Socket(const Address& address, int type, const std::string& what);
  Socket(const Socket&) = delete;
  virtual ~Socket() { close(); }
  // From here on it can be waited for: once it listens, or has begun to connect. Answers errno.
  int attach() { return loop_->attach(watch.fd, watch, kReadWrite); }
  // Detaches and closes; whoever waits gets ECANCELED. After its loop: ends the program, saying so.
  void close() noexcept;
  bool is_open() const noexcept { return watch.fd != -1; }
  Loop& loop() const noexcept { return *loop_; }
  Backend& backend() const noexcept { return loop_->backend(); }
  // The addresses of the two ends; after close(): nowhere.
  Address local() const;
  Address peer() const;  // remembered, since the kernel forgets it at a reset
  void set_peer(const Address& peer) noexcept;
  bool has_reader() const noexcept { return waiting_[0] != nullptr; }
  // These two answer errno. The first does nothing to a Unix socket.
  int set_nodelay(bool on) { return peer().port() ? set(Option::no_delay, on) : 0; }
  int set(Option option, int value) { return backend().set_option(watch.fd, option, value); }

  Watch watch;
  std::int64_t sent = 0;  // bytes, in all, as they are on the wire
  std::unique_ptr<Filter> filter;
 private:
  friend class Operation;
  Loop* loop_;
  Operation* waiting_[2] = {};  // the reader and the writer
  static constexpr unsigned kPeer = 28;  // sockaddr_in6's; the peers of Unix sockets have no name
  unsigned char peer_[kPeer];
  unsigned char peer_size_ = 0;
};

// One operation in progress; lives in the awaiting coroutine's frame.
class Operation : public Asked {
 public:
  bool try_now();
  // With the latch up it is the share that is used up: once through the ready queue renews it.
  void begin(Runnable& task) noexcept {
    waiting() = this;
    latch() ? task.arm() : static_cast<void>(waiter() = &task);
  }
  bool again(Runnable& task) noexcept final {
    if (socket_ && !attempt()) return begin(task), false;
    return leave(), true;
  }
 protected:
  // A null socket is one that was closed: ECANCELED. `done`: there is nothing to do.
  Operation(Socket* socket, Interest direction, const char* name, bool done) noexcept
      : socket_(socket), name_(name), direction_(direction), done_(done) {}
  Operation(Operation&& from) noexcept
      : Operation(from.socket_, from.direction_, from.name_, from.done_) {}
  ~Operation() { leave(); }
  // The system call; kMore as its error: that was not all.
  virtual Io call() noexcept = 0;
  // Throws what went wrong, like "read 127.0.0.1:80"; with whom, or else with the peer.
  [[noreturn]] void fail(const Address& whom) const;
  Socket* socket_;
  int error_ = 0;
 private:
  friend class Socket;
  bool attempt() noexcept;
  void leave() noexcept {
    if (socket_ && waiting() == this) waiting() = nullptr, waiter() = nullptr;
  }
  bool writes() const noexcept { return direction_ == kWrite; }
  Operation*& waiting() noexcept { return socket_->waiting_[writes()]; }
  bool& latch() noexcept { return writes() ? socket_->watch.writable : socket_->watch.readable; }
  Runnable*& waiter() noexcept { return writes() ? socket_->watch.writer : socket_->watch.reader; }

  const char* const name_;
  const Interest direction_;
  bool done_;
};
inline constexpr int kMore = -1;

// The Operation that gives a T by calling kCall(socket, given, result).
template <class T, class Given, Io (*kCall)(Socket&, Given&, Unit<T>&) noexcept>
class Call : public Leaf<Call<T, Given, kCall>, T>, public Operation {
 public:
  Call(Socket* socket, Interest direction, const char* name, Given given, bool done = false)
      : Operation(socket, direction, name, done), given_(given) {}
  T finish() {
    if constexpr (requires { given_.to; })
      if (error_) fail(given_.to);
    if (error_) fail(Address());
    return static_cast<T>(std::move(result_));
  }
 private:
  Io call() noexcept override { return kCall(*socket_, given_, result_); }
  Given given_;
  Unit<T> result_{};
};

// What streams, listeners and UDP sockets are: the owner of a Socket; without one, as it was made or
// moved from, it is closed. Move-only; to destroy it closes it.
class Handle {
 public:
  Handle() noexcept = default;
  explicit Handle(std::unique_ptr<Socket> socket) noexcept : socket_(std::move(socket)) {}
  // Closes at once; what the kernel has taken is still sent, and connections that wait to be accepted
  // are refused. Whoever waits gets ECANCELED, and so does every operation from now on.
  void close() noexcept { if (socket_) socket_->close(); }
  bool is_open() const noexcept { return socket_ && socket_->is_open(); }
  // The address of this end; after close(): nowhere.
  Address local() const { return socket_ ? socket_->local() : Address(); }
 protected:
  Socket& held() const;  // throws ECANCELED if it is closed
  std::unique_ptr<Socket> socket_;
};
}  // namespace hob::inline v0::net
