// SPDX-License-Identifier: MIT
//
// errors.cpp — the article's error handling: an error is caught where it matters, printed, and the
// program goes on. fetch_data fails in four ways, none of which needs a network.
#include <reactor/reactor.hpp>

#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

hob::Future<std::string> unanswered() { return hob::Promise<std::string>().future(); }

hob::Future<std::string> fetch(std::string name) {
  if (name == "missing file") co_return co_await hob::read_file("/nonexistent/todos/1");
  if (name == "bad number") co_return std::to_string(std::stoi("delectus aut autem"));
  if (name == "broken promise") co_return co_await unanswered();
  co_await hob::wait_for(hob::sleep(10s), 200ms);  // no answer in time
  co_return "never reached";
}

hob::Future<std::optional<std::string>> fetch_data(std::string name) {
  try {
    co_return co_await fetch(name);
  } catch (const std::exception& e) {
    std::cout << "An error occurred: " << name << ": " << e.what() << std::endl;
  }
  co_return std::nullopt;
}

hob::Future<> amain() {
  for (const char* name : {"missing file", "bad number", "broken promise", "no answer"}) {
    auto result = co_await fetch_data(name);
    if (result) std::cout << *result << std::endl;
  }
}

int main() try {
  hob::run(amain);
} catch (const hob::Interrupted&) {
  return 130;
}
