// SPDX-License-Identifier: MIT
//
// http_bodies_test.cpp — Session: bodies in all their framings, both ways, whole and in pieces; and the
// responses that come before, between and instead.
#include <string>

#include "../counting_new.hpp"
#include "http_peer.hpp"

namespace hob_test::http_bodies_test {
using namespace std::string_literals;

TEST_SUITE_BEGIN("net");

namespace {

// The pieces, then the end.
http::Source pieces(std::vector<std::string> all) {
  return [all = std::move(all), n = std::size_t(0)]() mutable {
    return ready(n < all.size() ? all[n++] : std::string());
  };
}

// Answers with these bytes, and closes.
Future<http::Response> answered(std::string method, std::string bytes) {
  Peer peer({answers_and_closes({bytes})});
  co_return co_await http::request(http::Request(method, peer.url()));
}
Future<std::string> body(std::string bytes) {
  const http::Response response = co_await answered("GET", bytes);
  co_return response.body;
}

Future<std::string> all_of(http::Response& response) {
  std::string all;
  for (std::string piece = "?"; !piece.empty(); all += piece) piece = co_await response.source();
  co_return all;
}

}  // namespace

TEST_CASE("a body ends where its framing says") {
  on_net([]() -> Future<> {
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    CHECK(co_await body("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef") == "abc");
    CHECK(co_await body("HTTP/1.1 200 OK\r\n\r\nuntil the end") == "until the end");
    CHECK(co_await body("HTTP/1.1 200 OK\r\n\r\n") == "");
    CHECK(co_await body("HTTP/1.0 200\r\n\r\nold") == "old");
    CHECK(co_await body(chunked + "3\r\nabc\r\nA;ext=\"1\"\r\n0123456789\r\n0\r\nX: y\r\n\r\nmore") == "abc0123456789");
    CHECK((co_await answered("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")).body == "");
    CHECK((co_await answered("HEAD", chunked)).body == "");
    CHECK((co_await answered("GET", "HTTP/1.1 204 No Content\r\n\r\nabc")).body == "");
    CHECK((co_await answered("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n")).body == "");
  });
}

TEST_CASE("a body that breaks off is an error, never a short success") {
  on_net([]() -> Future<> {
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const std::string& bytes :
         {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"s, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"s,
          chunked, chunked + "3", chunked + "3\r\nab", chunked + "3\r\nabc", chunked + "3\r\nabc\r\n",
          chunked + "3\r\nabc\r\n0\r\n", chunked + "3\r\nabc\r\n0\r\nX: y\r\n"}) {
      CAPTURE(bytes);
      CHECK(has(co_await thrown<http::ProtocolError>(body(bytes)), "found the end of the stream"));
    }
    for (const std::string& bytes : {chunked + "x\r\n", chunked + "3\nabc\n", chunked + "3\r\nabcd\r\n", chunked + "0\r\nHost: a\r\n\r\n", chunked + std::string(300, '0')}) {
      CAPTURE(bytes);
      CHECK(has(co_await thrown<http::ProtocolError>(body(bytes)), "chunk: expected"));
    }
    for (const std::string& bytes : {"HTTP/1.1 200 OK\r\nContent-Len"s, "H"s}) {
      CHECK(co_await thrown<net::EndOfStream>(body(bytes)) == "the stream has ended");
    }
  });
}

TEST_CASE("what is no response is an error that quotes it") {
  on_net([]() -> Future<> {
    for (const std::string& bytes :
         {"SSH-2.0-OpenSSH_9\r\n"s, "HTTP/2 200 OK\r\n\r\n"s, "HTTP/1.1 OK\r\n\r\n"s, "HTTP/1.1 20 OK\r\n\r\n"s,
          "HTTP/1.1 2000 OK\r\n\r\n"s, "HTTP/1.1  200 OK\r\n\r\n"s, "HTTP/1.1 200 OK\n\n"s, "\r\n\r\n\r\n"s, "HTTP/1.1 200 OK\r\nA : b\r\n\r\n"s,
          "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"s, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"s,
          "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\na"s, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"s,
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"s, "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n"s,
          "HTTP/1.1 200 "s + std::string(9000, 'x'), "HTTP/1.1 200 OK\r\n" + std::string(70000, 'a')}) {
      CAPTURE(bytes.substr(0, 60));
      CHECK(has(co_await thrown<http::ProtocolError>(body(bytes)), "HTTP: expected"));
    }
    std::string fields = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 129; ++i) fields += "A: b\r\n";
    CHECK(has(co_await thrown<http::ProtocolError>(body(fields + "\r\n")), "at most 128 fields"));
  });
}

