// SPDX-License-Identifier: MIT
//
// echo_server.cpp — a coroutine for each connection. SIGTERM stops it: no new connections, and those
// there are end with the program.
//
//   echo_server PORT    on 127.0.0.1; 0: the kernel picks one
#include <net/net.hpp>

#include <charconv>
#include <csignal>
#include <cstring>
#include <iostream>

namespace net = hob::net;

hob::Future<> echo(net::TcpStream stream) {
  try {
    for (;;) {
      const net::Lease lease = co_await stream.read_lease();
      if (lease.empty()) break;
      co_await stream.write_all(lease.bytes());
    }
  } catch (const std::system_error&) {  // a connection that breaks is its own affair
  }
}

hob::Future<> accept_all(net::TcpListener& listener) {
  hob::TaskGroup connections;
  for (;;) connections.start(echo, co_await listener.accept());
}

hob::Future<> amain(unsigned short port) {
  net::TcpListener listener = net::listen("127.0.0.1", port);
  std::cout << "listening on " << listener.address().to_string() << std::endl;
  co_await hob::race(accept_all(listener), hob::signal(SIGTERM));
}

int main(int argc, char** argv) try {
  unsigned short port = 0;
  const char* const text = argc == 2 ? argv[1] : "";
  const char* const end = text + std::strlen(text);
  if (text == end || std::from_chars(text, end, port).ptr != end ||
      std::from_chars(text, end, port).ec != std::errc()) {
    std::cerr << "usage: echo_server PORT" << std::endl;
    return 2;
  }
  hob::run(amain, port);
} catch (const hob::Interrupted&) {
  return 130;
} catch (const std::exception& e) {
  std::cerr << "echo_server: " << e.what() << std::endl;
  return 1;
}
