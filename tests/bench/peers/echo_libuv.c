// SPDX-License-Identifier: MIT
//
// echo_libuv.c — an echo server as libuv's users write it when they care: one buffer lent for every read,
// and a write tried at once; what is left of it becomes a request.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef struct {
  uv_write_t request;
  uv_buf_t buffer;
} Write;

static char room[64 * 1024];

static void lend(uv_handle_t* handle, size_t wanted, uv_buf_t* buffer) {
  (void)handle, (void)wanted;
  *buffer = uv_buf_init(room, sizeof room);
}

static void closed(uv_handle_t* handle) { free(handle); }

static void written(uv_write_t* request, int status) {
  Write* write = (Write*)request;
  (void)status;
  free(write->buffer.base);
  free(write);
}

static void came(uv_stream_t* stream, ssize_t n, const uv_buf_t* buffer) {
  if (n < 0) uv_close((uv_handle_t*)stream, closed);
  if (n <= 0) return;
  uv_buf_t rest = uv_buf_init(buffer->base, (unsigned)n);
  const int sent = uv_try_write(stream, &rest, 1);
  if (sent == n) return;
  const size_t left = (size_t)(n - (sent > 0 ? sent : 0));
  Write* write = malloc(sizeof *write);
  write->buffer = uv_buf_init(malloc(left), (unsigned)left);
  memcpy(write->buffer.base, buffer->base + n - left, left);
  uv_write(&write->request, stream, &write->buffer, 1, written);
}

static void connected(uv_stream_t* server, int status) {
  if (status < 0) return;
  uv_tcp_t* peer = malloc(sizeof *peer);
  uv_tcp_init(server->loop, peer);
  if (uv_accept(server, (uv_stream_t*)peer) != 0) {
    uv_close((uv_handle_t*)peer, closed);
    return;
  }
  uv_tcp_nodelay(peer, 1);
  uv_read_start((uv_stream_t*)peer, lend, came);
}

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  uv_loop_t* loop = uv_default_loop();
  uv_tcp_t server;
  struct sockaddr_in name;
  int size = sizeof name;
  uv_ip4_addr("127.0.0.1", argc > 1 ? atoi(argv[1]) : 0, &name);
  uv_tcp_init(loop, &server);
  uv_tcp_bind(&server, (const struct sockaddr*)&name, 0);
  if (uv_listen((uv_stream_t*)&server, 1024, connected) != 0) return 1;
  uv_tcp_getsockname(&server, (struct sockaddr*)&name, &size);
  printf("listening on 127.0.0.1:%d\n", ntohs(name.sin_port));
  fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
