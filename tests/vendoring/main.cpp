// SPDX-License-Identifier: MIT
//
// main.cpp — somebody's program that uses hob. Exits with 0 if it works.
#include <reactor/reactor.hpp>

using namespace std::chrono_literals;

hob::Future<int> slowly(int value) {
  co_await hob::sleep(1ms);
  co_return value;
}

hob::Future<int> sum() {
  auto [a, b, c] = co_await hob::gather(slowly(1), slowly(2), slowly(3));
  co_return a + b + c;
}

int main() { return hob::run(sum) == 6 ? 0 : 1; }
