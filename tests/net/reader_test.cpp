// SPDX-License-Identifier: MIT
//
// reader_test.cpp — lines and pieces, whatever pieces they come in, and never past the limit.
#include <string>

#include "../../net/net.hpp"
#include "../reactor/on_sim.hpp"

namespace hob_test::reader_test {
TEST_SUITE_BEGIN("net");

namespace {

// Sends a text in pieces of `at_once`, a moment between them, and ends.
Future<> send(net::TcpStream stream, std::string text, std::size_t at_once) {
  for (std::string_view left = text; !left.empty(); left.remove_prefix(std::min(at_once, left.size()))) {
    co_await stream.write_all(left.substr(0, at_once));
    co_await sleep(1us);
  }
  stream.close();  // a parameter lives as long as the Future
}

template <class Use>
void each_split(const std::string& text, Use use) {
  on_sim([&](Sim&) -> Future<> {
    for (const std::size_t at_once : {std::size_t{1}, std::size_t{2}, std::size_t{3}, text.size()}) {
      CAPTURE(at_once);
      auto [a, b] = net::stream_pair();
      net::BufferedReader reader(b);
      Future<> sending = send(std::move(a), text, at_once);
      co_await use(reader);
      co_await std::move(sending);
    }
  });
}

}  // namespace

TEST_CASE("lines end in \\n or \\r\\n; a last one without is returned; then EndOfStream") {
  each_split("one\ntwo\r\n\r\n\nlone\rreturn\nlast", [](net::BufferedReader& reader) -> Future<> {
    for (const char* line : {"one", "two", "", "", "lone\rreturn", "last"})
      CHECK((co_await reader.read_line()) == line);
    CHECK((co_await error_of(reader.read_line())) == "the stream has ended");
    CHECK((co_await error_of(reader.read_line())) == "the stream has ended");
  });
}

TEST_CASE("read_until gives the delimiter too; an early end is EndOfStream, and what came stays") {
  each_split("a--b----c-", [](net::BufferedReader& reader) -> Future<> {
    for (const char* part : {"a--", "b--", "--"}) CHECK((co_await reader.read_until("--")) == part);
    CHECK((co_await error_of(reader.read_until("--"))) == "the stream has ended");
    CHECK(reader.buffered() == "c-");
    CHECK((co_await error_of(reader.read_until(""))).find("delimiter is empty") != std::string::npos);
    CHECK((co_await reader.read_to_end()) == "c-");
    CHECK((co_await reader.read_to_end()) == "");
  });
}

TEST_CASE("read_exactly gives so many bytes; an early end is EndOfStream, and what came stays") {
  each_split("0123456789", [](net::BufferedReader& reader) -> Future<> {
    CHECK((co_await reader.read_exactly(0)) == "");
    CHECK((co_await reader.read_exactly(4)) == "0123");
    CHECK((co_await error_of(reader.read_exactly(7))) == "the stream has ended");
    CHECK((co_await reader.read_exactly(6)) == "456789");
    CHECK((co_await error_of(reader.read_exactly(1))) == "the stream has ended");
  });
}

TEST_CASE("over the limit: LimitExceeded, and what came stays readable") {
  each_split("123456\n123456789", [](net::BufferedReader& reader) -> Future<> {
    CHECK((co_await error_of(reader.read_line(5))) == "more than the limit of 5 bytes");
    CHECK((co_await error_of(reader.read_until("\n", 6))) == "more than the limit of 6 bytes");
    CHECK((co_await reader.read_line(6)) == "123456");
    CHECK((co_await error_of(reader.read_line(8))) == "more than the limit of 8 bytes");
    CHECK((co_await error_of(reader.read_to_end(8))) == "more than the limit of 8 bytes");
    CHECK((co_await reader.read_to_end(9)) == "123456789");
  });
}

TEST_CASE("a line of exactly the limit is read, with either ending, or none") {
  each_split("12345\n12345\r\n12345", [](net::BufferedReader& reader) -> Future<> {
    for (int i = 0; i < 3; ++i) CHECK((co_await reader.read_line(5)) == "12345");
  });
}

TEST_CASE("a read dropped at any moment loses no byte") {
  const std::string text = "first line\nsecond line\nthird";
  for (int moment = 0; moment < 25; ++moment) {
    on_sim([&](Sim&) -> Future<> {
      auto [a, b] = net::stream_pair();
      net::BufferedReader reader(b);
      Future<> sending = send(std::move(a), text, 1);
      {
        Future<std::string> dropped = reader.read_to_end();
        co_await sleep(moment * 1us);
      }
      CHECK((co_await reader.read_line()) == "first line");
      CHECK((co_await reader.read_until("\n")) == "second line\n");
      CHECK((co_await reader.read_to_end()) == "third");
      co_await std::move(sending);
    });
  }
}

TEST_CASE("two reads at a time are a logic_error") {
  on_sim([](Sim&) -> Future<> {
    auto [a, b] = net::stream_pair();
    net::BufferedReader reader(b);
    Future<std::string> first = reader.read_line();
    CHECK((co_await error_of(reader.read_line())).find("one read at a time") != std::string::npos);
    co_await a.write_all("x\n");
    CHECK(co_await std::move(first) == "x");
  });
}

TEST_CASE("much is read without much being kept") {
  on_sim([](Sim&) -> Future<> {
    auto [a, b] = net::stream_pair();
    net::BufferedReader reader(b);
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i) + '\n';
    Future<> sending = send(std::move(a), text, 10'000);
    bool right = true;
    for (int i = 0; i < 20'000; ++i) right &= (co_await reader.read_line()) == "line " + std::to_string(i);
    CHECK(right);
    co_await std::move(sending);
  });
}

TEST_SUITE_END();
}  // namespace hob_test::reader_test
