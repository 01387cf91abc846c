// SPDX-License-Identifier: MIT
// http.cpp — Session: kept connections, one exchange; Server: accepting, one conversation, stopping.
#include "http.hpp"
#include "http_connection.hpp"

namespace hob::inline v0::http {
using namespace chars;

// --- Session: connections that are kept ----------------------------------------------------------
struct Session::Pool {
  explicit Pool(const SessionOptions& o) : options(o), slots(o.connections) {}
  // The one used last of those to this origin for which nothing has come: not even its end.
  std::unique_ptr<Connection> take(const std::string& origin) {
    for (std::size_t i = kept.size(); i-- != 0;) {
      if (kept[i].first != origin) continue;
      std::unique_ptr<Connection> last = std::move(kept[i].second);
      kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(i));
      if (!last->stream.is_open()) continue;
      char byte;
      const auto came = as_result(last->stream.read_some(std::span(&byte, 1)));
      if (!came.ready() && !last->stream.readable()) return last;
    }
    return nullptr;
  }

  void keep(const std::string& origin, std::unique_ptr<Connection> connection) {
    std::erase_if(kept, [](auto& each) { return !each.second->stream.is_open(); });
    if (kept.size() >= options.connections) kept.erase(kept.begin());
    connection->tidy();
    connection->ends_by(kNever);
    connection->within(options.idle);
    kept.emplace_back(origin, std::move(connection));
  }

  SessionOptions options;
  net::Tls tls;  // made when it is needed first: that reads files
  Semaphore slots;
  std::vector<std::pair<std::string, std::unique_ptr<Connection>>> kept;  // by origin
};

Session::Session(SessionOptions options) : pool_(std::make_shared<Pool>(options)) {}

// --- one exchange --------------------------------------------------------------------------------
constexpr std::string_view kClose = "Connection: close\r\n", kKeepAlive = "Connection: keep-alive\r\n";
static bool closes(const Message& m) { return same(m.headers.get("Connection").value_or(""), "close"); }
static bool may_repeat(const Request& request) {
  static constexpr std::string_view kIdempotent[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
  return !request.source && std::ranges::count(kIdempotent, request.method) != 0;
}

static std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  unsigned bits = 0, count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) text += kDigits[bits >> (count - 6) & 63];
  }
  if (count) text += kDigits[bits << (6 - count) & 63];
  return text.append((4 - text.size() % 4) % 4, '=');
}

// The members that a Future borrows stand before it.
struct Session::Exchange {
  Exchange(std::shared_ptr<Pool> of, Request with, const Headers& defaults)
      : pool(std::move(of)), request(std::move(with)), url(Url::parse(request.url)) {
    for (const auto& [name, value] : defaults)
      if (!request.headers.contains(name)) request.headers.add(name, value);
  }

  // What a redirect makes of the request. False: it is none.
  bool follow(const Response& response) {
    static constexpr int kRedirects[] = {301, 302, 303, 307, 308};
    const int status = response.status, most = pool->options.redirects;
    const auto location = response.headers.get("Location");
    if (most == 0 || !location || std::ranges::count(kRedirects, status) == 0) return false;
    if (++redirects > most)
      throw ProtocolError("HTTP: more than " + std::to_string(most) + " redirects");
    if (!is_sent) sending = Future<>(), connection->stream.close();  // nobody wants the rest
    Url to = url.resolve(*location);
    if (url.scheme == "https" && to.scheme == "http")
      throw ProtocolError("HTTP: a redirect from https to " + to.to_string());
    if (status == 303 ? request.method != "HEAD" : request.method == "POST" && status < 303) {
      request.method = "GET";
      request.body.clear();
      request.source = nullptr;
      for (const char* name : {"Content-Length", "Content-Type", "Content-Encoding", "Expect"})
        request.headers.remove(name);
    }
    if (request.source) throw ProtocolError("HTTP: a redirect of a body that cannot be sent twice");
    if (to.origin() != url.origin())
      for (const char* name : {"Authorization", "Cookie", "Host"}) request.headers.remove(name);
    url = std::move(to);
    return true;
  }

