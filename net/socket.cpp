// SPDX-License-Identifier: MIT
//
// socket.cpp — trying, waiting, closing under a waiter.
#include "socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace hob::inline v0::net {

Socket::Socket(const Address& address, int type, const std::string& what)
    : loop_(&Loop::current()) {
  const Io io = backend().open(address.family(), type);
  check(io.error, what);
  watch.fd = static_cast<int>(io.n);
}

void Socket::close() noexcept {
  if (!is_open()) return;
  const bool attached = watch.interest != 0;
  if (here.loop != loop_ || watch.linked() != attached)
    fatal("a socket was closed on a thread that is not its Loop's, or after its Loop");
  for (Operation* operation : waiting_)
    if (operation) operation->error_ = ECANCELED, operation->socket_ = nullptr;
  watch.on_readable();  // who waits not for this is armed already
  watch.on_writable();
  loop_->detach(watch);
  backend().close(std::exchange(watch.fd, -1));
  if (on_close) on_close();
}

Address Socket::local() const {
  Address name;
  return backend().local_name(watch.fd, name.data(), name.room()) ? Address() : name;
}

Address Socket::peer() const {
  if (peer_size_ && is_open())
    return Address::of(reinterpret_cast<const sockaddr*>(peer_), peer_size_);
  Address name;
  return backend().peer_name(watch.fd, name.data(), name.room()) ? Address() : name;
}

void Socket::set_peer(const Address& peer) noexcept {
  if (peer.size() > kPeer) return;
  peer_size_ = static_cast<unsigned char>(peer.size());
  std::memcpy(peer_, peer.data(), peer.size());
}

Socket& Handle::held() const {
  if (!is_open()) throw_errno(ECANCELED, "a socket that was closed");
  socket_->loop().check_thread();
  return *socket_;
}

bool Operation::try_now() {
  if (!socket_ || !socket_->is_open()) {
    error_ = ECANCELED;
    return true;
  }
  socket_->loop().check_thread();
  if (waiting())
    misuse(writes() ? "a socket has one writer at a time: another task writes to it"
                    : "a socket has one reader at a time: another task reads from it");
  return done_ || (here.steps != 0 && attempt());  // without a step left it would resume later
}

// True: it is done. Otherwise the latch is down, or the share is used up.
bool Operation::attempt() noexcept {
  while (!done_) {
    if (!latch() || here.bytes == 0) return false;
    const Io io = call();
    if (io.error == EAGAIN) return latch() = false;
    here.bytes -= std::min(here.bytes, io.n);
    done_ = io.error != kMore;
    if (done_) error_ = io.error;
  }
  return true;
}

void Operation::fail(const Address& whom) const {
  const Address with = whom.family() || !socket_ ? whom : socket_->peer();
  throw_errno(error_, with.family() ? name_ + (' ' + with.to_string()) : name_);
}

}  // namespace hob::inline v0::net
