// SPDX-License-Identifier: MIT
// http_parser.cpp — a head is read line by line, and then it is said how its body is framed.
// Called by client and server; calls what message.hpp ends with. Sections are RFC 9112's.
#include "http_parser.hpp"

namespace hob::inline v0::http {
using namespace chars;

// Takes lines, which are text without its CRLF, apart, or refuses them.
struct Reader {
  const char* const what;
  const std::string_view bytes;
  const bool is_request;
  [[noreturn]] void no(std::string_view found, const std::string& expected, int answer = 400) const {
    refuse(what, bytes, found, expected, is_request ? answer : 0);
  }

  // Takes a run of a class off the line, and the byte that must be behind it.
  template <CharClass which>
  std::string_view take(std::string_view& line, char behind, const char* expected) const {
    const std::size_t size = run(which, line);
    if (size == 0 || size == line.size() || line[size] != behind) no(line.substr(size), expected);
    const std::string_view taken = line.substr(0, size);
    line.remove_prefix(size + 1);
    return taken;
  }

  // 5
  Field field(std::string_view line) const {
    const std::string_view name = take<kToken>(line, ':', "a field's name and ':'");
    return {name, trim(line)};
  }

  // The n of HTTP/1.n.
  int version(std::string_view text) const {
    const bool other = text.size() == 8 && text.starts_with("HTTP/") && text[6] == '.';
    if (text != "HTTP/1.1" && text != "HTTP/1.0") no(text, "HTTP/1.1 or HTTP/1.0", other ? 505 : 400);
    return text[7] - '0';
  }
};

// Remembers what frames the message (6, 7.6.1).
void HeadParser::field(const Reader& reader, const Field& field) {
  const auto& [name, value] = field;
  const auto once = [&](bool& seen) {
    if (std::exchange(seen, true)) reader.no(field.name, "no second " + std::string(field.name));
  };
  if (same(name, "Content-Length")) {
    once(seen_.has_length);
    const auto length = number(value);
    if (!length) reader.no(value, "digits in Content-Length");
    head_.length = *length;
  } else if (same(name, "Transfer-Encoding")) {
    once(seen_.has_coding);
    if (head_.minor == 0) reader.no(name, "no Transfer-Encoding in HTTP/1.0");
    if (!same(value, "chunked"))
      seen_.coding = static_cast<std::size_t>(value.data() - reader.bytes.data());
  } else if (same(name, "Connection")) {
    for (std::string_view rest = value; !rest.empty();) {
      const std::string_view option = trim(cut(rest, ','));
      seen_.close |= same(option, "close");
      head_.keep_alive |= same(option, "keep-alive");
    }
  } else if (reader.is_request && same(name, "Host")) {
    once(seen_.has_host);
    if (!split_host(value)) reader.no(value, "a host in Host");
    if (!seen_.host.empty() && !same(seen_.host, value)) reader.no(value, "the target's host in Host");
  } else if (reader.is_request && head_.minor == 1 && same(name, "Expect")) {
    if (!same(value, "100-continue")) reader.no(value, "100-continue in Expect", 417);
    head_.expect_continue = true;
  }
  if (seen_.has_length && seen_.has_coding)
    reader.no(name, "no Content-Length beside Transfer-Encoding");
}

// What all fields say together (6.3, 9.3).
void HeadParser::frame(const Reader& reader) {
  const bool needs_host = reader.is_request && head_.minor == 1 && !seen_.has_host;
  if (needs_host) reader.no(reader.bytes.substr(line_, 0), "a Host among the fields");
  if (seen_.coding != 0) {
    const std::string_view coding = reader.bytes.substr(seen_.coding);
    reader.no(coding.substr(0, coding.find('\r')), "a Transfer-Encoding of chunked", 501);
  }
  if (seen_.has_coding) head_.body = Body::chunked;
  else if (head_.length != 0) head_.body = Body::length;
  else if (!seen_.has_length && !reader.is_request) head_.body = Body::until_close;
  head_.keep_alive = (head_.keep_alive || head_.minor == 1) && !seen_.close;
  head_.expect_continue &= head_.body != Body::none;
}

std::size_t HeadParser::parse(const Reader& reader, Headers& headers, auto begin) {
  const std::string_view bytes = reader.bytes;
  if (bytes.size() < text_) throw std::logic_error("HeadParser: fewer bytes than in the last call");
  const std::size_t first = reader.is_request && bytes.starts_with("\r\n") ? 2 : 0;
  for (line_ = std::max(line_, first);; line_ = text_ + 2) {
    text_ = std::max(text_, line_);
    const std::string_view room = bytes.substr(line_, std::min(limits_.line, limits_.head - line_));
    const std::size_t known = text_ - line_, size = known + run(kText, room.substr(known));
    text_ = line_ + size;
    if (!room.substr(size).starts_with("\r\n")) {
      const std::size_t lf = room.find('\n', size);
      if (lf != room.npos) reader.no(room.substr(size, lf + 1 - size), "CRLF");
      if (line_ + room.size() == bytes.size()) return 0;
      const std::string expected = "CRLF within " + std::to_string(room.size()) + " bytes";
      reader.no(room, expected, line_ == first ? 414 : 431);
    }
    const std::string_view line = room.substr(0, size);
    if (line_ == first) {
      head_ = {}, seen_ = {};
      begin(line);
      headers.clear();
      headers.block_.reserve(std::min<std::size_t>(bytes.size() - text_, 512));
    } else if (!line.empty()) {
      const bool full = seen_.fields++ == limits_.fields;
      if (full) reader.no(line, "at most " + std::to_string(limits_.fields) + " fields", 431);
      const auto [name, value] = reader.field(line);
      field(reader, {name, value});
      const bool as_sent = name.size() + value.size() + 2 == size && line[name.size() + 1] == ' ';
      if (as_sent) headers.block_.append(line).append("\r\n");
      else append_line(headers.block_, {name, value});
    } else {
      frame(reader);
      line_ = 0;
      return std::exchange(text_, 0) + 2;
    }
  }
}

// 3. Of a target in absolute-form, keeps path and query, and the host.
std::size_t HeadParser::request(std::string_view bytes, Request& request) {
  const Reader reader{"HTTP", bytes, true};
  return parse(reader, request.headers, [&](std::string_view line) {
    request.method = reader.take<kToken>(line, ' ', "a method and a blank");
    std::string_view target = reader.take<kTarget>(line, ' ', "a target and a blank");
    head_.minor = reader.version(line);
    if (request.method == "CONNECT") reader.no(target, "a method other than CONNECT", 501);
    if (target[0] != '/' && (target != "*" || request.method != "OPTIONS")) {
      const std::string_view scheme = target.substr(0, target.find("//") + 2);  // a byte without one
      const bool http = same(scheme, "http://") || same(scheme, "https://");
      if (!http) reader.no(target, "a path or an http URL as target");
      target.remove_prefix(scheme.size());
      seen_.host = target.substr(0, target.find('/'));
      if (!split_host(seen_.host)) reader.no(target, "a host and a path in the target");
      target.remove_prefix(seen_.host.size());
    }
    request.target = target.empty() ? "/" : target;
  });
}

// 4
std::size_t HeadParser::response(std::string_view bytes, Response& response, std::string_view method) {
  const Reader reader{"HTTP", bytes, false};
  const std::size_t size = parse(reader, response.headers, [&](std::string_view line) {
    head_.minor = reader.version(cut(line, ' '));
    const auto status = number(line.substr(0, 3));
    if (!status || *status < 100) reader.no(line, "a status");
    if (line.size() > 3 && line[3] != ' ') reader.no(line.substr(3), "a blank and a reason");
    response.status = static_cast<int>(*status);
    response.reason = trim(line.substr(3));
  });
  if (size == 0) return 0;
  const bool never = response.status < 200 || response.status == 204;
  if (never && (head_.body == Body::chunked || head_.body == Body::length)) head_.keep_alive = false;
  if (never || response.status == 304 || method == "HEAD") head_.body = Body::none;
  if (head_.body == Body::until_close) head_.keep_alive = false;
  return size;
}

// --- ChunkParser ---------------------------------------------------------------------------------
ChunkParser::Step ChunkParser::next(std::string_view bytes) {
  std::size_t used = 0;
  while (used != bytes.size() && at_ != At::data && at_ != At::done) frame(bytes[used++]);
  if (at_ != At::data) return {{}, used};
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - used));
  left_ -= size;
  if (left_ == 0) at_ = At::data_end, room_ = 2;
  return {bytes.substr(used, size), used + size};
}

