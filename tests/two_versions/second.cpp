// SPDX-License-Identifier: MIT
//
// second.cpp — the other part of the program, with a copy of hob of its own.
#include <hob/reactor/reactor.hpp>
#include <typeinfo>

using namespace std::chrono_literals;

namespace {

hob::Future<int> slowly(int value) {
  co_await hob::sleep(1ms);
  co_return value;
}

hob::Future<int> sum() {
  auto [a, b] = co_await hob::gather(slowly(1), slowly(2));
  co_return a + b;
}

}  // namespace

int second_sum() { return hob::run(sum); }
const std::type_info& second_loop() { return typeid(hob::Loop); }
