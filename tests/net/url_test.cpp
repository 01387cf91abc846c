// SPDX-License-Identifier: MIT
#include "../../net/message.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

namespace hob_test::url_test {
using namespace hob::http;
using namespace std::string_literals;

TEST_SUITE_BEGIN("net");

namespace {

// Parses a copy that ends where its block ends, so that a sanitizer sees a byte read too many.
Url parse(std::string_view text) {
  const std::unique_ptr<char[]> exact(new char[text.size()]);
  text.copy(exact.get(), text.size());
  return Url::parse({exact.get(), text.size()});
}

std::string resolve(const Url& base, std::string_view text) {
  const std::unique_ptr<char[]> exact(new char[text.size()]);
  text.copy(exact.get(), text.size());
  return base.resolve({exact.get(), text.size()}).to_string();
}

}  // namespace

TEST_CASE("a URL is taken apart") {
  const Url url = parse("HTTP://user:p%40ss@Example.COM:8080/a/b%2Fc?q=1&r#fragment");
  CHECK(url.scheme == "http");
  CHECK(url.userinfo == "user:p%40ss");
  CHECK(url.credentials() == "user:p@ss");
  CHECK(url.host == "example.com");
  CHECK(url.port == 8080);
  CHECK(url.target == "/a/b%2Fc?q=1&r");
  CHECK(url.origin() == "http://example.com:8080");
  CHECK(url.host_header() == "example.com:8080");
  CHECK(url.to_string() == "http://example.com:8080/a/b%2Fc?q=1&r");
}

TEST_CASE("what a URL leaves out has its default, and what is equal is written alike") {
  const std::pair<const char*, const char*> rows[] = {
      {"http://a", "http://a/"},
      {"http://a?q", "http://a/?q"},
      {"http://a#f", "http://a/"},
      {"http://a/#?", "http://a/"},
      {"http://a/?", "http://a/?"},
      {"http://a:80/", "http://a/"},
      {"http://a:443/", "http://a:443/"},
      {"https://a:443/", "https://a/"},
      {"http://a:/", "http://a/"},
      {"http://a:65535/", "http://a:65535/"},
      {"http://@a/", "http://a/"},
      {"http://A.B./", "http://a.b./"},
      {"http://a_b-c.d/", "http://a_b-c.d/"},
      {"http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"},
      {"http://1a.2b/", "http://1a.2b/"},
      {"http://127.0.0.1:1/", "http://127.0.0.1:1/"},
      {"http://255.255.255.255/", "http://255.255.255.255/"},
      {"http://[::]/", "http://[::]/"},
      {"http://[::1]:8080/", "http://[::1]:8080/"},
      {"http://[1:2:3:4:5:6:7:8]/", "http://[1:2:3:4:5:6:7:8]/"},
      {"http://[FE80::ABCD]/", "http://[fe80::abcd]/"},
      {"http://[::ffff:1.2.3.4]/", "http://[::ffff:1.2.3.4]/"},
      {"http://[1:2:3:4:5:6:1.2.3.4]/", "http://[1:2:3:4:5:6:1.2.3.4]/"},
      {"http://[1:2:3:4:5:6:7::]/", "http://[1:2:3:4:5:6:7::]/"},
      {"http://a/./b/../c//d/.", "http://a/c//d/"},
      {"http://a/..", "http://a/"},
      {"http://a/../../b", "http://a/b"},
      {"http://a/b/..c/.d/...", "http://a/b/..c/.d/..."},
      {"http://a/?/../b", "http://a/?/../b"},
      {"http://a/%7e@:;=|[]{}\"<>^`", "http://a/%7e@:;=|[]{}\"<>^`"},
  };
  for (const auto& [text, written] : rows) {
    CAPTURE(text);
    CHECK(parse(text).to_string() == written);
    CHECK(parse(written).to_string() == written);
  }
}

TEST_CASE("what could mean two things is no URL") {
  for (const std::string& text : {
           ""s, "http"s, "http:"s, "http:/"s, "http://"s, "http:/x"s, "http:x"s, "://a"s, "//a/"s, "/a"s, "a"s,
           "ftp://a/"s, "httpx://a/"s, " http://a/"s, "http ://a/"s, "https"s, "javascript:alert(1)"s,
           // bytes that no part may hold
           "http://a/ "s, "http://a/b c"s, "http://a/\t"s, "http://a/\r\nX: y"s, "http://a/\n"s, "http://a/\0"s,
           "http://a/\x7f"s, "http://a/\xc3\xa4"s, "http://a\\b/"s, "http:\\\\a"s, "http://a/b\\c"s,
           "http://a/# "s, "http://a\n.b/"s,
           // half an escape
           "http://a/%"s, "http://a/%2"s, "http://a/%2g"s, "http://a/%%20"s, "http://a/?%zz"s, "http://a/#%"s,
           // no host, or none that is one
           "http:///a"s, "http://?a"s, "http://#a"s, "http://:80/"s, "http://@/"s, "http://u@:80/"s,
           "http://./"s, "http://../"s, "http://a..b/"s, "http://.a/"s, "http://a../"s,
           "http://a%2fb/"s, "http://a%00/"s, "http://%61/"s, "http://a,b/"s, "http://a;b/"s, "http://a'b/"s,
           "http://a*b/"s, "http://a~b/"s, "http://[a]/"s, "http://a]/"s, "http://a[::1]/"s,
           // look like an IPv4 address, and are one to inet_aton() at most
           "http://127.1/"s, "http://1/"s, "http://2130706433/"s, "http://0x7f.0.0.1/"s, "http://0x7f000001/"s,
           "http://127.0.0.0x1/"s, "http://0X/"s, "http://a.0x/"s, "http://a.1/"s, "http://127.0.0.1./"s,
           "http://127.0.0.01/"s, "http://0177.0.0.1/"s, "http://256.0.0.1/"s, "http://1.2.3.4.5/"s,
           "http://1.2.3/"s, "http://1..3.4/"s, "http://1.2.3.1000/"s,
           // IPv6
           "http://[/"s, "http://[]/"s, "http://[::1/"s, "http://[::1"s, "http://::1/"s, "http://[:::]/"s,
           "http://[1::2::3]/"s, "http://[1:2:3:4:5:6:7]/"s, "http://[1:2:3:4:5:6:7:8:9]/"s,
           "http://[1:2:3:4:5:6:7:8::]/"s, "http://[12345::]/"s, "http://[g::]/"s, "http://[:1]/"s,
           "http://[1:]/"s, "http://[::1.2.3]/"s, "http://[1.2.3.4::]/"s, "http://[1.2.3.4]/"s,
           "http://[fe80::1%25eth0]/"s, "http://[fe80::1%251]/"s, "http://[v1.x]/"s, "http://[::1]a/"s, "http://[::1]]/"s,
           // ports
           "http://a:0/"s, "http://a:080/"s, "http://a:65536/"s, "http://a:99999999999999999999/"s, "http://a:b/"s,
           "http://a:8b/"s, "http://a:+8/"s, "http://a:-8/"s, "http://a:8:8/"s, "http://a:8%30/"s,
           // who asks
           "http://a@b@c/"s, "http://u:p@x@a/"s, "http://u%0a@a/"s, "http://u:%00@a/"s, "http://%09:@a/"s,
           "http://u%3av:p@a/"s, "http://u:%7f@a/"s}) {
    CHECK_THROWS_AS_MESSAGE(parse(text), ProtocolError, text);
  }
}

TEST_CASE("an error says what was expected, where, and what stood there, and tells no password") {
  CHECK_THROWS_WITH(parse("ftp://a/"), "URL: expected http:// or https:// at offset 0, found 'ftp://a/'");
  CHECK_THROWS_WITH(parse("http://a/%4"), "URL: expected '%' and two hex digits at offset 9, found '%4'");
  CHECK_THROWS_WITH(parse("http://u:secret@a:0/"), "URL: expected a port at offset 18, found '0'");
  CHECK_THROWS_WITH(parse("http://u:sec@ret@a/"), "URL: expected one '@' at most at offset 16, found '@'");
  try {
    parse("");
  } catch (const ProtocolError& error) {
    CHECK(error.status == 0);
  }
}

TEST_CASE("references mean what RFC 3986, section 5.4, says they mean") {
  const Url base = parse("http://a/b/c/d;p?q");
  const std::pair<const char*, const char*> rows[] = {
      // 5.4.1; g:h, which is no http URL, is below
      {"g", "http://a/b/c/g"}, {"./g", "http://a/b/c/g"}, {"g/", "http://a/b/c/g/"}, {"/g", "http://a/g"},
      {"//g", "http://g/"}, {"?y", "http://a/b/c/d;p?y"}, {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q"}, {"g#s", "http://a/b/c/g"}, {"g?y#s", "http://a/b/c/g?y"},
      {";x", "http://a/b/c/;x"}, {"g;x", "http://a/b/c/g;x"}, {"g;x?y#s", "http://a/b/c/g;x?y"},
      {"", "http://a/b/c/d;p?q"}, {".", "http://a/b/c/"}, {"./", "http://a/b/c/"}, {"..", "http://a/b/"},
      {"../", "http://a/b/"}, {"../g", "http://a/b/g"}, {"../..", "http://a/"}, {"../../", "http://a/"},
      {"../../g", "http://a/g"},
      // 5.4.2
      {"../../../g", "http://a/g"}, {"../../../../g", "http://a/g"}, {"/./g", "http://a/g"},
      {"/../g", "http://a/g"}, {"g.", "http://a/b/c/g."}, {".g", "http://a/b/c/.g"}, {"g..", "http://a/b/c/g.."},
      {"..g", "http://a/b/c/..g"}, {"./../g", "http://a/b/g"}, {"./g/.", "http://a/b/c/g/"},
      {"g/./h", "http://a/b/c/g/h"}, {"g/../h", "http://a/b/c/h"}, {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
      {"g;x=1/../y", "http://a/b/c/y"}, {"g?y/./x", "http://a/b/c/g?y/./x"}, {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"g#s/./x", "http://a/b/c/g"}, {"g#s/../x", "http://a/b/c/g"},
      // and others
      {"https://b/../c", "https://b/c"}, {"HTTP://B", "http://b/"}, {"//b:81?x", "http://b:81/?x"},
      {"?", "http://a/b/c/d;p?"}, {"g?", "http://a/b/c/g?"}, {"/", "http://a/"}, {"./a:b", "http://a/b/c/a:b"},
      {"/a:b", "http://a/a:b"}, {"g?x:y", "http://a/b/c/g?x:y"}, {"/.//b", "http://a//b"},
  };
  for (const auto& [reference, meaning] : rows) {
    CAPTURE(reference);
    CHECK(resolve(base, reference) == meaning);
  }
  for (const char* reference : {"g:h", "http:g", "mailto:a", "a:b", ":a", "g;x:y", "//", "///g", "//u@@h", "a b", "\\a", "%", "g\n"}) {
    CHECK_THROWS_AS_MESSAGE(resolve(base, reference), ProtocolError, reference);
  }
}

TEST_CASE("a reference keeps who asks only where it keeps the server") {
  const Url base = parse("http://u:p@a:8080/b?c");
  CHECK(base.resolve("d").credentials() == "u:p");
  CHECK(base.resolve("d").origin() == "http://a:8080");
  CHECK(base.resolve("//a:8080/d").credentials() == "");
  CHECK(base.resolve("https://a/d").credentials() == "");
}

TEST_CASE("credentials are a name and a password, for Basic authentication") {
  CHECK(parse("http://a/").credentials() == "");
  CHECK(parse("http://user@a/").credentials() == "user:");
  CHECK(parse("http://:p@a/").credentials() == ":p");
  CHECK(parse("http://%C3%A4:b:c%3A@a/").credentials() == "\xc3\xa4:b:c:");
}

TEST_CASE("origin tells servers apart, with the port and with brackets") {
  CHECK(parse("https://A/").origin() == "https://a:443");
  CHECK(parse("http://[::1]/").origin() == "http://[::1]:80");
  CHECK(parse("http://[::1]:8/").origin() == "http://[::1]:8");
  CHECK(parse("http://[::1]/").host_header() == "[::1]");
  CHECK(parse("http://[::1]/").host == "::1");
}

TEST_CASE("components are encoded and decoded") {
  CHECK(encode_component("aZ09-._~") == "aZ09-._~");
  CHECK(encode_component("a b/c?d&e=f+g%h\xc3\xa4\n") == "a%20b%2Fc%3Fd%26e%3Df%2Bg%25h%C3%A4%0A");
  CHECK(decode("a%20b%2fc+%C3%A4%00") == "a b/c+\xc3\xa4\0"s);
  for (const char* bad : {"%", "a%", "%2", "%2g", "%g2", "%%41", "%+1"}) {
    CHECK_THROWS_AS_MESSAGE(decode(bad), ProtocolError, bad);
  }
  std::string every;
  for (unsigned c = 0; c < 256; ++c) every += static_cast<char>(c);
  CHECK(decode(encode_component(every)) == every);
}

TEST_CASE("forms are encoded, and decoded") {
  CHECK(encode_form({}) == "");
  CHECK(encode_form({{"a", "1"}, {"b", "two words"}, {"", ""}}) == "a=1&b=two+words&=");
  CHECK(encode_form({{"a b", "+&=%\n\xc3\xa4"}}) == "a%20b=%2B%26%3D%25%0A%C3%A4");
  CHECK(decode_form("two+words%2B%20") == "two words+ ");
  CHECK(decode_form("") == "");
  CHECK_THROWS_AS(decode_form("a%2"), ProtocolError);
  std::string every;
  for (unsigned c = 0; c < 256; ++c) every += static_cast<char>(c);
  CHECK(decode_form(encode_form({{"", every}}).substr(1)) == every);
  CHECK(parse("http://a/?" + encode_form({{"q", every}})).target.size() > 256);
}

TEST_SUITE_END();
}  // namespace hob_test::url_test
