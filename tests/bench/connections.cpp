// SPDX-License-Identifier: MIT
//
// connections.cpp — ten thousand idle connections and one that is active; and a loop that two peers
// flood. The peers are a process of their own, with blocking sockets.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include "../../net/http.hpp"
#include "../../net/net.hpp"
#include "../../reactor/reactor.hpp"
#include "../counting_new.hpp"
#include "bench.hpp"

namespace bench {

namespace {

using namespace std::chrono_literals;
namespace net = hob::net;
namespace http = hob::http;

// --- the peers -----------------------------------------------------------------------------------

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::_Exit(1);
}

void allow_many_descriptors() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int connected(unsigned short port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) give_up("connect");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

// Sends and reads an answer until it ends in `end`.
void ask(int fd, const std::string& text, char end) {
  char buffer[4096];
  if (::send(fd, text.data(), text.size(), 0) < 0) give_up("send");
  for (;;) {
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) give_up("recv");
    if (buffer[n - 1] == end) return;
  }
}

// A process that is told a port, plays the peers there, and sends figures back.
class Peers {
 public:
  using Play = std::function<void(unsigned short port, std::function<void(double)> tell)>;

  // Forks: to be called before there is a Loop.
  explicit Peers(const Play& play) {
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_) != 0) give_up("socketpair");
    child_ = ::fork();
    if (child_ != 0) return;
    unsigned short port = 0;
    if (::read(ends_[1], &port, sizeof port) != sizeof port) std::_Exit(0);
    play(port, [this](double figure) {
      if (::write(ends_[1], &figure, sizeof figure) < 0) give_up("write");
    });
    std::_Exit(0);
  }
  Peers(const Peers&) = delete;
  ~Peers() {
    ::close(ends_[0]);
    ::close(ends_[1]);
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  void begin(unsigned short port) const {
    if (::write(ends_[0], &port, sizeof port) < 0) give_up("write");
  }
  hob::Future<double> figure() const {
    co_await hob::wait_readable(ends_[0]);
    double figure = 0;
    if (::read(ends_[0], &figure, sizeof figure) != sizeof figure) give_up("the peers");
    co_return figure;
  }

 private:
  int ends_[2];
  pid_t child_;
};

// --- many that are idle --------------------------------------------------------------------------

constexpr int kIdle = 10'000;

struct Idle {
  double bytes, microseconds;  // of heap for each idle connection; p50 of an exchange on the active one
};

hob::Future<> echo(net::TcpStream stream) {
  for (;;) {
    const net::Lease lease = co_await stream.read_lease();
    if (lease.empty()) break;
    co_await stream.write_all(lease.bytes());
  }
}

hob::Future<> serve_echo(net::TcpListener listener) {
  hob::TaskGroup connections;
  for (;;) connections.start(echo, co_await listener.accept());
}

hob::Future<http::Response> hello(http::Request&) { co_return http::Response(200, "Hello, World!"); }

hob::Future<> serve_http(net::TcpListener listener) {
  http::Server server(hello);
  co_await server.serve(std::move(listener));
}

hob::Future<Idle> measure_idle(const Peers& peers, hob::Future<> (*serve)(net::TcpListener), int idle) {
  auto listener = net::listen("127.0.0.1", 0);
  const unsigned short port = listener.address().port();
  hob::Future<> serving = serve(std::move(listener));
  peers.begin(port);
  co_await peers.figure();  // the active one is there, and warm
  const double before = static_cast<double>(hob_test::heap().bytes);
  co_await peers.figure();  // all are
  const double after = static_cast<double>(hob_test::heap().bytes);
  Idle result;
  result.microseconds = co_await peers.figure();
  result.bytes = idle ? (after - before) / idle : 0;
  co_return result;
}

