// SPDX-License-Identifier: MIT
// message.hpp — Request and Response, and what they are made of, URLs included; what can be wrong.
// Client and server hand them out and take them in. Nothing here does I/O; words are RFC 9110's.
//   1. Headers hold nothing that may not be sent: header injection is refused before a byte leaves.
//   2. Headers are one block of bytes, as they go over the wire: `name: value\r\n` for each.
#pragma once
#include <algorithm>
#include <array>
#include <cstring>
#include "../reactor/future.hpp"
#include "address.hpp"
#include "json.hpp"

namespace hob::inline v0::http {
// A peer or URL is not as the RFCs say; what() has what was expected, where, and what stood there.
struct ProtocolError : std::runtime_error {
  explicit ProtocolError(const std::string& what, int code = 0) : runtime_error(what), status(code) {}
  int status;  // what a server answers: 400, 413, 414, 417, 431, 501 or 505; 0 where none is due
};

struct Field { std::string_view name, value; };  // in somebody else's bytes
// Appends its line, as it is sent.
inline void append_line(std::string& to, const Field& field) {
  to.append(field.name).append(": ").append(field.value).append("\r\n");
}

// A message's fields, in order, found in any case of letters. What is handed out lasts until a change.
//   for (auto& [name, value] : headers) …
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Field> fields) { for (auto& [name, value] : fields) add(name, value); }
  // The value of the first field of that name. O(bytes), like all that searches.
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }
  // Appends a field. std::invalid_argument, and nothing changed, if the name is not a token or the
  // value holds a control byte other than HTAB; blanks around the value are dropped.
  void add(std::string_view name, std::string_view value);
  void set(std::string_view name, std::string_view value);  // in place of all of that name
  std::size_t remove(std::string_view name);  // all fields of that name; returns how many
  void clear() noexcept { block_.clear(); }
  // For range-for. Holds the field it points at, so a reference to it lasts until ++.
  class Iterator {
   public:
    explicit Iterator(std::string_view lines = {}) noexcept : lines_(lines) { read(); }
    const Field& operator*() const noexcept { return field_; }
    void operator++() noexcept { lines_.remove_prefix(line(field_).size()), read(); }
    bool operator==(const Iterator& other) const noexcept { return lines_.size() == other.lines_.size(); }
   private:
    void read() noexcept {
      if (lines_.empty()) return;
      field_.name = lines_.substr(0, lines_.find(':'));
      const std::size_t at = field_.name.size() + 2;
      field_.value = lines_.substr(at, lines_.find('\r', at) - at);
    }
    std::string_view lines_;
    Field field_;
  };
  Iterator begin() const noexcept { return Iterator(block_); }
  Iterator end() const noexcept { return Iterator(); }
  std::size_t size() const noexcept { return std::size_t(std::ranges::count(block_, '\n')); }
  bool empty() const noexcept { return block_.empty(); }
  std::string_view wire() const noexcept { return block_; }  // all of them as they are sent
  // The line in the block of a field that was handed out.
  static std::string_view line(const Field& of) noexcept {
    return {of.name.data(), of.name.size() + of.value.size() + 4};
  }
 private:
  friend class HeadParser;
  std::string block_;
};

// The pieces of a body, as they come to be: called again and again, until a piece is empty.
using Source = std::function<Future<std::string>()>;

// What a Request and a Response have in common. Sent, `source` is the body if there is one, and goes in
// chunks, unless the headers have its Content-Length; what it throws breaks the connection off. Received
// by open(), or by a server that streams, it is the body likewise: what came in can be sent on as it is.
struct Message {
  Headers headers;
  std::string body;
  Source source;
  std::shared_ptr<Headers> trailers;  // of a chunked body: complete when it is; may be null
  const std::string& text() const noexcept { return body; }
  json::Value json() const { return json::parse(body); }  // json::ParseError
};

struct Request : Message {
  Request() = default;
  explicit Request(std::string to_url) : url(std::move(to_url)) {}
  Request(std::string with_method, std::string to_url, std::string with_body = {})
      : method(std::move(with_method)), url(std::move(to_url)) { body = std::move(with_body); }
  // Of the target, decoded; and a name's value behind '?', if any. A broken escape: ProtocolError (400).
  std::string path() const;
  std::optional<std::string> query(std::string_view name) const;
  std::string method = "GET";
  std::string url;     // to a client: where to
  std::string target;  // from a server: path and query, as they came
  net::Address peer;   // from a server: who asks
};

// The status said no. what() reads like "404 Not Found: http://example.com/missing".
struct StatusError : std::runtime_error {
  StatusError(const std::string& what, int code) : std::runtime_error(what), status(code) {}
  int status;
};

struct Response : Message {
  Response() = default;
  explicit Response(int with_status, std::string with_body = {})
      : status(with_status) { body = std::move(with_body); }
  void raise_for_status() const;  // throws StatusError for 400 and above
  int status = 200;
  std::string reason;  // empty, it is sent as the status has it
  std::string url;     // from a client: where it came from, after redirects
};

