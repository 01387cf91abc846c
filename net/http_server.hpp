// SPDX-License-Identifier: MIT
//
// http_server.hpp — Server: a handler for requests, and a coroutine for each connection.
//
//   hob::http::Server server([](hob::http::Request& request) -> hob::Future<hob::http::Response> {
//     hob::http::Response response;
//     response.body = "Hello, " + request.target;
//     co_return response;
//   });
//   co_await server.serve(hob::net::listen("127.0.0.1", 8080));
//
// What a peer does wrong is answered (400, 413, 414, 417, 431, 501, 505) and closes its connection;
// who is too slow is closed. None of it reaches anybody else.
#pragma once

#include "http_parser.hpp"
#include "net.hpp"

namespace hob::inline v0::http {

class Connection;

struct ServerOptions {
  Limits limits;                       // of heads and of chunked framing
  std::size_t body = 1 << 20;          // of Request::body, in bytes
  bool stream = false;                 // bodies are not awaited: Request::source gives them as they come
  std::size_t connections = 50'000;    // at once; more are not accepted until one ends
  Duration head = std::chrono::seconds(10);  // from a head's first byte to its last
  Duration idle = std::chrono::seconds(75);  // between requests
  Duration io = std::chrono::seconds(30);    // each wait for a part of a body, in or out
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

  // Returns at once. Nothing more is accepted and idle connections are closed; the others end with the
  // response they are at, and after `grace` they are dropped. Called again, the shorter grace counts.
  void stop(Duration grace);

 private:
  Future<> accept_all(Own, net::TcpListener& listener, TaskGroup& connections);
  Future<> converse(Own, net::TcpStream stream, Permit permit);
  Future<bool> await_request(Own, Connection& peer, Request& request);
  Future<bool> answer(Own, Connection& peer, Request& request);

  Handler handler_;
  ServerOptions options_;
  Semaphore slots_;
  List<Hook<Connection>> idle_;  // between two requests
  Event stopping_, ending_;
  TimePoint end_ = kNever;
  TimerHandle at_end_;
};

}  // namespace hob::inline v0::http