TEST_CASE("a head has as many fields as its limit says, however many that are") {
  on_net([]() -> Future<> {
    std::string fields;
    for (int i = 0; i < 1000; ++i) fields += "A: b\r\n";
    http::SessionOptions options;
    for (const std::size_t limit : {1001u, 1000u, 999u}) {
      options.limits.fields = limit;
      Peer peer({answers_and_closes({"HTTP/1.1 200 OK\r\n" + fields + "\r\n"})});
      auto response = co_await as_result(http::request(http::Request("GET", peer.url()), options));
      CHECK(response.has_value() == (limit >= 1000));
      if (response.has_value()) CHECK(response.value().headers.size() == 1000);
    }
  });
}

TEST_CASE("a body over the limit is LimitExceeded, and its connection is closed; open() has no limit") {
  on_net([]() -> Future<> {
    http::SessionOptions ten;
    ten.body = 10;
    const auto endless = [](Talk& talk) -> Future<> {
      const std::string piece = "4\r\nabcd\r\n";
      co_await talk.request();
      co_await talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (;;) co_await talk.say(piece);
    };
    Peer peer({answers({ok("0123456789"), ok("0123456789a")}), endless});
    http::Session session(ten);
    CHECK((co_await session.get(peer.url())).body == "0123456789");
    CHECK(co_await thrown<net::LimitExceeded>(session.get(peer.url())) == "more than the limit of 10 bytes");
    CHECK(has(co_await thrown<net::LimitExceeded>(session.get(peer.url())), "limit of 10 bytes"));
    co_await peer.idle();
    http::Response response = co_await session.open(http::Request(peer.url()));
    for (int got = 0; got < 1000;) got += static_cast<int>((co_await response.source()).size());
    response = http::Response();  // given up midway
    co_await peer.idle();
  });
}

