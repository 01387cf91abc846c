// SPDX-License-Identifier: MIT
//
// errors.cpp — the article's error handling: an error is caught where it matters, printed, and the
// program goes on. The fetch fails in four ways, at a server of its own on loopback.
#include <net/http.hpp>
#include <net/net.hpp>
#include <reactor/reactor.hpp>

#include <iostream>
#include <optional>
#include <string>

namespace http = hob::http;
using namespace std::chrono_literals;

hob::Future<hob::json::Value> fetch(std::string url) {
  auto response = co_await http::get(url);
  response.raise_for_status();
  co_return response.json();
}

hob::Future<std::optional<hob::json::Value>> fetch_data(std::string url) {
  try {
    co_return co_await hob::wait_for(fetch(url), 200ms);
  } catch (const std::exception& e) {
    std::cout << "An error occurred: " << url << ": " << e.what() << std::endl;
  }
  co_return std::nullopt;
}

hob::Future<http::Response> serve(http::Request& request) {
  if (request.path() == "/silent") co_await hob::sleep(1h);
  co_return request.path() == "/text" ? http::Response(200, "delectus aut autem") : http::Response(404);
}

hob::Future<> amain() {
  http::Server server(serve);
  auto listener = hob::net::listen("127.0.0.1", 0), closed = hob::net::listen("127.0.0.1", 0);
  const std::string refused = "http://" + closed.address().to_string();
  const std::string host = "http://" + listener.address().to_string();
  closed.close();
  auto serving = server.serve(std::move(listener));
  for (const std::string& url : {refused, host + "/missing", host + "/text", host + "/silent"}) {
    auto result = co_await fetch_data(url);
    if (result) std::cout << result->dump() << std::endl;
  }
}

int main() try {
  hob::run(amain);
} catch (const hob::Interrupted&) {
  return 130;
}