  std::string head() {
    if (!is_token(request.method) || request.method == "CONNECT")
      throw std::invalid_argument("HTTP: no method to ask with: " + quoted(request.method));
    if (!url.userinfo.empty() && !request.headers.contains("Authorization"))
      request.headers.set("Authorization", "Basic " + base64(url.credentials()));
    url.userinfo.clear();
    std::string head = request.method + ' ' + url.target + " HTTP/1.1\r\n";
    if (closes(request)) head += kClose;
    const std::string host = url.host_header();
    for (const Field& field : {Field{"Host", host}, {"User-Agent", "hob"}, {"Accept", "*/*"}})
      if (!request.headers.contains(field.name)) append_line(head, field);
    return Connection::head(std::move(head), request, framing());
  }

  Framing framing() const {
    return {.length = request.method == "POST" || request.method == "PUT" || request.method == "PATCH"};
  }

  Future<> connect(Own) {
    const SessionOptions& options = pool->options;
    const bool is_secure = url.scheme == "https";
    if (is_secure && !pool->tls) pool->tls = net::Tls(net::Tls::client, options.tls, "http/1.1");
    const TimePoint until = std::min(Loop::current().after(options.connect), last);
    auto work = net::connect(url.host, url.port);
    net::TcpStream stream = co_await wait_until(std::move(work), until);
    if (is_secure) {
      auto greeting = pool->tls.secure(std::move(stream), url.host);
      stream = co_await wait_until(std::move(greeting), until);
    }
    connection = std::make_unique<Connection>(std::move(stream), options.limits, options.io);
  }

  // Sends the request while the response may come already. What goes wrong is told if none does.
  Future<> send(Own, std::string head) {
    const bool waits = same(request.headers.get("Expect").value_or(""), "100-continue");
    if (!waits) go.set();
    try {
      co_await connection->send(std::move(head), request, framing(), waits ? &go : nullptr);
      is_sent = true;
      if (!answered) connection->within(pool->options.head);
    } catch (...) { failure = std::current_exception(); }
  }

  // The response's head; without the provisional ones (RFC 9110, 15.2).
  Future<Response> receive(Own) {
    Response response;
    for (int provisional = 0;;) {
      while (!connection->take(response, request.method)) {
        auto more = co_await as_result(connection->more());
        if (failure && !(more && more.value())) std::rethrow_exception(failure);
        heard |= more.value();
        if (!more.value()) throw net::EndOfStream();
      }
      if (response.status >= 200) break;
      if (response.status == 100) go.set();
      if (response.status == 101 || ++provisional == 16)
        throw ProtocolError("HTTP: expected a final response, found " + std::to_string(response.status));
    }
    answered = true;
    if (!go.is_set()) sending.cancel();
    if (is_sent) connection->within(Duration::max());
    response.url = url.to_string();
    co_return response;
  }

  // One request, one response's head; once more, if a kept connection is found closed.
  Future<Response> ask(Own) {
    for (bool again = false;; again = true) {
      std::string text = head();
      if (!permit) permit = co_await wait_until(pool->slots.acquire(), last);
      origin = url.origin();
      if (!again) connection = pool->take(origin);
      const bool is_reused = connection != nullptr;
      if (!is_reused) co_await connect(Own());
      connection->ends_by(last);
      heard = answered = is_sent = false;
      failure = nullptr;
      go.clear();
      sending = send(Own(), std::move(text));
      auto result = co_await as_result(receive(Own()));
      if (result.has_value()) co_return std::move(result).value();
      if (!is_reused || heard || connection->is_late() || !may_repeat(request))
        std::rethrow_exception(result.error());
      sending = Future<>();
      connection = nullptr;
    }
  }

  // The head of the response that is no redirect.
  Future<Response> answer(Own) {
    for (;;) {
      Response response = co_await ask(Own());
      const bool is_redirect = follow(response);
      if (is_redirect) {
        auto dropped = co_await as_result(connection->read_all(response.body, 64 * 1024));
        if (!dropped) connection->stream.close();
      }
      if (is_redirect || !connection->has_body()) end();
      if (!is_redirect) co_return response;
    }
  }