// All that is not data is lines.
void ChunkParser::frame(char c) {
  static constexpr std::string_view kRefused[] = {"Authorization", "Cache-Control", "Connection",
      "Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Cookie", "Expect",
      "Host", "Set-Cookie", "TE", "Trailer", "Transfer-Encoding"};
  const bool cr = line_.ends_with('\r'), lf = c == '\n';
  line_ += c;
  const Reader reader{"chunk", line_, is_request_};
  const std::string_view line(line_.data(), line_.size() - (cr ? 2 : 1));
  if (line_.size() > room_) reader.no(line_, "CRLF", at_ == At::trailers ? 431 : 400);
  if (cr != lf || (lf && !all(kText, line))) reader.no(line_, "text and CRLF");
  if (!lf) return;
  if (at_ == At::size) {
    const auto size = number(line.substr(0, line.find(';')), 16);
    if (!size) reader.no(line, "a size below 2^63 in hex, and ';' or CRLF");
    left_ = *size;
    at_ = left_ == 0 ? At::trailers : At::data;
    room_ = limits_.trailers;
  } else if (at_ == At::data_end) {
    at_ = At::size, room_ = limits_.chunk_line + 2;
  } else if (line.empty()) {
    at_ = At::done;
  } else {
    room_ -= line.size() + 2;
    const Field field = reader.field(line);
    for (const std::string_view name : kRefused)
      if (same(field.name, name)) reader.no(line, "another trailer");
    trailers_.add(field.name, field.value);
  }
  line_.clear();
}
}  // namespace hob::inline v0::http
