// SPDX-License-Identifier: MIT
//
// http_server.cpp — three routes: a text, an echo, a body in chunks. SIGTERM stops it: the requests
// under way are answered first.
//
//   http_server PORT [--shards N] [--tls CERTIFICATE KEY]
//       on 127.0.0.1; 0: the kernel picks one. N threads, each with a loop and a listener of its own.
//       https instead of http, with these PEM files, in a build with -Dtls=enabled.
#include <net/http.hpp>
#include <net/net.hpp>
#include <reactor/reactor.hpp>

#include <fcntl.h>

#include <charconv>
#include <csignal>
#include <cstring>
#include <future>
#include <iostream>
#include <string>

namespace http = hob::http;
namespace net = hob::net;
using namespace std::chrono_literals;

hob::Future<http::Response> handle(http::Request& request) {
  const bool gets = request.method == "GET" || request.method == "HEAD";
  const std::string path = request.path();
  http::Response response;
  response.headers.set("Content-Type", "text/plain");
  if (gets && path == "/hello") {
    response.body = "Hello, World!";
  } else if (request.method == "POST" && path == "/echo") {
    response.body = std::move(request.body);
  } else if (gets && path == "/stream") {
    response.source = [n = 0]() mutable -> hob::Future<std::string> {
      if (n == 10) return hob::ready(std::string());
      return hob::ready("line " + std::to_string(++n) + '\n');
    };
  } else {
    response.status = 404;
    response.body = "Not Found\n";
  }
  co_return response;
}

hob::Future<> serve(net::TcpListener listener, net::TlsOptions tls) {
  http::ServerOptions options;
  options.tls = tls;
  http::Server server(handle, options);
  auto serving = server.serve(std::move(listener));
  co_await hob::signal(SIGTERM);
  server.stop(5s);
  co_await std::move(serving);
}

// How each of several shards listens on one port: by a listener of its own, where the system balances them;
// or else on a duplicate of the first's, and who is free takes the next connection.
struct Door {
  explicit Door(unsigned short port, bool shared) : port_(port), shared_(shared) {}
  net::TcpListener listener(bool first) {
    net::ListenOptions options;
    options.reuse_port = shared_;
    if (!first && descriptor_ != -1) return net::listen_on(::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0));
    if (!first) return net::listen("127.0.0.1", port_, options);
    try {
      return opened(net::listen("127.0.0.1", port_, options));
    } catch (const std::system_error& e) {
      if (e.code() != std::errc::not_supported) throw;
    }
    net::TcpListener only = opened(net::listen("127.0.0.1", port_));
    descriptor_ = only.descriptor();
    return only;
  }
 private:
  net::TcpListener opened(net::TcpListener listener) {
    port_ = listener.address().port();
    std::cout << "listening on " << listener.address().to_string() << std::endl;
    return listener;
  }
  unsigned short port_;
  const bool shared_;
  int descriptor_ = -1;
};

// The others wait for the first shard's listener before their loops begin.
void run(unsigned short port, unsigned shards, net::TlsOptions tls) {
  Door door(port, shards > 1);
  std::promise<void> opened;
  auto open = opened.get_future().share();
  hob::run_shards(shards, [&](unsigned shard) {
    if (shard != 0) return open.get(), serve(door.listener(false), tls);
    try {
      auto listener = door.listener(true);
      opened.set_value();
      return serve(std::move(listener), tls);
    } catch (...) {
      opened.set_exception(std::current_exception());
      throw;
    }
  });
}

template <class N>
bool parse(const char* text, N& number) {
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  return error == std::errc() && stop == end;
}

int main(int argc, char** argv) try {
  unsigned short port = 0;
  unsigned shards = 1;
  net::TlsOptions tls;
  bool good = argc > 1 && parse(argv[1], port);
  for (int at = 2; good && at < argc; ++at) {
    if (std::strcmp(argv[at], "--shards") == 0 && at + 1 < argc) {
      good = parse(argv[++at], shards) && shards != 0 && shards <= 1024;
    } else if (std::strcmp(argv[at], "--tls") == 0 && at + 2 < argc) {
      tls.certificate = argv[++at];
      tls.key = argv[++at];
    } else {
      good = false;
    }
  }
  if (!good) {
    std::cerr << "usage: http_server PORT [--shards N] [--tls CERTIFICATE KEY]" << std::endl;
    return 2;
  }
  run(port, shards, tls);
} catch (const hob::Interrupted&) {
  return 130;
} catch (const std::exception& e) {
  std::cerr << "http_server: " << e.what() << std::endl;
  return 1;
}