  // The response is over: keeps the connection if that can be.
  void end() {
    sending = Future<>();
    const bool keeps = is_sent && connection->is_kept() && !connection->has_begun() && !closes(request);
    if (keeps) pool->keep(origin, std::move(connection));
    connection = nullptr;
    permit.release();
  }

  static Future<std::string> piece(Own, std::shared_ptr<Exchange> of) {
    if (!of->connection) co_return std::string();
    std::string data(co_await of->connection->read());
    if (!of->connection->has_body()) of->end(), of->pool = nullptr;
    co_return data;
  }

  std::shared_ptr<Pool> pool;
  Request request;
  Url url;
  std::string origin;                      // of the connection
  TimePoint last = Loop::current().after(pool->options.total);
  Permit permit;
  std::unique_ptr<Connection> connection;  // null: the response is over
  Event go;                                // the body may be sent, or is being sent
  std::exception_ptr failure;              // of sending
  bool is_sent = false, heard = false;     // of the request all; of a response a part
  bool answered = false;                   // and all of its head
  int redirects = 0;
  Future<> sending;
};

// --- Session -------------------------------------------------------------------------------------
Future<Response> Session::request(Request request, Own) {
  const auto exchange = std::make_shared<Exchange>(pool_, std::move(request), headers);
  Response response = co_await exchange->answer(Own());
  if (exchange->connection) {
    co_await exchange->connection->read_all(response.body, exchange->pool->options.body);
    exchange->end();
  }
  co_return response;
}

Future<Response> Session::open(Request request, Own) {
  const auto exchange = std::make_shared<Exchange>(pool_, std::move(request), headers);
  Response response = co_await exchange->answer(Own());
  if (!exchange->connection) exchange->pool = nullptr;  // which keeps no connection of a Session that has gone
  response.source = [exchange] { return Exchange::piece(Own(), exchange); };
  co_return response;
}

Future<Response> request(Request request, SessionOptions options, Own) {
  Session session(options);
  co_return co_await session.request(std::move(request));
}

// --- Server --------------------------------------------------------------------------------------
Server::Server(Handler handler, ServerOptions options)
    : handler_(std::move(handler)), options_(options), slots_(options.connections) {
  if (options.tls.certificate) tls_ = net::Tls(net::Tls::server, options.tls, "http/1.1");
}

void Server::stop(Duration grace) {
  stopping_.set();
  end_ = std::min(end_, Loop::current().after(grace));
  at_end_ = Loop::current().call_at(end_, [this] { ending_.set(); });
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
    (co_await slots_.acquire()).release();  // there is room: not kept while another listener may use it
    net::TcpStream stream = co_await listener.accept();
    Permit permit = co_await slots_.acquire();
    connections.start(&Server::converse, this, Own(), std::move(stream), std::move(permit));
  }
}

// --- one connection ------------------------------------------------------------------------------
namespace {
// Of this second, made once.
std::string_view date_field() {
  static thread_local std::int64_t made_for = -1;
  static thread_local std::string field;
  const std::int64_t second = here.loop->backend().date();
  if (second != std::exchange(made_for, second)) field = "Date: " + http_date(second) + "\r\n";
  return field;
}

// Lets the peer send the body that it keeps back.
Future<> invite(Connection& peer) {
  if (peer.expects_continue()) co_await peer.put("HTTP/1.1 100 Continue\r\n\r\n");
}
Future<std::string> piece(Own, Connection& peer) {
  co_await invite(peer);
  co_return std::string(co_await peer.read());
}

// Throws std::invalid_argument if the response cannot be sent.
std::string head_of(const Response& response, Framing framing, std::string_view connection) {
  if (response.status < 200 || response.status > 999)
    throw std::invalid_argument("HTTP: no status to answer with: " + std::to_string(response.status));
  if (!all(kText, response.reason))
    throw std::invalid_argument("HTTP: a reason with control bytes: " + quoted(response.reason));
  std::string head("HTTP/1.1 ");
  head.reserve(response.headers.wire().size() + response.reason.size() + 160);
  head.append(std::to_string(response.status)) += ' ';
  head += response.reason.empty() ? reason_phrase(response.status) : std::string_view(response.reason);
  head.append("\r\n").append(connection);
  if (!response.headers.contains("Date")) head += date_field();
  return Connection::head(std::move(head), response, framing);
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
  } catch (...) {}
  if (!peer.is_broken()) Loop::current().unhandled(error, {});
  return 500;
}
}  // namespace

