// SPDX-License-Identifier: MIT
//
// to_thread.cpp — CPU-bound work off the loop: the primes are counted on a pool thread while the
// ticker goes on. Prints "tick" lines, then the count.
#include <reactor/reactor.hpp>

#include <iostream>

using namespace std::chrono_literals;

int count_primes(int below) {
  int count = 0;
  for (int n = 2; n < below; ++n) {
    bool prime = true;
    for (int d = 2; d * d <= n && prime; ++d) prime = n % d != 0;
    count += prime;
  }
  return count;
}

hob::Future<> ticker() {
  for (;;) {
    std::cout << "tick" << std::endl;
    co_await hob::sleep(100ms);
  }
}

hob::Future<> amain() {
  hob::Future<> ticking = ticker();  // runs until it is dropped, at the end of this function
  const int primes = co_await hob::to_thread(count_primes, 3'000'000);
  std::cout << primes << " primes below 3000000" << std::endl;
}

int main() try {
  hob::run(amain);
} catch (const hob::Interrupted&) {
  return 130;
}
