// SPDX-License-Identifier: MIT
//
// floor.hpp — what the programs over bare sockets share: an address; and the servers a listener, a loop
// over epoll, and nothing else.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

[[noreturn]] inline void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

inline sockaddr_in loopback(int port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<unsigned short>(port));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return name;
}

// Calls serve(fd) whenever there is something to read; false: close it. Never returns.
template <class F>
void serve_all(int port, F serve) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  sockaddr_in name = loopback(port);
  socklen_t size = sizeof name;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, reinterpret_cast<sockaddr*>(&name), size) == -1) fail("bind");
  if (listen(listener, 1024) == -1) fail("listen");
  getsockname(listener, reinterpret_cast<sockaddr*>(&name), &size);
  std::printf("listening on 127.0.0.1:%d\n", ntohs(name.sin_port));
  std::fflush(stdout);

  const int kernel = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  epoll_ctl(kernel, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    epoll_event events[512];
    const int count = epoll_wait(kernel, events, 512, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd != listener) {
        if (!serve(fd)) close(fd);
        continue;
      }
      const int peer = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
      if (peer == -1) continue;
      setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      event.data.fd = peer;
      epoll_ctl(kernel, EPOLL_CTL_ADD, peer, &event);
    }
  }
}
