// SPDX-License-Identifier: MIT
//
// stream_test.cpp — streams on the simulator: reading, writing, ending, and what a drop leaves behind.
#include <string>

#include "../../net/net.hpp"
#include "../reactor/sync_bench.hpp"

namespace hob_test::stream_test {
TEST_SUITE_BEGIN("net");

namespace {

constexpr std::size_t kMuch = 300 * 1024;  // more than the kernel keeps

std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 26);
  return text;
}

Future<std::string> read_all(net::TcpStream& stream, std::size_t at_once) {
  std::string all, part(at_once, ' ');
  while (const std::size_t n = co_await stream.read_some(std::span(part))) all += part.substr(0, n);
  co_return all;
}

Future<> write_and_end(net::TcpStream& stream, std::string_view text) {
  co_await stream.write_all(text);
  stream.shutdown_write();
}

}  // namespace

TEST_CASE("what is written is read, in order, whatever the pieces") {
  on_sim([](Sim&) -> Future<> {
    for (const std::size_t at_once : {1000u, 65536u, 1u << 20}) {
      auto [a, b] = net::stream_pair();
      const std::string text = pattern(kMuch);
      const auto [nothing, got] = co_await gather(write_and_end(a, text), read_all(b, at_once));
      CHECK(got == text);
    }
  });
}

TEST_CASE("a slow reader slows its writer: no more is taken than the kernel keeps") {
  on_sim([](Sim&) -> Future<> {
    auto [a, b] = net::stream_pair();
    const std::string text = pattern(kMuch);
    Future<> writing = write_and_end(a, text);
    co_await sleep(1ms);
    CHECK_FALSE(writing.ready());
    CHECK((co_await read_all(b, 5000)) == text);
    co_await std::move(writing);
  });
}

TEST_CASE("several pieces are written as one") {
  on_sim([](Sim&) -> Future<> {
    auto [a, b] = net::stream_pair();
    const std::string large = pattern(kMuch);
    std::vector<std::string_view> pieces(200, "ab");
    pieces.insert(pieces.begin() + 100, large);
    pieces.insert(pieces.begin(), "");
    std::string expected;
    for (const auto piece : pieces) expected += piece;
    Future<> writing = a.write_all(std::span<const std::string_view>(pieces));
    std::string got(expected.size(), ' ');
    for (std::size_t have = 0; have != got.size();)
      have += co_await b.read_some(std::span(got).subspan(have));
    CHECK(got == expected);
    co_await std::move(writing);
    co_await a.write_all(std::span<const std::string_view>());
    co_await a.write_all("");
  });
}

TEST_CASE("the end is 0, again and again; the other direction stays open") {
  on_sim([](Sim&) -> Future<> {
    auto [a, b] = net::stream_pair();
    co_await write_and_end(a, "last words");
    CHECK((co_await read_all(b, 100)) == "last words");
    std::byte byte[1];
    CHECK((co_await b.read_some(byte)) == 0);
    CHECK((co_await b.read_lease()).empty());
    co_await b.write_all("answer");
    net::Lease lease = co_await a.read_lease();
    CHECK(lease.text() == "answer");
    CHECK((co_await a.read_some(std::span<std::byte>())) == 0);
  });
}

TEST_CASE("writing to whom nobody reads is an error that names the call") {
  on_sim([](Sim&) -> Future<> {
    auto [a, b] = net::stream_pair();
    b.close();
    const std::string error = co_await error_of(a.write_all("x"));
    CHECK(error.find("write") == 0);
    CHECK(error.find("Broken pipe") != std::string::npos);
  });
}

TEST_CASE("closing under a waiter gives it ECANCELED, reader and writer alike") {
  on_sim([](Sim&) -> Future<> {
    for (const bool destroyed : {false, true}) {
      auto [a, b] = net::stream_pair();
      const std::string text = pattern(kMuch);
      std::byte bytes[10];
      Future<std::size_t> reading = a.read_some(bytes);
      Future<> writing = a.write_all(text);
      co_await sleep(1ms);
      if (destroyed)
        a = net::TcpStream();
      else
        a.close();
      CHECK((co_await error_of(std::move(reading))).find("Operation canceled") != std::string::npos);
      CHECK((co_await error_of(std::move(writing))).find("Operation canceled") != std::string::npos);
      CHECK_FALSE(a.is_open());
      CHECK((co_await error_of(a.read_some(bytes))).find("Operation canceled") != std::string::npos);
      CHECK((co_await error_of(a.read_lease())).find("Operation canceled") != std::string::npos);
      CHECK((co_await error_of(a.write_all("x"))).find("Operation canceled") != std::string::npos);
      CHECK_THROWS_AS(a.shutdown_write(), std::system_error);
      a.close(), a.abort();
      CHECK(a.peer() == net::Address());
    }
  });
}

