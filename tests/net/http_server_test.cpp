// SPDX-License-Identifier: MIT
//
// http_server_test.cpp — connections and requests of those who behave; the others are in
// http_server_hostile_test.cpp.
#include "../counting_new.hpp"
#include "on_server.hpp"

namespace hob_test::http_server_test {
TEST_SUITE_BEGIN("net");

// --- one connection ------------------------------------------------------------------------------

TEST_CASE("a connection is kept from request to request, until one says close") {
  on_server(echo, [](Site& site) -> Future<> {
    RawPeer peer = co_await site.connect();
    for (int i = 0; i < 3; ++i)
      CHECK((co_await peer.ask("GET /a" + kHost + "|", "/a")) == kOk + "Content-Length: 6||GET /a");
    CHECK((co_await peer.ask("POST /b" + kHost + "Content-Length: 2||hi", "hi")) ==
          kOk + "Content-Length: 10||POST /b hi");
    CHECK((co_await peer.ask("GET /c" + kHost + "Connection: close||", "")) ==
          kLast + "Content-Length: 6||GET /cEND");
  });
}

TEST_CASE("HTTP/1.0 is closed after its answer, unless it asks to be kept") {
  on_server(echo, [](Site& site) -> Future<> {
    CHECK((co_await site.talk("GET / HTTP/1.0||")) == kLast + "Content-Length: 5||GET /END");
    RawPeer peer = co_await site.connect();
    for (int i = 0; i < 2; ++i)
      CHECK((co_await peer.ask("GET / HTTP/1.0|Connection: keep-alive||", "T /")) ==
            kOk + "Connection: keep-alive|Content-Length: 5||GET /");
    CHECK((co_await peer.ask("GET / HTTP/1.0||", "")) == kLast + "Content-Length: 5||GET /END");
  });
}

TEST_CASE(
    "pipelined requests are answered in order; while one is under way few bytes are read ahead") {
  Event go;
  const auto wait_at_0 = [&](Request& request) -> Future<Response> {
    if (request.target == "/0") co_await go.wait();
    co_return co_await echo(request);
  };
  on_server(wait_at_0, [&](Site& site) -> Future<> {
    RawPeer peer = co_await site.connect();
    std::string all, expected;
    for (int i = 0; i < 500; ++i) {
      const std::string target = "/" + std::to_string(i), answer = "GET " + target;
      const std::string last = i == 499 ? "Connection: close|" : "";
      all += "GET " + target + kHost + "X: " + std::string(2000, 'x') + "|" + last + "|";
      expected += kOk + last + "Content-Length: " + std::to_string(answer.size()) + "||" + answer;
    }
    Future<> saying = peer.say(all);
    co_await sleep(5ms);
    const std::size_t before = heap().bytes;
    co_await sleep(20ms);
    CHECK(heap().bytes <= before + 100'000);
    go.set();
    CHECK((co_await peer.hear()) == expected + "END");
    co_await std::move(saying);
  });
}

TEST_CASE("answers to pipelined requests go together; but they wait for nothing else") {
  Event go;
  const auto wait_at_slow = [&](Request& request) -> Future<Response> {
    if (request.target == "/slow") co_await go.wait();
    co_return co_await echo(request);
  };
  on_server(wait_at_slow, [&](Site& site) -> Future<> {
    const auto get = [](std::string target) { return "GET " + target + kHost + "|"; };
    const auto ok = [](std::string target) {
      return kOk + "Content-Length: " + std::to_string(4 + target.size()) + "||GET " + target;
    };
    RawPeer peer = co_await site.connect();
    std::string all;
    for (int i = 0; i < 16; ++i) all += get("/a");
    co_await peer.say(all);
    for (std::size_t answers = 0; answers < 16;) {
      const net::Lease lease = co_await peer.stream.read_lease();
      for (const std::string text = shown(lease.text()); const char c : text) answers += c == 'a';
      if (!simulated()) CHECK(answers == 16);
    }
    // For a handler; the rest of a head; a body.
    CHECK((co_await peer.ask(get("/a") + get("/b") + get("/slow") + get("/c"), "/b")) == ok("/a") + ok("/b"));
    go.set();
    CHECK((co_await peer.hear("/c")) == ok("/slow") + ok("/c"));
    CHECK((co_await peer.ask(get("/a") + "GET /b HTTP", "/a")) == ok("/a"));
    CHECK((co_await peer.ask("/1.1|Host: a||", "/b")) == ok("/b"));
    CHECK((co_await peer.ask(get("/a") + "POST /b" + kHost + "Content-Length: 2||h", "/a")) == ok("/a"));
    CHECK((co_await peer.ask("i", "hi")) == kOk + "Content-Length: 10||POST /b hi");
    // What ends the connection comes after them.
    CHECK((co_await peer.ask(get("/a") + get("/b") + "GET /c" + kHost + "Connection: close||", "")) ==
          ok("/a") + ok("/b") + kLast + "Content-Length: 6||GET /cEND");
    const std::string refused = co_await site.talk(get("/a") + get("/b") + " |");
    CHECK(refused.starts_with(ok("/a") + ok("/b") + "HTTP/1.1 400 Bad Request|"));
  });
}

TEST_CASE("10,000 requests over one connection: no memory is kept, and each allocates little") {
  on_server(echo, [](Site& site) -> Future<> {
    RawPeer peer = co_await site.connect();
    const std::string request =
        wire("POST /a" + kHost + "Content-Length: 40||" + std::string(40, 'x'));
    char reply[400];
    std::size_t size = 0;
    Heap before{};
    for (int i = 0; i < 10'100; ++i) {
      if (i == 100) before = heap();
      co_await peer.stream.write_all(request);
      for (size = 0; size < 100 || reply[size - 1] != 'x';)
        size += co_await peer.stream.read_some(std::span(reply).subspan(size));
    }
    const Heap after = heap();
    CHECK(after.blocks <= before.blocks + 10);
    CHECK(after.bytes <= before.bytes + 4000 + net::Lease::kBytes);  // a spare one may have come
    const std::size_t most = simulated() ? 100 : 20;  // 5, but ASan's frames count, and simulated calls
    CHECK((after.allocations - before.allocations) / 10'000 <= most);
  });
}

TEST_CASE("a connection holds no buffer while its handler is at work") {
  Event go;
  int waiting = 0;
  const auto wait = [&](Request& request) -> Future<Response> {
    ++waiting;
    co_await go.wait();
    co_return co_await echo(request);
  };
  on_server(wait, [&](Site& site) -> Future<> {
    std::vector<RawPeer> peers;
    for (int i = 0; i < 100; ++i) peers.push_back(co_await site.connect());
    co_await sleep(1ms);
    const std::size_t before = heap().bytes;
    for (RawPeer& peer : peers)
      co_await peer.say("POST /" + kHost + "Transfer-Encoding: chunked||2|hi|0||");
    while (waiting != 100) co_await sleep(1ms);
    CHECK((heap().bytes - before) / 100 <= 16'000);
    go.set();
    for (RawPeer& peer : peers) co_await peer.hear(" hi");
  });
}

TEST_CASE("an idle connection keeps nothing of what it brought") {
  on_server(echo, [](Site& site) -> Future<> {
    const std::string body(500'000, 'x'),
        post = "POST /" + kHost + "Content-Length: 500000||" + body;
    std::vector<RawPeer> peers;
    for (int i = 0; i < 20; ++i) peers.push_back(co_await site.connect());
    co_await sleep(1ms);
    const std::size_t before = heap().bytes;
    for (RawPeer& peer : peers) {
      co_await peer.say(post.substr(0, 10));  // the head comes in two
      co_await sleep(1ms);
      co_await peer.say(post.substr(10));
      co_await peer.hear(body);
      std::string().swap(peer.heard);
    }
    CHECK((heap().bytes - before) / 20 <= 30'000);
  });
}

TEST_CASE("a Server serves several listeners, until it is stopped") {
  on_server(echo, [](Site& site) -> Future<> {
    RawPeer a = co_await site.connect();
    const net::Address first = site.at;
    Future<> second = site.serve();
    CHECK(site.at != first);
    RawPeer b = co_await site.connect();
    CHECK((co_await a.ask("GET /a" + kHost + "|", "/a")) == kOk + "Content-Length: 6||GET /a");
    CHECK((co_await b.ask("GET /b" + kHost + "|", "/b")) == kOk + "Content-Length: 6||GET /b");
    site.server.stop(10s);
    co_await std::move(second);
    co_await std::move(site.serving);
    CHECK((co_await a.hear()) == "END");
    CHECK((co_await b.hear()) == "END");
  });
}

TEST_CASE("beyond the limit connections wait with the kernel until one ends") {
  ServerOptions options;
  options.connections = 2;
  on_server(echo, options, [](Site& site) -> Future<> {
    RawPeer a = co_await site.connect(), b = co_await site.connect(), c = co_await site.connect();
    for (RawPeer* each : {&a, &b})
      CHECK((co_await each->ask("GET /" + kHost + "|", "T /")) == kOk + "Content-Length: 5||GET /");
    co_await c.say("GET /c" + kHost + "|");
    Future<std::string> heard = c.hear("/c");
    co_await sleep(20ms);
    CHECK_FALSE(heard.ready());
    a.stream.close();
    CHECK((co_await std::move(heard)) == kOk + "Content-Length: 6||GET /c");
  });
}

TEST_CASE("the limit is one for all listeners, and none of them keeps the others from it") {
  ServerOptions options;
  options.connections = 1;
  on_server(echo, options, [](Site& site) -> Future<> {
    net::Address other = site.at;
    const Future<> second = site.serve();
    for (int i = 0; i < 3; ++i) {
      CHECK((co_await site.talk("GET /b HTTP/1.0||")) == kLast + "Content-Length: 6||GET /bEND");
      std::swap(site.at, other);
    }
  });
}

// --- requests ------------------------------------------------------------------------------------

TEST_CASE("bodies by length and in chunks, with trailers, up to the limit and no further") {
  ServerOptions options;
  options.body = 5;
  on_server(echo, options, [](Site& site) -> Future<> {
    const std::string post = "POST /" + kHost + "Connection: close|",
                      chunks = "Transfer-Encoding: chunked||";
    const auto fine = [](std::string body) {
      return kLast + "Content-Length: " + std::to_string(body.size()) + "||" + body + "END";
    };
    CHECK((co_await site.talk(post + "Content-Length: 5||12345")) == fine("POST / 12345"));
    CHECK((co_await site.talk(post + chunks + "2;x=y|12|0003|345|0|A: b|C:d||")) ==
          fine("POST / 12345 A=b C=d"));
    const std::string large =
        "HTTP/1.1 413 Content Too Large|Connection: close|"
        "Content-Type: text/plain|Content-Length: 18||Content Too Large\nEND";
    CHECK((co_await site.talk(post + "Content-Length: 6||123456")) == large);
    CHECK((co_await site.talk(post + "Content-Length: 9223372036854775807||1")) == large);
    CHECK((co_await site.talk(post + chunks + "3|123|3|456|0||")) == large);
    CHECK((co_await site.talk(post + chunks + "7fffffffffffffff|123456")) == large);
  });
}

TEST_CASE("Expect: 100-continue is answered before the body is read, if it will be") {
  ServerOptions options;
  options.body = 5;
  on_server(echo, options, [](Site& site) -> Future<> {
    const std::string post = "POST /" + kHost + "Connection: close|Expect: 100-Continue|";
    for (const char* framing : {"Content-Length: 2||", "Transfer-Encoding: chunked||"}) {
      RawPeer peer = co_await site.connect();
      CHECK((co_await peer.ask(post + framing, "||")) == "HTTP/1.1 100 Continue||");
      const std::string body = framing[0] == 'C' ? "hi" : "2|hi|0||";
      CHECK((co_await peer.ask(body, "")) == kLast + "Content-Length: 9||POST / hiEND");
    }
    RawPeer peer = co_await site.connect();
    CHECK((co_await peer.ask(post + "Content-Length: 6||", "|")) ==
          "HTTP/1.1 413 Content Too Large|");
    CHECK((co_await site.talk(post + "Content-Length: 0||")) ==
          kLast + "Content-Length: 6||POST /END");
    CHECK((co_await site.talk("GET /" + kHost + "Expect: more||"))
              .starts_with("HTTP/1.1 417 Expectation Failed|"));
    CHECK((co_await site.talk("POST / HTTP/1.0|Expect: 100-continue|Content-Length: 2||hi")) ==
          kLast + "Content-Length: 9||POST / hiEND");
  });
}

TEST_CASE("a handler may take the body as it comes, and the peer goes at its pace") {
  ServerOptions options;
  options.stream = true;
  const auto count = [](Request& request) -> Future<Response> {
    Response response;
    CHECK(request.body.empty());
    if (request.target == "/none") co_return response;
    std::size_t size = 0;
    for (;;) {
      const std::string piece = co_await request.source();
      if (piece.empty()) break;
      size += piece.size();
    }
    CHECK((co_await request.source()).empty());
    response.body = std::to_string(size);
    if (request.trailers) response.body += *request.trailers->get("Sum");
    co_return response;
  };
  on_server(count, options, [](Site& site) -> Future<> {
    const std::string large(3'000'000, 'x');
    RawPeer peer = co_await site.connect();
    CHECK((co_await peer.ask("POST /" + kHost + "Content-Length: 3000000||" + large,
                             "||3000000")) == kOk + "Content-Length: 7||3000000");
    CHECK((co_await peer.ask("POST /" + kHost + "Transfer-Encoding: chunked||2|ab|1|c|0|Sum: !||",
                             "3!")) == kOk + "Content-Length: 2||3!");
    CHECK((co_await peer.ask("GET /" + kHost + "|", "||0")) == kOk + "Content-Length: 1||0");
    CHECK((co_await peer.ask("POST /" + kHost + "Content-Length: 2|Expect: 100-continue||",
                             "||")) == "HTTP/1.1 100 Continue||");
    CHECK((co_await peer.ask("hi", "||2")) == kOk + "Content-Length: 1||2");
    // Not read: nothing can follow it, and it is not asked for.
    CHECK((co_await peer.ask("POST /none" + kHost + "Content-Length: 2|Expect: 100-continue||",
                             "")) == kLast + "Content-Length: 0||END");
    CHECK((co_await site.talk("POST /none" + kHost + "Content-Length: 3000000||" + large)) ==
          kLast + "Content-Length: 0||END");
    CHECK((co_await site.talk("POST /" + kHost + "Transfer-Encoding: chunked||2|abcd|"))
              .starts_with("HTTP/1.1 400 Bad Request|Connection: close|"));
  });
}

TEST_CASE("what comes in goes out as it is: response.source = request.source") {
  ServerOptions options;
  options.stream = true;
  const auto back = [](Request& request) -> Future<Response> {
    Response response;
    response.source = request.source;
    response.trailers = request.trailers;
    co_return response;
  };
  on_server(back, options, [](Site& site) -> Future<> {
    const std::string post = "POST /" + kHost, large(1'000'000, 'x'),
                      chunked = "Transfer-Encoding: chunked||";
    CHECK(
        (co_await site.talk(post + chunked + "2|ab|1|c|0|Sum: !||")).ends_with("c|0|Sum: !||END"));
    const std::string heard = co_await site.talk(post + "Content-Length: 1000000||" + large);
    CHECK(heard.ends_with("x|0||END"));
    CHECK(static_cast<std::size_t>(std::count(heard.begin(), heard.end(), 'x')) == large.size());
    RawPeer peer = co_await site.connect();
    CHECK((co_await peer.ask(post + "Content-Length: 2|Expect: 100-continue||", "||")) ==
          "HTTP/1.1 100 Continue||");
    CHECK((co_await peer.ask("hi", "")) == kLast + chunked + "2|hi|0||END");
    // Broken on its way: no second response in the midst of the first, and nobody here is at fault.
    CHECK((co_await site.talk(post + chunked + "2|ab|x|")) == kLast + chunked + "2|ab|RESET");
    RawPeer gone = co_await site.connect();
    CHECK((co_await gone.ask(post + chunked + "2|ab|", "ab|")) == kLast + chunked + "2|ab|");
    gone.stream.abort();
    RawPeer ends = co_await site.connect();
    co_await ends.say(post + chunked + "2|ab|");
    ends.stream.shutdown_write();
    CHECK((co_await ends.hear()) == kLast + chunked + "2|ab|RESET");
  });
}

TEST_SUITE_END();
}  // namespace hob_test::http_server_test
