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

Future<> Server::serve(net::TcpListener listener, Own) {
  TaskGroup connections;
  co_await race(accept_all(Own(), listener, connections), stopping_.wait());
  listener.close();
  while (!idle_.empty()) idle_.pop_front().owner.stream.close();
  co_await race(connections.join(), ending_.wait());
}

Future<> Server::accept_all(Own, net::TcpListener& listener, TaskGroup& connections) {
  for (;;) {
    Permit permit = co_await slots_.acquire();
    net::TcpStream stream = co_await listener.accept();
    connections.start(&Server::converse, this, Own(), std::move(stream), std::move(permit));
  }
}

// --- one connection ------------------------------------------------------------------------------

namespace {

constexpr Duration kLinger = std::chrono::seconds(2);
constexpr std::string_view kClose = "Connection: close\r\n";

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

Future<std::string> piece(Own, Connection& peer) {
  co_await invite(peer);
  co_return std::string(co_await peer.read());
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

Future<> Server::converse(Own, net::TcpStream stream, Permit) {
  Connection peer(std::move(stream), options_.limits, options_.io);
  int refusal = 0;
  try {
    Request request;
    request.peer = peer.stream.peer();
    while (co_await await_request(Own(), peer, request)) {
      if (!co_await answer(Own(), peer, request)) break;
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
    std::string head = head_of(response, {}, kClose);
    static_cast<void>(co_await as_result(peer.send(std::move(head), response, {})));
  }
  // To close while bytes are under way would reset the connection, and lose the response.
  if (peer.stream.is_open()) static_cast<void>(co_await as_result(peer.stream.finish(kLinger)));
}

// False: there is none, and will not be.
Future<bool> Server::await_request(Own, Connection& peer, Request& request) {
  const bool is_first = request.target.empty();
  peer.within(is_first ? options_.head : options_.idle);
  for (bool begun = false; !peer.take(request);) {
    if (!peer.has_begun()) {
      if (stopping_.is_set()) co_return false;
      idle_.push_back(peer.hook);
      std::string().swap(request.body);
    } else if (!std::exchange(begun, true)) {
      peer.within(options_.head);
    }
    const bool more = co_await peer.more();
    peer.hook.unlink();
    if (!more) co_return false;
  }
  peer.within(Duration::max());
  co_return true;
}

// False: the connection ends here.
Future<bool> Server::answer(Own, Connection& peer, Request& request) {
  const bool is_head = request.method == "HEAD";
  if (options_.stream) {
    request.source = [&peer] { return piece(Own(), peer); };
  } else if (peer.has_body()) {
    if (peer.length() > options_.body) throw net::LimitExceeded(options_.body);
    co_await invite(peer);
    co_await peer.read_all(request.body, options_.body);
  }

  Response response;
  std::string head;
  Framing framing;
  bool keeps = false;
  const auto compose = [&] {
    framing.length = response.status != 204 && response.status != 304;
    framing.body = framing.length && !is_head;
    framing.chunks = peer.knows_chunks();
    const auto wish = response.headers.get("Connection");
    const bool ends = framing.chunks || !response.source || response.headers.contains("Content-Length");
    keeps = peer.is_kept() && ends && !stopping_.is_set() && !(wish && same(*wish, "close"));
    const bool says = !keeps || !framing.chunks;
    head = head_of(response, framing, !says ? "" : keeps ? "Connection: keep-alive\r\n" : kClose);
  };
  int status = 0;
  try {
    response = co_await handler_(request);
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

}  // namespace hob::inline v0::http
