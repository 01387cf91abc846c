// SPDX-License-Identifier: MIT
//
// tls_hob.cpp — hob's side of tls.py: https on 127.0.0.1, a text and 64 MiB.
//
//   tls_hob PORT CERTIFICATE KEY
#include <net/http.hpp>
#include <reactor/reactor.hpp>

#include <cstdlib>

namespace http = hob::http;

hob::Future<http::Response> handle(http::Request& request) {
  static const std::string piece(256 * 1024, 'x');
  http::Response response(200, "Hello, World!");
  if (request.path() == "/big") {
    response.body.clear();
    response.headers.set("Content-Length", std::to_string(64 << 20));
    response.source = [n = 0]() mutable { return hob::ready(n++ == 256 ? std::string() : piece); };
  }
  co_return response;
}

hob::Future<> serve(unsigned short port, http::ServerOptions options) {
  http::Server server(handle, options);
  co_await server.serve(hob::net::listen("127.0.0.1", port));
}

int main(int, char** argv) {
  http::ServerOptions options;
  options.tls.certificate = argv[2];
  options.tls.key = argv[3];
  hob::run(serve, static_cast<unsigned short>(std::atoi(argv[1])), options);
}
