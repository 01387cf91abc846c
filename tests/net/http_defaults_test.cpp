// SPDX-License-Identifier: MIT
//
// http_defaults_test.cpp — the limits that hold when nobody sets any: sizes are what the manual says, and
// times are waited for, to the millisecond, on a simulated clock.
#include <doctest/doctest.h>

#include <algorithm>

#include "../../net/http.hpp"
#include "../../reactor/sim.hpp"

namespace hob_test::http_defaults_test {
using namespace hob;
using namespace std::chrono_literals;
using std::string;

TEST_SUITE_BEGIN("net");

namespace {
struct Local {
  sim::World world{1};
  Loop loop{world.backend()};
  net::TcpListener listener = net::listen("127.0.0.1", 0);
  string url = "http://" + listener.address().to_string() + "/";
};

// How long it takes until f(Local&) has ended, to the millisecond; it may fail.
template <class F>
Duration taken(F f) {
  Local at;
  const TimePoint before = at.world.now();
  static_cast<void>(at.loop.run(as_result(f(at))));
  return std::chrono::round<std::chrono::milliseconds>(at.world.now() - before);
}

// Answers with this, and then says nothing any more.
Future<> answers(net::TcpListener& listener, string text) {
  net::TcpStream stream = co_await listener.accept();
  net::BufferedReader reader(stream);
  co_await reader.read_until("\r\n\r\n");
  co_await stream.write_all(text);
  co_await sleep(24h);
}

// Says this to a server, and waits for the end.
Future<> says(Local& at, string text) {
  http::Server server([](http::Request&) -> Future<http::Response> { co_return http::Response(); });
  const net::Address to = at.listener.address();
  Future<> serving = server.serve(std::move(at.listener));
  net::TcpStream stream = co_await net::connect(to);
  co_await stream.write_all(text);
  while (!(co_await stream.read_lease()).empty()) {
  }
}
}  // namespace

TEST_CASE("sizes: lines, heads, fields, chunk lines, trailers, bodies, redirects") {
  const http::Limits limits;
  CHECK(limits.line == 8 << 10);
  CHECK(limits.head == 64 << 10);
  CHECK(limits.fields == 128);
  CHECK(limits.chunk_line == 256);
  CHECK(limits.trailers == 16 << 10);
  CHECK(http::ServerOptions().body == 1 << 20);
  CHECK(http::SessionOptions().body == 64 << 20);
  CHECK(http::SessionOptions().redirects == 10);
}

TEST_CASE("a client waits 10 s to connect and for a head, 30 s for a part of a body, 300 s in all") {
  CHECK(taken([](Local& at) {
    at.world.host("far", [] { return sleep(24h); });
    at.world.partition("localhost", "far");
    return http::get("http://far/");
  }) == 10s);
  CHECK(taken([](Local& at) -> Future<> {
    const Future<> peer = answers(at.listener, "HTTP/1.1 200 OK\r\n");
    co_await http::get(at.url);
  }) == 10s);
  CHECK(taken([](Local& at) -> Future<> {
    const Future<> peer = answers(at.listener, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc");
    co_await http::get(at.url);
  }) == 30s);
  CHECK(taken([](Local& at) -> Future<> {
    const auto drips = [](net::TcpListener& listener) -> Future<> {
      net::TcpStream stream = co_await listener.accept();
      co_await stream.write_all("HTTP/1.1 200 OK\r\n\r\n");
      for (const string piece(1000, 'x');; co_await sleep(20s)) co_await stream.write_all(piece);
    };
    const Future<> peer = drips(at.listener);
    co_await http::get(at.url);
  }) == 300s);
}

TEST_CASE("a client keeps a connection for 15 s") {
  CHECK(taken([](Local& at) -> Future<> {
    const auto peer = [](net::TcpListener& listener) -> Future<> {
      net::TcpStream stream = co_await listener.accept();
      co_await stream.write_all("HTTP/1.1 204 No Content\r\n\r\n");
      while (!(co_await stream.read_lease()).empty()) {
      }
    };
    Future<> closed = peer(at.listener);
    http::Session session;
    co_await session.get(at.url);
    co_await std::move(closed);
  }) == 15s);
}

TEST_CASE("a server waits 10 s for a head, 75 s for the next one, 30 s for a part of a body") {
  CHECK(taken([](Local& at) { return says(at, ""); }) == 10s);
  CHECK(taken([](Local& at) { return says(at, "GET / HT"); }) == 10s);
  CHECK(taken([](Local& at) { return says(at, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); }) == 75s);
  CHECK(taken([](Local& at) {
    return says(at, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  }) == 30s);
}

TEST_CASE("the date is the kernel's: the same run says the same") {
  const auto date = [] {
    Local at;
    return at.loop.run([](Local& here) -> Future<string> {
      http::Server server([](http::Request&) -> Future<http::Response> { co_return http::Response(); });
      const Future<> serving = server.serve(std::move(here.listener));
      const http::Response response = co_await http::get(here.url);
      co_return string(response.headers.get("Date").value_or("none"));
    }(at));
  };
  CHECK(date() == "Sat, 01 Jan 2000 01:00:00 GMT");
  CHECK(date() == date());
}

TEST_CASE("times: that of answers which waited for room is not the handler's after them") {
  Local at;
  const string got = at.loop.run([&]() -> Future<string> {
    http::Server server([](http::Request& request) -> Future<http::Response> {
      if (request.target == "/slow") co_await sleep(100s);
      co_return http::Response(200, string(request.target == "/big" ? 40'000 : 4000, 'x'));
    });
    const net::Address to = at.listener.address();
    Future<> serving = server.serve(std::move(at.listener));
    net::TcpStream stream = co_await net::connect(to);
    string asks;  // answers to the small ones wait for the last one's, which is slow: more than fits
    for (const char* target : {"/big", "/", "/", "/", "/", "/", "/", "/", "/", "/", "/", "/", "/", "/slow"})
      asks.append("GET ").append(target).append(" HTTP/1.1\r\nHost: a\r\n\r\n");
    co_await stream.write_all(asks);
    stream.shutdown_write();
    co_await sleep(1s);
    net::BufferedReader reader(stream);
    co_return co_await reader.read_to_end();
  }());
  CHECK(std::ranges::count(got, 'x') == 40'000 + 13 * 4000);
}

TEST_CASE("times: a body that does not come is late, though the request is still being sent") {
  const Duration time = taken([](Local& at) -> Future<> {
    const auto early = [](net::TcpListener& listener) -> Future<> {
      net::TcpStream stream = co_await listener.accept();
      co_await stream.write_all("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
      while (!(co_await stream.read_lease()).empty()) {
      }
    };
    Future<> server = early(at.listener);
    http::Request request("POST", at.url);
    request.source = [n = 0]() mutable -> Future<string> {
      co_await sleep(1s);
      co_return string(++n == 3 ? "" : "piece");
    };
    const http::Response response = co_await http::request(std::move(request));
  });
  CHECK(time == 33s);
}

TEST_CASE("times: a wait for a body that was dropped is over, and the next one has a time of its own") {
  string heard;
  const Duration time = taken([&](Local& at) -> Future<> {
    const auto slow = [](net::TcpListener& listener) -> Future<> {
      net::TcpStream stream = co_await listener.accept();
      co_await stream.write_all("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
      co_await sleep(40s);
      co_await stream.write_all("late");
      while (!(co_await stream.read_lease()).empty()) {
      }
    };
    Future<> server = slow(at.listener);
    http::Session session;
    http::Response response = co_await session.open(http::Request(at.url));
    auto early = as_result(wait_for(response.source(), 1s));
    static_cast<void>(co_await std::move(early));
    co_await sleep(49s);
    heard = co_await response.source();
    co_await response.source();
  });
  CHECK(heard == "late");
  CHECK(time == 80s);
}

TEST_SUITE_END();
}  // namespace hob_test::http_defaults_test
