// SPDX-License-Identifier: MIT
//
// load.cpp — keeps a server busy, with little work of its own, and says what came of it.
//
//   load echo PORT CONNECTIONS SIZE SECONDS     each sends SIZE bytes and waits for them
//   load http PORT CONNECTIONS DEPTH SECONDS    each sends DEPTH requests at once and waits for the answers
//   load accept PORT 1 1 SECONDS                connects, has one byte echoed, resets; again and again
//   load idle-echo|idle-http PORT CONNECTIONS 1 0
//       asks once on each and keeps them; a line is printed, and one read, when the server is warm and when
//       all are there
//
// Prints one line: how many operations there were, in how many seconds, this process's CPU time for them, and
// the latency's percentiles in us (of what began after a tenth of the time).
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "floor.hpp"

namespace {
using Clock = std::chrono::steady_clock;

struct Peer {
  int fd = -1;
  std::size_t missing = 0;  // bytes of what it waits for
  Clock::time_point asked{};
};

char buffer[256 * 1024];
std::vector<unsigned> latencies(1'000'000);  // how many, by us
std::size_t operations = 0, measured = 0;

int connected(int port, int more) {
  const int fd = socket(AF_INET, SOCK_STREAM | more, 0);
  const int on = 1;
  const sockaddr_in name = loopback(port);
  if (fd == -1 || connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) == -1) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n == -1 && errno != EAGAIN) fail("send");
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
}

// How long an answer is: they all are of one length.
std::size_t size_of_answer(int port, std::string_view request) {
  const int fd = connected(port, 0);
  send_all(fd, request);
  std::string answer;
  for (;;) {
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) fail("recv");
    answer.append(buffer, static_cast<std::size_t>(n));
    const std::size_t end = answer.find("\r\n\r\n"), length = answer.find("Content-Length: ");
    if (end == answer.npos) continue;
    const std::size_t size = end + 4 + std::strtoul(answer.c_str() + length + 16, nullptr, 10);
    if (answer.size() < size) continue;
    close(fd);
    return size;
  }
}

void accepts(int port, Clock::time_point begin, Clock::time_point end) {
  for (Clock::time_point now = begin; now < end; ++operations) {
    const int fd = connected(port, 0);
    send_all(fd, "x");
    if (recv(fd, buffer, 1, 0) != 1) fail("recv");
    const linger at_once{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    now = Clock::now();
  }
}

// The first is asked a hundred times, the others once.
void hold(int port, std::size_t connections, const std::string& question, std::size_t answer) {
  const auto ask_once = [&](int fd) {
    send_all(fd, question);
    if (recv(fd, buffer, answer, MSG_WAITALL) != static_cast<ssize_t>(answer)) fail("recv");
  };
  const int first = connected(port, 0);
  for (int i = 0; i < 100; ++i) ask_once(first);
  std::puts("warm"), std::fflush(stdout), std::getchar();
  for (std::size_t i = 0; i < connections; ++i) ask_once(connected(port, 0));
  std::puts("all"), std::fflush(stdout), std::getchar();
}

void ask(int port, std::size_t connections, const std::string& question, std::size_t answer,
         std::size_t each, double seconds) {
  const int kernel = epoll_create1(0);
  std::vector<Peer> peers(connections);
  for (Peer& peer : peers) {
    peer.fd = connected(port, 0);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &peer;
    epoll_ctl(kernel, EPOLL_CTL_ADD, peer.fd, &event);
  }
  const auto span = [](double s) { return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s)); };
  const auto begin = Clock::now(), end = begin + span(seconds), settled = begin + span(seconds / 10);
  const auto next = [&](Peer& peer, Clock::time_point now) {
    peer.asked = now;
    peer.missing = answer;
    send_all(peer.fd, question);
  };
  for (Peer& peer : peers) next(peer, begin);
  for (std::size_t waiting = connections; waiting != 0;) {
    epoll_event events[512];
    const int count = epoll_wait(kernel, events, 512, -1);
    const Clock::time_point now = Clock::now();
    for (int i = 0; i < count; ++i) {
      Peer& peer = *static_cast<Peer*>(events[i].data.ptr);
      const ssize_t n = recv(peer.fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (n <= 0 || static_cast<std::size_t>(n) > peer.missing) fail("recv");
      peer.missing -= static_cast<std::size_t>(n);
      if (peer.missing != 0) continue;
      operations += each;
      if (peer.asked >= settled) {
        const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now - peer.asked).count();
        ++latencies[std::min(static_cast<std::size_t>(us), latencies.size() - 1)];
        ++measured;
      }
      now < end ? next(peer, now) : void(--waiting);
    }
  }
}

std::size_t percentile(double part) {
  double left = part * static_cast<double>(measured);
  std::size_t us = 0;
  while (us + 1 < latencies.size() && (left -= latencies[us]) > 0) ++us;
  return us;
}
}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: load echo|http|accept|idle-echo|idle-http PORT CONNECTIONS SIZE SECONDS\n");
    return 2;
  }
  const std::string what = argv[1];
  const int port = std::atoi(argv[2]);
  const std::size_t connections = std::strtoul(argv[3], nullptr, 10), size = std::strtoul(argv[4], nullptr, 10);
  const double seconds = std::strtod(argv[5], nullptr);
  const std::string request = "GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  std::string question;
  const std::size_t answer = what.ends_with("http") ? size_of_answer(port, request) : 1;
  if (what.starts_with("idle-")) return hold(port, connections, what == "idle-http" ? request : "x", answer), 0;
  const auto begin = Clock::now();
  if (what == "accept") {
    accepts(port, begin, begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)));
  } else if (what == "http") {
    for (std::size_t i = 0; i < size; ++i) question += request;
    ask(port, connections, question, answer * size, size, seconds);
  } else {
    ask(port, connections, std::string(size, 'x'), size, 1, seconds);
  }
  const double took = std::chrono::duration<double>(Clock::now() - begin).count();
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto in_seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  std::printf("{\"operations\": %zu, \"seconds\": %.3f, \"cpu\": %.6f, ", operations, took,
              in_seconds(usage.ru_utime) + in_seconds(usage.ru_stime));
  std::printf("\"p50\": %zu, \"p99\": %zu, \"p999\": %zu}\n", percentile(0.5), percentile(0.99), percentile(0.999));
}
