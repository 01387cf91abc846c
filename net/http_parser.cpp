// SPDX-License-Identifier: MIT
//
// http_parser.cpp — a head is read line by line, and then asked how its body is framed.
//
// Called by client and server; calls what message.hpp ends with. Sections are RFC 9112's.
#include "http_parser.hpp"

namespace hob::inline v0::http {
using namespace chars;

namespace {
// Understands lines, which are text without its CRLF, or refuses them.
struct Reader {
  const char* const what;
  const std::string_view bytes;
  const bool is_request;

  [[noreturn]] void no(std::string_view found, const std::string& expected, int answer = 400) const {
    refuse(what, bytes, found, expected, is_request ? answer : 0);
  }

  // 3. Of a target in absolute-form, keeps path and query, and the host.
  void request_line(std::string_view line, Head& head) const {
    head.method = take<kToken>(line, ' ', "a method and a blank");
    const std::string_view target = take<kTarget>(line, ' ', "a target and a blank");
    head.minor = version(line);
    head.target = target;
    if (head.method == "CONNECT") no(target, "a method other than CONNECT", 501);
    if (target[0] == '/' || (target == "*" && head.method == "OPTIONS")) return;
    const std::string_view scheme = target.substr(0, target.find("//") + 2);  // a byte without one
    const bool http = same(scheme, "http://") || same(scheme, "https://");
    if (!http) no(target, "a path or an http URL as target");
    const std::string_view rest = target.substr(scheme.size());
    head.host = rest.substr(0, rest.find('/'));
    if (!split_host(head.host)) no(rest, "a host and a path in the target");
    head.target = head.host.size() == rest.size() ? "/" : rest.substr(head.host.size());
  }

  // 4
  void status_line(std::string_view line, Head& head) const {
    head.minor = version(cut(line, ' '));
    const auto status = number(line.substr(0, 3));
    if (!status || *status < 100) no(line, "a status");
    if (line.size() > 3 && line[3] != ' ') no(line.substr(3), "a blank and a reason");
    head.status = static_cast<int>(*status);
    head.reason = trim(line.substr(3));
  }

  // 5
  Field field(std::string_view line) const {
    const std::string_view name = take<kToken>(line, ':', "a field's name and ':'");
    return {name, trim(line)};
  }

  // What the fields say about the body and the connection (6.3, 9.3).
  void framing(Head& head) const {
    const Field *host = nullptr, *length = nullptr, *coding = nullptr;
    bool keep = head.minor == 1, close = false;
    const auto once = [&](const Field*& kept, const Field& field) {
      if (kept != nullptr) no(field.name, "no second " + std::string(field.name));
      kept = &field;
    };
    for (const Field& field : head.fields) {
      if (same(field.name, "Content-Length")) once(length, field);
      else if (same(field.name, "Transfer-Encoding")) once(coding, field);
      else if (same(field.name, "Connection")) {
        for (std::string_view rest = field.value; !rest.empty();) {
          const std::string_view option = trim(cut(rest, ','));
          close |= same(option, "close");
          keep |= same(option, "keep-alive");
        }
      } else if (is_request && same(field.name, "Host")) once(host, field);
      else if (is_request && head.minor == 1 && same(field.name, "Expect")) {
        if (!same(field.value, "100-continue")) no(field.value, "100-continue in Expect", 417);
        head.expect_continue = true;
      }
    }
    head.keep_alive = keep && !close;

    if (host != nullptr) {
      if (!split_host(host->value)) no(host->value, "a host in Host");
      const bool other = !head.host.empty() && !same(head.host, host->value);
      if (other) no(host->value, "the target's host in Host");
      head.host = host->value;
    } else if (is_request && head.minor == 1) {
      no(head.method, "a Host among the fields");
    }
    if (length != nullptr) {
      const auto size = number(length->value);
      if (!size) no(length->value, "digits in Content-Length");
      head.length = *size;
      head.body = *size == 0 ? Body::none : Body::length;
    }
    if (coding != nullptr) {
      if (head.minor == 0) no(coding->name, "no Transfer-Encoding in HTTP/1.0");
      if (length != nullptr) no(length->name, "no Content-Length beside Transfer-Encoding");
      if (!same(coding->value, "chunked")) no(coding->value, "a Transfer-Encoding of chunked", 501);
      head.body = Body::chunked;
    } else if (length == nullptr && !is_request) {
      head.body = Body::until_close;
    }
    head.expect_continue &= head.body != Body::none;
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

  // The n of HTTP/1.n.
  int version(std::string_view text) const {
    const bool other = text.size() == 8 && text.starts_with("HTTP/") && text[6] == '.';
    const bool is_1 = text == "HTTP/1.1" || text == "HTTP/1.0";
    if (!is_1) no(text, "HTTP/1.1 or HTTP/1.0", other ? 505 : 400);
    return text[7] - '0';
  }
};
}  // namespace

std::size_t HeadParser::parse(std::string_view bytes, Head& head, bool is_request) {
  if (bytes.size() < text_) throw std::logic_error("HeadParser: fewer bytes than in the last call");
  const Reader reader{"HTTP", bytes, is_request};
  const std::size_t first = is_request && bytes.starts_with("\r\n") ? 2 : 0;
  const std::size_t most = std::min(limits_.fields, head.room.size());
  const bool whole = line_ <= first;
  head = Head(head.room);
  line_ = std::max(line_, first);
  for (;; line_ = text_ + 2) {
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
      is_request ? reader.request_line(line, head) : reader.status_line(line, head);
    } else if (!line.empty()) {
      if (fields_ == most) reader.no(line, "at most " + std::to_string(most) + " fields", 431);
      head.room[fields_++] = reader.field(line);
    } else {
      const std::size_t end = text_ + 2;
      head.fields = head.room.first(fields_);
      reset();
      // Lines that an earlier call has read are read again: their bytes may have moved.
      if (!whole) return parse(bytes, head, is_request);
      reader.framing(head);
      return end;
    }
  }
}

std::size_t HeadParser::request(std::string_view bytes, Head& head) { return parse(bytes, head, true); }

std::size_t HeadParser::response(std::string_view bytes, Head& head, std::string_view method) {
  const std::size_t size = parse(bytes, head, false);
  const bool never = head.status < 200 || head.status == 204;
  if (never && (head.body == Body::chunked || head.body == Body::length)) head.keep_alive = false;
  if (never || head.status == 304 || method == "HEAD") head.body = Body::none;
  if (head.body == Body::until_close) head.keep_alive = false;
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
  static constexpr std::string_view kRefused[] = {
      "Authorization", "Cache-Control", "Connection", "Content-Encoding", "Content-Length",
      "Content-Range", "Content-Type", "Cookie", "Expect", "Host", "Set-Cookie", "TE", "Trailer",
      "Transfer-Encoding"};
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
    at_ = At::size;
    room_ = limits_.chunk_line + 2;
  } else if (line.empty()) {
    at_ = At::done;
  } else {
    room_ -= line.size() + 2;
    const Field field = reader.field(line);
    for (const std::string_view name : kRefused) {
      if (same(field.name, name)) reader.no(line, "another trailer");
    }
    trailers_.add(field.name, field.value);
  }
  line_.clear();
}
}  // namespace hob::inline v0::http