Future<> Server::converse(Own, net::TcpStream stream, Permit) {
  if (tls_) {
    auto greeting = as_result(wait_for(tls_.secure(std::move(stream)), options_.head));
    auto greeted = co_await std::move(greeting);
    if (!greeted) co_return;
    stream = std::move(greeted).value();
  }
  Connection peer(std::move(stream), options_.limits, options_.io);
  int refusal = 0;
  try {
    Request request;
    request.peer = peer.stream.peer();
    for (bool goes_on = true; goes_on;) {
      peer.within(request.target.empty() ? options_.head : options_.idle);
      for (bool begun = false; goes_on && !peer.take(request);) {
        if (peer.owes()) co_await peer.put({});
        if (peer.has_begun()) {
          if (!std::exchange(begun, true)) peer.within(options_.head);
        } else {
          idle_.push_back(peer.hook);
          std::string().swap(request.body);
          goes_on = !stopping_.is_set();
        }
        if (goes_on) goes_on = co_await peer.more();
        peer.hook.unlink();
      }
      if (goes_on) goes_on = co_await answer(Own(), peer, request);
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
    auto sending = peer.send(head_of(response, Framing(), kClose), response, Framing());
    static_cast<void>(co_await as_result(std::move(sending)));
  }
  // To close while bytes are under way would reset the connection, and lose the response.
  if (peer.stream.is_open())
    static_cast<void>(co_await as_result(peer.stream.finish(std::chrono::seconds(2))));
}

// False: the connection ends here.
Future<bool> Server::answer(Own, Connection& peer, Request& request) {
  const bool is_head = request.method == "HEAD";
  peer.within(Duration::max());
  if (peer.owes() && peer.has_body()) co_await peer.put({});
  if (options_.stream) {
    request.source = [&peer] { return piece(Own(), peer); };
  } else if (peer.has_body()) {
    if (peer.length() > options_.body) throw net::LimitExceeded(options_.body);
    co_await invite(peer);
    co_await peer.read_all(request.body, options_.body);
  }

  Future<Response> work;  // is ready, and holds the response, when that is sent
  std::string head;
  Framing framing;
  bool keeps = false;
  const auto compose = [&] {
    const Response& response = work.outcome().value();
    framing.length = response.status != 204 && response.status != 304;
    framing.body = framing.length && !is_head;
    framing.chunks = peer.knows_chunks();
    const bool ends = framing.chunks || !response.source || response.headers.contains("Content-Length");
    keeps = peer.is_kept() && ends && !stopping_.is_set() && !closes(response);
    head = head_of(response, framing, !keeps ? kClose : framing.chunks ? "" : kKeepAlive);
  };
  try {
    work = handler_(request);
    if (!work.ready()) {
      if (peer.owes()) co_await peer.put({});
      Response late = co_await std::move(work);
      work = ready(std::move(late));
    }
    if (work.outcome().failed()) static_cast<void>(std::move(work).get());
    compose();
  } catch (...) {
    work = ready(plain(status_for(std::current_exception(), peer)));
    compose();
  }
  const Response& response = work.outcome().value();
  try {
    if (framing.body && response.source) co_await invite(peer);  // it may be the request's
    peer.expects_continue();                                     // too late for that
    std::string_view body = framing.body ? std::string_view(response.body) : "";
    if (body.size() <= 4096) head.append(std::exchange(body, ""));
    if (framing.body && response.source) co_await peer.send(std::move(head), response, framing);
    else if (!keeps || !body.empty() || !peer.owe(head)) co_await peer.put(head, body);
  } catch (...) {  // a response that breaks off must not look like a whole one
    status_for(std::current_exception(), peer);
    peer.stream.abort();
    co_return false;
  }
  co_return keeps;
}
}  // namespace hob::inline v0::http
