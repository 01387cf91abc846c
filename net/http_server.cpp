// SPDX-License-Identifier: MIT
//
// http_server.cpp — accepting, the conversation on one connection, stopping.
#include "http_server.hpp"

#include "chars.hpp"
#include "http_connection.hpp"

namespace hob::inline v0::http {

Server::Server(Handler handler, ServerOptions options)
    : handler_(std::move(handler)), options_(options), slots_(options.connections) {}

void Server::stop(Duration grace) {
  stopping_.set();
  const TimePoint end = Loop::current().after(grace);
  if (end >= end_) return;
  end_ = end;
  at_end_ = Loop::current().call_at(end, [this] { ending_.set(); });
}

Future<> Server::serving(Own, Server& self, net::TcpListener listener) {
  TaskGroup connections;
  co_await race(accept_all(Own(), self, listener, connections), self.stopping_.wait());
  listener.close();
  while (!self.idle_.empty()) self.idle_.pop_front().owner.stream.close();
  co_await race(connections.join(), self.ending_.wait());
}

Future<> Server::accept_all(Own, Server& self, net::TcpListener& listener, TaskGroup& connections) {
  for (;;) {
    Permit permit = co_await self.slots_.acquire();
    net::TcpStream stream = co_await listener.accept();
    connections.start(converse, Own(), std::ref(self), std::move(stream), std::move(permit));
  }
}

// --- one connection ------------------------------------------------------------------------------

namespace {

constexpr Duration kLinger = std::chrono::seconds(2);

// Of this second, made once.
std::string_view date_field() {
  static thread_local std::int64_t made_for = -1;
  static thread_local std::string field;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t second = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  if (second != std::exchange(made_for, second)) field = "Date: " + http_date(second) + "\r\n";
  return field;
}

// Lets the peer send the body that it keeps back.
Future<> invite(Connection& peer) {
  if (peer.expects_continue()) co_await peer.send("HTTP/1.1 100 Continue\r\n\r\n");
}

// Throws std::invalid_argument if the response cannot be sent.
std::string head_of(const Response& response, Framing framing, std::string_view connection) {
  if (response.status < 200 || response.status > 999) {
    throw std::invalid_argument("HTTP: no status to answer with: " + std::to_string(response.status));
  }
  std::string line = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  line += response.reason.empty() ? reason_phrase(response.status) : std::string_view(response.reason);
  std::string fields(connection);
  if (!response.headers.contains("Date")) fields += date_field();
  return Connection::head(line, fields, response, framing);
}

Response plain(int status) {
  Response response(status, std::string(reason_phrase(status)) + '\n');
  response.headers.set("Content-Type", "text/plain");
  return response;
}

// What to answer for what a handler or its source threw. Reported, if it is not the peer's fault.
int status_for(const std::exception_ptr& error, const Connection& peer) {
  try {
    std::rethrow_exception(error);
  } catch (const ProtocolError& e) {
    if (e.status) return e.status;
  } catch (...) {
  }
  if (!peer.is_broken()) Loop::current().unhandled(error, {});
  return 500;
}

}  // namespace

Future<> Server::converse(Own, Server& self, net::TcpStream stream, Permit) {
  Connection peer(std::move(stream), self.options_.limits, self.options_.io);
  int refusal = 0;
  try {
    Request request;
    request.peer = peer.stream.peer();
    while (co_await await_request(Own(), self, peer, request)) {
      if (!co_await answer(Own(), self, peer, request)) break;
    }
  } catch (const ProtocolError& e) {
    refusal = e.status;
  } catch (const net::LimitExceeded&) {
    refusal = 413;
  } catch (...) {  // the peer has gone or is too slow
    peer.stream.abort();
  }
  if (refusal) {
    const Response response = plain(refusal);
    std::string head = head_of(response, {}, "Connection: close\r\n");
    static_cast<void>(co_await as_result(peer.send(std::move(head), response, {})));
  }
  // To close while bytes are under way would reset the connection, and lose the response.
  if (peer.stream.is_open()) static_cast<void>(co_await as_result(peer.stream.finish(kLinger)));
}

// False: there is none, and will not be.
Future<bool> Server::await_request(Own, Server& self, Connection& peer, Request& request) {
  const bool is_first = request.target.empty();
  peer.within(is_first ? self.options_.head : self.options_.idle);
  for (bool begun = false; !peer.take(request);) {
    if (!peer.has_begun()) {
      if (self.stopping_.is_set()) co_return false;
      self.idle_.push_back(peer.hook);
      std::string().swap(request.body);
    } else if (!std::exchange(begun, true)) {
      peer.within(self.options_.head);
    }
    const bool more = co_await peer.more();
    peer.hook.unlink();
    if (!more) co_return false;
  }
  peer.within(Duration::max());
  co_return true;
}

// False: the connection ends here.
Future<bool> Server::answer(Own, Server& self, Connection& peer, Request& request) {
  const bool is_head = request.method == "HEAD";
  if (self.options_.stream) request.source = [&peer] { return piece(Own(), peer); };
  else if (peer.has_body()) co_await read_body(Own(), self, peer, request);

  Response response;
  std::string head;
  Framing framing;
  bool keeps = false;
  const auto compose = [&] {
    framing.length = response.status != 204 && response.status != 304;
    framing.body = framing.length && !is_head;
    framing.chunks = peer.knows_chunks();
    const auto& headers = response.headers;
    const bool says = headers.contains("Connection");
    const bool ends = framing.chunks || !response.source || headers.contains("Content-Length");
    keeps = peer.is_kept() && ends && !self.stopping_.is_set() && !says;
    head = head_of(response, framing, keeps ? framing.chunks ? "" : "Connection: keep-alive\r\n"
                                      : says ? "" : "Connection: close\r\n");
  };
  int status = 0;
  try {
    response = co_await self.handler_(request);
    compose();
  } catch (...) {
    status = status_for(std::current_exception(), peer);
  }
  if (status) response = plain(status), compose();
  try {
    if (framing.body && response.source) co_await invite(peer);  // it may be the request's
    peer.expects_continue();                                     // too late for that
    co_await peer.send(std::move(head), response, framing);
  } catch (...) {  // a response that breaks off must not look like a whole one
    status_for(std::current_exception(), peer);
    peer.stream.abort();
    co_return false;
  }
  co_return keeps;
}

Future<> Server::read_body(Own, Server& self, Connection& peer, Request& request) {
  const std::size_t limit = self.options_.body;
  if (peer.length() > limit) throw net::LimitExceeded(limit);
  co_await invite(peer);
  co_await peer.read_all(request.body, limit);
}

Future<std::string> Server::piece(Own, Connection& peer) {
  co_await invite(peer);
  co_return std::string(co_await peer.read());
}

}  // namespace hob::inline v0::http