TEST_CASE("a second reader, or a second writer, is a logic_error, and harms nobody") {
  on_sim([](Sim&) -> Future<> {
    auto [a, b] = net::stream_pair();
    const std::string text = pattern(kMuch);
    char bytes[10];
    Future<std::size_t> reading = a.read_some(std::span(bytes));
    Future<> writing = a.write_all(text);
    CHECK((co_await error_of(a.read_lease())).find("one reader at a time") != std::string::npos);
    CHECK((co_await error_of(a.write_all("x"))).find("one writer at a time") != std::string::npos);
    co_await b.write_all("hi");
    CHECK(co_await std::move(reading) == 2);
    std::string got(text.size(), ' ');
    for (std::size_t have = 0; have != got.size();)
      have += co_await b.read_some(std::span(got).subspan(have));
    CHECK(got == text);
    co_await std::move(writing);
  });
}

TEST_CASE("a dropped read leaves the bytes for the next one") {
  on_sim([](Sim& sim) -> Future<> {
    auto [a, b] = net::stream_pair();
    char bytes[10];
    CHECK((co_await error_of(wait_for(b.read_some(std::span(bytes)), 1ms))) == "timed out");
    { Future<net::Lease> dropped = b.read_lease(); }
    co_await a.write_all("kept");
    CHECK((co_await b.read_lease()).text() == "kept");
    CHECK(sim.passed() == 1ms);
  });
}

TEST_CASE("a read that is dropped before it resumes has read nothing, also with its share used up") {
  on_sim([](Sim&) -> Future<> {
    auto [a, b] = net::stream_pair();
    co_await a.write_all("kept");
    Event set;
    set.set();
    co_await yield();
    for (std::uint32_t step = 0; step < Loop::kSteps; ++step) co_await set.wait();
    char bytes[10];
    { Future<std::size_t> dropped = b.read_some(std::span(bytes)); }
    CHECK((co_await b.read_lease()).text() == "kept");
  });
}

TEST_CASE("a lease may end on another thread, which keeps nothing of it") {
  net::Lease lease;
  on_sim([&](Sim&) -> Future<> {
    auto [a, b] = net::stream_pair();
    co_await a.write_all("x");
    lease = co_await b.read_lease();
  });
  CHECK(lease.text() == "x");
  net::Lease taken = std::move(lease);
  CHECK(lease.empty());
  std::thread([&] { taken = net::Lease(); }).join();  // LeakSanitizer would tell
}

TEST_CASE("reading and writing share the loop: a task beside them goes on") {
  on_sim([](Sim&) -> Future<> {
    auto [a, b] = net::stream_pair();
    const std::string text = pattern(60 * 1024);
    int others = 0;
    bool done = false;
    Future<> other = [](int& n, bool& end) -> Future<> {
      while (!end) co_await yield(), ++n;
    }(others, done);
    const auto flood = [](net::TcpStream& from, net::TcpStream& to, std::string_view piece) -> Future<> {
      for (int i = 0; i < 100; ++i) {
        co_await from.write_all(piece);
        for (std::size_t have = 0; have != piece.size();) have += (co_await to.read_lease()).size();
      }
    };
    co_await flood(a, b, text);
    done = true;
    co_await std::move(other);
    CHECK(others >= 20);  // 100 * 2 * 60 KiB, of 256 KiB at once
  });
}

TEST_CASE("finish sends the end, drops what comes, and closes when the peer has ended; or TimedOut") {
  on_sim([](Sim& sim) -> Future<> {
    auto [a, b] = net::stream_pair();
    const auto peer = [](net::TcpStream& stream) -> Future<> {
      CHECK((co_await stream.read_lease()).empty());
      co_await stream.write_all("ignored");
      co_await sleep(2ms);
      stream.close();
    };
    co_await gather(a.finish(), peer(b));
    CHECK(sim.passed() == 2ms);
    CHECK_FALSE(a.is_open());
    auto [c, d] = net::stream_pair();
    CHECK((co_await error_of(c.finish(3ms))) == "timed out");
    CHECK_FALSE(c.is_open());
  });
}

TEST_CASE("copy takes everything from one stream to another") {
  on_sim([](Sim&) -> Future<> {
    auto [a, b] = net::stream_pair();
    auto [c, d] = net::stream_pair();
    const std::string text = pattern(kMuch);
    const auto forward = [](net::TcpStream& from, net::TcpStream& to) -> Future<std::uint64_t> {
      const std::uint64_t n = co_await net::copy(from, to);
      to.shutdown_write();
      co_return n;
    };
    const auto [nothing, n, got] =
        co_await gather(write_and_end(a, text), forward(b, c), read_all(d, 9999));
    CHECK(n == text.size());
    CHECK(got == text);
  });
}

TEST_CASE("a stream that outlives its loop ends the program with a sentence") {
  Child child([] {
    net::TcpStream kept;
    {
      Sim sim;
      kept = net::stream_pair().first;
    }
  });
  CHECK(child.wait() == -SIGABRT);
  CHECK(child.text().find("after its Loop") != std::string::npos);
}

TEST_SUITE_END();
}  // namespace hob_test::stream_test
