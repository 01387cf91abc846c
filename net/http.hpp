// SPDX-License-Identifier: MIT
// http.hpp — the front door to HTTP: Session asks, Server answers.
//
//   hob::http::Session session;
//   auto response = co_await session.get("http://example.com/todos/1");
//   response.raise_for_status();
//   print(response.json()["title"].as_string());
//
//   hob::http::Server server([](hob::http::Request& request) -> hob::Future<hob::http::Response> {
//     co_return hob::http::Response(200, "Hello, " + request.path());
//   });
//   co_await server.serve(hob::net::listen("127.0.0.1", 8080));
#pragma once
#include "http_parser.hpp"
#include "message.hpp"
#include "net.hpp"
#include "tls.hpp"

namespace hob::inline v0::http {
class Connection;

// --- the client ----------------------------------------------------------------------------------
// Errors: ProtocolError (a URL or an answer that is none, too many redirects), TimedOut,
// std::system_error and net::ResolveError (what() names the address), net::LimitExceeded. A request
// that is dropped closes its connection. A status of 400 and above is no error: raise_for_status().

struct SessionOptions {
  Limits limits;                        // of heads and of chunked framing
  std::size_t body = 64 << 20;          // of Response::body, in bytes; there is none for open()
  std::size_t connections = 100;        // in use at once; who needs another waits
  int redirects = 10;                   // followed in a row; 0: none is, they are handed out
  Duration connect = std::chrono::seconds(10);  // the name included
  Duration head = std::chrono::seconds(10);     // from the request's end to that of the response's head
  Duration io = std::chrono::seconds(30);       // each wait for a part of a body, in or out
  Duration total = std::chrono::seconds(300);   // all of it, redirects and body included
  Duration idle = std::chrono::seconds(15);     // how long a connection is kept
  net::TlsOptions tls;                  // of https
};

// Move-only; its requests may outlive it.
class Session {
 public:
  explicit Session(SessionOptions options = SessionOptions());
  Headers headers;  // what every request has that does not say it itself

  Future<Response> get(std::string url) { return request(Request("GET", std::move(url))); }
  Future<Response> post(std::string url, std::string body) {
    return request(Request("POST", std::move(url), std::move(body)));
  }

  // Sends a request, follows redirects (RFC 9110, 15.4), and reads the response. On the way:
  //   - a user in the URL becomes Basic authentication;
  //   - 301 and 302 make a GET of a POST, 303 of all but HEAD; 307 and 308 repeat it as it was (a
  //     `source`: ProtocolError). To another origin go no Authorization and no Cookie; from https
  //     to http goes nothing (ProtocolError);
  //   - a request that may be repeated, on a connection that was kept and turns out to be closed, is
  //     sent once more on a new one; others never are;
  //   - with "Expect: 100-continue" among its headers, the body waits for the server's word, or 1 s.
  Future<Response> request(Request request, Own = Own());
  // The same up to the head; `source` gives the body as it comes, and the last copy's end gives it up.
  Future<Response> open(Request request, Own = Own());
 private:
  struct Pool;
  struct Exchange;
  std::shared_ptr<Pool> pool_;
};

// One request, in a Session of its own.
Future<Response> request(Request request, SessionOptions options = SessionOptions(), Own = Own());
inline Future<Response> get(std::string url) { return request(Request("GET", std::move(url))); }

// --- the server ----------------------------------------------------------------------------------
// A peer that errs is answered (400, 413, 414, 417, 431, 501, 505) and closed; one too slow is closed.

struct ServerOptions {
  Limits limits;                       // of heads and of chunked framing
  std::size_t body = 1 << 20;          // of Request::body, in bytes
  bool stream = false;                 // bodies are not awaited: Request::source gives them as they come
  std::size_t connections = 50'000;    // at once; more are not accepted until one ends
  Duration head = std::chrono::seconds(10);  // from a head's first byte to its last
  Duration idle = std::chrono::seconds(75);  // between requests
  Duration io = std::chrono::seconds(30);    // each wait for a part of a body, in or out
  net::TlsOptions tls;                 // with a certificate the server speaks https, and nothing else
};

// Outlives what serve() gives.
class Server {
 public:
  // Called for every request, of one connection in their order. The Request is the handler's until
  // its Response has been sent. What it throws is answered with 500, says nothing to the peer and
  // goes to Loop::on_unhandled; a ProtocolError with a status, as of a bad body, is answered with that.
  // To a HEAD the body is left out, so that it may be handled as a GET.
  using Handler = std::function<Future<Response>(Request&)>;

  explicit Server(Handler handler, ServerOptions options = ServerOptions());
  Server(const Server&) = delete;
  // Accepts until stop(); then settles when the last connection is gone. May be called for several
  // listeners. Dropped: all that was accepted by it is dropped, handlers as well.
  Future<> serve(net::TcpListener listener, Own = Own());
  // Returns at once. Nothing more is accepted, idle connections are closed, the others end with the
  // response they are at or, after `grace`, are dropped. Called again, the shorter grace counts.
  void stop(Duration grace);
 private:
  Future<> accept_all(Own, net::TcpListener& listener, TaskGroup& connections);
  Future<> converse(Own, net::TcpStream stream, Permit permit);
  Future<bool> answer(Own, Connection& peer, Request& request);
  Handler handler_;
  ServerOptions options_;
  net::Tls tls_;
  Semaphore slots_;
  List<Hook<Connection>> idle_;  // between two requests
  Event stopping_, ending_;
  TimePoint end_ = kNever;
  TimerHandle at_end_;
};
}  // namespace hob::inline v0::http
