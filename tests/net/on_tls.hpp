// SPDX-License-Identifier: MIT
//
// on_tls.hpp — a server that speaks https, a client that trusts it, and a stream between the two: what the
// tests of TLS are made of.
#pragma once

#include "authority.hpp"
#include "http_peer.hpp"

namespace hob_test::tls_test {

inline Authority& authority() {
  static Authority one;
  return one;
}
inline const std::string& good() {
  static const std::string file = authority().issue();
  return file;
}

inline net::TlsOptions trusting(const std::string& ca) {
  net::TlsOptions options;
  options.ca_file = ca.c_str();
  return options;
}
inline net::TlsOptions trusting() { return trusting(authority().ca); }
inline net::TlsOptions shown(const std::string& file) {
  net::TlsOptions options;
  options.certificate = file.c_str();
  return options;
}
inline http::SessionOptions session_options(net::TlsOptions tls = trusting()) {
  http::SessionOptions options;
  options.tls = tls;
  return options;
}

inline Future<http::Response> answer(http::Request& request) {
  http::Response response(200, request.body.empty() ? request.path() : request.body);
  response.headers.set("X-Port", std::to_string(request.peer.port()));
  co_return response;
}

// An http::Server on loopback.
struct Site {
  explicit Site(net::TlsOptions tls = shown(good()), http::Server::Handler handler = answer)
      : server(std::move(handler), options(tls)) {
    net::TcpListener listener = net::listen("127.0.0.1", 0);
    port = listener.address().port();
    serving = server.serve(std::move(listener));
  }
  static http::ServerOptions options(net::TlsOptions tls) {
    http::ServerOptions all;
    all.tls = tls;
    all.body = 64 << 20;
    return all;
  }
  std::string url(const std::string& path = "/", const std::string& host = "localhost") const {
    return "https://" + host + ':' + std::to_string(port) + path;
  }
  http::Server server;
  unsigned short port = 0;
  Future<> serving;
};

// Two ends of a stream of loopback.
struct Ends {
  net::TcpStream client, server;
};
inline Future<Ends> plain_ends() {
  net::TcpListener listener = net::listen("127.0.0.1", 0);
  Ends ends;
  ends.client = co_await net::connect(listener.address());
  ends.server = co_await listener.accept();
  co_return ends;
}
inline Future<Ends> secure_ends() {
  net::Tls client(net::Tls::client, trusting()), server(net::Tls::server, shown(good()));
  Ends ends = co_await plain_ends();
  auto both = gather(client.secure(std::move(ends.client), "localhost."), server.secure(std::move(ends.server)));
  auto [first, second] = co_await std::move(both);
  ends.client = std::move(first);
  ends.server = std::move(second);
  co_return ends;
}

}  // namespace hob_test::tls_test
