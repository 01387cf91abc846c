// SPDX-License-Identifier: MIT
//
// reader.hpp — BufferedReader: lines and pieces out of a stream, with a limit on each.
//
//   net::BufferedReader reader(stream);
//   while (true) std::string line = co_await reader.read_line();
//
// Borrows the stream, which outlives it and is read by nobody else. Dropped, refused or over the
// limit, a read has taken nothing: what came stays readable. One read at a time.
#pragma once

#include <stdexcept>
#include <string>

#include "stream.hpp"

namespace hob::inline v0::net {

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
