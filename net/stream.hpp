// SPDX-License-Identifier: MIT
//
// stream.hpp — TcpStream: a connected stream of bytes, TCP or Unix; BufferedReader: lines and pieces
// out of one.
//
//   net::TcpStream stream = co_await net::connect("127.0.0.1", 80);
//   co_await stream.write_all("hello\n");
//
// Every write is awaited, so a slow peer slows its writer (back-pressure), and nothing is queued
// here. Operations are leaves: they allocate nothing, and borrow the bytes they were given until they
// settle. What goes wrong is std::system_error; what() reads like "read 127.0.0.1:80: …".
#pragma once

#include <algorithm>
#include <utility>

#include "socket.hpp"

namespace hob::inline v0::net {

// Bytes in a buffer of this thread's pool; to destroy it gives the buffer back. Move-only.
class Lease {
 public:
  static constexpr std::size_t kBytes = 64 * 1024;

  std::span<const std::byte> bytes() const noexcept { return {buffer_.get(), size()}; }
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(buffer_.get()), size()};
  }
  std::size_t size() const noexcept { return buffer_ ? size_ : 0; }
  bool empty() const noexcept { return size() == 0; }

 private:
  friend struct Leasing;
  struct GiveBack {
    void operator()(std::byte* buffer) const noexcept;
  };
  std::unique_ptr<std::byte[], GiveBack> buffer_;
  std::size_t size_ = 0;
};

struct Reading {
  std::span<std::byte> into;
  static std::string name() { return "read"; }
  Io operator()(Socket& socket, std::size_t& n) const noexcept;
};
using Read = Call<std::size_t, Reading>;

struct Leasing {
  static std::string name() { return "read"; }
  Io operator()(Socket& socket, Lease& lease) const noexcept;
};
using ReadLease = Call<Lease, Leasing>;

struct Writing {
  std::string_view text;                     // what is left of a piece that was begun
  std::span<const std::string_view> pieces;  // and those after it
  static std::string name() { return "write"; }
  Io operator()(Socket& socket, std::monostate&) noexcept;
};
using Write = Call<void, Writing>;

// Move-only. To destroy it closes it.
class TcpStream {
 public:
  TcpStream() noexcept = default;  // closed
  explicit TcpStream(std::unique_ptr<Socket> socket) noexcept : socket_(std::move(socket)) {}

  // Reads what is there, waiting for at least one byte: how many, and 0 at the end. Dropped before it
  // has settled: nothing is read.
  Read read_some(std::span<std::byte> into) noexcept {
    return {socket_.get(), kRead, {into}, into.empty()};
  }
  Read read_some(std::span<char> into) noexcept { return read_some(std::as_writable_bytes(into)); }

  // The same into a buffer that is taken from the pool when bytes are there; empty at the end.
  ReadLease read_lease() noexcept { return {socket_.get(), kRead, {}}; }

  // Returns when all is with the kernel. Dropped: a part may have been sent.
  Write write_all(std::string_view text) noexcept {
    return {socket_.get(), kWrite, {text, {}}, text.empty()};
  }
  Write write_all(std::span<const std::byte> bytes) noexcept {
    return write_all(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  // Several pieces as one, with no copy (writev); the array is borrowed as well.
  Write write_all(std::span<const std::string_view> pieces) noexcept {
    const bool nothing = std::ranges::all_of(pieces, [](auto& piece) { return piece.empty(); });
    return {socket_.get(), kWrite, {{}, pieces}, nothing};
  }

  // Sends FIN: the peer reads to the end. We can still read.
  void shutdown_write();

  // Closes at once; what the kernel has taken is still sent. Waiters get ECANCELED.
  void close() noexcept {
    if (socket_) socket_->close();
  }

  // Closes with a reset (RST): what is under way is lost, and the peer is told so.
  void abort() noexcept;

  // FIN, waits for the peer's end, closes. What still comes is dropped. TimedOut if it does not end
  // within `limit`; closed all the same.
  Future<> finish(Duration limit = std::chrono::seconds(5));

  // The addresses of the two ends; after close(): nowhere.
  Address local() const { return socket_ ? socket_->local() : Address(); }
  Address peer() const { return socket_ ? socket_->peer() : Address(); }

  // Sends small writes at once (TCP_NODELAY). On for every TCP stream, as in asyncio.
  void set_nodelay(bool on) { check(held().set_nodelay(on), "set_nodelay"); }

  // Whether it is not closed, and whether a read would find something, be it the end: a pooled
  // connection of which that is true is stale. Does not call the kernel.
  bool is_open() const noexcept { return socket_ && socket_->is_open(); }
  bool readable() const noexcept { return is_open() && socket_->watch.readable; }

 private:
  Socket& held() const;  // ECANCELED if it is closed
  std::unique_ptr<Socket> socket_;
};

// Two ends of one stream, connected to each other (socketpair(2)).
std::pair<TcpStream, TcpStream> stream_pair();

// Sends everything that comes from `from` on to `to`, until its end; how many bytes. Closes nothing.
Future<std::uint64_t> copy(TcpStream& from, TcpStream& to);

// The stream has ended before what was asked for came.
struct EndOfStream : std::runtime_error {
  EndOfStream() : std::runtime_error("the stream has ended") {}
  explicit EndOfStream(const std::string& what) : std::runtime_error(what) {}
};

// More came than the limit allows.
struct LimitExceeded : std::runtime_error {
  explicit LimitExceeded(std::size_t limit)
      : std::runtime_error("more than the limit of " + std::to_string(limit) + " bytes") {}
};

// Lines and pieces, with a limit on each:
//   net::BufferedReader reader(stream);
//   while (true) std::string line = co_await reader.read_line();
// Borrows the stream, which outlives it and is read by nobody else. Dropped, refused or over the
// limit, a read has taken nothing: what came stays readable. One read at a time.
class BufferedReader {
 public:
  explicit BufferedReader(TcpStream& stream) noexcept : stream_(stream) {}
  BufferedReader(const BufferedReader&) = delete;

  // A line without its ending, \n or \r\n; also a last one that has none. At the very end: EndOfStream.
  Future<std::string> read_line(std::size_t limit = 8 * 1024);

  // Up to the delimiter and with it. Ended too early: EndOfStream.
  Future<std::string> read_until(std::string delimiter, std::size_t limit = 64 * 1024);

  // So many bytes. Ended too early: EndOfStream. Memory grows with what comes, not with n.
  Future<std::string> read_exactly(std::size_t n);

  // All there is.
  Future<std::string> read_to_end(std::size_t limit = 64 * 1024 * 1024);

  // What was read from the stream and not yet asked for.
  std::string_view buffered() const noexcept {
    return std::string_view(buffer_).substr(begin_, end_ - begin_);
  }

 private:
  struct Turn;
  std::span<char> room();  // for what comes, behind what is there
  bool came(std::size_t n) noexcept { return end_ += n, n != 0; }
  std::string take(std::size_t bytes, std::size_t of);
  Future<std::string> read(std::string end, std::size_t limit, bool line);

  TcpStream& stream_;
  std::string buffer_;      // bytes begin_ to end_ are in use
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool reading_ = false;
};

}  // namespace hob::inline v0::net
