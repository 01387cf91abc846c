// SPDX-License-Identifier: MIT
//
// stream.cpp — reading and writing, and the pool of buffers that reads borrow from.
#include "stream.hpp"

#include <algorithm>
#include <cerrno>

#include "../reactor/combine.hpp"

namespace hob::inline v0::net {

// --- leases --------------------------------------------------------------------------------------

namespace {

// A few buffers that wait for the next read. Constant to make, so that a look costs no call.
struct Buffers {
  static constexpr std::size_t kKeep = 8;
  std::byte* free[kKeep];
  std::size_t count;
  bool closed;  // the thread is ending
};
constinit thread_local Buffers buffers{};

struct Drain {
  ~Drain() {
    buffers.closed = true;
    while (buffers.count) delete[] buffers.free[--buffers.count];
  }
};

}  // namespace

void Lease::take() {
  if (buffers.count) {
    buffer_ = buffers.free[--buffers.count];
    return;
  }
  static const thread_local Drain at_exit;
  buffer_ = new std::byte[kBytes];
}

void Lease::give_back() noexcept {
  if (buffers.count < Buffers::kKeep && !buffers.closed)
    buffers.free[buffers.count++] = buffer_;
  else
    delete[] buffer_;
}

// --- the operations ------------------------------------------------------------------------------

namespace {

// Law of the Latch: a short read has emptied the stream, unless its end was hinted at. An error that
// came with an event and was not seen by the call is told at the end (libkqueue's way with a reset).
Io receive(Socket& socket, std::span<std::byte> into) noexcept {
  Watch& watch = socket.watch;
  Io io = socket.backend().recv(watch.fd, into);
  if (!io.error && io.n == 0) io.error = std::exchange(watch.error, 0);
  if (!io.error && io.n != 0 && io.n < into.size() && !watch.read_hangup) watch.readable = false;
  return io;
}

}  // namespace

bool Read::attempt() noexcept {
  if (into_.empty()) return true;
  if (!socket_->watch.readable || here.bytes == 0) return false;
  const Io io = receive(*socket_, into_);
  n_ = io.n;
  if (tally_) *tally_ += io.n;
  return answered(io, socket_->watch.readable);
}

bool ReadLease::attempt() noexcept {
  if (!socket_->watch.readable || here.bytes == 0) return false;
  lease_.take();
  const Io io = receive(*socket_, {lease_.buffer_, Lease::kBytes});
  lease_.size_ = io.n;
  if (io.error || io.n == 0) lease_ = Lease();
  return answered(io, socket_->watch.readable);
}

bool Write::attempt() noexcept {
  constexpr std::size_t kAtOnce = 64;
  for (;;) {
    while (text_.empty() && !pieces_.empty()) text_ = pieces_[0], pieces_ = pieces_.subspan(1);
    if (text_.empty()) return true;
    if (!socket_->watch.writable || here.bytes == 0) return false;
    Io io;
    if (pieces_.empty()) {
      io = socket_->backend().send(socket_->watch.fd, std::as_bytes(std::span(text_)));
    } else {
      std::string_view batch[kAtOnce] = {text_};
      const std::size_t more = std::min(pieces_.size(), kAtOnce - 1);
      std::copy_n(pieces_.begin(), more, batch + 1);
      io = socket_->backend().send_pieces(socket_->watch.fd, {batch, more + 1});
    }
    if (!answered(io, socket_->watch.writable)) return false;
    if (error_) return true;
    for (std::size_t n = io.n;;) {
      const std::size_t part = std::min(n, text_.size());
      text_.remove_prefix(part), n -= part;
      if (n == 0) break;
      text_ = pieces_[0], pieces_ = pieces_.subspan(1);
    }
  }
}

// --- TcpStream -----------------------------------------------------------------------------------

Read TcpStream::read_some(std::span<std::byte> into) noexcept { return {socket_.get(), into}; }
Read TcpStream::read_some(std::span<char> into) noexcept {
  return {socket_.get(), std::as_writable_bytes(into)};
}
ReadLease TcpStream::read_lease() noexcept { return ReadLease(socket_.get()); }
Write TcpStream::write_all(std::span<const std::byte> bytes) noexcept {
  return {socket_.get(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()}};
}
Write TcpStream::write_all(std::string_view text) noexcept { return {socket_.get(), text}; }
Write TcpStream::write_all(std::span<const std::string_view> pieces) noexcept {
  return {socket_.get(), pieces};
}

Socket& TcpStream::held() const {
  if (!is_open()) throw_errno(ECANCELED, "a stream that was closed");
  socket_->check_thread();
  return *socket_;
}

void TcpStream::shutdown_write() {
  const int error = held().backend().shutdown_write(held().watch.fd);
  if (error) throw_errno(error, "shut down " + peer().to_string());
}

void TcpStream::close() noexcept {
  if (socket_) socket_->close();
}

void TcpStream::abort() noexcept {
  if (!is_open()) return;
  socket_->backend().set_option(socket_->watch.fd, Option::abort_on_close, 1);
  socket_->close();
}

Future<> TcpStream::finish(Duration limit) {
  struct Close {
    TcpStream& stream;
    ~Close() { stream.close(); }
  } close{*this};
  const auto to_the_end = [](TcpStream& stream) -> Future<> {
    while (!(co_await stream.read_lease()).empty()) {
    }
  };
  shutdown_write();
  co_await wait_for(to_the_end(*this), limit);
}

Address TcpStream::local() const { return is_open() ? socket_->local() : Address(); }
Address TcpStream::peer() const { return is_open() ? socket_->peer() : Address(); }

void TcpStream::set_nodelay(bool on) {
  if (held().local().is_unix()) return;
  if (const int error = held().backend().set_option(held().watch.fd, Option::no_delay, on))
    throw_errno(error, "set_nodelay");
}

std::pair<TcpStream, TcpStream> stream_pair() {
  int fds[2];
  Backend& backend = Loop::current().backend();
  if (const int error = backend.pair(fds)) throw_errno(error, "make a pair of streams");
  std::unique_ptr<Socket> first;
  try {
    first = std::make_unique<Socket>(fds[0]);
  } catch (...) {
    backend.close(fds[1]);
    throw;
  }
  return {TcpStream(std::move(first)), TcpStream(std::make_unique<Socket>(fds[1]))};
}

Future<std::uint64_t> copy(TcpStream& from, TcpStream& to) {
  std::uint64_t total = 0;
  for (;;) {
    const Lease lease = co_await from.read_lease();
    if (lease.empty()) co_return total;
    co_await to.write_all(lease.bytes());
    total += lease.size();
  }
}

}  // namespace hob::inline v0::net
