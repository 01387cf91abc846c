// SPDX-License-Identifier: MIT
//
// endurance_test.cpp — a great deal of the same: nothing piles up, and nothing is left behind.
//
// HOB_ENDURANCE=1 does the whole of what takes long.
#include <dirent.h>

#include <cstdlib>

#include "../../net/http.hpp"
#include "../../net/net.hpp"
#include "../counting_new.hpp"
#include "../reactor/on_sim.hpp"
#include "on_kernel.hpp"

namespace hob_test::endurance_test {
TEST_SUITE_BEGIN("net");

namespace {

int how_many(int whole, int usual) { return std::getenv("HOB_ENDURANCE") ? whole : usual; }

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* const all = ::opendir("/dev/fd");
  REQUIRE(all);
  while (::readdir(all)) ++count;
  ::closedir(all);
  return count;
}

// What a program must not have more of in the end.
struct Held {
  std::size_t descriptors = open_descriptors();
  std::size_t blocks = heap().blocks;
  std::size_t bytes = heap().bytes;
  // But for what the free lists keep of a busier moment than there was: a few, however many there were.
  bool within(const Held& other) const {
    return descriptors <= other.descriptors && blocks <= other.blocks + 32 &&
           bytes <= other.bytes + (256 << 10);
  }
};

// Whether no more than `before` is held, after some turns: the kernel may tell late who has gone.
bool back_to(const Held& before, Loop& loop) {
  for (int i = 0; i < 1000; ++i, loop.run(sleep(1ms)))
    if (Held().within(before)) return true;
  return false;
}

Future<> echo(net::TcpStream stream) {
  try {
    for (;;) {
      const net::Lease lease = co_await stream.read_lease();
      if (lease.empty()) break;
      co_await stream.write_all(lease.bytes());
    }
  } catch (const std::system_error& e) {
    CHECK(e.code() == std::errc::connection_reset);
  }
}

Future<> serve(net::TcpListener& listener) {
  TaskGroup connections;
  for (;;) connections.start(echo, co_await listener.accept());
}

Future<> use_and_reset(net::Address at) {
  net::TcpStream stream = co_await net::connect(at);
  co_await stream.write_all("hello");
  net::BufferedReader reader(stream);
  const std::string answer = co_await reader.read_exactly(5);
  CHECK(answer == "hello");
  stream.abort();
}

Future<> in_a_row(net::Address at, int n) {
  while (n-- > 0) co_await use_and_reset(at);
  for (int i = 0; i < 10; ++i) co_await sleep(1ms);  // the server sees the last ones go
}

// Sends `total` bytes, counting up.
Future<> send_all(net::TcpStream& to, std::size_t total) {
  std::string piece(100'000, '\0');
  for (std::size_t sent = 0; sent < total; sent += piece.size()) {
    piece.resize(std::min(piece.size(), total - sent));
    for (std::size_t i = 0; i < piece.size(); ++i) piece[i] = static_cast<char>((sent + i) % 251);
    co_await to.write_all(piece);
  }
  to.shutdown_write();
}

// Reads to the end, with a rest after each piece; the most that the heap has held.
Future<std::size_t> read_slowly(net::TcpStream& from, std::size_t total) {
  std::size_t most = 0, received = 0;
  bool same = true;
  for (;;) {
    const net::Lease lease = co_await from.read_lease();
    if (lease.empty()) break;
    for (const std::byte b : lease.bytes()) same = same && static_cast<std::size_t>(b) == received++ % 251;
    most = std::max(most, heap().bytes);
    co_await sleep(50us);
  }
  CHECK(same);
  CHECK(received == total);
  co_return most;
}

}  // namespace

TEST_CASE("connections opened, used and reset in a row leave no descriptor and no byte behind") {
  Loop loop{kernel()};
  net::TcpListener listener = net::listen("127.0.0.1", 0);
  const auto both = [](net::TcpListener& l, int n) -> Future<> {
    co_await race(serve(l), in_a_row(l.address(), n));
  };
  loop.run(both(listener, 200));
  const Held before;
  loop.run(both(listener, how_many(100'000, 2000)));
  CHECK(back_to(before, loop));
}

TEST_CASE("64 MiB each way through readers that sleep: the memory is bounded") {
  const std::size_t total = static_cast<std::size_t>(how_many(64 << 20, 8 << 20));
  Loop loop{kernel()};
  net::TcpListener listener = net::listen("127.0.0.1", 0);
  const auto all = [](net::TcpListener& l, std::size_t bytes) -> Future<> {
    Future<net::TcpStream> connecting = net::connect(l.address());
    net::TcpStream server = co_await l.accept();
    net::TcpStream client = co_await std::move(connecting);
    const std::size_t before = heap().bytes;
    const auto [a, b, most, most_too] = co_await gather(
        send_all(client, bytes), send_all(server, bytes), read_slowly(client, bytes), read_slowly(server, bytes));
    CHECK(std::max(most, most_too) - before < 1 << 20);
  };
  loop.run(all(listener, total));
}

TEST_CASE("requests in a row, kept and not, leave nothing behind") {
  Loop loop{kernel()};
  http::Server server([](http::Request& request) -> Future<http::Response> {
    co_return http::Response(200, request.target);
  });
  net::TcpListener listener = net::listen("127.0.0.1", 0);
  const std::string url = "http://" + listener.address().to_string() + "/target";
  Future<> serving = server.serve(std::move(listener));
  const auto ask = [](std::string to, int n) -> Future<> {
    http::Session session;
    for (int i = 0; i < n; ++i) {
      http::Request request("GET", to);
      if (i % 2) request.headers.set("Connection", "close");
      const auto response = co_await session.request(std::move(request));
      CHECK(response.body == "/target");
    }
  };
  const auto run = [&](int n) {
    loop.run(ask(url, n));
    for (int i = 0; i < 20; ++i) loop.run(sleep(1ms));  // the server sees the last connection go
  };
  run(100);
  const Held before;
  run(how_many(20'000, 500));
  CHECK(back_to(before, loop));
}
}  // namespace hob_test::endurance_test