Idle with_idle(bool is_http, int idle) {
  const std::string text = is_http ? "GET / HTTP/1.1\r\nHost: h\r\n\r\n" : "hello!";
  allow_many_descriptors();
  const Peers peers([&](unsigned short port, const auto& tell) {
    const int active = connected(port);
    for (int i = 0; i < 100; ++i) ask(active, text, '!');
    tell(0);
    for (int i = 0; i < idle; ++i) ask(connected(port), text, '!');
    tell(0);
    std::vector<double> times;
    for (int i = 0; i < 5000; ++i) {
      const auto start = now();
      ask(active, text, '!');
      times.push_back(ns_since(start) / 1000);
    }
    tell(median(times));
    ::pause();
  });
  // On a thread of its own: this one has frames left over from the last time, which cost nothing new.
  Idle result{};
  std::thread([&] {
    hob::Loop loop;
    result = loop.run(measure_idle(peers, is_http ? serve_http : serve_echo, idle));
  }).join();
  return result;
}

// --- two that flood ------------------------------------------------------------------------------

struct Flood {
  double late, ping, megabytes;  // ms that a ticker is late at worst, ms of a ping's p99, MB/s read
};

hob::Future<> swallow(net::TcpStream stream, std::uint64_t& bytes) {
  for (;;) {
    const net::Lease lease = co_await stream.read_lease();
    if (lease.empty()) break;
    bytes += lease.size();
  }
}

hob::Future<> tick(double& latest) {
  for (;;) {
    const auto due = now() + 1ms;
    co_await hob::sleep_until(due);
    latest = std::max(latest, ns_since(due) / 1e6);
  }
}

hob::Future<Flood> measure_flood(const Peers& peers) {
  auto listener = net::listen("127.0.0.1", 0);
  peers.begin(listener.address().port());
  hob::TaskGroup tasks;
  std::uint64_t bytes = 0;
  Flood result{};
  tasks.start(echo, co_await listener.accept());
  for (int i = 0; i < 2; ++i) tasks.start(swallow, co_await listener.accept(), std::ref(bytes));
  tasks.start(tick, std::ref(result.late));
  const auto start = now();
  result.ping = co_await peers.figure();
  result.megabytes = static_cast<double>(bytes) / (ns_since(start) / 1e3);
  co_return result;
}

Flood flooded() {
  const Peers peers([](unsigned short port, const auto& tell) {
    const int ping = connected(port);
    std::vector<std::thread> floods;
    for (int i = 0; i < 2; ++i) {
      floods.emplace_back([fd = connected(port)] {
        const std::string much(1 << 20, 'x');
        while (::send(fd, much.data(), much.size(), 0) > 0) {
        }
      });
    }
    std::vector<double> times;
    const auto end = now() + 2s;
    while (now() < end) {
      const auto start = now();
      ask(ping, "ping!", '!');
      times.push_back(ns_since(start) / 1e6);
      ::usleep(1000);
    }
    tell(percentile(times, 0.99));
    ::pause();
  });
  hob::Loop loop;
  return loop.run(measure_flood(peers));
}

}  // namespace

void connections(Table& table) {
  static Idle echoes, requests;
  static Flood flood;
  table.figure("10,000 idle connections: heap of each, echo", "bytes",
               [] { return (echoes = with_idle(false, kIdle)).bytes; });
  table.figure("10,000 idle connections: heap of each, HTTP", "bytes",
               [] { return (requests = with_idle(true, kIdle)).bytes; });
  table.figure("an echo beside them (floor: alone), p50", "us", [] { return echoes.microseconds; },
               [] { return with_idle(false, 0).microseconds; });
  table.figure("a request beside them (floor: alone), p50", "us", [] { return requests.microseconds; },
               [] { return with_idle(true, 0).microseconds; });
  table.figure("two peers flood: a 1 ms ticker is late by, at worst", "ms",
               [] { return (flood = flooded()).late; }, {}, "10 ms");
  table.figure("two peers flood: a ping of a third, p99", "ms", [] { return flood.ping; }, {}, "10 ms");
  table.figure("two peers flood: read from them", "MB/s", [] { return flood.megabytes; });
}

}  // namespace bench
