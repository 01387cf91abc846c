// SPDX-License-Identifier: MIT
//
// address_test.cpp — addresses in and out of text.
#include "../../net/address.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <stdexcept>
#include <string>

namespace hob_test::address_test {
using hob::net::Address;

TEST_SUITE_BEGIN("net");

TEST_CASE("an address prints as it is read") {
  for (const char* text : {"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80", "[::]:0",
                           "[2001:db8::7]:443", "[fe80::1%2]:80", "unix:/tmp/socket", "unix:relative"}) {
    CAPTURE(std::string(text));
    CHECK(Address::parse(text).to_string() == text);
    CHECK(Address::parse(text) == Address::parse(text));
  }
  CHECK(Address::parse("[0:0:0:0:0:0:0:1]:1").to_string() == "[::1]:1");
  CHECK(Address().to_string() == "nowhere");
#ifdef __linux__
  CHECK(Address::parse("unix:@abstract").to_string() == "unix:@abstract");
#endif
}

TEST_CASE("an address knows its host, port and family") {
  const Address v4 = Address::parse("10.1.2.3:8080");
  CHECK(v4.host() == "10.1.2.3");
  CHECK(v4.port() == 8080);
  CHECK(v4.family() == AF_INET);
  CHECK(v4.with_port(1).to_string() == "10.1.2.3:1");
  const Address v6 = Address::parse("[::1]:443");
  CHECK(v6.host() == "::1");
  CHECK(v6.family() == AF_INET6);
  CHECK(v6.with_port(2).to_string() == "[::1]:2");
  const Address local = Address::unix_path("/tmp/x");
  CHECK(local.is_unix());
  CHECK(local.host() == "/tmp/x");
  CHECK(local.port() == 0);
  CHECK(local.with_port(5) == local);
  CHECK(Address().family() == 0);
  CHECK(Address::of("", 80).to_string() == "[::]:80");
  CHECK_FALSE(v4 == v4.with_port(1));
}

TEST_CASE("what is no address is refused, and quoted") {
  for (const std::string text :
       {"", ":", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
        "127.0.0.1: 1", "127.0.0.1:1 ", "127.0.0.1:080", "127.0.0.1:1x", "127.1:80", "256.0.0.1:80",
        "0x7f.0.0.1:80", "127.0.0.01:80", "localhost:80", "::1:80", "[::1]", "[::1]80", "[]:80", "[::1:80",
        "::1]:80", "[127.0.0.1]x:80", "[::1%eth0]:80", "[::1%]:80", "[::g]:80", "unix:", " 127.0.0.1:80"}) {
    CAPTURE(text);
    std::string what = "not refused \"\x01\"";
    try {
      static_cast<void>(Address::parse(text));
    } catch (const std::invalid_argument& e) {
      what = e.what();
    }
    const std::size_t quote = what.find('"');
    CHECK(text.find(what.substr(quote + 1, what.size() - quote - 2)) != std::string::npos);
  }
  CHECK_THROWS_AS(Address::parse(std::string("127.0.0.1\0:80", 13)), std::invalid_argument);
  CHECK_THROWS_AS(Address::unix_path(std::string("a\0b", 3)), std::invalid_argument);
  CHECK_THROWS_AS(Address::unix_path(std::string(200, 'x')), std::invalid_argument);
  CHECK_THROWS_AS(Address::of("localhost", 80), std::invalid_argument);
  CHECK_FALSE(Address::numeric("localhost", 80).has_value());
}

TEST_SUITE_END();
}  // namespace hob_test::address_test
