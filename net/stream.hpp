// SPDX-License-Identifier: MIT
//
// stream.hpp — TcpStream: a connected stream of bytes, TCP or Unix.
//
//   net::TcpStream stream = co_await net::connect("127.0.0.1", 80);
//   co_await stream.write_all("hello\n");
//
// Every write is awaited, so a slow peer slows its writer (back-pressure), and nothing is queued
// here. Operations are leaves: they allocate nothing, and borrow the bytes they were given until they
// settle. What goes wrong is std::system_error; what() reads like "read 127.0.0.1:80: …".
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "socket.hpp"

namespace hob::inline v0::net {

// Bytes in a buffer of this thread's pool; to destroy it gives the buffer back. Move-only.
class Lease {
 public:
  static constexpr std::size_t kBytes = 64 * 1024;

  Lease() noexcept = default;
  Lease(Lease&& from) noexcept
      : buffer_(std::exchange(from.buffer_, nullptr)), size_(std::exchange(from.size_, 0)) {}
  Lease& operator=(Lease&& from) noexcept {
    std::swap(buffer_, from.buffer_), std::swap(size_, from.size_);
    return *this;
  }
  ~Lease() {
    if (buffer_) give_back();
  }

  std::span<const std::byte> bytes() const noexcept { return {buffer_, size_}; }
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(buffer_), size_}; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  friend class ReadLease;
  void take();
  void give_back() noexcept;
  std::byte* buffer_ = nullptr;
  std::size_t size_ = 0;
};

class Read;
class ReadLease;
class Write;

class TcpStream {
 public:
  TcpStream() noexcept = default;  // closed
  explicit TcpStream(std::unique_ptr<Socket> socket) noexcept : socket_(std::move(socket)) {}
  TcpStream(TcpStream&&) noexcept = default;
  TcpStream& operator=(TcpStream&&) noexcept = default;
  // Closes. Whoever still waits gets ECANCELED.
  ~TcpStream() = default;

  // Reads what is there, waiting for at least one byte: how many, and 0 at the end. Dropped: nothing
  // is read, but for what came in the very turn; BufferedReader keeps that as well.
  Read read_some(std::span<std::byte> into) noexcept;
  Read read_some(std::span<char> into) noexcept;

  // The same into a buffer that is taken from the pool when bytes are there; empty at the end.
  ReadLease read_lease() noexcept;

  // Returns when all is with the kernel. Dropped: a part may have been sent.
  Write write_all(std::span<const std::byte> bytes) noexcept;
  Write write_all(std::string_view text) noexcept;
  // Several pieces as one, with no copy (writev); the array is borrowed as well.
  Write write_all(std::span<const std::string_view> pieces) noexcept;

  // Sends FIN: the peer reads to the end. We can still read.
  void shutdown_write();

  // Closes at once; what the kernel has taken is still sent. Waiters get ECANCELED.
  void close() noexcept;

  // Closes with a reset (RST): what is under way is lost, and the peer is told so.
  void abort() noexcept;

  // FIN, waits for the peer's end, closes. What still comes is dropped. TimedOut if it does not end
  // within `limit`; closed all the same.
  Future<> finish(Duration limit = std::chrono::seconds(5));

  // The addresses of the two ends; after close(): nowhere.
  Address local() const;
  Address peer() const;

  // Sends small writes at once (TCP_NODELAY). On for every TCP stream, as in asyncio.
  void set_nodelay(bool on);

  // Whether it is not closed, and whether a read would find something, be it the end: a pooled
  // connection of which that is true is stale. Does not call the kernel.
  bool is_open() const noexcept { return socket_ && socket_->is_open(); }
  bool readable() const noexcept { return is_open() && socket_->watch.readable; }

 private:
  friend class BufferedReader;
  Socket& held() const;  // ECANCELED if it is closed
  std::unique_ptr<Socket> socket_;
};

// Two ends of one stream, connected to each other (socketpair(2)).
std::pair<TcpStream, TcpStream> stream_pair();

// Sends everything that comes from `from` on to `to`, until its end; how many bytes. Closes nothing.
Future<std::uint64_t> copy(TcpStream& from, TcpStream& to);

// --- implementation from here on -----------------------------------------------------------------

class Read : public Leaf<Read, std::size_t>, public Operation {
 public:
  Read(Socket* socket, std::span<std::byte> into, std::size_t* tally = nullptr) noexcept
      : Operation(socket, kRead), into_(into), tally_(tally) {}
  std::size_t finish() const { return check("read"), n_; }

 private:
  bool attempt() noexcept override;
  std::span<std::byte> into_;
  std::size_t* tally_;  // where bytes are counted as they are read: a drop cannot lose them then
  std::size_t n_ = 0;
};

class ReadLease : public Leaf<ReadLease, Lease>, public Operation {
 public:
  explicit ReadLease(Socket* socket) noexcept : Operation(socket, kRead) {}
  Lease finish() { return check("read"), std::move(lease_); }

 private:
  bool attempt() noexcept override;
  Lease lease_;
};

class Write : public Leaf<Write>, public Operation {
 public:
  Write(Socket* socket, std::string_view text) noexcept
      : Operation(socket, kWrite), text_(text) {}
  Write(Socket* socket, std::span<const std::string_view> pieces) noexcept
      : Operation(socket, kWrite), pieces_(pieces) {}
  void finish() const { check("write"); }

 private:
  bool attempt() noexcept override;
  std::string_view text_;                       // what is left: of the first piece, if there are any
  std::span<const std::string_view> pieces_;    // and those after it
};

}  // namespace hob::inline v0::net
