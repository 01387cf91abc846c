// SPDX-License-Identifier: MIT
//
// url.cpp — takes URLs apart, resolves them and puts them together; does and undoes escapes.
//
// Called by the client and its users; calls chars.hpp and Address. Sections are RFC 3986's.
#include "url.hpp"

#include <algorithm>

#include "address.hpp"
#include "chars.hpp"

namespace hob::inline v0::http {

std::optional<std::pair<std::string_view, std::string_view>> split_host(std::string_view text) {
  const bool bracket = text.starts_with('[');
  std::size_t size = bracket ? text.find(']') + 1 : 0;
  while (!bracket && size != text.size() && is(kHost, text[size])) ++size;
  std::string_view host = text.substr(0, size), port = text.substr(size);
  if (host.empty() || port.size() > 6 || (!port.empty() && port[0] != ':')) return std::nullopt;
  port.remove_prefix(!port.empty());
  if (bracket) host = host.substr(1, size - 2);
  const auto has = [&](char c) { return host.find(c) != host.npos; };
  if (bracket && (!has(':') || has('%') || !net::Address::numeric(host, 0))) return std::nullopt;
  if (!all(kDigit, port)) return std::nullopt;
  return std::pair(host, port);
}

namespace {

// The byte that the escape at this offset stands for.
char unescaped(std::string_view text, std::size_t at, int answer = 0) {
  const std::string_view escape = text.substr(at, 3);
  const auto byte = number(escape.substr(1), 16);
  if (escape.size() != 3 || !byte) refuse("URL", text, escape, "'%' and two hex digits", answer);
  return static_cast<char>(*byte);
}

// No byte that could change the meaning of any part.
void check_bytes(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') unescaped(text, i);
    else if (!is(kTarget, text[i]) && text[i] != '#') {
      refuse("URL", text, text.substr(i, 1), "visible ASCII without '\\'");
    }
  }
}

std::string lowered(std::string_view text) {
  std::string low(text);
  std::transform(low.begin(), low.end(), low.begin(), lower);
  return low;
}

// Whether no label is empty, and it is an IPv4 address if it ends in a number: to some resolver it
// were one (3.2.2).
bool is_unmistakable(const std::string& host) {
  const std::string dotted = '.' + host + (host.ends_with('.') ? "" : ".");
  if (dotted.find("..") != dotted.npos) return false;
  std::string_view last(dotted.data(), dotted.size() - 1);
  last.remove_prefix(last.rfind('.') + 1);
  const bool hex = last.starts_with("0x");
  return !all(hex ? kHex : kDigit, last.substr(hex ? 2 : 0)) || net::Address::numeric(host, 0);
}

unsigned short default_port(std::string_view scheme) noexcept { return scheme == "https" ? 443 : 80; }

// 5.2.4
std::string without_dots(std::string_view path) {
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

}  // namespace

Url Url::parse(std::string_view text) {
  check_bytes(text);
  Url url;
  url.scheme = lowered(text.substr(0, text.find("://") + 3));  // 2 bytes if it is not there
  if (url.scheme != "http://" && url.scheme != "https://") {
    refuse("URL", text, text.substr(0, 8), "http:// or https://");
  }
  std::string_view rest = text.substr(url.scheme.size());
  url.scheme.resize(url.scheme.size() - 3);
  std::string_view server = rest.substr(0, rest.find_first_of("/?#"));
  rest.remove_prefix(server.size());

  if (const std::size_t at = server.find('@'); at != server.npos) {
    url.userinfo = server.substr(0, at);
    server.remove_prefix(at + 1);
    const std::size_t second = std::min(server.find('@'), server.size());
    if (second != server.size()) refuse("URL", text, server.substr(second, 1), "one '@' at most");
    const std::string user = decode(url.userinfo.substr(0, url.userinfo.find(':')));
    const std::string both = decode(url.userinfo);
    if (user.find(':') != user.npos || !all(kText, both) || both.find('\t') != both.npos) {
      refuse("URL", text, server.substr(0, 0), "no control byte, and no ':' in the user, before this");
    }
  }

  const auto split = split_host(server);
  if (split) url.host = lowered(split->first);
  if (!split || !is_unmistakable(url.host)) {
    refuse("URL", text, server, "a name, four decimal octets or [an IPv6 address], or that and a port");
  }
  const std::string_view port = split->second;
  const auto wanted = port.empty() ? default_port(url.scheme) : number(port);
  if (!wanted || *wanted > 65535 || port.starts_with('0')) refuse("URL", text, port, "a port");
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
  for (const char c : text) {
    if (is(kHost, c) || c == '~') encoded += c;
    else append_hex(encoded += '%', c);
  }
  return encoded;
}

std::string decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') decoded += text[i];
    else decoded += unescaped(text, i, 400), i += 2;
  }
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
