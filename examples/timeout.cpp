// SPDX-License-Identifier: MIT
//
// timeout.cpp — deadlines: wait_for drops the work that is late, and its destructors run at once.
#include <reactor/reactor.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

struct Connection {
  std::string name;
  ~Connection() { std::cout << "  (" << name << " is closed)" << std::endl; }
};

hob::Future<std::string> answer(std::string name, hob::Duration after) {
  Connection connection{name};
  co_await hob::sleep(after);
  co_return name + " answered";
}

hob::Future<> ask(std::string name, hob::Duration after) {
  try {
    std::cout << co_await hob::wait_for(answer(name, after), 200ms) << std::endl;
  } catch (const hob::TimedOut&) {
    std::cout << name << " was too late" << std::endl;
  }
}

hob::Future<> amain() {
  co_await ask("the quick one", 50ms);
  co_await ask("the slow one", 10s);
  auto first = co_await hob::race(answer("left", 30ms), answer("right", 20ms));
  std::cout << "first: " << (first.index() == 0 ? "left" : "right") << std::endl;
}

int main() try {
  hob::run(amain);
} catch (const hob::Interrupted&) {
  return 130;
}
