// SPDX-License-Identifier: MIT
//
// http_epoll.cpp — the floor of an HTTP server: for each end of a head that one recv brought, a canned
// answer; all of them in one send. Heads must not be split, which is the load's part.
#include <cstring>
#include <string_view>

#include "floor.hpp"

int main(int argc, char** argv) {
  static char buffer[64 * 1024];
  static char answers[512 * 1024];
  constexpr std::string_view kAnswer =
      "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n"
      "Content-Length: 13\r\n\r\nHello, World!";
  serve_all(argc > 1 ? std::atoi(argv[1]) : 0, [&](int fd) {
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return n == -1 && errno == EAGAIN;
    char* end = answers;
    for (std::string_view rest(buffer, static_cast<size_t>(n));;) {
      const size_t at = rest.find("\r\n\r\n");
      if (at == rest.npos) break;
      rest.remove_prefix(at + 4);
      std::memcpy(end, kAnswer.data(), kAnswer.size());
      end += kAnswer.size();
    }
    return send(fd, answers, static_cast<size_t>(end - answers), MSG_NOSIGNAL) != -1;
  });
}
