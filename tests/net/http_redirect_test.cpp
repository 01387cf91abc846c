// SPDX-License-Identifier: MIT
//
// http_redirect_test.cpp — Session follows redirects: what becomes of the request, and where it does not go.
#include <string>

#include "http_peer.hpp"

namespace hob_test::http_redirect_test {
using namespace std::string_literals;

TEST_SUITE_BEGIN("net");

namespace {

const char* const kSecret = "Authorization: Basic secret\r\nCookie: a=b\r\n";

http::Request secret(std::string method, std::string url, std::string body = "") {
  http::Request request(std::move(method), std::move(url), std::move(body));
  request.headers = {{"Authorization", "Basic secret"}, {"Cookie", "a=b"}, {"Content-Type", "text/x"}};
  return request;
}

// The error with which a GET ends that is sent there.
Future<std::string> sent_to(std::string location) {
  Peer peer({answers({redirect(302, location)})});
  co_return co_await thrown<http::ProtocolError>(http::get(peer.url()));
}

}  // namespace

TEST_CASE("the method of what follows a redirect is RFC 9110's") {
  on_net([]() -> Future<> {
    struct Row {
      int status;
      const char *before, *after;
      bool keeps_body;
    };
    const Row rows[] = {
        {301, "GET", "GET", false},  {302, "GET", "GET", false},   {303, "GET", "GET", false},
        {307, "GET", "GET", false},  {308, "GET", "GET", false},   {301, "HEAD", "HEAD", false},
        {302, "HEAD", "HEAD", false}, {303, "HEAD", "HEAD", false}, {307, "HEAD", "HEAD", false},
        {308, "HEAD", "HEAD", false}, {301, "POST", "GET", false},  {302, "POST", "GET", false},
        {303, "POST", "GET", false}, {307, "POST", "POST", true},  {308, "POST", "POST", true},
        {301, "PUT", "PUT", true},   {302, "PUT", "PUT", true},    {303, "PUT", "GET", false},
        {307, "PUT", "PUT", true},   {308, "PUT", "PUT", true},    {303, "DELETE", "GET", false},
    };
    for (const Row& row : rows) {
      CAPTURE(row.status);
      CAPTURE(row.before);
      const bool head = row.before == "HEAD"s;
      Peer peer({answers({redirect(row.status, "/after?x"), head ? "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" : ok("done")})});
      const bool has_body = row.before == "POST"s || row.before == "PUT"s;
      http::Request request = secret(row.before, peer.url("/before"), has_body ? "body" : "");
      const http::Response response = co_await http::request(std::move(request));
      CHECK(response.body == (head ? "" : "done"));
      CHECK(response.url == peer.url("/after?x"));
      CHECK(line(peer.heard[1]) == row.after + " /after?x HTTP/1.1"s);
      CHECK(has(peer.heard[1], "\r\nContent-Length: 4\r\n") == row.keeps_body);
      CHECK(peer.heard[1].ends_with("\r\n\r\nbody") == row.keeps_body);
      if (has_body) CHECK(has(peer.heard[1], "Content-Type") == row.keeps_body);
      CHECK(has(peer.heard[1], kSecret));
      CHECK(peer.connections == 1);
    }
  });
}

TEST_CASE("statuses that are no redirects, and redirects without a Location, are handed out") {
  on_net([]() -> Future<> {
    for (const int status : {201, 300, 304, 305, 306, 399}) {
      Peer peer({answers({redirect(status, "/after")})});
      CHECK((co_await http::get(peer.url())).status == status);
    }
    Peer peer({answers({"HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nhi"})});
    CHECK((co_await http::get(peer.url())).body == "hi");
    Peer other({answers({redirect(302, "/after")})});
    http::SessionOptions none;
    none.redirects = 0;
    const http::Response response = co_await http::request(http::Request(other.url()), none);
    CHECK(response.status == 302);
    CHECK(response.headers.get("Location") == "/after");
  });
}

TEST_CASE("a Location is relative to where it came from, or absolute; its fragment is not sent") {
  on_net([]() -> Future<> {
    Peer other({answers({ok("other")})});
    Peer peer({answers({redirect(302, "c"), redirect(302, "../d/?q"), redirect(302, "?r#f"), redirect(302, "//" + other.host() + "/e")})});
    const http::Response response = co_await http::get(peer.url("/a/b"));
    CHECK(response.body == "other");
    CHECK(line(peer.heard[1]) == "GET /a/c HTTP/1.1");
    CHECK(line(peer.heard[2]) == "GET /d/?q HTTP/1.1");
    CHECK(line(peer.heard[3]) == "GET /d/?r HTTP/1.1");
    CHECK(line(other.heard[0]) == "GET /e HTTP/1.1");
    CHECK(has(other.heard[0], "\r\nHost: " + other.host() + "\r\n"));
  });
}

TEST_CASE("a Location that is no URL is an error that quotes it") {
  on_net([]() -> Future<> {
    CHECK(has(co_await sent_to("http://a b/"), "'"));
    CHECK(has(co_await sent_to("ftp://a/"), "expected http:// or https://"));
    CHECK(has(co_await sent_to("javascript:alert(1)"), "expected http:// or https://"));
    CHECK(has(co_await sent_to("//[::1"), "expected a name"));
    CHECK(has(co_await sent_to("/%4"), "'%4'"));
    CHECK(has(co_await sent_to("http://0x7f.1/"), "'0x7f.1'"));
#ifndef HOB_TLS
    CHECK(has(co_await sent_to("https://127.0.0.1/"), "-Dtls=enabled"));
#endif
  });
}

TEST_CASE("ten redirects are followed, an eleventh is an error; a loop ends like that") {
  on_net([]() -> Future<> {
    std::vector<std::string> ten(10, redirect(302, "/x"));
    ten.push_back(ok("there"));
    Peer peer({answers(ten)});
    CHECK((co_await http::get(peer.url())).body == "there");
    Peer loop({answers(std::vector<std::string>(20, redirect(307, "/")))});
    CHECK(co_await thrown<http::ProtocolError>(http::get(loop.url())) == "HTTP: more than 10 redirects");
    CHECK(loop.heard.size() == 11);
  });
}

TEST_CASE("Authorization, Cookie and Host stay with their origin, also on the way back") {
  on_net([]() -> Future<> {
    // Not told apart by the host alone: the port is another.
    std::vector<Peer::Script> scripts;
    Peer other({[](Talk& talk) -> Future<> {
      const std::string request = co_await talk.request();
      co_await talk.say(redirect(302, "http://" + request.substr(request.find("/?") + 2, request.find(" HTTP") - request.find("/?") - 2) + "/back"));
      co_await talk.end();
    }});
    const std::string there = other.url("/?");
    Peer peer({[&there](Talk& talk) -> Future<> {
      co_await talk.request();
      co_await talk.say(redirect(302, "/same"));
      co_await talk.request();
      co_await talk.say(redirect(302, there + talk.peer.host()));
      co_await talk.request();
      co_await talk.say(ok("back"));
      co_await talk.end();
    }});
    http::Session session;
    http::Request request = secret("GET", peer.url());
    request.headers.set("Host", "mine");
    CHECK((co_await session.request(std::move(request))).body == "back");
    CHECK(has(peer.heard[1], kSecret));
    CHECK(has(peer.heard[1], "Host: mine\r\n"));
    for (const std::string& after : {other.heard[0], peer.heard[2]}) {
      CHECK_FALSE(has(after, "secret"));
      CHECK_FALSE(has(after, "Cookie"));
      CHECK_FALSE(has(after, "mine"));
      CHECK(has(after, "Content-Type: text/x"));
    }
  });
}

TEST_CASE("a Session's own secrets and a URL's user stay with their origin as well") {
  on_net([]() -> Future<> {
    Peer other({answers({ok("")})});
    Peer peer({answers({redirect(302, "/same"), redirect(302, other.url())})});
    http::Session session;
    session.headers = {{"Cookie", "a=b"}};
    co_await session.get("http://user:word@" + peer.host());
    CHECK(has(peer.heard[1], "Basic dXNlcjp3b3Jk"));
    CHECK(has(peer.heard[1], "Cookie"));
    CHECK_FALSE(has(other.heard[0], "Basic"));
    CHECK_FALSE(has(other.heard[0], "Cookie"));
  });
}

TEST_CASE("a user in a Location is heard at its origin") {
  on_net([]() -> Future<> {
    Peer other({answers({ok("")})});
    Peer peer({answers({redirect(302, "http://u:p@" + other.host() + "/")})});
    co_await http::request(secret("GET", peer.url()));
    CHECK(has(other.heard[0], "\r\nAuthorization: Basic dTpw\r\n"));
  });
}

TEST_CASE("a streamed body cannot be sent twice, but dropped") {
  on_net([]() -> Future<> {
    for (const int status : {301, 303, 307, 308}) {
      CAPTURE(status);
      Peer peer({answers({redirect(status, "/after"), ok("done")})});
      http::Request request("POST", peer.url());
      request.source = [n = 0]() mutable { return ready(std::string(n++ == 0 ? "body" : "")); };
      if (status < 307) {
        CHECK((co_await http::request(std::move(request))).body == "done");
        CHECK(line(peer.heard[1]) == "GET /after HTTP/1.1");
        CHECK_FALSE(has(peer.heard[1], "chunked"));
      } else {
        CHECK(co_await thrown<http::ProtocolError>(http::request(std::move(request))) == "HTTP: a redirect of a body that cannot be sent twice");
      }
    }
  });
}

TEST_CASE("a redirect that comes while the body is still being sent ends the sending") {
  on_net([]() -> Future<> {
    for (const bool streams : {false, true}) {
      CAPTURE(streams);
      const auto early = [](Talk& talk) -> Future<> {
        co_await talk.head();
        co_await talk.say(redirect(303, "/after"));
        co_await talk.end();
      };
      Peer peer({early, answers({ok("done")})});
      http::Request request("POST", peer.url(), streams ? "" : std::string(32 << 20, 'x'));
      const std::string piece(1000, 'y');
      if (streams) {
        request.source = [piece]() -> Future<std::string> {
          co_await sleep(1ms);
          co_return piece;
        };
      }
      CHECK((co_await http::request(std::move(request))).body == "done");
      CHECK(peer.connections == 2);
      CHECK(line(peer.heard[0]) == "GET /after HTTP/1.1");
      co_await peer.idle();
    }
  });
}

TEST_CASE("the body of a redirect is dropped; one that is large, or breaks off, costs its connection") {
  on_net([]() -> Future<> {
    const std::string found = "HTTP/1.1 302 Found\r\nLocation: /after\r\n";
    struct Row {
      std::string response;
      int connections;
    };
    const Row rows[] = {
        {found + "Content-Length: 3\r\n\r\nabc", 1},
        {found + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 1},
        {found + "Content-Length: 100000\r\n\r\n" + std::string(100000, 'x'), 2},
        {found + "Connection: close\r\n\r\nabc", 2},
        {found + "Content-Length: 3\r\n\r\na", 2},
        {found + "Transfer-Encoding: chunked\r\n\r\nx\r\n", 2},
    };
    for (const Row& row : rows) {
      CAPTURE(row.response.substr(0, 100));
      const bool ends = row.connections == 2;
      const std::string done = ok("done");
      Peer peer({ends ? answers_and_closes({row.response}) : answers({row.response, done}), answers({done})});
      CHECK((co_await http::get(peer.url())).body == "done");
      CHECK(peer.connections == row.connections);
    }
  });
}

TEST_SUITE_END();
}  // namespace hob_test::http_redirect_test
