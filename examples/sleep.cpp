// SPDX-License-Identifier: MIT
//
// sleep.cpp — the article's first program: a coroutine that greets, waits two seconds without keeping
// anyone from working, and says goodbye.
#include <reactor/reactor.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

hob::Future<> say_hello(std::string name) {
  std::cout << "Hello, " << name << std::endl;
  co_await hob::sleep(2s);
  std::cout << "Goodbye, " << name << std::endl;
}

int main() try {
  hob::run(say_hello, "Alice");
} catch (const hob::Interrupted&) {
  return 130;  // Ctrl-C, as a shell reports it
}
