// SPDX-License-Identifier: MIT
//
// connect_test.cpp — connecting, on loopback: to addresses, to names, to nobody; and datagrams.
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "../../net/net.hpp"
#include "../reactor/sync_bench.hpp"
#include "on_kernel.hpp"

namespace hob_test::connect_test {
TEST_SUITE_BEGIN("net");

namespace {

// A port on which nobody listens, nor will: it is taken.
class Nobody {
 public:
  Nobody() {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port = ntohs(at.sin_port);
  }
  Nobody(const Nobody&) = delete;
  ~Nobody() { ::close(fd_); }
  unsigned short port;

 private:
  const int fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
};

}  // namespace

TEST_CASE("a refused connection names the address, and carries the code") {
  Loop loop{kernel()};
  const Nobody nobody;
  const std::string port = std::to_string(nobody.port);
  try {
    loop.run(net::connect(net::Address::parse("127.0.0.1:" + port)));
    CHECK(false);
  } catch (const std::system_error& e) {
    CHECK(e.code() == std::errc::connection_refused);
    CHECK(std::string(e.what()) == "connect 127.0.0.1:" + port + ": Connection refused");
  }
  try {
    loop.run(net::connect("127.0.0.1", nobody.port));
    CHECK(false);
  } catch (const std::system_error& e) {
    CHECK(e.code() == std::errc::connection_refused);
    CHECK(std::string(e.what()).find("connect 127.0.0.1:") == 0);
  }
  CHECK_THROWS_AS(loop.run(net::connect_unix("/no/such/socket")), std::system_error);
}

TEST_CASE("a numeric host is its own address, and is not looked up") {
  Loop loop{kernel()};
  const auto found = loop.run(net::resolve("::1", 80));
  REQUIRE(found.size() == 1);
  CHECK(found[0].to_string() == "[::1]:80");
  Future<std::vector<net::Address>> at_once = net::resolve("127.0.0.1", 1);
  CHECK(at_once.ready());
}

TEST_CASE("localhost is found, again from memory; several who ask share one lookup") {
  Loop loop{kernel()};
  std::vector<Future<std::vector<net::Address>>> asked;
  for (int i = 0; i < 10; ++i) asked.push_back(net::resolve("localhost", 80));
  const auto answers = loop.run(gather(std::move(asked)));
  for (const auto& each : answers) {
    REQUIRE_FALSE(each.empty());
    CHECK(each[0].port() == 80);
    CHECK(each == answers[0]);
  }
  bool remembered = false;
  for (int i = 0; i < 10 && !remembered; ++i) {  // for 10 s, so that it may have been forgotten
    loop.run(net::resolve("localhost", 80));
    remembered = net::resolve("localhost", 81).ready();
  }
  CHECK(remembered);
}

TEST_CASE("what cannot be a host is refused without asking; a lookup that is dropped harms nobody") {
  Loop loop{kernel()};
  CHECK(loop.run(error_of(net::resolve("", 80))).find("no name of a host") != std::string::npos);
  CHECK(loop.run(error_of(net::resolve(std::string(300, 'x'), 80))).find("no name") != std::string::npos);
  CHECK(loop.run(error_of(net::resolve(std::string("a\0b", 3), 80))).find("no name") != std::string::npos);
  { Future<std::vector<net::Address>> dropped = net::resolve("localhost", 80); }
  CHECK_FALSE(loop.run(net::resolve("localhost", 80)).empty());
}

TEST_CASE("a name that is not found is told with its reason, by resolve and by connect; then for 1 s") {
  on_sim([](Sim& sim) -> Future<> {
    const std::string what = "resolve db: there is no such name in this world";
    CHECK((co_await error_of(net::resolve("db", 80))) == what);
    const Duration asked = sim.passed();
    CHECK(asked > Duration(0));
    CHECK((co_await error_of(net::connect("db", 80))) == what);
    CHECK(sim.passed() == asked);
    co_await sleep(1s);
    CHECK((co_await error_of(net::resolve("db", 80))) == what);
    CHECK(sim.passed() == asked + 1s + asked);
  });
}

TEST_CASE("connect to a name tries one address after the other") {
  Loop loop{kernel()};
  net::TcpListener listener = net::listen("127.0.0.1", 0);  // localhost may be ::1 first
  const auto port = listener.address().port();
  CHECK(loop.run(wait_for(net::connect("localhost", port), kPatience)).is_open());
  listener.close();
  const std::string error = loop.run(error_of(net::connect("localhost", port)));
  CHECK(error.find("connect localhost:" + std::to_string(port) + " (connect ") == 0);
  CHECK(error.find("127.0.0.1:" + std::to_string(port) + ": Connection refused") != std::string::npos);
}

TEST_CASE("a connect that is dropped leaves no descriptor") {
  Loop loop{kernel()};
  net::TcpListener listener = net::listen("127.0.0.1", 0);
  const auto at = listener.address();
  const auto next_fd = [] {
    const int fd = ::dup(0);
    ::close(fd);
    return fd;
  };
  const int before = next_fd();
  for (int i = 0; i < 100; ++i) {
    Future<net::TcpStream> dropped = net::connect(at);
    if (i % 2) loop.poll();
  }
  CHECK(next_fd() == before);
}

TEST_CASE("datagrams come whole, with their sender; a connected socket hears its peer only") {
  Loop loop{kernel()};
  loop.run([]() -> Future<> {
    const net::Address any = net::Address::parse("127.0.0.1:0");
    net::UdpSocket a = net::UdpSocket::bind(any), b = net::UdpSocket::bind(any);
    char bytes[100];
    Future<net::Datagram> receiving = b.recv_from(std::span(bytes));
    co_await a.send_to("first", b.local());
    co_await a.send_to("", b.local());
    net::Datagram got = co_await std::move(receiving);
    CHECK(got.size == 5);
    CHECK(std::string(bytes, 5) == "first");
    CHECK(got.from == a.local());
    got = co_await b.recv_from(std::span(bytes));
    CHECK(got.size == 0);

    b.connect(a.local());
    net::UdpSocket stranger = net::UdpSocket::bind(any);
    co_await stranger.send_to("not heard", b.local());
    co_await a.send_to("heard", b.local());
    got = co_await b.recv_from(std::span(bytes, 3));
    CHECK(got.size == 3);
    CHECK(std::string(bytes, 3) == "hea");
    co_await b.send("answer");
    CHECK((co_await a.recv_from(std::span(bytes))).size == 6);
    CHECK((co_await error_of(a.send_to(std::string(70'000, 'x'), b.local()))).find("send to 127") == 0);
    net::UdpSocket moved = std::move(stranger);
    CHECK((co_await error_of(stranger.send_to("x", any))).find("Operation canceled") != std::string::npos);
    CHECK(stranger.local() == net::Address());
    CHECK_THROWS_AS(stranger.connect(any), std::system_error);
    stranger.close();
    Future<net::Datagram> pending = a.recv_from(std::span(bytes));
    a.close();
    CHECK((co_await error_of(std::move(pending))).find("Operation canceled") != std::string::npos);
  }());
}

TEST_SUITE_END();
}  // namespace hob_test::connect_test
