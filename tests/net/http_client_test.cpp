// SPDX-License-Identifier: MIT
//
// http_client_test.cpp — Session: what it sends, and which connections it keeps, uses again, and gives up.
#include <string>

#include "../counting_new.hpp"
#include "http_peer.hpp"

namespace hob_test::http_client_test {
using namespace std::string_literals;

TEST_SUITE_BEGIN("net");

namespace {

http::SessionOptions options(Duration http::SessionOptions::*which, Duration limit) {
  http::SessionOptions options;
  options.*which = limit;
  return options;
}

// A GET after another, and how many connections that took.
Future<int> connections_of(std::string first_response, bool closes = false) {
  const auto first = closes ? answers_and_closes({first_response}) : answers({first_response, ok("second")});
  Peer peer({first, answers({ok("second")})});
  http::Session session;
  static_cast<void>(co_await session.get(peer.url()));
  const http::Response second = co_await session.get(peer.url());
  CHECK(second.body == "second");
  co_return peer.connections;
}

}  // namespace

TEST_CASE("a request has what a request needs, and what it says itself goes before that") {
  on_net([]() -> Future<> {
    Peer peer({answers({ok("1"), ok("2"), ok("3"), ok("4")})});
    http::Session session;
    session.headers = {{"X-Token", "of the session"}, {"Accept", "text/plain"}};
    co_await session.get(peer.url("/a/../b?q=1#fragment"));
    http::Request request("PUT", peer.url("/put"), "body");
    request.headers = {{"x-token", "its own"}, {"Host", "other"}, {"user-agent", "test"}};
    co_await session.request(std::move(request));
    co_await session.post(peer.url(), "");
    co_await session.request(http::Request("DELETE", peer.url()));
    CHECK(peer.heard[0] == "GET /b?q=1 HTTP/1.1\r\nHost: " + peer.host() +
                               "\r\nUser-Agent: hob\r\nX-Token: of the session\r\nAccept: text/plain\r\n\r\n");
    CHECK(peer.heard[1] == "PUT /put HTTP/1.1\r\nx-token: its own\r\nHost: other\r\nuser-agent: test\r\n"
                           "Accept: text/plain\r\nContent-Length: 4\r\n\r\nbody");
    CHECK(has(peer.heard[2], "Content-Length: 0\r\n"));
    CHECK_FALSE(has(peer.heard[3], "Content-Length"));
    CHECK(peer.connections == 1);
  });
}

TEST_CASE("a response says all there is of it") {
  on_net([]() -> Future<> {
    Peer peer({answers({"HTTP/1.1 404 Nowhere to be found\r\nA: 1\r\nContent-Length: 9\r\na: 2\r\n\r\n{\"a\":[7]}"})});
    const http::Response response = co_await http::get(peer.url("/x"));
    CHECK(response.status == 404);
    CHECK(response.reason == "Nowhere to be found");
    CHECK(response.headers.wire() == "A: 1\r\nContent-Length: 9\r\na: 2\r\n");
    CHECK(response.json()["a"][0].as_int() == 7);
    CHECK(response.url == peer.url("/x"));
    CHECK_THROWS_WITH_AS(response.raise_for_status(), ("404 Nowhere to be found: " + peer.url("/x")).c_str(), http::StatusError);
    co_await peer.idle();  // http::get keeps nothing
  });
}

TEST_CASE("the user of a URL becomes Basic authentication, unless the request has one") {
  on_net([]() -> Future<> {
    Peer peer({answers({ok(""), ok(""), ok(""), ok("")})});
    http::Session session;
    for (const std::string user : {"Aladdin:open%20sesame", "%C3%A4", ":", "a:b%3Ac"}) {
      const http::Response response = co_await session.get("http://" + user + "@" + peer.host() + "/");
      CHECK(response.url == peer.url());
    }
    CHECK(has(peer.heard[0], "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    CHECK(has(peer.heard[1], "\r\nAuthorization: Basic w6Q6\r\n"));
    CHECK(has(peer.heard[2], "\r\nAuthorization: Basic Og==\r\n"));
    CHECK(has(peer.heard[3], "\r\nAuthorization: Basic YTpiOmM=\r\n"));
    for (const std::string& each : peer.heard) CHECK(line(each) == "GET / HTTP/1.1");
  });
  on_net([]() -> Future<> {
    Peer peer({answers({ok("")})});
    http::Request request("http://user:password@" + peer.host());
    request.headers.set("Authorization", "Bearer x");
    co_await http::request(std::move(request));
    CHECK(has(peer.heard[0], "\r\nAuthorization: Bearer x\r\n"));
    CHECK_FALSE(has(peer.heard[0], "Basic"));
  });
}

TEST_CASE("what may not be sent is refused before a byte leaves") {
  on_net([]() -> Future<> {
    Peer peer({answers({ok("")})});
    http::Session session;
    for (const std::string& method : {""s, "GET "s, "GET / HTTP/1.1\r\nX: y\r\n"s, "G\0"s, "G\n"s, "CONNECT"s}) {
      CHECK(has(co_await thrown<std::invalid_argument>(session.request(http::Request(method, peer.url()))), "method"));
    }
    for (const std::string& end : {"\r\nX: y"s, " HTTP/1.1"s, "\n"s, "\0"s}) {
      CHECK(has(co_await thrown<http::ProtocolError>(session.get(peer.url(end))), "URL: expected"));
    }
    http::Request lies("POST", peer.url(), "four");
    lies.headers.set("Content-Length", "5");
    CHECK(has(co_await thrown<std::invalid_argument>(session.request(lies)), "5 for a body of 4 bytes"));
    lies.headers.set("Content-Length", "4, 4");
    CHECK(has(co_await thrown<std::invalid_argument>(session.request(lies)), "4, 4 for a body of 4 bytes"));
#ifndef HOB_TLS
    CHECK(has(co_await thrown<std::runtime_error>(session.get("https://" + peer.host())), "-Dtls=enabled"));
#endif
    CHECK(has(co_await thrown<http::ProtocolError>(session.get("ftp://a")), "http:// or https://"));
    CHECK(peer.heard.empty());
    CHECK((co_await session.get(peer.url())).status == 200);
  });
}

TEST_CASE("a connection is used again, unless its response says that it ends") {
  on_net([]() -> Future<> {
    CHECK(co_await connections_of(ok("first")) == 1);
    CHECK(co_await connections_of(ok("")) == 1);
    CHECK(co_await connections_of("HTTP/1.1 204 No Content\r\n\r\n") == 1);
    CHECK(co_await connections_of("HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n") == 1);
    CHECK(co_await connections_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n") == 1);
    CHECK(co_await connections_of("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\na") == 1);
    CHECK(co_await connections_of("HTTP/1.1 102 Wait\r\n\r\n" + ok("first")) == 1);
    CHECK(co_await connections_of(ok("first", "Connection: close\r\n")) == 2);
    CHECK(co_await connections_of(ok("first", "Connection: x, Close\r\n")) == 2);
    CHECK(co_await connections_of("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na") == 2);
    CHECK(co_await connections_of("HTTP/1.1 200 OK\r\n\r\nuntil close", true) == 2);
    CHECK(co_await connections_of(ok("first"), true) == 2);
    CHECK(co_await connections_of(ok("first") + "and more, unasked") == 2);
    CHECK(co_await connections_of("HTTP/1.1 204 No\r\nContent-Length: 1\r\n\r\n") == 2);
  });
}

TEST_CASE("a connection is closed if the request says so") {
  on_net([]() -> Future<> {
    Peer peer({answers({ok("")})});
    http::Session session;
    http::Request request(peer.url());
    request.headers.set("Connection", "close");
    co_await session.request(std::move(request));
    co_await peer.idle();
  });
}

TEST_CASE("each origin has connections of its own") {
  on_net([]() -> Future<> {
    Peer one({answers({ok("1"), ok("1")})}), two({answers({ok("2"), ok("2")})});
    http::Session session;
    for (int i = 0; i < 2; ++i) {
      CHECK((co_await session.get(one.url())).body == "1");
      CHECK((co_await session.get(two.url())).body == "2");
    }
    CHECK(one.connections == 1);
    CHECK(two.connections == 1);
  });
}

TEST_CASE("a kept connection is closed when it has been idle for long, or the Session goes") {
  on_net([]() -> Future<> {
    Peer peer({answers({ok("")})});
    http::Session session(options(&http::SessionOptions::idle, 30ms));
    co_await session.get(peer.url());
    co_await peer.idle();
    CHECK((co_await session.get(peer.url())).status == 200);
    CHECK(peer.connections == 2);
    session = http::Session();
    co_await peer.idle();
  });
}

TEST_CASE("a connection that its server closed, reset, or spoke on unasked is not used again") {
  for (const std::string_view how : {"close", "reset", "speak"}) {
    CAPTURE(how);
    on_net([how]() -> Future<> {
      const auto first = [how](Talk& talk) -> Future<> {
        co_await talk.request();
        co_await talk.say(ok("1"));
        if (how == "reset") talk.stream.abort();
        if (how != "speak") co_return;
        co_await sleep(5ms);
        co_await talk.say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
        co_await talk.end();
      };
      Peer peer({first, answers({ok("2")})});
      http::Session session;
      co_await session.post(peer.url(), "x");
      co_await sleep(20ms);
      CHECK((co_await session.post(peer.url(), "y")).body == "2");
      CHECK(peer.connections == 2);
    });
  }
}

TEST_CASE("a closed connection is seen however much the task has done before it asks") {
  on_net([]() -> Future<> {
    Peer peer({answers_and_closes({ok("1")})});
    http::Session session;
    Event set;
    set.set();
    for (int steps = 0; steps <= 32; ++steps) {
      CAPTURE(steps);
      co_await session.post(peer.url(), "x");
      co_await peer.idle();
      co_await sleep(1ms);
      for (int i = 0; i < steps; ++i) co_await set.wait();
      CHECK((co_await session.post(peer.url(), "y")).body == "1");
      co_await peer.idle();
      co_await sleep(1ms);
    }
  });
}

namespace {

// Asks twice on one connection, which is closed (after some bytes) when the second has been heard.
// What the third connection would have to answer, or the error.
Future<std::string> repeated(std::string method, std::string bytes, bool streams, int& connections) {
  const auto first = [&bytes](Talk& talk) -> Future<> {
    co_await talk.request();
    co_await talk.say(ok("1"));
    co_await talk.request();
    co_await talk.say(bytes);
  };
  Peer peer({first, answers({ok("again")})});
  http::Session session;
  co_await session.get(peer.url());
  http::Request request(method, peer.url(), streams ? "" : "body");
  if (streams) {
    request.source = [n = 0]() mutable { return ready(std::string(n++ == 0 ? "body" : "")); };
  }
  const auto result = co_await as_result(session.request(std::move(request)));
  connections = peer.connections;
  if (!result.has_value()) co_return "error: " + what(result.error());
  co_return result.value().body;
}

}  // namespace

TEST_CASE("a request is repeated on a new connection if it may be, and a kept one has answered nothing") {
  on_net([]() -> Future<> {
    int connections = 0;
    for (const char* method : {"GET", "PUT", "DELETE", "OPTIONS"}) {
      CHECK(co_await repeated(method, "", false, connections) == "again");
      CHECK(connections == 2);
    }
    for (const char* method : {"POST", "PATCH", "get", "PURGE"}) {
      CHECK(has(co_await repeated(method, "", false, connections), "error: "));
      CHECK(connections == 1);
    }
    CHECK(has(co_await repeated("PUT", "", true, connections), "error: "));
    CHECK(connections == 1);
    for (const char* bytes : {"H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 102 Wait\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"}) {
      CHECK(has(co_await repeated("GET", bytes, false, connections), "error: "));
      CHECK(connections == 1);
    }
  });
}

TEST_CASE("a request is repeated once: the second failure is the error; and never on a first connection") {
  on_net([]() -> Future<> {
    const auto closes = [](Talk& talk) -> Future<> { co_await talk.request(); };
    const auto first = [](Talk& talk) -> Future<> {
      co_await talk.request();
      co_await talk.say(ok("1"));
      co_await talk.request();
    };
    Peer peer({first, closes});
    http::Session session;
    co_await session.get(peer.url());
    CHECK(co_await thrown<net::EndOfStream>(session.get(peer.url())) == "the stream has ended");
    CHECK(peer.connections == 2);
    CHECK(has(co_await error_of(session.get(peer.url())), "the stream has ended"));
    CHECK(peer.connections == 3);
  });
}

TEST_CASE("many at once on one Session: no more connections than it may have, and all are used again") {
  on_net([]() -> Future<> {
    const auto echo = [](Talk& talk) -> Future<> {
      for (;;) {
        const std::string request = co_await talk.request();
        co_await yield();
        co_await talk.say(ok(request.substr(4, request.find(' ', 4) - 4)));
      }
    };
    Peer peer({echo});
    http::SessionOptions bounded;
    bounded.connections = 7;
    http::Session session(bounded);
    std::vector<Future<http::Response>> all;
    for (int i = 0; i < 200; ++i) all.push_back(session.get(peer.url("/" + std::to_string(i))));
    const auto responses = co_await gather(std::move(all));
    for (std::size_t i = 0; i < 200; ++i) CHECK(responses[i].body == "/" + std::to_string(i));
    CHECK(peer.connections == 7);
    CHECK(peer.most == 7);
  });
}

TEST_CASE("who waits for a connection waits no longer than in all; a dropped one lets the next go") {
  on_net([]() -> Future<> {
    Peer peer({answers({ok("1"), ok("2")})});
    http::SessionOptions one;
    one.connections = 1;
    one.total = 40ms;
    http::Session session(one);
    http::Response held = co_await session.open(http::Request(peer.url()));
    CHECK(has(co_await thrown<TimedOut>(session.get(peer.url())), "timed out"));
    held = http::Response();
    CHECK((co_await session.get(peer.url())).body == "1");
  });
}

TEST_CASE("a connection that is kept holds no buffer") {
  on_net([]() -> Future<> {
    constexpr std::size_t kMany = 60;
    Event go;
    const auto together = [&go](Talk& talk) -> Future<> {
      co_await talk.request();
      co_await go.wait();
      co_await talk.say(ok("hello"));
      co_await talk.end();
    };
    Peer peer({together});
    http::Session session;
    std::vector<Future<http::Response>> all;
    for (std::size_t i = 0; i < kMany; ++i) all.push_back(session.get(peer.url()));
    while (peer.heard.size() < kMany) co_await sleep(1ms);
    const std::size_t before = heap().bytes;
    go.set();
    co_await gather(std::move(all));
    CHECK(heap().bytes < before + kMany * 16 * 1024);
  });
}

TEST_CASE("kept alive, a small request costs few allocations") {
  on_net([]() -> Future<> {
    constexpr int kRequests = 200;
    const auto same = [](Talk& talk) -> Future<> {
      char bytes[4096];
      const std::string response = ok("Hello, World!");
      while (co_await talk.stream.read_some(std::span(bytes))) co_await talk.say(response);
    };
    Peer peer({same});
    http::Session session;
    const std::string url = peer.url("/hello");
    for (int i = 0; i < 20; ++i) co_await session.get(url);
    const auto before = heap();
    for (int i = 0; i < kRequests; ++i) co_await session.get(url);
    const auto after = heap();
    MESSAGE("allocations of a kept-alive GET: " << static_cast<double>(after.allocations - before.allocations) / kRequests);
    CHECK((after.allocations - before.allocations) / kRequests <= 100);  // a sanitizer pools no frames
    CHECK(after.blocks <= before.blocks + 4);
  });
}

TEST_SUITE_END();
}  // namespace hob_test::http_client_test