// An http or https URL (RFC 3986). Whatever two parsers might read in two ways is a ProtocolError:
// control bytes, blanks, '\', bytes above 0x7f, half an escape, a second '@', an escape or odd byte in
// a host, and a host that looks like an IPv4 address without being one.
struct Url {
  // Takes an absolute URL apart. Dot segments are resolved, the fragment is dropped.
  static Url parse(std::string_view text);
  // What a reference in a document, or in Location, means here (RFC 3986, 5.2).
  Url resolve(std::string_view reference) const;

  std::string scheme;       // "http" or "https"
  std::string userinfo;     // as it came; see credentials()
  std::string host;         // in lower case; an IPv6 address without its brackets
  unsigned short port = 0;  // never 0 once parsed
  std::string target;       // path and query, as a request line has them: "/" at least
  // "user:password", decoded, as Basic authentication wants it; empty if there is no userinfo.
  std::string credentials() const;
  std::string host_header() const;  // "example.com", with ":8080" if that is not the scheme's
  std::string origin() const;       // "http://example.com:80", always with the port: a server's key
  std::string to_string() const;    // the whole, but for the userinfo, which is not for logs
  bool operator==(const Url&) const = default;
};

// Escapes all but letters, digits and "-._~".
std::string encode_component(std::string_view text);
// Undoes escapes; a '+' stays one. Half an escape is a ProtocolError.
std::string decode(std::string_view text);
// "a=1&b=two+words": a query, or the body of a form (application/x-www-form-urlencoded).
std::string encode_form(std::initializer_list<Field> fields);
std::string decode_form(std::string_view text);  // a name or value of one

std::string_view reason_phrase(int status) noexcept;  // "Not Found" for 404; "Unknown" if none
// The date as HTTP has it: "Sun, 06 Nov 1994 08:49:37 GMT" for 784111777 (RFC 9110, 5.6.7).
std::string http_date(std::int64_t unix_seconds);
bool is_token(std::string_view text) noexcept;  // a method or a field's name (RFC 9110, 5.6.2)
}  // namespace hob::inline v0::http

// --- what all of HTTP asks: what a byte may be (RFC 9110, RFC 3986), what bytes make; ASCII only ---

namespace hob::inline v0::http::chars {
// Of a method or a field's name; of a field's value; of a path or query; of a host's name.
enum CharClass : unsigned char { kToken = 1, kText = 2, kTarget = 4, kHost = 8 };

inline constexpr auto kClassesOf = [] {
  std::array<unsigned char, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    const auto in = [c](std::string_view set) { return set.find(static_cast<char>(c)) != set.npos; };
    const bool alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
    int classes = 0;
    if (alnum || in("!#$%&'*+-.^_`|~")) classes |= kToken;
    if (c == '\t' || (c >= ' ' && c != 127)) classes |= kText;
    if (c > ' ' && c < 127 && !in("#\\")) classes |= kTarget;
    if (alnum || in("-._")) classes |= kHost;
    table[c] = static_cast<unsigned char>(classes);
  }
  return table;
}();

constexpr bool is(CharClass which, char c) noexcept {
  return (kClassesOf[static_cast<unsigned char>(c)] & which) != 0;
}
// How many bytes at the front are of the class.
inline std::size_t run(CharClass which, std::string_view bytes) noexcept {
  std::size_t size = 0;
  for (std::uint64_t eight, bad = 0; which == kText && !bad && bytes.size() - size >= 8;) {
    std::memcpy(&eight, bytes.data() + size, 8);
    constexpr std::uint64_t kEach = 0x0101010101010101, kTop = 0x80 * kEach;
    const std::uint64_t del = eight ^ 0x7f * kEach;  // a byte of 0 for each 0x7f
    bad = (((eight - 0x20 * kEach) & ~eight) | ((del - kEach) & ~del)) & kTop;
    if (!bad || std::endian::native == std::endian::little) size += static_cast<unsigned>(std::countr_zero(bad)) / 8;
  }
  while (size != bytes.size() && is(which, bytes[size])) ++size;
  return size;
}
inline bool all(CharClass which, std::string_view bytes) noexcept {
  return run(which, bytes) == bytes.size();
}

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; }
// Whether they are equal but for the case of letters.
constexpr bool same(std::string_view a, std::string_view b) noexcept {
  const auto alike = [](char c, char d) { return lower(c) == lower(d); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), alike);
}

// Takes the front off, up to the mark, which goes as well.
constexpr std::string_view cut(std::string_view& text, char mark) noexcept {
  const std::string_view front = text.substr(0, text.find(mark));
  text.remove_prefix(std::min(front.size() + 1, text.size()));
  return front;
}

// Without the blanks around it.
constexpr std::string_view trim(std::string_view text) noexcept {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// The number below 2^63 that the text is, if it is just digits, and no more than that takes.
std::optional<std::uint64_t> number(std::string_view text, int base = 10) noexcept;
// Takes host [":" [port]] apart, if it is that: a name or [an IPv6 address] (the brackets go); 5 digits.
std::optional<std::pair<std::string_view, std::string_view>> split_host(std::string_view text);
// The bytes in quotes, for a message: what does not print as \xNN, and cut if there are many.
std::string quoted(std::string_view bytes);
// Throws "URL: expected a port at offset 9, found 'x'". It shows `found` alone: `text` may be secret.
[[noreturn]] void refuse(const char* what, std::string_view text, std::string_view found,
                         const std::string& expected, int status = 0);
}  // namespace hob::inline v0::http::chars
