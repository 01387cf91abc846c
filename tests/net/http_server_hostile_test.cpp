// SPDX-License-Identifier: MIT
//
// http_server_hostile_test.cpp — peers that a Server must outlive: ambiguous, too large, too slow, gone;
// and how it is stopped under those it has.
#include <random>

#include "on_server.hpp"

namespace hob_test::http_server_hostile_test {
TEST_SUITE_BEGIN("net");

namespace {

using namespace std::string_literals;

// A handler by target: /wait answers when `go` is set, /large gives 4 MB in pieces, the rest is echoed.
struct Handlers {
  Event go;
  int begun = 0;
  http::Server::Handler handler() {
    return [this](Request& request) -> Future<Response> {
      const Counted here_now;
      ++begun;
      if (request.target == "/wait") co_await go.wait();
      Response response = co_await echo(request);
      if (request.target == "/large")
        response.source = pieces(std::vector<std::string>(64, std::string(65536, 'x')));
      co_return response;
    };
  }
  Future<> until_begun(int n) {
    while (begun != n) co_await sleep(1ms);
  }
};

}  // namespace

// --- what cannot be told for sure (RFC 9112) -----------------------------------------------------

TEST_CASE("an ambiguous or broken request is refused, and closed so that the answer arrives") {
  const std::string get = "GET /" + kHost, post = "POST /" + kHost,
                    chunks = post + "Transfer-Encoding: chunked||";
  const std::pair<std::string, int> all[] = {
      {post + "Content-Length: 5|Transfer-Encoding: chunked||0||", 400},
      {post + "Transfer-Encoding: chunked|Content-Length: 5||0||", 400},
      {post + "Transfer-Encoding: chunked|Transfer-Encoding: chunked||0||", 400},
      {post + "Transfer-Encoding: gzip, chunked||0||", 501},
      {post + "Transfer-Encoding: chunked, identity||0||", 501},
      {post + "Transfer-Encoding: xchunked||0||", 501},
      {post + "Transfer-Encoding:||", 501},
      {"POST / HTTP/1.0|Transfer-Encoding: chunked||0||", 400},
      {post + "Content-Length: 1|Content-Length: 1||a", 400},
      {post + "Content-Length: 1|Content-Length: 2||ab", 400},
      {post + "Content-Length: 1, 1||a", 400},
      {post + "Content-Length: +1||a", 400},
      {post + "Content-Length: -1||a", 400},
      {post + "Content-Length: 0x1||a", 400},
      {post + "Content-Length: 1 1||a", 400},
      {post + "Content-Length:||", 400},
      {post + "Content-Length: 9223372036854775808||", 400},
      {post + "Content-Length : 1||a", 400},
      {post + "Content-Length\t: 1||a", 400},
      {get + " X: a||", 400},
      {get + "X: a| b||", 400},
      {get + "X: a|\tb||", 400},
      {get + "X||", 400},
      {get + ": a||", 400},
      {get + "X: a\x01||", 400},
      {get + "X: a\0b||"s, 400},
      {get + "X: a\x7f||", 400},
      {get + "X\x80: a||", 400},
      {get + "X: a\nY: b||", 400},
      {get + "X: a\rY: b||", 400},
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"GET / HTTP/1.1\rHost: a\r\r|", 400},
      {"GET / HTTP/1.1||", 400},
      {"GET / HTTP/1.1|Host: a|Host: a||", 400},
      {"GET / HTTP/1.1|Host: a b||", 400},
      {"GET / HTTP/1.1|Host: a/b||", 400},
      {"GET / HTTP/1.1|Host:||", 400},
      {"GET / HTTP/1.1|Host: b@a||", 400},
      {"GET http://b/ HTTP/1.1|Host: a||", 400},
      {"GET http://b@a/ HTTP/1.1|Host: a||", 400},
      {"GET a HTTP/1.1|Host: a||", 400},
      {"GET /\x01" + kHost + "|", 400},
      {"GET /a b" + kHost + "|", 400},
      {"GET  /" + kHost + "|", 400},
      {" GET /" + kHost + "|", 400},
      {"||GET /" + kHost + "|", 400},
      {"G(T /" + kHost + "|", 400},
      {"GET /|", 400},
      {"GET / HTTP/1.1 |Host: a||", 400},
      {"GET / HTTP/11|Host: a||", 400},
      {"GET / HTTP/2.0|Host: a||", 505},
      {"PRI * HTTP/2.0||SM||", 505},
      {"CONNECT a:80 HTTP/1.1|Host: a:80||", 501},
      {chunks + "g|", 400},
      {chunks + "|", 400},
      {chunks + "-1|a|", 400},
      {chunks + "0x1|a|", 400},
      {chunks + " 1|a|", 400},
      {chunks + "1 |a|", 400},
      {chunks + "8000000000000000|", 400},
      {chunks + "00000000000000001|a|", 400},
      {chunks + "1\na|", 400},
      {chunks + "1|ab|", 400},
      {chunks + "1|a\n", 400},
      {chunks + "1;\x01|a|", 400},
      {chunks + "1;" + std::string(300, 'x'), 400},
      {chunks + "0|Content-Length: 1||", 400},
      {chunks + "0|X : 1||", 400},
      {chunks + "0|X: " + std::string(17'000, 'x'), 431},
      {"GET /" + std::string(9000, 'x'), 414},
      {get + "X: " + std::string(9000, 'x'), 431},
  };
  on_server(echo, [&](Site& site) -> Future<> {
    const std::string more(100'000, 'x');
    for (const auto& [text, status] : all) {
      CAPTURE(text);
      const std::string heard = co_await site.talk(text + more);
      CHECK(heard.starts_with("HTTP/1.1 " + std::to_string(status) + ' '));
      CHECK(heard.find("|Connection: close|") != heard.npos);
      CHECK(heard.ends_with("\nEND"));
      CHECK(heard.find("HTTP/", 1) == heard.npos);
    }
    CHECK((co_await site.talk(get + "|GET / HTTP/1.1||")).find("HTTP/1.1 400 ", 1) !=
          std::string::npos);
    CHECK((co_await site.talk("|" + get + "Connection: close||")) ==
          kLast + "Content-Length: 5||GET /END");
  });
}

TEST_CASE("heads have limits, which are met and not passed") {
  on_server(echo, [](Site& site) -> Future<> {
    const std::string start = "GET /" + kHost + "Connection: close|",
                      fine = kLast + "Content-Length: 5||GET /END";
    const auto fields = [](std::size_t count, std::size_t size) {
      std::string text;
      while (count-- != 0) text += "X: " + std::string(size - 5, 'x') + '|';
      return text + '|';
    };
    const auto refused = "HTTP/1.1 431 Request Header Fields Too Large|";
    CHECK((co_await site.talk(start + fields(126, 10))) == fine);
    CHECK((co_await site.talk(start + fields(127, 10))).starts_with(refused));
    CHECK((co_await site.talk(start + fields(1, 8192))) == fine);
    CHECK((co_await site.talk(start + fields(1, 8193))).starts_with(refused));
    CHECK((co_await site.talk(start + fields(80, 800))) == fine);
    CHECK((co_await site.talk(start + fields(82, 800))).starts_with(refused));
  });
}

TEST_CASE("whatever comes, the next one is served") {
  const std::string seeds_of[] = {
      wire("POST /a HTTP/1.1|Host: a|Content-Length: 5||helloGET / HTTP/1.1|Host: a||"),
      wire("POST /a HTTP/1.1|Host: a|Transfer-Encoding: chunked||5;x|hello|0|A: b||GET /b "
           "HTTP/1.0||")};
  Handlers handlers;
  on_server(handlers.handler(), [&](Site& site) -> Future<> {
    std::minstd_rand random(1);
    for (int i = 0; i < 100; ++i) {
      std::string bytes = seeds_of[random() % 2];
      for (auto n = random() % 4; n != 0; --n) {
        const std::size_t at = random() % bytes.size();
        if (random() % 3 == 0)
          bytes.erase(at, random() % 9 + 1);
        else if (random() % 2)
          bytes[at] = static_cast<char>(random());
        else
          bytes.insert(at, bytes.substr(random() % bytes.size(), 20));
        if (bytes.empty()) bytes = "x";
      }
      RawPeer peer = co_await site.connect();
      static_cast<void>(co_await as_result(peer.stream.write_all(bytes)));
      if (peer.stream.is_open() && random() % 4)
        peer.stream.shutdown_write();
      else
        peer.stream.abort();
      co_await peer.hear();
    }
    CHECK((co_await site.talk("GET / HTTP/1.0||")) == kLast + "Content-Length: 5||GET /END");
  });
  CHECK(Counted::alive == 0);
}

// --- too slow ------------------------------------------------------------------------------------

TEST_CASE("who says nothing, or drips, is closed; at each stage") {
  const auto drip = [](RawPeer& peer, std::string byte) -> Future<> {
    for (;;) {
      co_await peer.stream.write_all(byte);
      co_await sleep(1ms);
    }
  };
  const auto dripping = [&](Site& site, std::string start, std::string byte) -> Future<> {
    CAPTURE(start);
    RawPeer peer = co_await site.connect();
    co_await peer.say(start);
    Future<> work = drip(peer, byte);
    const std::string heard = co_await peer.hear();
    CHECK((heard == "END" || heard == "RESET"));
    if (work.ready()) static_cast<void>(co_await as_result(std::move(work)));
  };
  const std::string get = "GET /" + kHost, post = "POST /" + kHost,
                    chunks = post + "Transfer-Encoding: chunked||";
  ServerOptions heads, idles, bodies;
  heads.head = idles.idle = bodies.io = 30ms;
  on_server(echo, heads, [&](Site& site) -> Future<> {
    CHECK((co_await site.talk("")) == "END");
    CHECK((co_await site.talk("GET / HT")) == "END");
    CHECK((co_await site.talk("|")) == "END");
    co_await dripping(site, "GET /", "x");
    co_await dripping(site, get, "X: y\r\n");
  });
  on_server(echo, idles, [&](Site& site) -> Future<> {
    CHECK((co_await site.talk(get + "|")) == kOk + "Content-Length: 5||GET /END");
  });
  on_server(echo, bodies, [&](Site& site) -> Future<> {
    CHECK((co_await site.talk(post + "Content-Length: 9||hello")) == "END");
    co_await dripping(site, post + "Content-Length: 100000||", "x");
    co_await dripping(site, chunks, "1\r\nx\r\n");
    co_await dripping(site, chunks + "0|", "X: y\r\n");
  });
}

TEST_CASE("who does not take the answer is dropped, and makes room for others") {
  ServerOptions options;
  options.io = 30ms;
  options.connections = 1;
  const auto make = [](Request& request) -> Future<Response> {
    Response response;
    if (request.target == "/body") response.body = std::string(12'000'000, 'x');
    if (request.target == "/piece") response.source = pieces({std::string(12'000'000, 'x')});
    if (request.target == "/endless")
      response.source = [] { return ready(std::string(100'000, 'x')); };
    co_return response;
  };
  on_server(make, options, [](Site& site) -> Future<> {
    for (const char* target : {"/body", "/piece", "/endless"}) {
      RawPeer peer = co_await site.connect();
      co_await peer.say("GET "s + target + kHost + "|");
      CHECK((co_await site.talk("GET / HTTP/1.0||")) == kLast + "Content-Length: 0||END");
    }
  });
}

TEST_CASE("the handler and its source may take their time") {
  ServerOptions options;
  options.io = 20ms;
  const auto slow = [](Request&) -> Future<Response> {
    co_await sleep(60ms);
    Response response;
    response.source = [n = 0]() mutable {
      return Future<>(sleep(60ms)).then([first = n++ == 0] {
        return std::string(first ? "hi" : "");
      });
    };
    co_return response;
  };
  on_server(slow, options, [](Site& site) -> Future<> {
    CHECK((co_await site.talk("GET / HTTP/1.0||")) == kLast + "|hiEND");
  });
}

// --- gone ----------------------------------------------------------------------------------------

TEST_CASE("peers go in every state: nothing is reported, the others go on, no place is lost") {
  const std::string states[] = {"",
                                "GET / HT",
                                "POST /" + kHost + "Content-Length: 9||hello",
                                "POST /" + kHost + "Transfer-Encoding: chunked||5|hel",
                                "GET /wait" + kHost + "|",
                                "GET /wait" + kHost + "|GET /a" + kHost + "|GET /b",
                                "GET /large" + kHost + "|"};
  for (const bool streams : {false, true}) {
    Handlers handlers;
    ServerOptions options;
    options.connections = 2;
    options.stream = streams;
    const auto reads = [&](Request& request) -> Future<Response> {
      if (request.source)
        while (!(co_await request.source()).empty()) {
        }
      const auto handler = handlers.handler();
      co_return co_await handler(request);
    };
    on_server(reads, options, [&](Site& site) -> Future<> {
      RawPeer other = co_await site.connect();
      for (const std::string& state : states) {
        for (const int how : {0, 1, 2}) {
          CAPTURE(state);
          CAPTURE(how);
          CAPTURE(streams);
          const bool waits = state.starts_with("GET /wait"),
                     writes = state.starts_with("GET /large");
          handlers.go.clear(), handlers.begun = 0;
          RawPeer peer = co_await site.connect();
          co_await peer.say(state);
          if (waits)
            co_await handlers.until_begun(1);
          else if (writes)
            CHECK((co_await peer.hear("||")) == kOk + "Transfer-Encoding: chunked||");
          else
            co_await sleep(1ms);
          if (how == 0) peer.stream.abort();
          if (how == 1) peer.stream.close();
          if (how == 2) peer.stream.shutdown_write();
          CHECK((co_await other.ask("GET /" + kHost + "|", "T /")) ==
                kOk + "Content-Length: 5||GET /");
          handlers.go.set();
          if (how == 2) {
            const std::string heard = co_await peer.hear();
            CHECK(heard.ends_with("END"));
            if (waits) CHECK(heard.starts_with(kOk));
            if (writes) CHECK(heard.ends_with("|0||END"));
          }
          RawPeer next = co_await site.connect();  // in its place
          CHECK((co_await next.ask("GET / HTTP/1.0||", "")) ==
                kLast + "Content-Length: 5||GET /END");
        }
      }
    });
    CHECK(Counted::alive == 0);
  }
}

TEST_CASE(
    "the serving is dropped: handlers, bodies and connections with it; and it may begin anew") {
  Handlers handlers;
  on_server(handlers.handler(), [&](Site& site) -> Future<> {
    const std::string states[] = {"", "GET /", "POST /" + kHost + "Content-Length: 9||hello",
                                  "GET /large" + kHost + "|", "GET /wait" + kHost + "|"};
    for (int round = 1; round <= 2; ++round) {
      std::vector<RawPeer> peers;
      for (const std::string& text : states) {
        peers.push_back(co_await site.connect());
        co_await peers.back().say(text);
      }
      co_await handlers.until_begun(2 * round);
      CHECK(Counted::alive == 1);
      site.serving = Future<>();
      CHECK(Counted::alive == 0);
      for (RawPeer& peer : peers) CHECK_FALSE((co_await peer.hear()).ends_with("0||END"));
      site.serving = site.serve();
    }
    CHECK((co_await site.talk("GET / HTTP/1.0||")) == kLast + "Content-Length: 5||GET /END");
  });
}

// --- stop ----------------------------------------------------------------------------------------

TEST_CASE(
    "stop closes the idle at once, lets the busy end with their answer, and takes nobody new") {
  Handlers handlers;
  on_server(handlers.handler(), [&](Site& site) -> Future<> {
    RawPeer fresh = co_await site.connect(), kept = co_await site.connect(),
         busy = co_await site.connect();
    CHECK((co_await kept.ask("GET /" + kHost + "|", "T /")) == kOk + "Content-Length: 5||GET /");
    co_await busy.say("GET /wait" + kHost + "|GET /never" + kHost + "|");
    RawPeer half = co_await site.connect();
    co_await half.say("GET /half HTTP/1.1|Ho");
    co_await handlers.until_begun(2);
    co_await sleep(5ms);
    site.server.stop(1h);
    CHECK((co_await fresh.hear()) == "END");
    CHECK((co_await kept.hear()) == "END");
    CHECK_FALSE((co_await error_of(net::connect(net::Address(site.at)))).empty());
    CHECK_FALSE(site.serving.ready());
    CHECK((co_await half.ask("st: a||", "")) == kLast + "Content-Length: 9||GET /halfEND");
    handlers.go.set();
    CHECK((co_await busy.hear()) == kLast + "Content-Length: 9||GET /waitEND");
    busy.stream.close(), half.stream.close();
    co_await std::move(site.serving);
    co_await site.serve();  // over before it began
    CHECK(handlers.begun == 3);
  });
}

TEST_CASE("after the grace the busy are dropped; of two the shorter counts") {
  for (const auto& graces :
       {std::vector<Duration>{20ms}, {0s}, {-1s}, {1h, 10ms}, {10ms, 1h}, {Duration::max(), 5ms}}) {
    Handlers handlers;
    on_server(handlers.handler(), [&](Site& site) -> Future<> {
      RawPeer busy = co_await site.connect();
      co_await busy.say("GET /wait" + kHost + "|");
      co_await handlers.until_begun(1);
      for (const Duration grace : graces) site.server.stop(grace);
      co_await std::move(site.serving);
      CHECK(Counted::alive == 0);
      CHECK((co_await busy.hear()) == "END");
    });
  }
}

TEST_CASE("a handler may stop its server: it is answered within the grace") {
  for (const Duration grace : {Duration(1h), Duration(0)}) {
    Site* here_now = nullptr;
    const auto stop = [&](Request& request) -> Future<Response> {
      here_now->server.stop(grace);
      if (grace == Duration(0)) co_await sleep(1h);
      co_return co_await echo(request);
    };
    on_server(stop, [&](Site& site) -> Future<> {
      here_now = &site;
      const std::string answer = kLast + "Content-Length: 5||GET /";
      const std::string heard = co_await site.talk("GET /" + kHost + "|");
      CHECK(heard == (grace == 1h ? answer : "") + "END");
      co_await std::move(site.serving);
    });
  }
}

TEST_SUITE_END();
}  // namespace hob_test::http_server_hostile_test
