// SPDX-License-Identifier: MIT
// message.cpp — what bytes make: Headers, statuses, dates, URLs. Called by all of HTTP; calls Address.
#include "message.hpp"
#include <charconv>
#include <cstdio>
#include <ctime>

namespace hob::inline v0::http {
using namespace chars;

std::optional<std::uint64_t> chars::number(std::string_view text, int base) noexcept {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  const bool fits = text.size() <= (base == 16 ? 16 : 19) && value >> 63 == 0;
  return error == std::errc() && stop == end && fits ? std::optional(value) : std::nullopt;
}

constexpr char kHex[] = "0123456789ABCDEF";
std::string chars::quoted(std::string_view bytes) {
  std::string text = "'";
  for (const char c : bytes.substr(0, 40))
    if (c >= ' ' && c < 127) text += c;
    else text.append({'\\', 'x', kHex[c >> 4 & 15], kHex[c & 15]});
  return text += bytes.size() > 40 ? "...'" : "'";
}

void chars::refuse(const char* what, std::string_view text, std::string_view found,
                   const std::string& expected, int status) {
  throw ProtocolError(what + (": expected " + expected) + " at offset " +
                      std::to_string(found.data() - text.data()) + ", found " + quoted(found), status);
}

std::optional<std::string_view> Headers::get(std::string_view name) const noexcept {
  for (std::string_view rest = block_; !rest.empty(); cut(rest, '\n'))
    if (rest.size() > name.size() && rest[name.size()] == ':' && same(rest.substr(0, name.size()), name))
      return (*Iterator(rest)).value;
  return std::nullopt;
}

// As it is sent. (Name and value may be views into the block that it is for.)
static std::string line_of(std::string_view name, std::string_view value) {
  if (!is_token(name)) throw std::invalid_argument("header " + quoted(name) + ": the name is not a token");
  if (const std::size_t good = run(kText, value); good != value.size())
    throw std::invalid_argument("header " + quoted(name) + ": its value has a control byte at offset " +
                                std::to_string(good) + ": " + quoted(value));
  value = trim(value);
  std::string line;
  line.reserve(name.size() + value.size() + 4);
  append_line(line, {name, value});
  return line;
}
void Headers::add(std::string_view name, std::string_view value) { block_ += line_of(name, value); }

void Headers::set(std::string_view name, std::string_view value) {
  std::string line = line_of(name, value);
  if (contains(name)) remove(name);
  block_.empty() ? block_.swap(line) : void(block_ += line);
}

std::size_t Headers::remove(std::string_view name) {
  Headers kept;
  for (const Field& field : *this)
    if (!same(field.name, name)) kept.block_.append(line(field));
  block_.swap(kept.block_);
  return kept.size() - size();
}

std::string Request::path() const { return decode(target.substr(0, target.find('?'))); }
std::optional<std::string> Request::query(std::string_view name) const {
  std::string_view rest = target;
  cut(rest, '?');
  while (!rest.empty()) {
    std::string_view value = cut(rest, '&');
    if (decode_form(cut(value, '=')) == name) return decode_form(value);
  }
  return std::nullopt;
}

void Response::raise_for_status() const {
  if (status < 400) return;
  const std::string phrase(reason.empty() ? reason_phrase(status) : reason);
  throw StatusError(std::to_string(status) + ' ' + phrase + ": " + url, status);
}

std::string http_date(std::int64_t unix_seconds) {
  static constexpr char kDays[] = "SunMonTueWedThuFriSat";
  static constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::time_t when = unix_seconds;
  std::tm t{};
  gmtime_r(&when, &t);
  char text[64];
  std::snprintf(text, sizeof text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", kDays + 3 * t.tm_wday,
                t.tm_mday, kMonths + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  return text;
}

std::string_view reason_phrase(int status) noexcept {
  static constexpr std::pair<int, std::string_view> kPhrases[] = {
      {100, "Continue"}, {200, "OK"}, {201, "Created"}, {204, "No Content"},
      {206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"},
      {304, "Not Modified"}, {307, "Temporary Redirect"}, {308, "Permanent Redirect"},
      {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
      {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"},
      {411, "Length Required"}, {413, "Content Too Large"}, {414, "URI Too Long"},
      {415, "Unsupported Media Type"}, {417, "Expectation Failed"}, {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
      {501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"},
      {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"}};
  for (const auto& [code, phrase] : kPhrases) if (code == status) return phrase;
  return "Unknown";
}
bool is_token(std::string_view text) noexcept { return !text.empty() && all(kToken, text); }

// --- URLs: sections are RFC 3986's ---------------------------------------------------------------
std::optional<std::pair<std::string_view, std::string_view>> chars::split_host(std::string_view text) {
  const bool bracket = text.starts_with('[');
  const std::size_t size = bracket ? text.find(']') + 1 : run(kHost, text);
  std::string_view host = text.substr(0, size), port = text.substr(size);
  if (host.empty() || port.size() > 6 || (!port.empty() && port[0] != ':')) return std::nullopt;
  cut(port, ':');
  if (!port.empty() && !number(port)) return std::nullopt;
  if (bracket) host = host.substr(1, size - 2);
  const auto has = [&](char c) { return host.find(c) != host.npos; };
  if (bracket && (!has(':') || has('%') || !net::Address::numeric(host, 0))) return std::nullopt;
  return std::pair(host, port);
}

// The byte that the escape at this offset stands for.
static char unescaped(std::string_view text, std::size_t at, int answer = 0) {
  const std::string_view escape = text.substr(at, 3);
  const auto byte = number(escape.substr(1), 16);
  if (escape.size() != 3 || !byte) refuse("URL", text, escape, "'%' and two hex digits", answer);
  return static_cast<char>(*byte);
}

// Whether no label is empty, and it is an IPv4 address if it ends in a number, as to some it is (3.2.2).
static bool is_unmistakable(const std::string& host) {
  const std::string dotted = '.' + host + (host.ends_with('.') ? "" : ".");
  if (dotted.find("..") != dotted.npos) return false;
  std::string_view last(dotted.data(), dotted.size() - 1);
  last.remove_prefix(last.rfind('.') + 1);
  const bool hex = last.starts_with("0x");
  const char* const digits = hex ? "0123456789abcdef" : "0123456789";
  return last.find_first_not_of(digits, hex ? 2 : 0) != last.npos || net::Address::numeric(host, 0);
}

static unsigned short default_port(std::string_view scheme) noexcept { return scheme == "https" ? 443 : 80; }
// 5.2.4
static std::string without_dots(std::string_view path) {
  std::string kept;
  while (!path.empty()) {
    const std::string_view segment = path.substr(0, path.find('/', 1));
    path.remove_prefix(segment.size());
    const bool up = segment == "/..";
    if (up) kept.erase(std::min(kept.rfind('/'), kept.size()));
    if (!up && segment != "/.") kept += segment;
    else if (path.empty()) kept += '/';
  }
  return kept;
}

Url Url::parse(std::string_view text) {
  const auto no = [&](auto found, auto expected) { refuse("URL", text, found, expected); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is(kTarget, text[i]) && text[i] != '#') no(text.substr(i, 1), "visible ASCII without '\\'");
    if (text[i] == '%') unescaped(text, i);
  }
  Url url;
  const bool secure = same(text.substr(0, 8), "https://");
  if (!secure && !same(text.substr(0, 7), "http://")) no(text.substr(0, 8), "http:// or https://");
  url.scheme = secure ? "https" : "http";
  std::string_view rest = text.substr(url.scheme.size() + 3);
  std::string_view server = rest.substr(0, rest.find_first_of("/?#"));
  rest.remove_prefix(server.size());

  if (const std::size_t at = server.find('@'); at != server.npos) {
    url.userinfo = server.substr(0, at);
    server.remove_prefix(at + 1);
    const std::size_t second = server.find('@');
    if (second != server.npos) no(server.substr(second, 1), "one '@' at most");
    const std::string user = decode(url.userinfo.substr(0, url.userinfo.find(':')));
    const std::string both = decode(url.userinfo);
    const bool plain = all(kText, both) && both.find('\t') == both.npos && user.find(':') == user.npos;
    if (!plain) no(server.substr(0, 0), "no control byte, and no ':' in the user, before this");
  }

  const auto split = split_host(server);
  for (const char c : split ? split->first : "") url.host += lower(c);
  const bool good = split && is_unmistakable(url.host);
  if (!good) no(server, "a name, four decimal octets or [an IPv6 address], or that and a port");
  const std::string_view port = split->second;
  const auto wanted = port.empty() ? default_port(url.scheme) : number(port);
  if (!wanted || *wanted > 65535 || port.starts_with('0')) no(port, "a port");
  url.port = static_cast<unsigned short>(*wanted);
  rest = rest.substr(0, rest.find('#'));
  const std::string_view path = rest.substr(0, rest.find('?'));
  url.target = without_dots(path.empty() ? "/" : path).append(rest.substr(path.size()));
  return url;
}

// 5.2.2; what has a scheme, or a ':' where a path has none (4.2), is a whole URL or none.
Url Url::resolve(std::string_view reference) const {
  const std::size_t mark = std::min(reference.find_first_of(":/?#"), reference.size());
  if (reference.substr(mark).starts_with(':')) return parse(reference);
  if (reference.starts_with("//")) return parse(scheme + ':' + std::string(reference));
  const std::string path = target.substr(0, target.find('?'));
  std::string base = scheme + "://" + userinfo + (userinfo.empty() ? "" : "@") + host_header();
  if (reference.empty() || reference[0] == '#') base += target;
  else if (reference[0] == '?') base += path;
  else if (reference[0] != '/') base += path.substr(0, path.rfind('/') + 1);
  return parse(base.append(reference));
}

std::string Url::credentials() const {
  const bool alone = !userinfo.empty() && userinfo.find(':') == userinfo.npos;
  return decode(userinfo) + (alone ? ":" : "");
}

std::string Url::host_header() const {
  std::string text = host.find(':') == host.npos ? host : '[' + host + ']';
  return port == default_port(scheme) ? text : text + ':' + std::to_string(port);
}

std::string Url::origin() const {
  return scheme + "://" + host_header() + (port == default_port(scheme) ? ':' + std::to_string(port) : "");
}
std::string Url::to_string() const { return scheme + "://" + host_header() + target; }

std::string encode_component(std::string_view text) {
  std::string encoded;
  for (const char c : text)
    if (is(kHost, c) || c == '~') encoded += c;
    else encoded.append({'%', kHex[c >> 4 & 15], kHex[c & 15]});
  return encoded;
}

std::string decode(std::string_view text) {
  if (text.find('%') == text.npos) return std::string(text);
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != '%') decoded += text[i];
    else decoded += unescaped(text, i, 400), i += 2;
  return decoded;
}

std::string encode_form(std::initializer_list<Field> fields) {
  std::string form;
  for (const auto& [name, value] : fields) {
    form.append(form.empty() ? "" : "&").append(encode_component(name)) += '=';
    for (const char c : value) form += c == ' ' ? "+" : encode_component({&c, 1});
  }
  return form;
}

std::string decode_form(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return decode(spaced);
}
}  // namespace hob::inline v0::http
