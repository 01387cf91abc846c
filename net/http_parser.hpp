// SPDX-License-Identifier: MIT
// http_parser.hpp — reads HTTP/1.x from bytes (RFC 9112): heads, and bodies in chunks.
// Does no I/O. Strict, since what two parsers read in two ways is a hole between them: no bare LF or
// CR, no folded lines, no blank before a colon, one length only, and one transfer coding.
//   1. However the bytes are cut, the outcome is the same; and the work is linear in their number.
//   2. Nothing outside the bytes given is read; only what is kept, and errors, allocate.
//   3. A line is judged, and kept, once it is complete; or refused, once it is too long.
#pragma once
#include "message.hpp"

namespace hob::inline v0::http {
// How much of anything is read before it is an error. In bytes, but for `fields`.
struct Limits {
  std::size_t line = 8 << 10;  // the first line, and each field's
  std::size_t head = 64 << 10;
  std::size_t fields = 128;
  std::size_t chunk_line = 256;  // without its CRLF
  std::size_t trailers = 16 << 10;
};

// How a body is told from what follows (RFC 9112, 6.3).
enum class Body : unsigned char { none, length, chunked, until_close };

// What a head says of the message it begins, and of what may follow that.
struct Head {
  int minor = 1;                 // HTTP/1.minor: 0 or 1
  Body body = Body::none;        // of no bytes: none
  std::uint64_t length = 0;      // Content-Length, below 2^63; to a HEAD, what there would be
  bool keep_alive = false;       // another message may follow on this connection
  bool expect_continue = false;  // the client waits for a 100 before it sends its body
};

struct Reader;
class HeadParser {
 public:
  explicit HeadParser(Limits limits = Limits()) noexcept : limits_(limits) {}
  // Reads a request's head from all that has arrived since it began, which may have moved since the
  // last call and go beyond the head: method, headers, and target: "/path?query" (also of an absolute
  // one), or "*". Returns the head's size, with its empty line, and is ready for the next; or 0 while
  // it is incomplete: the next call goes on with the same request, of no use until then. ProtocolError:
  // its `status` is the answer to send before closing. One empty line before the head is skipped (RFC
  // 9112, 2.2). Headers of up to 512 bytes allocate once, or not if they have the room.
  std::size_t request(std::string_view bytes, Request& request);
  // Reads a response's head, likewise: status (100 to 999), reason and headers. `method` is what was
  // asked with: no body answers a HEAD. The reason may be missing with its blank. A 1xx or 204 that
  // claims a body has none all the same, but its connection is not kept.
  std::size_t response(std::string_view bytes, Response& response, std::string_view method = "GET");
  const Head& head() const noexcept { return head_; }  // the last that was complete
 private:
  std::size_t parse(const Reader& reader, Headers& headers, auto begin);  // `begin`: of the first line
  void field(const Reader& reader, const Field& field);
  void frame(const Reader& reader);
  Limits limits_;
  Head head_;
  std::size_t line_ = 0;  // where the first line begins that is not complete
  std::size_t text_ = 0;  // to here it is known to be text
  struct {
    std::string host;        // of an absolute target
    std::size_t fields = 0;  // so many
    std::size_t coding = 0;  // where a Transfer-Encoding is that is not chunked
    bool has_host = false, has_length = false, has_coding = false, close = false;
  } seen_;  // in the lines before
};

// Takes a chunked body out of its framing (RFC 9112, 7.1), in place.
//   while (!chunks.done()) { auto [data, used] = chunks.next(bytes); …; bytes.remove_prefix(used); }
class ChunkParser {
 public:
  // Fields that follow the body and would frame, route or authenticate are refused (RFC 9110, 6.5.1).
  explicit ChunkParser(Limits limits = Limits(), bool is_request = true) noexcept
      : limits_(limits), is_request_(is_request) {}
  struct Step {
    std::string_view data;  // of the body; empty if only framing was there
    std::size_t used;       // bytes that are done with, the data included
  };
  // Goes on to the end of the next run of data, or of the bytes. ProtocolError: broken from here on.
  Step next(std::string_view bytes);
  // The body has ended, and so have its trailers; what follows is another message.
  bool done() const noexcept { return at_ == At::done; }
  const Headers& trailers() const noexcept { return trailers_; }
 private:
  enum class At : unsigned char { size, data, data_end, trailers, done };
  void frame(char c);
  Limits limits_;
  bool is_request_;
  At at_ = At::size;
  std::uint64_t left_ = 0;                     // of this chunk's data
  std::string line_;                           // as far as it has come
  std::size_t room_ = limits_.chunk_line + 2;  // its longest; of trailers: all of them
  Headers trailers_;
};
}  // namespace hob::inline v0::http
