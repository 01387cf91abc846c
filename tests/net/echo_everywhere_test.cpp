// SPDX-License-Identifier: MIT
//
// echo_everywhere_test.cpp — the example's own coroutines, as they stand in examples/echo_server.cpp, on every
// kernel of this binary: epoll, kqueue (on Linux its model), the simulator.
#include <charconv>
#include <csignal>
#include <cstring>
#include <iostream>

#include "../../net/net.hpp"
#include "../reactor/kernels.hpp"

namespace hob_test::echo_everywhere_test {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wreturn-type"  // only a main() may end without one
#define main echo_server_main
#include "../../examples/echo_server.cpp"
#undef main
#pragma GCC diagnostic pop

TEST_SUITE_BEGIN("net");

TEST_CASE("the echo server's coroutines run on every kernel") {
  for (const Kernel& kernel : kernels()) {
    CAPTURE(kernel.name);
    Loop loop(kernel.make());
    loop.run([]() -> Future<> {
      hob::net::TcpListener listener = hob::net::listen("127.0.0.1", 0);
      const auto ask = [](hob::net::Address to) -> Future<std::string> {
        hob::net::TcpStream stream = co_await hob::net::connect(to);
        const auto say = [](hob::net::TcpStream& by) -> Future<> {
          for (int i = 0; i < 100; ++i) {
            const std::string piece(1000, static_cast<char>('a' + i % 26));
            co_await by.write_all(piece);
          }
          by.shutdown_write();
        };
        hob::net::BufferedReader reader(stream);
        auto [nothing, heard] = co_await gather(say(stream), reader.read_to_end());
        co_return heard;
      };
      auto first = co_await race(accept_all(listener), gather(ask(listener.address()), ask(listener.address())));
      REQUIRE(first.index() == 1);
      const auto& [one, two] = std::get<1>(first);
      CHECK(one.size() == 100'000);
      CHECK(one == two);
    }());
  }
}

TEST_SUITE_END();
}  // namespace hob_test::echo_everywhere_test
