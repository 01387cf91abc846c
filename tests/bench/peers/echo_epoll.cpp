// SPDX-License-Identifier: MIT
//
// echo_epoll.cpp — the floor of an echo server: epoll_wait, one recv, one send, one buffer for all.
#include "floor.hpp"

int main(int argc, char** argv) {
  static char buffer[64 * 1024];
  serve_all(argc > 1 ? std::atoi(argv[1]) : 0, [](int fd) {
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return n == -1 && errno == EAGAIN;
    // What does not fit into the socket waits for it here: a load that reads what it asked for has room.
    for (const char* at = buffer; n > 0;) {
      const ssize_t sent = send(fd, at, static_cast<size_t>(n), MSG_NOSIGNAL);
      if (sent == -1 && errno != EAGAIN) return false;
      if (sent > 0) at += sent, n -= sent;
    }
    return true;
  });
}
