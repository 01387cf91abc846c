// SPDX-License-Identifier: MIT
//
// connect.hpp — names to addresses, addresses to streams.
#pragma once

#include <string>
#include <vector>

#include "stream.hpp"

namespace hob::inline v0::net {

// No address: what() is like "resolve nosuch.example: Name or service not known".
struct ResolveError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The addresses of a host, the best first (RFC 6724, by the system's resolver). A numeric host is its
// own address at once. Names are looked up on a pool of their own, so that a name server which does
// not answer keeps nobody else; one lookup serves all who ask for the name meanwhile, and what it
// found is remembered for 10 s, that there is nothing for 1 s. Dropped: the lookup goes on, and its
// answer is remembered; exit does not wait for it.
Future<std::vector<Address>> resolve(std::string host, unsigned short port);

// Connects to one address. what() is like "connect 10.0.0.1:80: Connection refused".
Future<TcpStream> connect(Address to);

// Connects to a host by the first of its addresses that answers (Happy Eyeballs, RFC 8305): IPv6 and
// IPv4 in turn, the next attempt 250 ms after the last, or as soon as that has failed; the others are
// dropped when one has succeeded. When all have failed, what() has each address and its reason, and
// the code is the first one's. No deadline of its own: wait_for(connect(…), 10s).
Future<TcpStream> connect(std::string host, unsigned short port);

Future<TcpStream> connect_unix(std::string_view path);

}  // namespace hob::inline v0::net
