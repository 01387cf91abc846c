// SPDX-License-Identifier: MIT
//
// http_server_responses_test.cpp — what a Server makes of its handler's responses, and what of them it
// refuses to send.
#include "on_server.hpp"

namespace hob_test::http_server_responses_test {
TEST_SUITE_BEGIN("net");

namespace {

const std::string kError =
    "HTTP/1.1 500 Internal Server Error|Content-Type: text/plain|Content-Length: 22||Internal "
    "Server Error\n";

// A handler that gives what a function of the target makes.
template <class F>
http::Server::Handler by_target(F make) {
  return [make](Request& request) -> Future<Response> { return ready(make(request.target)); };
}

}  // namespace

// --- responses -----------------------------------------------------------------------------------

TEST_CASE("HEAD is answered like GET, but for the body") {
  int asked = 0;
  const auto make = [&](std::string_view target) {
    Response response;
    if (target == "/body") response.body = "hello";
    if (target == "/source") response.source = [&] { return ++asked, ready(std::string()); };
    if (target == "/length") response.headers.add("Content-Length", "1234567");
    return response;
  };
  on_server(by_target(make), [&](Site& site) -> Future<> {
    RawPeer peer = co_await site.connect();
    CHECK((co_await peer.ask("HEAD /body" + kHost + "|", "||")) == kOk + "Content-Length: 5||");
    CHECK((co_await peer.ask("HEAD /source" + kHost + "|", "||")) ==
          kOk + "Transfer-Encoding: chunked||");
    CHECK((co_await peer.ask("HEAD /length" + kHost + "|", "||")) ==
          kOk + "Content-Length: 1234567||");
    CHECK((co_await peer.ask("HEAD /" + kHost + "Connection: close||", "")) ==
          kLast + "Content-Length: 0||END");
    CHECK(asked == 0);
  });
}

TEST_CASE("204 and 304 have no body, and the next response is not mistaken for one") {
  const auto make = [](std::string_view target) {
    Response response(std::atoi(target.data() + 1), "body");
    if (target == "/304?source") response.source = pieces({"body"});
    if (target == "/204?tag") response.headers.set("ETag", "x");
    return response;
  };
  on_server(by_target(make), [](Site& site) -> Future<> {
    RawPeer peer = co_await site.connect();
    CHECK((co_await peer.ask("GET /204?tag" + kHost + "|", "||")) ==
          "HTTP/1.1 204 No Content|ETag: x||");
    CHECK((co_await peer.ask("GET /304" + kHost + "|", "||")) == "HTTP/1.1 304 Not Modified||");
    CHECK((co_await peer.ask("GET /304?source" + kHost + "|", "||")) ==
          "HTTP/1.1 304 Not Modified||");
    CHECK((co_await peer.ask("GET /299" + kHost + "|", "body")) ==
          "HTTP/1.1 299 Unknown|Content-Length: 4||body");
  });
}

TEST_CASE("a source goes out in chunks, with trailers; or by its length; or to the end") {
  const auto make = [](std::string_view target) {
    Response response;
    response.source = pieces({"hello", std::string(20, 'x')});
    if (target == "/length") response.headers.set("Content-Length", "25");
    if (target == "/trailers") {
      response.trailers = std::make_shared<http::Headers>();
      response.trailers->add("Sum", "7");
    }
    return response;
  };
  on_server(by_target(make), [](Site& site) -> Future<> {
    const std::string xs(20, 'x'), chunks = "Transfer-Encoding: chunked||5|hello|14|" + xs + "|0|";
    RawPeer peer = co_await site.connect();
    CHECK((co_await peer.ask("GET /" + kHost + "|", "0||")) == kOk + chunks + "|");
    CHECK((co_await peer.ask("GET /length" + kHost + "|", xs)) ==
          kOk + "Content-Length: 25||hello" + xs);
    CHECK((co_await peer.ask("GET /trailers" + kHost + "|", "7||")) == kOk + chunks + "Sum: 7||");
    CHECK((co_await peer.ask("GET / HTTP/1.0|Connection: keep-alive||", "")) ==
          kLast + "|hello" + xs + "END");
    CHECK((co_await site.talk("GET /length HTTP/1.0|Connection: keep-alive||GET / HTTP/1.0||")) ==
          kOk + "Connection: keep-alive|Content-Length: 25||hello" + xs + kLast + "|hello" + xs +
              "END");
  });
}

TEST_CASE("a source that breaks off: the peer cannot take it for the end, and it is reported") {
  const auto make = [](std::string_view target) {
    Response response;
    response.source = pieces({"hello", "!"});
    if (target == "/few") response.source = pieces({"hello"});
    if (target == "/many") response.source = pieces({"hello", "!"});
    if (target == "/few" || target == "/length") response.headers.set("Content-Length", "6");
    if (target == "/many")
      response.source = pieces({"he", "ll", "more"}), response.headers.set("Content-Length", "5");
    if (target == "/400")
      response.source = [] {
        return failed<std::string>(std::make_exception_ptr(http::ProtocolError("theirs", 0)));
      };
    return response;
  };
  on_server(by_target(make), [](Site& site) -> Future<> {
    const std::string lie = "HTTP: the source does not give what Content-Length says",
                      chunked = "Transfer-Encoding: chunked||";
    CHECK((co_await site.talk("GET /" + kHost + "|")) == kOk + chunked + "5|hello|RESET");
    CHECK(site.reported() == Log{"the source is broken"});
    CHECK((co_await site.talk("GET / HTTP/1.0||")) == kLast + "|helloRESET");
    CHECK(site.reported() == Log{"the source is broken"});
    CHECK((co_await site.talk("GET /length" + kHost + "|")) ==
          kOk + "Content-Length: 6||helloRESET");
    CHECK(site.reported() == Log{"the source is broken"});
    CHECK((co_await site.talk("GET /few" + kHost + "|")) == kOk + "Content-Length: 6||helloRESET");
    CHECK(site.reported() == Log{lie});
    CHECK((co_await site.talk("GET /many" + kHost + "|")) == kOk + "Content-Length: 5||hellRESET");
    CHECK(site.reported() == Log{lie});
    CHECK((co_await site.talk("GET /400" + kHost + "|")) == kOk + chunked + "RESET");
    CHECK(site.reported() == Log{"theirs"});
  });
}

TEST_CASE("a response has one Date, ours or the handler's") {
  const auto make = [](std::string_view target) {
    Response response;
    if (target == "/own") response.headers.set("date", "then");
    return response;
  };
  on_server(by_target(make), [](Site& site) -> Future<> {
    RawPeer peer = co_await site.connect();
    co_await peer.say("GET /" + kHost + "|");
    while (peer.heard.find("\r\n\r\n") == std::string::npos) {
      char part[512];
      peer.heard.append(part, co_await peer.stream.read_some(std::span(part)));
    }
    const std::size_t at = peer.heard.find("\r\nDate: ");
    REQUIRE(at != std::string::npos);
    const std::string date = peer.heard.substr(at + 8, 31);
    CHECK(date.substr(3, 2) == ", ");
    CHECK(date.ends_with(" GMT\r\n"));
    CHECK(peer.heard.find("Date: ", at + 8) == std::string::npos);
    peer.heard.clear();
    CHECK((co_await peer.ask("GET /own" + kHost + "|", "||")) ==
          kOk + "date: then|Content-Length: 0||");
  });
}

// --- handlers that fail --------------------------------------------------------------------------

TEST_CASE(
    "what a handler throws is answered with 500 and reported, and the peer hears nothing of it") {
  const auto fail = [](Request& request) -> Future<Response> {
    if (request.target == "/now") throw std::runtime_error("secret");
    if (request.target == "/int") throw 42;
    if (request.target == "/empty") return Future<Response>();
    if (request.target == "/404") throw http::ProtocolError("secret", 404);
    if (request.target == "/0") throw http::ProtocolError("secret");
    if (request.target.starts_with("/%")) request.path();
    return [](Request&) -> Future<Response> {
      co_await sleep(1ms);
      throw std::runtime_error("secret");
    }(request);
  };
  on_server(fail, [](Site& site) -> Future<> {
    RawPeer peer = co_await site.connect();
    for (const char* target : {"/now", "/later", "/0"}) {
      CAPTURE(target);
      CHECK((co_await peer.ask(std::string("GET ") + target + kHost + "|",
                               "||Internal Server Error\n")) == kError);
      CHECK(site.reported() == Log{"secret"});
    }
    for (const char* target : {"/int", "/empty"}) {
      CAPTURE(target);
      CHECK((co_await peer.ask(std::string("GET ") + target + kHost + "|",
                               "||Internal Server Error\n")) == kError);
      CHECK(site.reported().size() == 1);
    }
    CHECK((co_await peer.ask("GET /404" + kHost + "|", "||Not Found\n")) ==
          "HTTP/1.1 404 Not Found|Content-Type: text/plain|Content-Length: 10||Not Found\n");
    CHECK((co_await peer.ask("GET /%zz" + kHost + "|", "||Bad Request\n")) ==
          "HTTP/1.1 400 Bad Request|Content-Type: text/plain|Content-Length: 12||Bad Request\n");
  });
}

TEST_CASE("a broken answer to a handler that asks somebody else is not blamed on the peer") {
  on_server(echo, [](Site& site) -> Future<> {
    net::TcpListener listener = net::listen("127.0.0.1", 0);
    const net::Address at = listener.address();
    const auto ask = [url = "http://" + at.to_string() + "/"](Request&) { return http::get(url); };
    http::Server proxy(ask);
    const auto upstream = [](net::TcpListener& from, std::string answer) -> Future<> {
      RawPeer peer(co_await from.accept());
      co_await peer.hear("||");
      co_await peer.say(answer);
      peer.stream.close();
    };
    Future<> serving = site.serve(proxy);
    for (const char* answer : {"Content-Length: 9||hi", "Transfer-Encoding: chunked||x||",
                               "Transfer-Encoding: chunked||0|X : a||"}) {
      CAPTURE(answer);
      Future<> answering = upstream(listener, kOk + answer);
      CHECK((co_await site.talk("GET / HTTP/1.0||")).starts_with("HTTP/1.1 500 "));
      co_await std::move(answering);
      CHECK(site.reported().size() == 1);
    }
  });
}

TEST_CASE("a response that cannot be sent is a 500, and nothing of it has been sent") {
  const auto make = [](std::string_view target) {
    Response response;
    response.body = "body";
    if (target == "/42") response.status = 42;
    if (target == "/101") response.status = 101;
    if (target == "/1000") response.status = 1000;
    if (target == "/reason") response.reason = "OK\r\nX: y";
    if (target == "/length") response.headers.set("Content-Length", "5");
    if (target == "/signed") response.headers.set("Content-Length", "+4");
    if (target == "/twice")
      response.headers.add("Content-Length", "4"), response.headers.add("Content-Length", "4");
    if (target == "/coding") response.headers.set("Transfer-Encoding", "chunked");
    return response;
  };
  on_server(by_target(make), [](Site& site) -> Future<> {
    RawPeer peer = co_await site.connect();
    for (const char* target :
         {"/42", "/101", "/1000", "/reason", "/length", "/signed", "/twice"}) {
      CAPTURE(target);
      CHECK((co_await peer.ask(std::string("GET ") + target + kHost + "|",
                               "||Internal Server Error\n")) == kError);
      CHECK(site.reported().size() == 1);
    }
    for (const char* target : {"/", "/coding"}) {  // a coding is the connection's affair
      CHECK((co_await peer.ask("GET " + (target + kHost) + "|", "body")) ==
            kOk + "Content-Length: 4||body");
    }
    CHECK((co_await peer.ask("HEAD /42" + kHost + "|", "||")).starts_with("HTTP/1.1 500 "));
    CHECK(site.reported().size() == 1);
  });
}

TEST_CASE("a Connection: close of the handler's ends it") {
  const auto make = [](std::string_view) {
    Response response;
    response.headers.set("Connection", "close");
    return response;
  };
  on_server(by_target(make), [](Site& site) -> Future<> {
    CHECK((co_await site.talk("GET /" + kHost + "|")) == kLast + "Content-Length: 0||END");
  });
}

TEST_SUITE_END();
}  // namespace hob_test::http_server_responses_test
