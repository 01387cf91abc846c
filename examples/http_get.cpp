// SPDX-License-Identifier: MIT
//
// http_get.cpp — the article's HTTP requests: two JSON resources at once, printed in order.
//
//   http_get [URL...]    without a URL it serves two todos on loopback itself, and fetches those
#include <net/http.hpp>
#include <net/net.hpp>
#include <reactor/reactor.hpp>

#include <iostream>
#include <string>
#include <vector>

namespace http = hob::http;
namespace json = hob::json;

hob::Future<json::Value> fetch_data(std::string url) {
  auto response = co_await http::get(url);
  co_return response.json();
}

hob::Future<http::Response> todo(http::Request& request) {
  http::Response response;
  json::Value todo = {{"userId", 1}, {"id", 1}, {"title", "delectus aut autem"}, {"completed", false}};
  if (request.path() == "/todos/2") todo["id"] = 2, todo["title"] = "quis ut nam facilis";
  response.headers.set("Content-Type", "application/json");
  response.body = todo.dump();
  co_return response;
}

hob::Future<> amain(std::vector<std::string> urls) {
  http::Server server(todo);
  hob::Future<> serving;
  if (urls.empty()) {
    auto listener = hob::net::listen("127.0.0.1", 0);
    const std::string host = "http://" + listener.address().to_string();
    urls = {host + "/todos/1", host + "/todos/2"};
    serving = server.serve(std::move(listener));
  }
  std::vector<hob::Future<json::Value>> tasks;
  for (const auto& url : urls) tasks.push_back(fetch_data(url));
  auto results = co_await hob::gather(std::move(tasks));
  for (const auto& result : results) std::cout << result.dump() << std::endl;
}

int main(int argc, char** argv) try {
  hob::run(amain, std::vector<std::string>(argv + 1, argv + argc));
} catch (const hob::Interrupted&) {
  return 130;
} catch (const std::exception& e) {
  std::cerr << "http_get: " << e.what() << std::endl;
  return 1;
}
