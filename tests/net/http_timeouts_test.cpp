// SPDX-License-Identifier: MIT
//
// http_timeouts_test.cpp — Session: what takes too long is given up, and what is dropped leaves nothing.
#include <string>

#include "../counting_new.hpp"
#include "http_peer.hpp"

namespace hob_test::http_timeouts_test {
using namespace std::string_literals;

TEST_SUITE_BEGIN("net");

namespace {

const std::string kLate = "HTTP: the other side takes too long";

http::SessionOptions with(Duration http::SessionOptions::*limit, Duration time) {
  http::SessionOptions options;
  options.*limit = time;
  return options;
}
using Limits = std::vector<http::SessionOptions>;
const http::SessionOptions kTotal = with(&http::SessionOptions::total, 25ms), kHead = with(&http::SessionOptions::head, 25ms),
                           kBody = with(&http::SessionOptions::io, 25ms), kConnect = with(&http::SessionOptions::connect, 25ms);
const Limits kOfHead = {kHead, kTotal}, kOfBody = {kBody, kTotal}, kOfConnect = {kConnect, kTotal};

// How a request to such a peer ends that has so much time.
Future<std::string> late(Peer::Script script, http::SessionOptions limits, http::Request request = http::Request()) {
  Peer peer({script});
  request.url = peer.url();
  const std::string error = co_await thrown<TimedOut>(http::request(std::move(request), limits));
  co_await peer.idle();
  co_return error;
}

// Says something over and over.
Peer::Script drips(std::string first, std::string then) {
  return [first, then](Talk& talk) -> Future<> {
    co_await talk.head();
    co_await talk.say(first);
    for (;;) {
      co_await sleep(4ms);
      co_await talk.say(then);
    }
  };
}

const Peer::Script kSilent = [](Talk& talk) -> Future<> { co_await talk.end(); };
const Peer::Script kDeaf = [](Talk& talk) -> Future<> {
  while (talk.stream.is_open()) {
    co_await sleep(100ms);  // notices nothing; the test does not wait for it
  }
};

}  // namespace

TEST_CASE("a head that does not come, or drips, is given up; so is all, in the end") {
  on_net([]() -> Future<> {
    for (const auto& limit : kOfHead) {
      CHECK(co_await late(kSilent, limit) == kLate);
      CHECK(co_await late(drips("HTTP/1.1 200 OK\r\n", "A: b\r\n"), limit) == kLate);
      CHECK(co_await late(drips("HTTP/1.1 200 OK\r\nA: ", "b"), limit) == kLate);
      CHECK(co_await late(drips("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", " "), limit) == kLate);
    }
  });
}

TEST_CASE("a body that stops, or drips, is given up; so is all, in the end") {
  on_net([]() -> Future<> {
    const std::string head = "HTTP/1.1 200 OK\r\n";
    const Peer::Script stops = answers({head + "Content-Length: 9\r\n\r\nabc"});
    for (const auto& limit : kOfBody) {
      CHECK(co_await late(stops, limit) == kLate);
      CHECK(co_await late(drips(head + "Content-Length: 900\r\n\r\n", "a"), limit) == kLate);
      CHECK(co_await late(drips(head + "Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"), limit) == kLate);
      CHECK(co_await late(drips(head + "\r\n", "abc"), limit) == kLate);
    }
    CHECK(co_await late(drips(head + "\r\n", std::string(5000, 'x')), kTotal) == kLate);
  });
}

TEST_CASE("a body that is slow but moves is no error, however long it takes") {
  on_net([]() -> Future<> {
    const auto slow = [](Talk& talk) -> Future<> {
      const std::string piece(1000, 'x');
      co_await talk.request();
      co_await talk.say("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n");
      for (int i = 0; i < 20; ++i) {
        co_await sleep(25ms);
        co_await talk.say(piece);
      }
    };
    Peer peer({slow});
    const http::Response response = co_await http::request(http::Request(peer.url()), with(&http::SessionOptions::io, 400ms));
    CHECK(response.body.size() == 20000);
  });
}

TEST_CASE("a body that nobody takes is given up") {
  on_net([]() -> Future<> {
    http::Request request("POST", "", std::string(24 << 20, 'x'));
    for (const auto& limit : kOfBody) {
      const auto one = [](http::Request of, http::SessionOptions limits) -> Future<std::string> {
        Peer peer({kDeaf});
        of.url = peer.url();
        co_return co_await thrown<TimedOut>(http::request(std::move(of), limits));
      };
      CHECK(co_await one(request, limit) == kLate);
    }
    request.body.clear();
    request.source = []() -> Future<std::string> {
      co_await sleep(1h);
      co_return "";
    };
    CHECK(co_await late(kSilent, kTotal, request) == kLate);
  });
}

TEST_CASE("an upload that is slow but moves is no error, full though every buffer is") {
  on_net([]() -> Future<> {
    const auto slow = [](Talk& talk) -> Future<> {
      co_await talk.head();
      for (int i = 0; i < 40; ++i) {
        co_await sleep(20ms);
        co_await talk.in.read_exactly(20 << 10);
      }
      co_await talk.in.read_exactly((16 << 20) - 40 * (20 << 10));
      co_await talk.say("HTTP/1.1 204 Done\r\n\r\n");
      co_await talk.end();
    };
    http::SessionOptions options = with(&http::SessionOptions::io, 400ms);
    options.head = 400ms;
    for (const bool in_pieces : {false, true}) {
      Peer peer({slow});
      http::Request request("POST", peer.url(), std::string(16 << 20, 'x'));
      if (in_pieces) {
        request.headers.set("Content-Length", std::to_string(request.body.size()));
        request.source = [left = std::exchange(request.body, "")]() mutable -> Future<std::string> {
          std::string piece = left.substr(0, 20'000);
          left.erase(0, piece.size());
          co_return piece;
        };
      }
      CHECK((co_await http::request(std::move(request), options)).status == 204);
    }
  });
}

TEST_CASE("connecting that takes too long is given up") {
  on_net([]() -> Future<> {
    net::ListenOptions few;
    few.backlog = 1;
    const net::TcpListener listener = net::listen("127.0.0.1", 0, few);  // nobody accepts
    const std::string url = "http://" + listener.address().to_string();
    std::vector<Future<net::TcpStream>> full;
    for (int i = 0; i < 4; ++i) full.push_back(net::connect(listener.address()));
    co_await sleep(5ms);
    if (full.back().ready()) co_return;  // this system keeps more than it is told
    for (const auto& limit : kOfConnect) {
      CHECK(has(co_await thrown<TimedOut>(http::request(http::Request(url), limit)), ""));
    }
  });
}

TEST_CASE("the time in all is that of all redirects together") {
  on_net([]() -> Future<> {
    const auto loop = [](Talk& talk) -> Future<> {
      const std::string again = redirect(302, "/");
      for (;;) {
        co_await talk.request();
        co_await sleep(5ms);
        co_await talk.say(again);
      }
    };
    Peer peer({loop});
    http::SessionOptions options = with(&http::SessionOptions::total, 40ms);
    options.redirects = 1000;
    CHECK(co_await thrown<TimedOut>(http::request(http::Request(peer.url()), options)) == kLate);
  });
}

TEST_CASE("the time for a head ends with it, though the request is still being sent then") {
  on_net([]() -> Future<> {
    const auto early = [](Talk& talk) -> Future<> {
      co_await talk.head();
      co_await talk.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
      co_await talk.in.read_exactly(16 << 20);
      co_await sleep(100ms);
      co_await talk.say("done");
      co_await talk.end();
    };
    Peer peer({early});
    http::Request request("POST", peer.url(), std::string(16 << 20, 'x'));
    CHECK((co_await http::request(std::move(request), kHead)).body == "done");
  });
}

TEST_CASE("time that has run out for one request is no other's; what was late is not repeated") {
  on_net([]() -> Future<> {
    Peer peer({answers({ok("1"), ok("2")}), answers({"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"})});
    http::Session session(with(&http::SessionOptions::total, 50ms));
    co_await session.get(peer.url());
    co_await sleep(60ms);
    CHECK((co_await session.get(peer.url())).body == "2");
    CHECK(peer.connections == 1);
    CHECK(co_await thrown<TimedOut>(session.get(peer.url())) == kLate);  // it answers no third
    CHECK(peer.connections == 1);
    co_await peer.idle();
    http::Response response = co_await session.open(http::Request(peer.url()));
    CHECK(co_await response.source() == "ab");
    co_await sleep(60ms);
    CHECK(co_await thrown<TimedOut>(response.source()) == kLate);
  });
}

// --- dropping ------------------------------------------------------------------------------------

namespace {

// Every kind of request, to a peer that answers all of them in small steps.
Future<> asked(http::Session& session, std::string url, int kind) {
  http::Request request(kind == 0 ? "GET" : "POST", url + (kind == 1 ? "redirect" : ""), kind == 2 ? std::string(1 << 20, 'x') : "body");
  if (kind == 3) request.headers.set("Expect", "100-continue");
  if (kind == 4) {
    request.source = [n = 0]() mutable -> Future<std::string> {
      co_await sleep(1ns);
      co_return n++ < 5 ? std::string(1000, 'x') : std::string();
    };
  }
  if (kind < 5) {
    co_await session.request(std::move(request));
  } else {
    http::Response response = co_await session.open(std::move(request));
    for (std::string piece = "?"; !piece.empty();) piece = co_await response.source();
  }
}

}  // namespace

TEST_CASE("a request may be dropped at every moment: nothing is left, and the Session goes on") {
  Loop loop{kernel()};
  const int descriptor = next_descriptor();
  int unhandled = 0;
  loop.on_unhandled([&](std::exception_ptr) { ++unhandled; });
  const auto steps = [](Talk& talk) -> Future<> {
    for (;;) {
      const std::string head = co_await talk.head();
      if (has(head, "Expect:")) co_await talk.say("HTTP/1.1 100 Continue\r\n\r\n");
      if (has(head, "Content-Length: ")) co_await talk.in.read_exactly(std::stoul(head.substr(head.find("Content-Length: ") + 16)));
      if (has(head, "chunked")) co_await talk.in.read_until("\r\n0\r\n\r\n");
      co_await sleep(1ns);
      if (has(head, "/redirect ")) {
        co_await talk.say("HTTP/1.1 303 See Other\r\nLocation: /\r\nContent-Length: 3\r\n\r\n");
        co_await sleep(1ns);
        co_await talk.say("abc");
        continue;
      }
      for (const char* part : {"HTTP/1.1 200", " OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n", "3\r\ndef", "\r\n0\r\n", "\r\n"}) {
        co_await talk.say(part);
        co_await sleep(1ns);
      }
    }
  };
  const auto rounds = [&](Peer& peer, int& most) {
    http::Session session;
    for (int kind = 0; kind < 6; ++kind) {
      CAPTURE(kind);
      bool ended = false;
      for (int turns = 0; !ended; ++turns, most = std::max(most, turns)) {
        REQUIRE(turns < 2000);
        Future<> asking = asked(session, peer.url(), kind);
        for (int i = 0; i < turns && !asking.ready(); ++i)
          simulated() ? loop.run(sleep(1us)) : static_cast<void>(loop.poll());  // there a poll takes no time
        ended = asking.ready();
        if (ended) std::move(asking).get();
        asking = Future<>();
        if (turns % 5 == 0) loop.run(asked(session, peer.url(), turns % 6));
      }
      loop.run(asked(session, peer.url(), kind));
    }
  };
  {
    Peer peer({steps});
    int turns = 0;
    rounds(peer, turns);
    loop.run(peer.idle());
    const auto before = heap().blocks;
    rounds(peer, turns);
    loop.run(peer.idle());
    settle(loop);
    CHECK(heap().blocks <= before + 4);
    MESSAGE("turns until the longest was through: " << turns);
  }
  settle(loop);
  CHECK(unhandled == 0);
  CHECK(is_back_at(descriptor));
}

TEST_SUITE_END();
}  // namespace hob_test::http_timeouts_test
