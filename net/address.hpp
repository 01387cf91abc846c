// SPDX-License-Identifier: MIT
// address.hpp — where a socket is: IPv4 or IPv6 and a port, or the path of a Unix socket.
//
// A value. It reads and writes text; it looks nothing up (resolve() does) and calls no kernel.
#pragma once
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;  // <sys/socket.h>

namespace hob::inline v0::net {
// The types of sockets, as Backend::open wants them.
extern const int kStream, kDatagram;

class Address {
 public:
  Address() noexcept = default;  // nowhere, as an unbound or unnamed socket is: family() is 0
  // "127.0.0.1:80", "[::1]:80", "[fe80::1%2]:80" (a numeric zone), "unix:/path"; on Linux
  // "unix:@name" is the abstract socket of that name. Else std::invalid_argument, which quotes it.
  static Address parse(std::string_view text);
  // A numeric host without brackets, or "" for all (see ListenOptions); a name: std::invalid_argument.
  static Address of(std::string_view host, unsigned short port);
  static std::optional<Address> numeric(std::string_view host, unsigned short port);  // if it is one
  static Address unix_path(std::string_view path);
  static Address of(const sockaddr* address, unsigned size) noexcept;

  std::string to_string() const;  // as parse() reads it
  std::string host() const;       // alone, without brackets; the path of a Unix socket
  unsigned short port() const noexcept;  // 0 for a Unix socket
  Address with_port(unsigned short port) const noexcept;
  int family() const noexcept;  // AF_INET, AF_INET6, AF_UNIX; 0: nowhere
  bool is_unix() const noexcept;
  // For Backend: to be read, and to be filled (the size is then what the kernel says).
  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(bytes_); }
  sockaddr* data() noexcept { return reinterpret_cast<sockaddr*>(bytes_); }
  unsigned size() const noexcept { return size_; }
  unsigned* room() noexcept { return size_ = kRoom, &size_; }
  static constexpr unsigned kRoom = 112;  // sockaddr_un's 110 and a terminator
  bool operator==(const Address& other) const noexcept = default;
 private:
  alignas(8) unsigned char bytes_[kRoom] = {};
  unsigned size_ = 0;
};
}  // namespace hob::inline v0::net
