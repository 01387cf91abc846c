// SPDX-License-Identifier: MIT
//
// listener_test.cpp — connections on loopback: taken, refused, reset, and with no descriptor left.
#include <fcntl.h>
#include <sys/resource.h>

#include <string>
#include <thread>

#include "../../net/net.hpp"
#include "../reactor/sync_bench.hpp"
#include "on_kernel.hpp"

namespace hob_test::listener_test {
TEST_SUITE_BEGIN("net");

namespace {

Future<std::string> greet(net::TcpStream client) {
  co_await client.write_all("hello");
  std::string answer;
  {
    net::BufferedReader reader(client);
    answer = co_await reader.read_exactly(5);
  }
  client.close();  // a parameter lives as long as the Future
  co_return answer;
}

Future<> answer(net::TcpStream server) {
  net::BufferedReader reader(server);
  const std::string said = co_await reader.read_exactly(5);
  co_await server.write_all(said);
  co_await server.finish(kPatience);
}

Future<> serve(net::TcpListener& listener, int n) {
  TaskGroup group;
  for (; n; --n) group.start(answer, co_await listener.accept());
  co_await group.join();
}

}  // namespace

TEST_CASE("several loops take from one queue, each by a descriptor of its own") {
  if (simulated()) return;
  Loop loop{kernel()};
  net::TcpListener listener = net::listen("127.0.0.1", 0);
  const net::Address at = listener.address();
  CHECK_THROWS_AS(net::listen_on(-1), std::system_error);
  std::exception_ptr error;
  std::thread other([&error, copy = ::dup(listener.descriptor())] {
    try {
      Loop its{kernel()};
      net::TcpListener same = net::listen_on(copy);
      its.run(serve(same, 1));
    } catch (...) {
      error = std::current_exception();
    }
  });
  // This one leaves the first to the other, then they go on by themselves.
  loop.run([](net::Address to) -> Future<> {
    net::TcpStream client = co_await net::connect(to);
    CHECK(co_await greet(std::move(client)) == "hello");
  }(at));
  other.join();
  CHECK(error == nullptr);
  loop.run([](net::TcpListener& l, net::Address to) -> Future<> {
    net::TcpStream client = co_await net::connect(to);
    co_await gather(serve(l, 1), greet(std::move(client)));
  }(listener, at));
  listener.close();
  CHECK_THROWS_AS(listener.descriptor(), std::system_error);
}

TEST_CASE("a listener takes connections, and both ends know each other") {
  Loop loop{kernel()};
  for (const char* host : {"127.0.0.1", ""}) {
    net::TcpListener listener = net::listen(host, 0);
    const unsigned short port = listener.address().port();
    CHECK(port != 0);
    loop.run([](net::TcpListener& l, unsigned short at) -> Future<> {
      Future<net::TcpStream> connecting = net::connect("127.0.0.1", at);
      net::TcpStream server = co_await l.accept();
      net::TcpStream client = co_await std::move(connecting);
      CHECK(client.peer().port() == at);
      CHECK(server.peer().port() == client.local().port());
      CHECK(server.local().port() == at);
      client.set_nodelay(false);
      co_await gather(answer(std::move(server)), greet(std::move(client)));
    }(listener, port));
  }
}

TEST_CASE("hundreds of connections at once, each is answered") {
  Loop loop{kernel()};
  net::TcpListener listener = net::listen("127.0.0.1", 0);
  const net::Address at = listener.address();
  std::vector<Future<std::string>> clients;
  const auto one = [](net::Address to) -> Future<std::string> {
    net::TcpStream stream = co_await net::connect(to);
    co_return co_await greet(std::move(stream));
  };
  for (int i = 0; i < 200; ++i) clients.push_back(one(at));
  const auto both = [](net::TcpListener& l, std::vector<Future<std::string>> all) -> Future<> {
    const auto [nothing, answers] = co_await gather(serve(l, 200), gather(std::move(all)));
    for (const std::string& each : answers) CHECK(each == "hello");
  };
  loop.run(both(listener, std::move(clients)));
}

TEST_CASE("a Unix socket is listened on by its path, again though a dead one's file is there") {
  char name[] = "/tmp/hob-net-XXXXXX";
  REQUIRE(::mkdtemp(name));
  const std::string path = std::string(name) + "/socket";
  Loop loop{kernel()};
  for (int i = 0; i < 2; ++i) {
    net::TcpListener listener = net::listen_unix(path);
    CHECK(listener.address().to_string() == "unix:" + path);
    loop.run([](net::TcpListener& l, std::string to) -> Future<> {
      Future<net::TcpStream> connecting = net::connect_unix(to);
      net::TcpStream server = co_await l.accept();
      net::TcpStream client = co_await std::move(connecting);
      CHECK(client.peer().to_string() == "unix:" + to);
      CHECK(server.peer().to_string() == "nowhere");
      client.set_nodelay(true);
      const auto [nothing, said] = co_await gather(answer(std::move(server)), greet(std::move(client)));
      CHECK(said == "hello");
    }(listener, path));
  }
  ::unlink(path.c_str());
  ::rmdir(name);
}

TEST_CASE("listening on what is taken, or on a name, is an error that says so") {
  Loop loop{kernel()};
  const net::TcpListener listener = net::listen("127.0.0.1", 0);
  const std::string text = listener.address().to_string();
  try {
    net::listen(listener.address());
    CHECK(false);
  } catch (const std::system_error& e) {
    CHECK(e.code() == std::errc::address_in_use);
    CHECK(std::string(e.what()).find("listen on " + text) == 0);
  }
  CHECK_THROWS_AS(net::listen("localhost", 0), std::invalid_argument);
}

TEST_CASE("dual stack is explicit: off, an IPv6 listener does not take IPv4") {
  Loop loop{kernel()};
  net::ListenOptions options;
  options.dual_stack = false;
  try {
    net::TcpListener listener = net::listen(net::Address::parse("[::]:0"), options);
    const auto port = listener.address().port();
    CHECK_THROWS_AS(loop.run(net::connect("127.0.0.1", port)), std::system_error);
  } catch (const std::system_error&) {  // no IPv6 here
  }
}

TEST_CASE("several listeners share a port where that balances, and are refused elsewhere") {
  Loop loop{kernel()};
  net::ListenOptions options;
  options.reuse_port = true;
  try {
    net::TcpListener first = net::listen("127.0.0.1", 0, options);
    CHECK(net::listen(first.address(), options).is_open());
  } catch (const std::system_error& e) {
    CHECK(e.code() == std::errc::not_supported);
  }
}

TEST_CASE("close() ends a pending accept with ECANCELED; a dropped accept loses no connection") {
  Loop loop{kernel()};
  net::TcpListener listener = net::listen("127.0.0.1", 0);
  const net::Address at = listener.address();
  Future<net::TcpStream> accepting = listener.accept();
  CHECK_THROWS_AS(loop.run(wait_for(std::move(accepting), 2ms)), TimedOut);
  {
    Future<net::TcpStream> dropped = listener.accept();
    loop.poll();
  }
  net::TcpStream client = loop.run(net::connect(at));
  net::TcpStream server = loop.run(wait_for(listener.accept(), kPatience));
  Future<net::TcpStream> pending = listener.accept();
  listener.close();
  CHECK(loop.run(error_of(std::move(pending))).find("accept: Operation canceled") == 0);
  CHECK_FALSE(listener.is_open());
  CHECK(loop.run(error_of(listener.accept())).find("Operation canceled") != std::string::npos);
}

TEST_CASE("connections that are reset in the backlog do not end the accepting") {
  Loop loop{kernel()};
  net::TcpListener listener = net::listen("127.0.0.1", 0);
  const net::Address at = listener.address();
  for (int i = 0; i < 20; ++i) loop.run(net::connect(at)).abort();
  Future<net::TcpStream> last = net::connect(at);
  for (int i = 0; i < 21; ++i) {
    net::TcpStream server = loop.run(wait_for(listener.accept(), kPatience));
    net::Lease lease;
    if (i < 20) CHECK(loop.run(error_of(server.read_lease())).find("read 127.0.0.1:") == 0);
  }
  loop.run(std::move(last));
}

TEST_CASE("with no descriptor left accept pauses, tells once, and goes on when one is free") {
  for (const bool freed_here : {true, false}) {
    if (simulated()) return;  // its limit is another: world_test.cpp
    CAPTURE(freed_here);
    Child child([&] {
      Loop loop{kernel()};
      int told = 0;
      loop.on_unhandled([&](std::exception_ptr) { ++told; });
      net::TcpListener listener = net::listen("127.0.0.1", 0);
      net::TcpStream first = loop.run(net::connect(listener.address()));
      net::TcpStream taken = loop.run(listener.accept());
      net::TcpStream second = loop.run(net::connect(listener.address()));
      rlimit limit;
      ::getrlimit(RLIMIT_NOFILE, &limit);
      const int free_fd = ::dup(0);
      ::close(free_fd);
      const rlimit none{.rlim_cur = static_cast<rlim_t>(free_fd), .rlim_max = limit.rlim_max};
      if (::setrlimit(RLIMIT_NOFILE, &none) != 0) ::_exit(10);
      const TimePoint begin = loop.clock();
      Future<net::TcpStream> accepting = listener.accept();
      while (listener.pauses() < 3) loop.run(sleep(1ms));
      if (accepting.ready() || told != 1 || loop.clock() - begin < 2 * 50ms) ::_exit(11);
      if (freed_here) {
        taken.close();
        for (int i = 0; i < 100 && !accepting.ready(); ++i) loop.poll();  // the pause ends at once
        if (!accepting.ready()) ::_exit(12);
      } else {
        ::setrlimit(RLIMIT_NOFILE, &limit);
      }
      loop.run(wait_for(std::move(accepting), kPatience));
      ::setrlimit(RLIMIT_NOFILE, &limit);
      ::_exit(told == 1 ? 0 : 13);
    });
    CHECK(child.wait() == 0);
  }
}

TEST_SUITE_END();
}  // namespace hob_test::listener_test
