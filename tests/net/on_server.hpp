// SPDX-License-Identifier: MIT
//
// on_server.hpp — an http::Server, and peers that speak to it in bytes: what its tests are made of.
//
//   on_server(echo, [](Site& site) -> Future<> {
//     CHECK((co_await site.talk("GET /a HTTP/1.0\r\n\r\n")) == "HTTP/1.1 200 OK|Connection: close|…");
//   });
//
// On loopback, of the kernel that on_kernel.hpp chooses.
#pragma once

#include <string>
#include <string_view>

#include "../../net/http.hpp"
#include "../../net/net.hpp"
#include "../reactor/sync_bench.hpp"
#include "on_kernel.hpp"

namespace hob_test {

using http::Request;
using http::Response;
using http::ServerOptions;

// As the cases write it: CRLF is '|', and there is no Date.
inline std::string shown(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.find("\r\n"), bytes.size());
    const bool ends = size != bytes.size();
    if (!bytes.starts_with("Date: ")) text.append(bytes.substr(0, size)) += ends ? "|" : "";
    bytes.remove_prefix(ends ? size + 2 : size);
  }
  return text;
}

// The same backwards.
inline std::string wire(std::string_view text) {
  std::string bytes;
  for (const char c : text) c == '|' ? bytes += "\r\n" : bytes += c;
  return bytes;
}

struct RawPeer {
  explicit RawPeer(net::TcpStream to) : stream(std::move(to)) {}

  // Sends it; that the other side has gone is no matter.
  Future<> say(std::string text) {
    text = wire(text);
    static_cast<void>(co_await as_result(stream.write_all(text)));
  }
  // What comes, until this has come; or until the end; or RESET.
  Future<std::string> hear(std::string until) {
    until = wire(until);
    for (;;) {
      const std::size_t at = until.empty() ? heard.npos : heard.find(until);
      if (at != heard.npos) {
        std::string all = heard.substr(0, at + until.size());
        heard.erase(0, all.size());
        co_return shown(all);
      }
      const auto more = co_await as_result(stream.read_lease());
      if (!more.has_value()) co_return shown(std::exchange(heard, "")) + "RESET";
      if (more.value().empty()) co_return shown(std::exchange(heard, "")) + "END";
      heard += more.value().text();
    }
  }
  Future<std::string> hear() { return hear(""); }
  Future<std::string> ask(std::string text, std::string until) {
    co_await say(std::move(text));
    co_return co_await hear(std::move(until));
  }

  net::TcpStream stream;
  std::string heard;
};

struct Site {
  explicit Site(http::Server::Handler handler, ServerOptions options = ServerOptions())
      : server(std::move(handler), options) {
    loop.on_unhandled([this](std::exception_ptr error) { reports.push_back(what(error)); });
    serving = serve(server);
  }

  // On one more listener, the last of which `at` names.
  Future<> serve() { return serve(server); }
  Future<> serve(http::Server& by) {
    net::TcpListener listener = net::listen("127.0.0.1", 0);
    at = listener.address();
    return by.serve(std::move(listener));
  }
  Future<RawPeer> connect() {
    const net::Address to = at;
    co_return RawPeer(co_await net::connect(to));
  }
  // Sends all of it on a connection of its own: what comes until its end.
  Future<std::string> talk(std::string text) {
    RawPeer peer = co_await connect();
    Future<> saying = peer.say(std::move(text));
    std::string heard = co_await peer.hear();
    if (saying.ready()) co_await std::move(saying);
    co_return heard;
  }
  // What went to on_unhandled since the last call.
  Log reported() { return std::exchange(reports, Log()); }

  Log reports;
  Loop loop{kernel()};
  http::Server server;
  net::Address at;
  Future<> serving;
};

// f(Site&) beside a server, which is stopped afterwards. A hang is a failure.
template <class F>
void on_server(http::Server::Handler handler, ServerOptions options, F f) {
  Site site(std::move(handler), options);
  site.loop.run(wait_for(f(site), 30s));
  site.server.stop(30s);
  if (site.serving) site.loop.run(wait_for(std::move(site.serving), 30s));
  settle(site.loop);
  CHECK(site.reports == Log());
}
template <class F>
void on_server(http::Server::Handler handler, F f) {
  on_server(std::move(handler), ServerOptions(), std::move(f));
}

// What requests and responses begin with, as the cases write it.
inline const std::string kHost = " HTTP/1.1|Host: a|";
inline const std::string kOk = "HTTP/1.1 200 OK|";
inline const std::string kLast = kOk + "Connection: close|";

// Answers with what was asked.
inline Future<Response> echo(Request& request) {
  Response response;
  response.body = request.method + ' ' + request.target;
  if (!request.body.empty()) response.body += ' ' + request.body;
  if (request.trailers)
    for (const auto& [name, value] : *request.trailers)
      response.body.append(" ").append(name).append("=").append(value);
  co_return response;
}

// A body of these pieces; "!" throws.
inline http::Source pieces(std::vector<std::string> all) {
  return [all = std::move(all), n = std::size_t(0)]() mutable -> Future<std::string> {
    if (n == all.size()) return ready(std::string());
    if (all[n] == "!") throw std::runtime_error("the source is broken");
    return ready(all[n++]);
  };
}

}  // namespace hob_test