TEST_CASE("trailers come with the end of the body, both ways") {
  on_net([]() -> Future<> {
    Peer peer({answers({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nSum: 7\r\nX: \r\n\r\n"})});
    http::Request request("POST", peer.url());
    request.source = pieces({"hello", std::string(300, 'x')});
    request.trailers = std::make_shared<http::Headers>();
    request.trailers->set("Digest", "abc");
    const http::Response response = co_await http::request(std::move(request));
    CHECK(response.body == "ab");
    REQUIRE(response.trailers);
    CHECK(response.trailers->wire() == "Sum: 7\r\nX: \r\n");
    CHECK(has(peer.heard[0], "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n12c\r\nxxx"));
    CHECK(peer.heard[0].ends_with("\r\n0\r\nDigest: abc\r\n\r\n"));
  });
}

TEST_CASE("a source is sent in chunks, or bare where its length was said; a length that lies is an error") {
  on_net([]() -> Future<> {
    Peer peer({answers({ok("1"), ok("2"), ok("3")})});
    http::Session session;
    http::Request request("PUT", peer.url());
    request.source = pieces({"a", "bcd"});
    request.headers.set("Content-Length", "4");
    co_await session.request(request);
    CHECK(peer.heard[0].ends_with("Content-Length: 4\r\n\r\nabcd"));
    CHECK_FALSE(has(peer.heard[0], "chunked"));
    request.source = pieces({});
    request.headers.clear();
    co_await session.request(request);
    CHECK(peer.heard[1].ends_with("chunked\r\n\r\n0\r\n\r\n"));
    request.headers.set("Content-Length", "0");
    co_await session.request(request);
    CHECK(peer.heard[2].ends_with("\r\nContent-Length: 0\r\n\r\n"));
    CHECK(peer.connections == 1);
    for (const char* length : {"3", "5"}) {
      request.headers.set("Content-Length", length);
      request.source = pieces({"a", "bcd"});
      CHECK(has(co_await thrown<std::length_error>(session.request(request)), "Content-Length"));
      co_await peer.idle();
    }
  });
}

TEST_CASE("what a source throws comes out, and its connection is closed, whether or not a response came") {
  on_net([]() -> Future<> {
    for (const std::string answer : {"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"}) {
      CAPTURE(answer);
      const auto early = [&answer](Talk& talk) -> Future<> {
        co_await talk.head();
        co_await talk.say(answer);
        co_await talk.end();
      };
      Peer peer({early});
      http::Request request("POST", peer.url());
      request.source = [n = 0]() mutable -> Future<std::string> {
        co_await sleep(10ms);
        if (n++ == 1) throw std::runtime_error("no more milk");
        co_return "milk";
      };
      CHECK(co_await thrown<std::runtime_error>(http::request(std::move(request))) == "no more milk");
      co_await peer.idle();
    }
  });
}

TEST_CASE("a body is read in pieces as it comes, to an end that comes again and again") {
  on_net([]() -> Future<> {
    Event go;
    const auto slow = [&go](Talk& talk) -> Future<> {
      co_await talk.request();
      co_await talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
      co_await go.wait();
      co_await talk.say("3\r\ndef\r\n0\r\nX: y\r\n\r\n");
      co_await talk.request();
      co_await talk.say(ok("second"));
      co_await talk.end();
    };
    Peer peer({slow});
    http::Session session;
    http::Response response = co_await session.open(http::Request(peer.url()));
    CHECK(response.status == 200);
    CHECK(co_await response.source() == "abc");
    CHECK(response.trailers->empty());
    go.set();
    CHECK(co_await response.source() == "def");
    for (int i = 0; i < 3; ++i) CHECK(co_await response.source() == "");
    CHECK(response.trailers->get("X") == "y");
    CHECK((co_await session.get(peer.url())).body == "second");
    CHECK(peer.connections == 1);
  });
}

TEST_CASE("an opened Response outlives its Session, and to destroy it closes the connection") {
  on_net([]() -> Future<> {
    Peer peer({answers({ok("hello")})});
    http::Response response;
    {
      http::Session session;
      response = co_await session.open(http::Request(peer.url()));
    }
    CHECK(co_await all_of(response) == "hello");
    co_await peer.idle();
    {
      http::Session session;
      const http::Response unread = co_await session.open(http::Request(peer.url()));
      CHECK(peer.open == 1);
    }
    co_await peer.idle();
  });
}

TEST_CASE("a response's body is passed on as another request's") {
  on_net([]() -> Future<> {
    const std::string large(3 << 20, 'x');
    Peer from({answers({ok(large)})}), to({answers({ok("stored")})});
    http::Session session;
    http::Response response = co_await session.open(http::Request(from.url()));
    http::Request request("PUT", to.url());
    request.source = std::move(response.source);
    CHECK((co_await session.request(std::move(request))).body == "stored");
    CHECK(to.heard[0].size() > large.size());
  });
}

TEST_CASE("provisional responses are passed over; 101, and too many, are refused") {
  on_net([]() -> Future<> {
    CHECK(co_await body("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("at last")) == "at last");
    CHECK(has(co_await thrown<http::ProtocolError>(body("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")), "expected a final response, found 101"));
    const auto endless = [](Talk& talk) -> Future<> {
      for (;;) co_await talk.say("HTTP/1.1 102 Processing\r\n\r\n");
    };
    Peer peer({endless});
    CHECK(has(co_await thrown<http::ProtocolError>(http::get(peer.url())), "expected a final response, found 102"));
  });
}

namespace {

// Sends a body that waits for the server's word; `answer` comes to the head, then the script ends it.
Future<http::Response> expecting(Peer& peer, http::Session& session, std::string body) {
  http::Request request("POST", peer.url(), body);
  request.headers.set("Expect", "100-continue");
  return session.request(std::move(request));
}

}  // namespace

TEST_CASE("Expect: 100-continue: the body is sent at the server's word, and not after its refusal") {
  on_net([]() -> Future<> {
    std::string after;
    const auto refuses = [&after](Talk& talk) -> Future<> {
      co_await talk.head();
      co_await talk.say("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
      after = co_await talk.in.read_to_end();
    };
    const auto asks = [](Talk& talk) -> Future<> {
      const std::string head = co_await talk.head();
      co_await sleep(5ms);
      CHECK(talk.in.buffered().empty());
      co_await talk.say("HTTP/1.1 100 Continue\r\n\r\n");
      CHECK(co_await talk.in.read_exactly(4) == "body");
      co_await talk.say(ok("yes"));
      co_await talk.request();
      co_await talk.say(ok("next"));
      co_await talk.end();
    };
    Peer peer({refuses, asks});
    http::Session session;
    CHECK((co_await expecting(peer, session, "body")).body == "no");
    co_await peer.idle();
    CHECK(after == "");
    CHECK((co_await expecting(peer, session, "body")).body == "yes");
    CHECK((co_await session.get(peer.url())).body == "next");
    CHECK(peer.connections == 2);
  });
}

TEST_CASE("Expect: 100-continue: without a word the body is sent after a second, and then to its end") {
  on_net([]() -> Future<> {
    const std::string large(8 << 20, 'x');
    // An early 200 does not stop a body that has begun: this server echoes.
    const auto echoes = [&large](Talk& talk) -> Future<> {
      co_await talk.head();
      std::string part = co_await talk.in.read_exactly(1000);
      co_await talk.say("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(large.size()) + "\r\n\r\n" + part);
      for (std::size_t left = large.size() - 1000; left != 0; left -= part.size()) {
        part = co_await talk.in.read_exactly(std::min<std::size_t>(left, 10000));
        co_await talk.say(part);
      }
      co_await talk.end();
    };
    Peer peer({echoes});
    http::Session session;
    const TimePoint before = Loop::current().clock();
    CHECK((co_await expecting(peer, session, large)).body == large);
    CHECK(Loop::current().clock() - before >= 1s);
  });
}

TEST_CASE("a final response that comes while a large body is being sent is the response") {
  on_net([]() -> Future<> {
    for (const bool closes : {false, true}) {
      CAPTURE(closes);
      const auto refuses = [closes](Talk& talk) -> Future<> {
        co_await talk.head();
        co_await talk.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large");
        if (!closes) co_await talk.end();
      };
      Peer peer({refuses, answers({ok("next")})});
      http::Session session;
      const http::Response response = co_await session.post(peer.url(), std::string(32 << 20, 'x'));
      CHECK(response.status == 413);
      CHECK(response.body == "too large");
      CHECK((co_await session.get(peer.url())).body == "next");
      CHECK(peer.connections == 2);
    }
  });
}

TEST_CASE("a body that is echoed while it is being sent comes back, whole and in pieces") {
  constexpr std::size_t kPieces = 256, kPiece = 256 * 1024;
  on_net([]() -> Future<> {
    const auto echo = [](Talk& talk) -> Future<> {
      co_await talk.head();
      co_await talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      co_await talk.say(talk.in.buffered());
      co_await net::copy(talk.stream, talk.stream);
    };
    Peer peer({echo});
    http::Session session;
    http::Request request("POST", peer.url());
    request.source = [n = std::size_t(0)]() mutable {
      return ready(n++ < kPieces ? std::string(kPiece, static_cast<char>('a' + n % 26)) : std::string());
    };
    http::Response response = co_await session.open(std::move(request));
    const std::size_t before = heap().bytes;
    std::size_t size = 0, most = 0, wrong = 0;
    for (;;) {
      const std::string piece = co_await response.source();
      if (piece.empty()) break;
      for (const std::size_t at : {std::size_t(0), piece.size() - 1}) {
        wrong += piece[at] != static_cast<char>('a' + ((size + at) / kPiece + 1) % 26);
      }
      size += piece.size();
      most = std::max(most, heap().bytes);
    }
    CHECK(size == kPieces * kPiece);
    CHECK(wrong == 0);
    CHECK(most < before + (4 << 20));
    const std::string large(8 << 20, 'x');
    const auto plain = [](Talk& talk) -> Future<> {
      co_await talk.head();
      co_await talk.say("HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n");
      co_await talk.say(talk.in.buffered());
      co_await net::copy(talk.stream, talk.stream);
    };
    Peer other({plain});
    CHECK((co_await session.post(other.url(), large)).body == large);
  });
}

TEST_SUITE_END();
}  // namespace hob_test::http_bodies_test
