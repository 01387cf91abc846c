// SPDX-License-Identifier: MIT
//
// echo_libevent.c — an echo server as libevent's users write it: a bufferevent for each connection, its
// input moved to its output.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void came(struct bufferevent* peer, void* unused) {
  (void)unused;
  evbuffer_add_buffer(bufferevent_get_output(peer), bufferevent_get_input(peer));
}

static void happened(struct bufferevent* peer, short what, void* unused) {
  (void)unused;
  if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) bufferevent_free(peer);
}

static void connected(struct evconnlistener* listener, evutil_socket_t fd, struct sockaddr* name, int size,
                      void* unused) {
  const int on = 1;
  (void)name, (void)size, (void)unused;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct bufferevent* peer =
      bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(peer, came, NULL, happened, NULL);
  bufferevent_set_max_single_read(peer, 64 * 1024);
  bufferevent_set_max_single_write(peer, 64 * 1024);
  bufferevent_enable(peer, EV_READ | EV_WRITE);
}

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  struct event_base* base = event_base_new();
  struct sockaddr_in name;
  socklen_t size = sizeof name;
  memset(&name, 0, sizeof name);
  name.sin_family = AF_INET;
  name.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 0));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct evconnlistener* listener =
      evconnlistener_new_bind(base, connected, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 1024,
                              (struct sockaddr*)&name, sizeof name);
  if (!listener) return 1;
  getsockname(evconnlistener_get_fd(listener), (struct sockaddr*)&name, &size);
  printf("listening on 127.0.0.1:%d\n", ntohs(name.sin_port));
  fflush(stdout);
  return event_base_dispatch(base);
}
