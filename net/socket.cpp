// SPDX-License-Identifier: MIT
//
// socket.cpp — attaching, waiting, closing under a waiter.
#include "socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace hob::inline v0::net {

Socket::Socket(int fd) : loop_(&Loop::current()) {
  if (const int error = loop_->attach(fd, watch, kReadWrite)) {
    backend().close(fd);
    throw_errno(error, "attach a socket");
  }
}

void Socket::close() noexcept {
  if (!is_open()) return;
  if (!watch.linked() || here.loop != loop_)
    fatal("a socket was closed on a thread that is not its Loop's, or after its Loop");
  for (Operation* operation : waiting_) {
    if (!operation) continue;
    operation->error_ = ECANCELED;
    operation->socket_ = nullptr;
    operation->task_->arm();
  }
  loop_->detach(watch);
  backend().close(std::exchange(watch.fd, -1));
  if (on_close) on_close();
}

Address Socket::local() const {
  return Address::from([&](sockaddr* name, unsigned* size) {
    return backend().local_name(watch.fd, name, size);
  });
}

void Socket::set_peer(const Address& peer) noexcept {
  if (peer.size() > kPeer) return;
  peer_size_ = static_cast<unsigned char>(peer.size());
  std::memcpy(peer_, peer.data(), peer.size());
}

Address Socket::peer() const {
  if (peer_size_) return Address::of(reinterpret_cast<const sockaddr*>(peer_), peer_size_);
  return Address::from([&](sockaddr* name, unsigned* size) {
    return backend().peer_name(watch.fd, name, size);
  });
}

bool Operation::try_now() {
  if (!socket_ || !socket_->is_open()) {
    error_ = ECANCELED;
    return true;
  }
  socket_->check_thread();
  if (socket_->waiting_[direction_ == kWrite])
    misuse(direction_ == kWrite ? "a socket has one writer at a time: another task writes to it"
                                : "a socket has one reader at a time: another task reads from it");
  return attempt();
}

// With the latch up it is the share that is used up: once through the ready queue renews it.
void Operation::begin(Runnable& task) noexcept {
  hold(task);
  Watch& watch = socket_->watch;
  if (direction_ == kWrite)
    watch.writable ? task.arm() : static_cast<void>(watch.writer = &task);
  else
    watch.readable ? task.arm() : static_cast<void>(watch.reader = &task);
}

bool Operation::again(Runnable& task) noexcept {
  if (socket_ && !attempt()) return begin(task), false;
  return leave(), true;
}

bool Operation::answered(const Io& io, bool& latch) noexcept {
  if (io.error == EAGAIN) return latch = false;
  error_ = io.error;
  here.bytes -= std::min(here.bytes, io.n);
  return true;
}

void Operation::leave() noexcept {
  if (!socket_ || socket_->waiting_[direction_ == kWrite] != this) return;
  socket_->waiting_[direction_ == kWrite] = nullptr;
  (direction_ == kWrite ? socket_->watch.writer : socket_->watch.reader) = nullptr;
}

void Operation::check(const char* call) const {
  if (!error_) return;
  std::string what = call;
  if (socket_ && socket_->peer().family()) what += ' ' + socket_->peer().to_string();
  throw_errno(error_, what);
}

}  // namespace hob::inline v0::net
