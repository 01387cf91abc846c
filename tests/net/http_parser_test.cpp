// SPDX-License-Identifier: MIT
//
// Every input is fed whole, byte by byte and at every cut in two, from heap blocks of exactly its
// size: the outcome must be the same, and a sanitizer sees the first byte read too many.
#include "../../net/http_parser.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "../counting_new.hpp"

namespace hob_test::http_parser_test {
using namespace hob::http;
using namespace std::string_literals;

TEST_SUITE_BEGIN("net");

namespace {

// A copy that ends where its block ends.
class Exact {
 public:
  explicit Exact(std::string_view bytes) : size_(bytes.size()), bytes_(new char[bytes.size()]) {
    bytes.copy(bytes_.get(), size_);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

// The sizes of the prefixes to feed, one after the other.
std::vector<std::vector<std::size_t>> cuts(std::size_t size) {
  std::vector<std::vector<std::size_t>> all{{size}, {}};
  for (std::size_t i = 1; i <= size; ++i) all[1].push_back(i);
  for (std::size_t i = 1; i < size; ++i) all.push_back({i, size});
  return all;
}

std::string first_line(const Request& request) {
  const std::string host(request.headers.get("Host").value_or(""));
  return request.method + ' ' + request.target + " @" + host;
}

std::string first_line(const Response& response) {
  return std::to_string(response.status) + ' ' + response.reason;
}

template <class Message>
std::string describe(const Message& message, const Head& head) {
  std::string text = first_line(message) + " 1." + std::to_string(head.minor);
  for (const auto& [name, value] : message.headers) {
    text.append(" ").append(name).append("=").append(value).append(";");
  }
  if (head.body == Body::length) text += " length " + std::to_string(head.length);
  if (head.body == Body::chunked) text += " chunked";
  if (head.body == Body::until_close) text += " until close";
  return text + (head.expect_continue ? " expects" : "") + (head.keep_alive ? "" : " last");
}

// What a head comes to: what it says and its size, "incomplete", or the status and the error.
template <class Message, class Parse>
std::string outcome(std::string_view input, const std::vector<std::size_t>& prefixes, Limits limits,
                    Parse parse) {
  HeadParser parser(limits);
  Message message;
  try {
    for (const std::size_t prefix : prefixes) {
      const Exact bytes(input.substr(0, prefix));
      const std::size_t size = parse(parser, bytes.view(), message);
      if (size != 0) return describe(message, parser.head()) + " (" + std::to_string(size) + ")";
    }
  } catch (const ProtocolError& error) {
    return std::to_string(error.status) + ": " + error.what();
  }
  return "incomplete";
}

template <class Message, class Parse>
std::string outcome(std::string_view input, Limits limits, Parse parse) {
  limits.fields = std::min<std::size_t>(limits.fields, 4);
  const std::string whole = outcome<Message>(input, {input.size()}, limits, parse);
  for (const auto& prefixes : cuts(input.size())) {
    const std::string cut = outcome<Message>(input, prefixes, limits, parse);
    CHECK_MESSAGE(cut == whole, input, " cut at ", prefixes.front());
  }
  return whole;
}

std::string request(std::string_view input, Limits limits = Limits()) {
  return outcome<Request>(input, limits, [](auto& parser, auto bytes, auto& into) { return parser.request(bytes, into); });
}

std::string response(std::string_view input, std::string_view method = "GET") {
  return outcome<Response>(input, Limits(), [&](auto& parser, auto bytes, auto& into) {
    return parser.response(bytes, into, method);
  });
}

// The body, and "done" with what was left, or "incomplete", or the error's status.
std::string chunks(std::string_view input, const std::vector<std::size_t>& prefixes) {
  ChunkParser parser;
  std::string body;
  std::size_t from = 0;
  try {
    for (const std::size_t prefix : prefixes) {
      const Exact bytes(input.substr(from, prefix - from));
      std::string_view left = bytes.view();
      while (!left.empty() && !parser.done()) {
        const auto [data, used] = parser.next(left);
        body += data;
        left.remove_prefix(used);
      }
      if (parser.done()) return body + "|done, left " + std::to_string(input.size() - prefix + left.size());
      from = prefix;
    }
  } catch (const ProtocolError& error) {
    return body + '|' + std::to_string(error.status);
  }
  return body + "|incomplete";
}

std::string chunks(std::string_view input) {
  const std::string whole = chunks(input, {input.size()});
  for (const auto& prefixes : cuts(input.size())) {
    CHECK_MESSAGE(chunks(input, prefixes) == whole, input, " cut at ", prefixes.front());
  }
  return whole;
}

bool starts(const std::string& text, const std::string& with) { return text.compare(0, with.size(), with) == 0; }

struct Row {
  std::string input, expected;
};

}  // namespace

TEST_CASE("a request's head says what it is, how its body ends and whether more may follow") {
  const Row rows[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / @a 1.1 Host=a; (27)"},
      {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET", "GET / @a 1.1 Host=a; (29)"},
      {"GET /a?b=%20&c HTTP/1.1\r\nhOST:a:80 \t\r\n\r\n", "GET /a?b=%20&c @a:80 1.1 hOST=a:80; (40)"},
      {"GET / HTTP/1.0\r\n\r\n", "GET / @ 1.0 last (18)"},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / @ 1.0 Connection=Keep-Alive; (42)"},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x , CLOSE\r\n\r\n",
       "GET / @a 1.1 Host=a; Connection=x , CLOSE; last (50)"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "POST / @a 1.1 Host=a; Content-Length=5; length 5 (47)"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "POST / @a 1.1 Host=a; Content-Length=0; (47)"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n",
       "POST / @a 1.1 Host=a; Content-Length=9223372036854775807; length 9223372036854775807 (65)"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
       "POST / @a 1.1 Host=a; Transfer-Encoding=Chunked; chunked (56)"},
      {"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
       "PUT / @a 1.1 Host=a; Expect=100-Continue; Content-Length=1; length 1 expects (68)"},
      {"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", "GET / @a 1.1 Host=a; Expect=100-continue; (49)"},
      {"OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "OPTIONS * @[::1]:8080 1.1 Host=[::1]:8080; (40)"},
      {"GET http://A.b:8/c HTTP/1.1\r\nHost: a.B:8\r\n\r\n", "GET /c @a.B:8 1.1 Host=a.B:8; (44)"},
      {"GET HTTPS://a HTTP/1.1\r\nHost: a\r\n\r\n", "GET / @a 1.1 Host=a; (35)"},
      {"M-SEARCH / HTTP/1.1\r\nHost: a\r\nX: \x80\xff\t~ !\r\nY:\r\nZ: \t \r\n\r\n",
       "M-SEARCH / @a 1.1 Host=a; X=\x80\xff\t~ !; Y=; Z=; (54)"},
      {"GET / HTTP/1.1\r\nHost: a\r\n", "incomplete"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r", "incomplete"},
      {"G(T", "incomplete"},
      {"", "incomplete"},
  };
  for (const Row& row : rows) CHECK(request(row.input) == row.expected);
}

TEST_CASE("what two parsers could read in two ways is refused, and answered with the right status") {
  const auto with = [](const std::string& fields) { return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; };
  const auto line = [](const std::string& first) { return first + "\r\nHost: a\r\n\r\n"; };
  const auto host = [](const std::string& fields) { return "GET / HTTP/1.1\r\n" + fields + "\r\n"; };
  const Row rows[] = {
      // two lengths, or none that is one
      {with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "400"},
      {with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), "400"},
      {with("Content-Length: 5\r\nContent-Length: 6\r\n"), "400"},
      {with("Content-Length: 5\r\ncontent-length: 5\r\n"), "400"},
      {with("Content-Length: 5, 5\r\n"), "400"},
      {with("Content-Length: 5,\r\n"), "400"},
      {with("Content-Length: +5\r\n"), "400"},
      {with("Content-Length: -5\r\n"), "400"},
      {with("Content-Length: 5 5\r\n"), "400"},
      {with("Content-Length: 0x5\r\n"), "400"},
      {with("Content-Length: 5.0\r\n"), "400"},
      {with("Content-Length: 5;q\r\n"), "400"},
      {with("Content-Length: \"5\"\r\n"), "400"},
      {with("Content-Length: \xef\xbc\x95\r\n"), "400"},
      {with("Content-Length:\r\n"), "400"},
      {with("Content-Length: 9223372036854775808\r\n"), "400"},
      {with("Content-Length: 18446744073709551621\r\n"), "400"},
      {with("Content-Length: 00000000000000000005\r\n"), "400"},
      // a transfer coding that is not just chunked
      {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "400"},
      {with("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"), "400"},
      {with("Transfer-Encoding: chunked, chunked\r\n"), "501"},
      {with("Transfer-Encoding: gzip, chunked\r\n"), "501"},
      {with("Transfer-Encoding: chunked, identity\r\n"), "501"},
      {with("Transfer-Encoding: identity\r\n"), "501"},
      {with("Transfer-Encoding: xchunked\r\n"), "501"},
      {with("Transfer-Encoding: chunke\r\n"), "501"},
      {with("Transfer-Encoding: \"chunked\"\r\n"), "501"},
      {with("Transfer-Encoding: chunked;q=1\r\n"), "501"},
      {with("Transfer-Encoding: ,chunked\r\n"), "501"},
      {with("Transfer-Encoding:\r\n"), "501"},
      {with("Transfer-Encoding: \vchunked\r\n"), "400"},
      {with("Transfer-Encoding : chunked\r\n"), "400"},
      {with("Transfer-Encoding\t: chunked\r\n"), "400"},
      {with("Transfer-Encoding:\r\n chunked\r\n"), "400"},
      {with("Transfer-Encoding\r\n: chunked\r\n"), "400"},
      {with("Transfer\x80-Encoding: chunked\r\n"), "400"},
      {with("X: y\rTransfer-Encoding: chunked\r\n"), "400"},
      {with("X: y\nTransfer-Encoding: chunked\r\n"), "400"},
      {with("X: y\r\rTransfer-Encoding: chunked\r\n"), "400"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
      // lines that end or begin wrongly
      {with(" X: folded\r\n"), "400"},
      {with("\tX: folded\r\n"), "400"},
      {with("X: y\r\n z\r\n"), "400"},
      {with("X: y\n"), "400"},
      {with("X: y\r\r\n"), "400"},
      {with("\n"), "400"},
      {with("\rX: y\r\n"), "400"},
      {with(": y\r\n"), "400"},
      {with("X\r\n"), "400"},
      {with("X y: z\r\n"), "400"},
      {with("X(: z\r\n"), "400"},
      {with("X\0: z\r\n"s), "400"},
      {with("X: a\0b\r\n"s), "400"},
      {with("X: a\x01" "b\r\n"), "400"},
      {with("X: a\x7f\r\n"), "400"},
      {with("X: 12345678\x1f\r\n"), "400"},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400"},
      {"GET / HTTP/1.1\nHost: a\n\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", "400"},
      // the first line
      {line("GET / HTTP/1.1 "), "400"},
      {line("GET  / HTTP/1.1"), "400"},
      {line("GET /  HTTP/1.1"), "400"},
      {line("GET\t/ HTTP/1.1"), "400"},
      {line(" GET / HTTP/1.1"), "400"},
      {line("\r\n\r\nGET / HTTP/1.1"), "400"},
      {line("\nGET / HTTP/1.1"), "400"},
      {line("G\x80T / HTTP/1.1"), "400"},
      {line("GET: / HTTP/1.1"), "400"},
      {line("GET /a b HTTP/1.1"), "400"},
      {line("GET /a#b HTTP/1.1"), "400"},
      {line("GET /a\\b HTTP/1.1"), "400"},
      {line("GET /\x7f HTTP/1.1"), "400"},
      {line("GET /\xc3\xa4 HTTP/1.1"), "400"},
      {line("GET /\0 HTTP/1.1"s), "400"},
      {line("GET a HTTP/1.1"), "400"},
      {line("GET * HTTP/1.1"), "400"},
      {line("GET ?a HTTP/1.1"), "400"},
      {line("GET ftp://a/ HTTP/1.1"), "400"},
      {line("GET http:/a HTTP/1.1"), "400"},
      {line("GET http:///a HTTP/1.1"), "400"},
      {line("GET http://a?b HTTP/1.1"), "400"},
      {line("GET http://u@a/ HTTP/1.1"), "400"},
      {line("GET http://b/ HTTP/1.1"), "400"},
      {line("CONNECT a:443 HTTP/1.1"), "501"},
      {line("GET /"), "400"},
      {line("GET / "), "400"},
      {line("GET / http/1.1"), "400"},
      {line("GET / HTTP/1.1x"), "400"},
      {line("GET / HTTP/01.1"), "400"},
      {line("GET / HTTP/1,1"), "400"},
      {line("GET / HTTP/1.10"), "400"},
      {line("GET / HTP/1.1"), "400"},
      {line("GET / HTTP/1.2"), "505"},
      {line("GET / HTTP/0.9"), "505"},
      {line("PRI * HTTP/2.0"), "505"},
      {"\x16\x03\x01\x02" "01\r\n", "400"},
      // Host
      {host(""), "400"},
      {host("Host:\r\n"), "400"},
      {host("Host: a\r\nHost: a\r\n"), "400"},
      {host("Host: a\r\nhost: b\r\n"), "400"},
      {host("Host: a b\r\n"), "400"},
      {host("Host: a,b\r\n"), "400"},
      {host("Host: a/b\r\n"), "400"},
      {host("Host: a@b\r\n"), "400"},
      {host("Host: a%00\r\n"), "400"},
      {host("Host: a:b\r\n"), "400"},
      {host("Host: a:123456\r\n"), "400"},
      {host("Host: :80\r\n"), "400"},
      {host("Host: [::1\r\n"), "400"},
      {host("Host: [::1]80\r\n"), "400"},
      {host("Host: [\r\n"), "400"},
      {host("Host: []\r\n"), "400"},
      {host("Host: [:]:80\r\n"), "400"},
      {host("Host: [.1]\r\n"), "400"},
      {host("Host: [1.2.3.4]\r\n"), "400"},
      {host("Host: [::1]:b\r\n"), "400"},
      {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
      // and what is not served
      {with("Expect: 200-ok\r\n"), "417"},
      {with("1: 1\r\n2: 2\r\n3: 3\r\n4: 4\r\n"), "431"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.input);
    const std::string got = request(row.input);
    CHECK_MESSAGE(starts(got, row.expected + ": "), got);
  }
}

TEST_CASE("an error names what was expected, the offset and what stood there") {
  CHECK(request("GET / HTTP/1.1\r\nHost : a\r\n\r\n") ==
        "400: HTTP: expected a field's name and ':' at offset 20, found ' : a'");
  CHECK(request("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: ten\r\n\r\n") ==
        "400: HTTP: expected digits in Content-Length at offset 41, found 'ten'");
}

TEST_CASE("limits are errors as soon as they are passed, and not before") {
  Limits limits;
  limits.line = 20, limits.head = 48, limits.fields = 3;
  CHECK(starts(request("GET / HTTP/1.1\r\nHost: 345678901234\r\n\r\n", limits), "GET"));
  CHECK(starts(request("GET / HTTP/1.1\r\nHost: 3456789012345\r\n\r\n", limits), "431: "));
  CHECK(starts(request("GET / HTTP/1.1\r\nHost: 345678901234567", limits), "431: "));
  CHECK(starts(request("GET /345678 HTTP/1.1\r\n", limits), "414: "));
  CHECK(starts(request("GET /3456789012345678", limits), "414: "));
  CHECK(starts(request("GET /(\x01)6789012345678\n", limits), "414: "));
  CHECK(starts(request("GET / HTTP/1.1\r\nHost: 34567890\r\nA: 456789012\r\n\r\n", limits), "GET"));
  CHECK(starts(request("GET / HTTP/1.1\r\nHost: 34567890\r\nA: 4567890123\r\n\r\n", limits), "431: "));
  CHECK(starts(request("GET / HTTP/1.1\r\nHost: a\r\n1:\r\n2:\r\n\r\n", limits), "GET"));
  CHECK(starts(request("GET / HTTP/1.1\r\nHost: a\r\n1:\r\n2:\r\n3:\r\n", limits), "431: "));
}

TEST_CASE("a parser is ready for the next head when it has returned one") {
  const std::string two = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
  Request request;
  HeadParser parser;
  CHECK(parser.request(std::string_view(two).substr(0, 20), request) == 0);
  const std::size_t first = parser.request(two, request);
  CHECK(request.target == "/1");
  CHECK(parser.request(std::string_view(two).substr(first), request) == two.size() - first);
  CHECK(request.target == "/2");
}

TEST_CASE("a parser that is given fewer bytes than before says so") {
  Request request;
  HeadParser parser;
  CHECK(parser.request("GET / HTTP/1.1\r\nHost: a", request) == 0);
  CHECK_THROWS_AS(parser.request("GET / HTTP/1.1\r\nHost", request), std::logic_error);
}

TEST_CASE("a head goes into a message with one allocation for its headers, and into a used one with none") {
  const std::string_view head = "GET / HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";
  HeadParser parser;
  Request request;
  std::size_t before = hob_test::heap().allocations;
  CHECK(parser.request(head, request) == head.size());
  CHECK(hob_test::heap().allocations - before <= 1);
  before = hob_test::heap().allocations;
  CHECK(parser.request(head, request) == head.size());
  CHECK(hob_test::heap().allocations == before);
  CHECK(request.headers.wire() == "Host: localhost:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n");
}

TEST_CASE("a response's head says how its body ends") {
  const Row rows[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "200 OK 1.1 Content-Length=3; length 3 (38)"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 OK 1.1 Transfer-Encoding=chunked; chunked (47)"},
      {"HTTP/1.1 200 OK\r\n\r\n", "200 OK 1.1 until close last (19)"},
      {"HTTP/1.1 200 \r\n\r\n", "200  1.1 until close last (17)"},
      {"HTTP/1.1 200\r\n\r\n", "200  1.1 until close last (16)"},
      {"HTTP/1.0 404 Not \xc3\xa4 Found\r\nContent-Length: 0\r\n\r\n",
       "404 Not \xc3\xa4 Found 1.0 Content-Length=0; last (48)"},
      {"HTTP/1.1 999 ?\r\nContent-Length: 0\r\n\r\n", "999 ? 1.1 Content-Length=0; (37)"},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "304 Not Modified 1.1 Content-Length=9; (48)"},
      {"HTTP/1.1 204 No Content\r\n\r\n", "204 No Content 1.1 (27)"},
      {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "204 No Content 1.1 Content-Length=0; (46)"},
      {"HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\n", "204 No Content 1.1 Content-Length=1; last (46)"},
      {"HTTP/1.1 100 Continue\r\n\r\n", "100 Continue 1.1 (25)"},
      {"HTTP/1.1 200 OK\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\nExpect: x\r\n\r\n",
       "200 OK 1.1 Host=a; Host=b; Content-Length=0; Expect=x; (67)"},
  };
  for (const Row& row : rows) CHECK(response(row.input) == row.expected);
  CHECK(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD") == "200 OK 1.1 Content-Length=3; (38)");
}

TEST_CASE("a response that could be read in two ways is refused") {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const std::string& input : {
           "HTTP/2.0 200 OK\r\n\r\n"s, "HTTP/1.2 200 OK\r\n\r\n"s, "http/1.1 200 OK\r\n\r\n"s, "ICY 200 OK\r\n\r\n"s,
           "SSH-2.0-OpenSSH\r\n"s, "\r\nHTTP/1.1 200 OK\r\n\r\n"s, " HTTP/1.1 200 OK\r\n\r\n"s,
           "HTTP/1.1  200 OK\r\n\r\n"s, "HTTP/1.1\t200 OK\r\n\r\n"s, "HTTP/1.1 20 OK\r\n\r\n"s,
           "HTTP/1.1 2000 OK\r\n\r\n"s, "HTTP/1.1 099 OK\r\n\r\n"s, "HTTP/1.1 +20 OK\r\n\r\n"s,
           "HTTP/1.1 200OK\r\n\r\n"s, "HTTP/1.1 200\tOK\r\n\r\n"s, "HTTP/1.1 200 O\x01K\r\n\r\n"s,
           "HTTP/1.1 200 OK\n\n"s, "HTTP/1.1 200 O\rK\r\n\r\n"s, "HTTP/1.1\r\n\r\n"s,
           ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", ok + "Content-Length: 1, 1\r\n\r\n",
           ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
           ok + "Transfer-Encoding: gzip\r\n\r\n", ok + "X: a\r\n b\r\n\r\n", ok + "X : a\r\n\r\n",
           "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"s}) {
    CHECK_MESSAGE(starts(response(input), "0: "), input);
  }
}

TEST_CASE("a chunked body comes out of its framing, and ends where it says") {
  const Row rows[] = {
      {"0\r\n\r\n", "|done, left 0"},
      {"3\r\nabc\r\n0\r\n\r\nGET", "abc|done, left 3"},
      {"3\r\nabc\r\n0002\r\nde\r\n00\r\n\r\n", "abcde|done, left 0"},
      {"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789|done, left 0"},
      {"3;a=\"b;\x80\"; c \r\nabc\r\n0;x\r\n\r\n", "abc|done, left 0"},
      {"3;12345678901234567\x01\r\nabc", "|400"},
      {"0\r\nX: 12345678901234567\r8\r\n\r\n", "|400"},
      {"2\r\n\r\n\r\n0\r\nX: y\r\nZ:\r\n\r\n", "\r\n|done, left 0"},
      {"1\r\na\r\n0\r\nX: y \r\nx: \"z\"  \r\n\r\n", "a|done, left 0"},
      {"7fffffffffffffff\r\nabc", "abc|incomplete"},
      {"0\r\n", "|incomplete"},
      {"8000000000000000\r\nabc", "|400"},
      {"10000000000000000\r\n", "|400"},
      {"00000000000000003\r\nabc", "|400"},
      {"\r\n", "|400"},
      {" 3\r\nabc", "|400"},
      {"3 \r\nabc", "|400"},
      {"3\t;a\r\nabc", "|400"},
      {"+3\r\nabc", "|400"},
      {"-3\r\nabc", "|400"},
      {"0x3\r\nabc", "|400"},
      {"3h\r\nabc", "|400"},
      {"g\r\n", "|400"},
      {"3\nabc", "|400"},
      {"3\rabc", "|400"},
      {"3\r\r\nabc", "|400"},
      {"3;\nabc", "|400"},
      {"3;a\x01\r\nabc", "|400"},
      {"3;a\rb\r\nabc", "|400"},
      {"3\r\nabcd\r\n", "abc|400"},
      {"3\r\nabc\n0\r\n", "abc|400"},
      {"3\r\nabc\r0\r\n", "abc|400"},
      {"3\r\nabc0\r\n\r\n", "abc|400"},
      {"0\r\n\n", "|400"},
      {"0\r\nX : y\r\n\r\n", "|400"},
      {"0\r\n X: y\r\n\r\n", "|400"},
      {"0\r\nX: y\r\n z\r\n\r\n", "|400"},
      {"0\r\nX: \x01\r\n\r\n", "|400"},
      {"0\r\nX: y\n\r\n", "|400"},
      {"0\r\n\rX\r\n\r\n", "|400"},
      {"0\r\nContent-Length: 3\r\n\r\n", "|400"},
      {"0\r\ntransfer-ENCODING: chunked\r\n\r\n", "|400"},
      {"0\r\nHost: a\r\n\r\n", "|400"},
      {"0\r\nAuthorization: a\r\n\r\n", "|400"},
  };
  for (const Row& row : rows) CHECK(chunks(row.input) == row.expected);
}

TEST_CASE("trailers are kept in order, however their bytes are cut") {
  const std::string_view all = "1\r\na\r\n0\r\nSum: 7 \r\nX:\r\nsum: 8\r\n\r\nGET";
  for (std::size_t cut = 0; cut <= all.size() - 3; ++cut) {
    ChunkParser parser;
    std::size_t at = 0;
    for (const std::size_t end : {cut, all.size()}) {
      while (at != end && !parser.done()) at += parser.next(all.substr(at, end - at)).used;
      CHECK(parser.trailers().size() <= 3);
    }
    CHECK(at == all.size() - 3);
    CHECK(parser.trailers().wire() == "Sum: 7\r\nX: \r\nsum: 8\r\n");
  }
}

TEST_CASE("chunk lines and trailers have their limits") {
  const auto line = [](std::size_t size) { return "1;" + std::string(size - 2, 'x') + "\r\na\r\n0\r\n\r\n"; };
  CHECK(chunks(line(256)) == "a|done, left 0");
  CHECK(chunks(line(257)) == "|400");
  const auto trailer = [](std::size_t size) { return "0\r\nX:" + std::string(size - 6, 'y') + "\r\n\r\n"; };
  CHECK(chunks(trailer(16384), {20, 16384 + 3}) == "|done, left 0");
  CHECK(chunks(trailer(16385), {20, 16385 + 3}) == "|431");
}

TEST_SUITE_END();
}  // namespace hob_test::http_parser_test
