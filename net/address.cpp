// SPDX-License-Identifier: MIT
// address.cpp — sockaddr in and out of text. Calls inet_pton(3), inet_ntop(3): no system calls.
#include "address.hpp"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace hob::inline v0::net {
const int kStream = SOCK_STREAM;
const int kDatagram = SOCK_DGRAM;

namespace {
static_assert(Address::kRoom >= sizeof(sockaddr_un));
constexpr std::size_t kPathAt = offsetof(sockaddr_un, sun_path);

[[noreturn]] void refuse(const char* expected, std::string_view text) {
  throw std::invalid_argument(std::string("address: expected ") + expected + ", found \"" +
                              std::string(text.substr(0, 100)) + '"');
}

// A decimal number up to `most`, and nothing else: no sign, no blank, no leading zero.
bool number(std::string_view text, unsigned long most, unsigned long& value) noexcept {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value <= most;
}

template <class T> Address made(const T& from, std::size_t size = sizeof(T)) noexcept {
  return Address::of(reinterpret_cast<const sockaddr*>(&from), static_cast<unsigned>(size));
}

// As if it were IPv6's: family and port stand in the same place in IPv4's.
constexpr std::size_t kPortAt = offsetof(sockaddr_in6, sin6_port);
static_assert(kPortAt == offsetof(sockaddr_in, sin_port));
sockaddr_in6 inet(const Address& address) noexcept {
  sockaddr_in6 to{};
  std::memcpy(&to, address.data(), std::min<std::size_t>(sizeof to, address.size()));
  return to;
}

bool has_port(const Address& address) noexcept {
  return address.family() == AF_INET || address.family() == AF_INET6;
}
}  // namespace

Address Address::parse(std::string_view text) {
  if (text.starts_with("unix:")) return unix_path(text.substr(5));
  const std::size_t colon = text.rfind(':');
  unsigned long port = 0;
  if (colon == text.npos || !number(text.substr(colon + 1), 65535, port))
    refuse("HOST:PORT or unix:/path", text);
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty() || (host.find(':') != host.npos) != bracketed)
    refuse("a numeric host, IPv6 in brackets", text);
  return of(host, static_cast<unsigned short>(port));
}

Address Address::of(std::string_view host, unsigned short port) {
  if (const auto address = numeric(host, port)) return *address;
  refuse("a numeric host", host);
}

std::optional<Address> Address::numeric(std::string_view host, unsigned short port) {
  if (host.find('\0') != host.npos) return std::nullopt;
  const std::string text(host);  // inet_pton wants a terminator
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) return made(v4).with_port(port);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  if (host.empty()) return made(v6).with_port(port);
  const std::size_t zone = text.find('%');
  unsigned long scope = 0;
  if (zone != text.npos && !number(host.substr(zone + 1), 0xffffffff, scope)) return std::nullopt;
  if (inet_pton(AF_INET6, text.substr(0, zone).c_str(), &v6.sin6_addr) != 1) return std::nullopt;
  v6.sin6_scope_id = static_cast<std::uint32_t>(scope);
  return made(v6).with_port(port);
}

Address Address::unix_path(std::string_view path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof name.sun_path || path.find('\0') != path.npos)
    refuse("a path that fits a Unix socket (some 100 bytes)", path);
  std::memcpy(name.sun_path, path.data(), path.size());
  std::size_t size = kPathAt + path.size() + 1;
#ifdef __linux__
  if (path[0] == '@') name.sun_path[0] = '\0', --size;
#endif
  return made(name, size);
}

Address Address::of(const sockaddr* address, unsigned size) noexcept {
  Address copy;
  copy.size_ = std::min(size, kRoom);
  std::memcpy(copy.bytes_, address, copy.size_);
#ifndef __linux__
  copy.bytes_[0] = static_cast<unsigned char>(copy.size_);  // sa_len, which the kernels fill in too
#endif
  return copy;
}

// A Unix socket without a name has a family and nothing else.
int Address::family() const noexcept {
  return size_ <= kPathAt || size_ > kRoom ? 0 : inet(*this).sin6_family;
}
bool Address::is_unix() const noexcept { return family() == AF_UNIX; }

std::string Address::host() const {
  if (is_unix()) {
    const std::string_view path(reinterpret_cast<const char*>(bytes_) + kPathAt, size_ - kPathAt);
#ifdef __linux__
    if (path.size() > 1 && path[0] == '\0') return '@' + std::string(path.substr(1));
#endif
    return std::string(path.substr(0, path.find('\0')));
  }
  if (!has_port(*this)) return "";
  const bool v4 = family() == AF_INET;
  const auto at = v4 ? offsetof(sockaddr_in, sin_addr) : offsetof(sockaddr_in6, sin6_addr);
  char text[INET6_ADDRSTRLEN];
  const std::string host = inet_ntop(family(), bytes_ + at, text, sizeof text);
  const auto zone = v4 ? 0 : inet(*this).sin6_scope_id;
  return zone == 0 ? host : host + '%' + std::to_string(zone);
}

std::string Address::to_string() const {
  if (is_unix()) return "unix:" + host();
  if (!has_port(*this)) return "nowhere";
  const std::string colon_port = ':' + std::to_string(port());
  return family() == AF_INET ? host() + colon_port : '[' + host() + ']' + colon_port;
}

unsigned short Address::port() const noexcept {
  return has_port(*this) ? ntohs(inet(*this).sin6_port) : 0;
}

Address Address::with_port(unsigned short port) const noexcept {
  Address other = *this;
  const auto wire = htons(port);
  if (has_port(*this)) std::memcpy(other.bytes_ + kPortAt, &wire, sizeof wire);
  return other;
}
}  // namespace hob::inline v0::net
