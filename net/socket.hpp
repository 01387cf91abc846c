// SPDX-License-Identifier: MIT
//
// socket.hpp — what streams, listeners and UDP sockets have in common: a descriptor on a loop, and
// the operations that wait for it. The only place where a call that would block is met.
//
// stream.hpp, listener.hpp and udp.hpp build on it. Calls Loop::attach and the Backend.
//
// Invariants
//   1. A Socket is attached from birth to close(): edge-triggered, both directions, once.
//   2. An Operation tries first. What would block waits for the latch, and tries again when its
//      coroutine is about to resume (the Law of the Latch): a hint that was wrong costs one try.
//   3. At most one Operation waits in each direction; a second is std::logic_error.
//   4. Bytes are counted against the Law of the Fair Share as they move.
#pragma once

#include "../reactor/leaf.hpp"
#include "../reactor/loop.hpp"
#include "address.hpp"

namespace hob::inline v0::net {

class Operation;

class Socket {
 public:
  // Takes the descriptor and attaches it to this thread's loop; std::system_error if that fails, and
  // the descriptor is closed then.
  explicit Socket(int fd);
  Socket(const Socket&) = delete;
  ~Socket() { close(); }
  static void* operator new(std::size_t size) { return Frames::take(size); }
  static void operator delete(void* socket, std::size_t n) noexcept { Frames::give(socket, n); }

  // Detaches and closes; whoever waits gets ECANCELED. A socket that outlives its loop ends the
  // program with a sentence.
  void close() noexcept;
  bool is_open() const noexcept { return watch.fd != -1; }

  Loop& loop() const noexcept { return *loop_; }
  Backend& backend() const noexcept { return loop_->backend(); }
  void check_thread() const { loop_->check_thread(); }
  Address local() const;
  Address peer() const;  // remembered, since the kernel forgets it at a reset
  void set_peer(const Address& peer) noexcept;

  Watch watch;

  // What close() has freed may be what an accept() waits for (listener.cpp).
  using Hook = void (*)() noexcept;
  static inline constinit thread_local Hook on_close = nullptr;

 private:
  friend class Operation;
  static constexpr unsigned kPeer = 28;  // sockaddr_in6's; the peers of Unix sockets have no name
  unsigned char peer_[kPeer];
  unsigned char peer_size_ = 0;
  Loop* loop_;
  Operation* waiting_[2] = {};  // the reader and the writer
};

// One operation in progress; lives in the awaiting coroutine's frame.
class Operation : public Asked {
 public:
  // For Leaf: an Operation is a leaf's other base.
  bool try_now();
  virtual void begin(Runnable& task) noexcept;
  bool again(Runnable& task) noexcept final;

 protected:
  // A null socket is one that was closed: ECANCELED.
  Operation(Socket* socket, Interest direction) noexcept : socket_(socket), direction_(direction) {}
  Operation(Operation&& from) noexcept : Operation(from.socket_, from.direction_) {}
  ~Operation() { leave(); }

  // One try: false if it would block, and the latch is down then; or if the share is used up.
  virtual bool attempt() noexcept = 0;
  // What an attempt makes of the kernel's answer: whether it has ended. Lowers the latch on EAGAIN.
  bool answered(const Io& io, bool& latch) noexcept;
  // Throws what went wrong; `call` begins the sentence: "read 127.0.0.1:80".
  void check(const char* call) const;

  void hold(Runnable& task) noexcept {
    socket_->waiting_[direction_ == kWrite] = this;
    task_ = &task;
  }

  Socket* socket_;
  Runnable* task_ = nullptr;  // who waits
  const Interest direction_;
  int error_ = 0;

 private:
  friend class Socket;
  void leave() noexcept;
};

}  // namespace hob::inline v0::net
