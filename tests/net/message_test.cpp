// SPDX-License-Identifier: MIT
#include "../../net/message.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

namespace hob_test::message_test {
using namespace hob::http;
using namespace std::string_literals;

TEST_SUITE_BEGIN("net");

TEST_CASE("a field is found whatever the case of its name") {
  const Headers headers = {{"Content-Type", "text/plain"}, {"X", "1"}, {"x", "2"}};
  CHECK(headers.get("content-TYPE") == "text/plain");
  CHECK(headers.get("X") == "1");
  CHECK(headers.contains("x"));
  CHECK_FALSE(headers.get("Content"));
  CHECK_FALSE(headers.get("Content-Type:"));
  CHECK_FALSE(headers.get(""));
  CHECK(headers.size() == 3);
}

TEST_CASE("fields keep their order, and are stored as they are sent") {
  Headers headers;
  CHECK(headers.empty());
  headers.add("B", "2");
  headers.add("A", "");
  headers.add("b", " 3\t");
  std::string seen;
  for (auto& [name, value] : headers) seen.append(name).append("=").append(value).append(";");
  CHECK(seen == "B=2;A=;b=3;");
  CHECK(headers.wire() == "B: 2\r\nA: \r\nb: 3\r\n");
}

TEST_CASE("set replaces all fields of a name, remove removes them") {
  Headers headers = {{"A", "1"}, {"B", "2"}, {"a", "3"}};
  headers.set("A", "4");
  CHECK(headers.wire() == "B: 2\r\nA: 4\r\n");
  CHECK(headers.remove("b") == 1);
  CHECK(headers.remove("b") == 0);
  headers.set("C", "5");
  CHECK(headers.wire() == "A: 4\r\nC: 5\r\n");
  headers.clear();
  CHECK(headers.size() == 0);
}

TEST_CASE("name and value may be views into the headers they go to") {
  Headers headers = {{"Some-Name", "some value"}};
  for (int i = 0; i < 6; ++i) headers.add((*headers.begin()).name, *headers.get("some-name"));
  CHECK(headers.size() == 7);
  for (const Field& field : headers) CHECK(field.value == "some value");
  headers.set((*headers.begin()).name, *headers.get("some-name"));
  CHECK(headers.wire() == "Some-Name: some value\r\n");
  CHECK(headers.remove((*headers.begin()).name) == 1);
  CHECK(headers.empty());
}

TEST_CASE("header injection is refused before a byte leaves, and changes nothing") {
  Headers headers = {{"A", "1"}};
  for (const std::string& value : {"x\r\nSet-Cookie: a"s, "x\ny"s, "x\ry"s, "x\0y"s, "\x01"s, "x\x7f"s, "\r\n"s}) {
    CHECK_THROWS_AS(headers.add("B", value), std::invalid_argument);
    CHECK_THROWS_AS(headers.set("A", value), std::invalid_argument);
    CHECK_THROWS_AS(Headers({{"B", value}}), std::invalid_argument);
  }
  for (const std::string& name : {""s, "a b"s, "a:"s, "a\r\nb"s, "a\0"s, "\xc3\xa4"s, "(a)"s, " a"s, "a "s}) {
    CHECK_THROWS_AS(headers.add(name, "x"), std::invalid_argument);
    CHECK_THROWS_AS(headers.set(name, "x"), std::invalid_argument);
  }
  CHECK(headers.wire() == "A: 1\r\n");
  headers.add("B", "tab\there, \xc3\xa4, ~");
  CHECK(headers.get("B") == "tab\there, \xc3\xa4, ~");
}

TEST_CASE("the refusal names the header and shows where") {
  Headers headers;
  CHECK_THROWS_WITH(headers.add("X-A", "b\r\n"),
                    "header 'X-A': its value has a control byte at offset 1: 'b\\x0D\\x0A'");
  CHECK_THROWS_WITH(headers.add("X A", "b"), "header 'X A': the name is not a token");
}

TEST_CASE("a target is a path, decoded, and a query that is asked by name") {
  Request request;
  const auto target = [&](const char* text) -> Request& { return request.target = text, request; };
  CHECK(target("/a%20b/c+d%2Fe?x").path() == "/a b/c+d/e");
  CHECK(target("/").path() == "/");
  CHECK(target("*").path() == "*");
  CHECK(target("").path() == "");
  CHECK(target("/?/a?b").path() == "/");
  CHECK_THROWS_AS(static_cast<void>(target("/%zz").path()), ProtocolError);
  CHECK_THROWS_AS(static_cast<void>(target("/%4").path()), ProtocolError);

  target("/p?a=1&b=two+words&c=%26%3D%2B&&empty=&alone&a=2&=nameless&d=x=y?z&%61b=3");
  CHECK(request.query("a") == "1");
  CHECK(request.query("b") == "two words");
  CHECK(request.query("c") == "&=+");
  CHECK(request.query("empty") == "");
  CHECK(request.query("alone") == "");
  CHECK(request.query("d") == "x=y?z");
  CHECK(request.query("ab") == "3");
  CHECK_FALSE(request.query("A"));
  CHECK_FALSE(request.query("p"));
  CHECK_FALSE(request.query("a=1"));
  CHECK(target("/?=nameless").query("") == "nameless");
  CHECK_FALSE(target("/p").query("p"));
  CHECK_FALSE(target("/p?").query("p"));
  CHECK_FALSE(target("").query(""));
  CHECK(target("/?b=%&a=1").query("a") == "1");
  CHECK_THROWS_AS(static_cast<void>(target("/?%=a&a=1").query("a")), ProtocolError);
  for (const char* bad : {"/?a=%", "/?a=%4", "/?a=%g0", "/?a=1%&b"}) {
    CHECK_THROWS_AS(static_cast<void>(target(bad).query("a")), ProtocolError);
  }
}

TEST_CASE("a broken escape in a target is answered with 400") {
  Request request;
  request.target = "/%g0?%g0";
  for (const bool query : {false, true}) {
    try {
      static_cast<void>(query ? request.query("a").has_value() : request.path().empty());
      CHECK(false);
    } catch (const ProtocolError& error) {
      CHECK(error.status == 400);
    }
  }
}

TEST_CASE("raise_for_status throws for 400 and above, and says what and where") {
  Response response(399);
  CHECK_NOTHROW(response.raise_for_status());
  response = Response(404);
  response.url = "http://example.com/missing";
  CHECK_THROWS_WITH_AS(response.raise_for_status(), "404 Not Found: http://example.com/missing", StatusError);
  response.reason = "Gone fishing";
  CHECK_THROWS_WITH(response.raise_for_status(), "404 Gone fishing: http://example.com/missing");
  response = Response(599);
  try {
    response.raise_for_status();
    CHECK(false);
  } catch (const StatusError& error) {
    CHECK(error.status == 599);
    CHECK(error.what() == "599 Unknown: "s);
  }
}

TEST_CASE("a body is text, or JSON if it is that") {
  CHECK(Response(200, "[1, {}]").json()[0].as_int() == 1);
  CHECK(Response(200, "hi").text() == "hi");
  CHECK_THROWS_AS(static_cast<void>(Response(200, "hi").json()), hob::json::ParseError);
}

TEST_CASE("dates are HTTP's") {
  CHECK(http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(http_date(-1) == "Wed, 31 Dec 1969 23:59:59 GMT");
  CHECK(http_date(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT");
  CHECK(http_date(1798761599) == "Thu, 31 Dec 2026 23:59:59 GMT");
  CHECK(http_date(4107542400) == "Mon, 01 Mar 2100 00:00:00 GMT");
  CHECK(http_date(253402300799) == "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST_CASE("statuses have their names") {
  CHECK(reason_phrase(200) == "OK");
  CHECK(reason_phrase(411) == "Length Required");
  CHECK(reason_phrase(413) == "Content Too Large");
  CHECK(reason_phrase(505) == "HTTP Version Not Supported");
  CHECK(reason_phrase(299) == "Unknown");
}

TEST_CASE("a token is what a method or a field's name may be") {
  CHECK(is_token("GET"));
  CHECK(is_token("!#$%&'*+-.^_`|~09azAZ"));
  CHECK_FALSE(is_token(""));
  for (unsigned c = 0; c < 256; ++c) {
    if (c <= ' ' || c >= 127 || std::string_view("\"(),/:;<=>?@[\\]{}").find(static_cast<char>(c)) != std::string_view::npos) {
      CHECK_FALSE(is_token(std::string(1, static_cast<char>(c))));
    } else {
      CHECK(is_token(std::string(1, static_cast<char>(c))));
    }
  }
}

TEST_SUITE_END();
}  // namespace hob_test::message_test
