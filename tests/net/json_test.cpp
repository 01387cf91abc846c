// SPDX-License-Identifier: MIT
#include "../../net/json.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <clocale>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace hob_test::json_test {
using namespace hob;
using namespace std::string_literals;

namespace {

// What parsing the text complains of; empty if it does not.
std::string complaint(std::string_view text) {
  try {
    json::parse(text);
    return "";
  } catch (const json::ParseError& error) {
    CHECK(error.offset() <= text.size());
    return error.what();
  }
}

// What an expression throws.
template <class Error, class F>
std::string thrown(F f) {
  try {
    f();
    return "nothing";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string nested(std::size_t depth, const char* open, const char* close) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  text += "1";
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

double number(std::string_view text) { return json::parse(text).as_double(); }

std::string random_string(std::mt19937_64& random) {
  constexpr const char* kPieces[] = {"a", "\"", "\\", "\n", "\x01", "é", "\u2028", "😀"};
  std::string text;
  for (auto n = random() % 12; n > 0; --n) text += kPieces[random() % 8];
  return text;
}

json::Value random_value(std::mt19937_64& random, int depth) {
  const auto kind = random() % (depth > 0 ? 8 : 6);
  if (kind == 0) return nullptr;
  if (kind == 1) return random() % 2 == 0;
  if (kind == 2) return static_cast<std::int64_t>(random()) >> random() % 64;
  if (kind == 3) return random() >> random() % 64;
  if (kind == 4)
    return std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 2000) - 1100);
  if (kind == 5) return random_string(random);
  json::Value made = kind == 6 ? json::array() : json::object();
  for (auto n = random() % (kind == 6 ? 6 : 40); n > 0; --n) {
    if (kind == 6)
      made.push_back(random_value(random, depth - 1));
    else
      made[random_string(random)] = random_value(random, depth - 4);
  }
  return made;
}

}  // namespace

TEST_SUITE_BEGIN("net");

// --- the grammar ---------------------------------------------------------------------------------

TEST_CASE("a json text is any value, with white space around every token") {
  const std::pair<const char*, const char*> texts[] = {
      {"null", "null"},
      {"true", "true"},
      {"false", "false"},
      {"0", "0"},
      {"-1", "-1"},
      {"\"\"", "\"\""},
      {" \t\r\n[ ] \n", "[]"},
      {"{ }", "{}"},
      {"[1 , 2\n,\t3]", "[1,2,3]"},
      {"[[],{},[{}]]", "[[],{},[{}]]"},
      {" { \"a\" : { \"b\" : [ null ] } , \"\" : 0 } ", "{\"a\":{\"b\":[null]},\"\":0}"},
      {"-0.25", "-0.25"},
      {"1E+2", "100.0"},
      {"10e-1", "1.0"},
      {"0e0", "0.0"},
      {"-0", "-0.0"},
      {"123.456e1", "1234.56"},
      {"\"\x7F\"", "\"\x7F\""},
      {"\"\\/\"", "\"/\""},
      {"\"\\b\\f\\n\\r\\t\\\"\\\\\"", "\"\\b\\f\\n\\r\\t\\\"\\\\\""},
      {"\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\"", "\"Aé€😀\""},
      {"\"\\u0000\\u001F\"", "\"\\u0000\\u001f\""},
      {"\"\\uD7FF\\uE000\\uFFFF\\uDBFF\\uDFFF\"",
       "\"\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF4\x8F\xBF\xBF\""},
      {"\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xF0\x90\x80\x80\"",
       "\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xF0\x90\x80\x80\""}};
  for (const auto& [text, compact] : texts) {
    CAPTURE(text);
    CHECK(json::parse(text).dump() == compact);
  }
  CHECK(json::parse("\"a\\u0000b\"").as_string() == "a\0b"s);
}

TEST_CASE("what is nearly json is refused, with what was expected, where, and what was found") {
  const std::pair<std::string, const char*> texts[] = {
      {"", "a value at offset 0, found the end"},
      {"\xEF\xBB\xBF{}", "a value at offset 0, found '\\xef\\xbb\\xbf'"},
      {"nul", "a value at offset 0, found 'nul'"},
      {"NaN", "a value at offset 0, found 'NaN'"},
      {"-Infinity", "a digit at offset 1, found 'Infinity'"},
      {"+1", "a value at offset 0, found '+1'"},
      {".5", "a value at offset 0, found '.5'"},
      {"undefined_and_much_more", "a value at offset 0, found 'undefined_and_much_m'..."},
      {"\f1", "a value at offset 0, found '\\x0c1'"},
      {"1\0"s, "the end at offset 1, found '\\x00'"},
      {"\0"s, "a value at offset 0, found '\\x00'"},
      {"1 2", "the end at offset 2, found '2'"},
      {"{} // so", "the end at offset 3, found '//'"},
      {"/**/1", "a value at offset 0, found '/**/1'"},
      {"-", "a digit at offset 1, found the end"},
      {"- 1", "a digit at offset 1, found ' '"},
      {"01", "the end at offset 1, found '1'"},
      {"0x1", "the end at offset 1, found 'x1'"},
      {"1.", "a digit at offset 2, found the end"},
      {"1.e5", "a digit at offset 2, found 'e5'"},
      {"1e", "a digit at offset 2, found the end"},
      {"1e+", "a digit at offset 3, found the end"},
      {"1e400", "a number within a double's range at offset 0, found '1e400'"},
      {"[-1e400]", "a number within a double's range at offset 1, found '-1e400'"},
      {"[", "a value at offset 1, found the end"},
      {"[1", "',' or ']' at offset 2, found the end"},
      {"[1 x", "',' or ']' at offset 3, found 'x'"},
      {"[1,]", "a value at offset 3, found ']'"},
      {"[,1]", "a value at offset 1, found ','"},
      {"[\"a\":1]", "',' or ']' at offset 4, found ':'"},
      {"{", "a key in quotes at offset 1, found the end"},
      {"{1:2}", "a key in quotes at offset 1, found '1'"},
      {"{\"a\"}", "':' at offset 4, found '}'"},
      {"{\"a\",1}", "':' at offset 4, found ','"},
      {"{\"a\":}", "a value at offset 5, found '}'"},
      {"{\"a\":1", "',' or '}' at offset 6, found the end"},
      {"{\"a\":1,}", "a key in quotes at offset 7, found '}'"},
      {"{\"a\":1]", "',' or '}' at offset 6, found ']'"},
      {"\"abc", "the rest of a string at offset 4, found the end"},
      {"\"a\nb\"", "the rest of a string at offset 2, found '\\x0a'"},
      {"\"a\0b\""s, "the rest of a string at offset 2, found '\\x00b'"},
      {"\"\\", "one of \"\\/bfnrtu at offset 2, found the end"},
      {"\"\\x41\"", "one of \"\\/bfnrtu at offset 2, found 'x41'"},
      {"\"\\\0\""s, "one of \"\\/bfnrtu at offset 2, found '\\x00'"},
      {"\"\\u12", "four hex digits at offset 5, found the end"},
      {"\"\\u00g0\"", "four hex digits at offset 5, found 'g0'"},
      {"\"\\u-123\"", "four hex digits at offset 3, found '-123'"},
      {"\"\\ud800\"", "a pair of surrogates at offset 2, found 'ud800'"},
      {"\"\\udc00\"", "a pair of surrogates at offset 2, found 'udc00'"},
      {"\"\\ud800\\n\"", "a pair of surrogates at offset 2, found 'ud800\\n'"},
      {"\"\\ud800\\u0041\"", "a pair of surrogates at offset 2, found 'ud800\\u0041'"},
      {"\"\\ud800\\ud800\"", "a pair of surrogates at offset 2, found 'ud800\\ud800'"},
      {"\"a\x80\"", "UTF-8 at offset 2, found '\\x80'"},
      {"\"\xC3", "UTF-8 at offset 1, found '\\xc3'"}};
  for (const auto& [text, why] : texts) CHECK(complaint(text) == "json: expected "s + why);
}

TEST_CASE("a string is strict UTF-8") {
  for (const char* bytes :
       {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xBF", "\xE2\x82", "\xE2\x28\xA1",
        "\xF0\x9F\x98", "\xF0\x9F\x98\x28", "\xC3\xC3"}) {
    CAPTURE(bytes);
    CHECK(complaint("\""s + bytes + "\"").starts_with("json: expected UTF-8 at offset 1"));
    CHECK(thrown<std::invalid_argument>([&] {
            json::Value(bytes).dump();
          }).starts_with("json: dump() of what is not UTF-8: \""));
  }
}

TEST_CASE("two hundred levels are read, and not one more") {
  for (const auto& [open, close] : {std::pair{"[", "]"}, std::pair{"{\"a\":", "}"}}) {
    const std::size_t width = std::string_view(open).size();
    CHECK(complaint(nested(200, open, close)) == "");
    CHECK(complaint(nested(201, open, close)) == "json: expected less nesting at offset " +
                                                     std::to_string(200 * width) + ", found '" +
                                                     open[0] + "'");
    CHECK(complaint(nested(100'000, open, "")).find("less nesting") != std::string::npos);
  }
  CHECK_THROWS_AS(json::parse("[]", 0), json::ParseError);
  CHECK(json::parse("1", 0) == 1);
  json::Value deep = json::parse(nested(1000, "[", "]"), 1000), copy = deep;
  CHECK(copy == deep);
}

TEST_CASE("a text cut short anywhere is refused, at an offset within it") {
  const std::string text =
      R"({"a":[1,-2.5e+3,true,false,null,"\u00e9\ud83d\ude00é😀"],"b":{"c":{}},"d":[[]],"e":"\\"})";
  CHECK(complaint(text) == "");
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK(complaint(text.substr(0, size)) != "");
  }
}

// --- numbers -------------------------------------------------------------------------------------

TEST_CASE("integers up to 64 bits stay exact, and others are doubles") {
  CHECK(json::parse("9223372036854775807").as_int() == std::numeric_limits<std::int64_t>::max());
  CHECK(json::parse("-9223372036854775808").as_int() == std::numeric_limits<std::int64_t>::min());
  CHECK(json::parse("9223372036854775808").as_uint() == 9223372036854775808u);
  CHECK(json::parse("18446744073709551615").as_uint() == std::numeric_limits<std::uint64_t>::max());
  for (const char* exact : {"9223372036854775807", "-9223372036854775808", "9223372036854775808",
                            "18446744073709551615", "9007199254740993"})
    CHECK(json::parse(exact).dump() == exact);
  CHECK(json::parse("18446744073709551616").as_double() == 0x1p64);
  CHECK(json::parse("-9223372036854775809").as_double() == -0x1p63);
  CHECK_FALSE(json::parse("18446744073709551616").is_uint());
  CHECK_FALSE(json::parse("1.0").is_int());
  CHECK(json::parse("1").is_int());
  CHECK(json::parse("1").is_uint());
  CHECK_FALSE(json::parse("-1").is_uint());
}

TEST_CASE("a double is the nearest to its text") {
  CHECK(number("0.1") == 0.1);
  CHECK(number("1.7976931348623157e308") == std::numeric_limits<double>::max());
  CHECK(number("1.7976931348623158e308") == std::numeric_limits<double>::max());
  CHECK(complaint("1.7976931348623159e308") != "");  // from the middle between it and infinity on
  CHECK(number("2.2250738585072014e-308") == std::numeric_limits<double>::min());
  CHECK(number("2.2250738585072011e-308") == 0x0.fffffffffffffp-1022);
  CHECK(number("5e-324") == std::numeric_limits<double>::denorm_min());
  CHECK(number("3e-324") == std::numeric_limits<double>::denorm_min());
  CHECK(number("2e-324") == 0);
  CHECK(number("1e-400") == 0);
  CHECK(std::signbit(number("-1e-400")));
  CHECK(number("1e-99999999999999999999") == 0);
  CHECK(number("0e99999999999999999999") == 0);
  CHECK(complaint("1e99999999999999999999") != "");
  CHECK(number("9007199254740993.0") == 9007199254740992.0);  // halfway: to even
  CHECK(number("9007199254740995.0") == 9007199254740996.0);
  CHECK(number("9007199254740993." + std::string(100, '0') + "1") == 9007199254740994.0);
  CHECK(number("1" + std::string(308, '0')) == 1e308);
  CHECK(complaint("1" + std::string(400, '0')) != "");
  CHECK(number("0." + std::string(400, '0') + "1e401") == 1);
  CHECK(number("1" + std::string(400, '0') + "e-400") == 1);
  CHECK(number("0.30000000000000004") == 0.1 + 0.2);
}

TEST_CASE("a double is written so that it reads back as the same double") {
  for (const char* exact :
       {"0.0", "-0.0", "1.0", "-1.5", "0.1", "0.0001", "1e-05", "123456789.125", "1e+16", "1e+300",
        "1.7976931348623157e+308", "2.2250738585072014e-308", "0.30000000000000004"})
    CHECK(json::parse(exact).dump() == exact);
#ifdef __cpp_lib_to_chars
  for (const char* exact : {"5e-324", "1234567890123456.0", "1000000000000000.0"})
    CHECK(json::parse(exact).dump() == exact);
#endif
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = random();
    const double x = std::bit_cast<double>(bits);
    if (!std::isfinite(x)) continue;
    CHECK(std::bit_cast<std::uint64_t>(number(json::Value(x).dump())) == bits);
  }
}

TEST_CASE("numbers are read and written the same way in a locale with a decimal comma") {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  bool comma = false;
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"})
    comma = comma || std::setlocale(LC_ALL, name) != nullptr;
  if (!comma) MESSAGE("no locale with a decimal comma here");
  CHECK(json::parse("[1.5,1e-400,0.25]").dump() == "[1.5,0.0,0.25]");
  CHECK(json::Value(1234567.5).dump() == "1234567.5");
  std::setlocale(LC_ALL, before.c_str());
}

TEST_CASE("what json cannot say is not written") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(thrown<std::invalid_argument>([&] { json::Value(infinity).dump(); }) ==
        "json: dump() of inf");
  CHECK(thrown<std::invalid_argument>([&] {
          json::array({1, -infinity}).dump();
        }) == "json: dump() of -inf");
  CHECK(thrown<std::invalid_argument>([&] {
          json::Value(infinity - infinity).dump();
        }).find("nan") != std::string::npos);
}

// --- values --------------------------------------------------------------------------------------

TEST_CASE("a value says what it holds, and a wrong question what it is") {
  const json::Value v =
      json::parse(R"({"n":1.5,"i":-3,"w":3.0,"s":"x","t":true,"o":{},"a":[1],"z":null})");
  CHECK(v["n"].as_double() == 1.5);
  CHECK(v["i"].as_int() == -3);
  CHECK(v["i"].as_double() == -3.0);
  CHECK(v["w"].as_int() == 3);
  CHECK(v["w"].as_uint() == 3);
  CHECK(v["s"].as_string() == "x");
  CHECK(v["t"].as_bool());
  CHECK(v["z"].is_null());
  CHECK(v["o"].is_object());
  CHECK(v["a"].is_array());
  using json::TypeError;
  CHECK(thrown<TypeError>([&] { v["n"].as_int(); }) == "json: as_int() of 1.5");
  CHECK(thrown<TypeError>([&] { v["i"].as_uint(); }) == "json: as_uint() of -3");
  CHECK(thrown<TypeError>([&] { v["s"].as_double(); }) == "json: as_double() of \"x\"");
  CHECK(thrown<TypeError>([&] { v["z"].as_string(); }) == "json: as_string() of null");
  CHECK(thrown<TypeError>([&] { v["a"].as_bool(); }) == "json: as_bool() of an array");
  CHECK(thrown<TypeError>([&] { v["o"].as_int(); }) == "json: as_int() of an object");
  CHECK(thrown<TypeError>([&] { v["t"].items(); }) == "json: items() of true");
  CHECK(thrown<TypeError>([&] { v["o"].begin(); }) == "json: begin() of an object");
  CHECK(thrown<TypeError>([&] { v["s"].size(); }) == "json: size() of \"x\"");
  CHECK(thrown<TypeError>([&] { v["a"]["k"]; }) == "json: [\"k\"] of an array");
  CHECK(thrown<TypeError>([&] { v["o"][0]; }) == "json: [0] of an object");
  CHECK(thrown<TypeError>([&] { json::Value(1).push_back(2); }) == "json: push_back() of 1");
  CHECK(thrown<TypeError>([&] { json::parse("18446744073709551615").as_int(); }) ==
        "json: as_int() of 18446744073709551615");
  CHECK(thrown<TypeError>([&] { json::Value(0x1p63).as_int(); }) ==
        "json: as_int() of 9.223372036854776e+18");
  CHECK(thrown<TypeError>([&] {
          json::Value(0x1p64).as_uint();
        }).starts_with("json: as_uint() of 1.8446744073709552e"));
  CHECK(thrown<TypeError>([&] { json::Value(std::nan("")).as_int(); }).find("nan") !=
        std::string::npos);
  CHECK(thrown<std::out_of_range>([&] { v["a"][1]; }) == "json: [1] of an array of 1");
  CHECK(json::Value(0x1p63).as_uint() == 0x8000000000000000u);
  CHECK(json::Value(-0x1p63).as_int() == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("a missing key and null read as null, and null iterates as nothing") {
  const json::Value v = json::parse(R"({"a":null})");
  CHECK(v["b"].is_null());
  CHECK(v["b"]["c"]["d"].is_null());
  CHECK(v["a"]["x"].is_null());
  CHECK(v.contains("a"));
  CHECK_FALSE(v.contains("b"));
  CHECK(v.find("b") == nullptr);
  CHECK(v["b"].empty());
  for (const json::Value& item : v["b"]) FAIL(item.dump());
  for (const auto& [key, value] : v["b"].items()) FAIL(key);
}

TEST_CASE("null becomes an object or an array when something is put into it") {
  json::Value v;
  v["a"]["b"] = 1;
  v["c"].push_back("x");
  v["c"].push_back({1, 2});
  v["d"];
  CHECK(v.dump() == R"({"a":{"b":1},"c":["x",[1,2]],"d":null})");
  v["c"][0] = v["a"];
  CHECK(v["c"].dump() == R"([{"b":1},[1,2]])");
  v = v["c"][0];
  CHECK(v.dump() == R"({"b":1})");
  for (auto& [key, value] : v.items()) value = key;
  CHECK(v["b"] == "b");
}

TEST_CASE("every kind of index picks its operator") {
  json::Value v = {{"a", {1, 2}}, {"b", 3}};
  const json::Value& c = v;
  const std::string key = "a";
  const std::string_view view = key;
  const int i = 1;
  const std::size_t n = 1;
  CHECK(v["a"][0] == 1);
  CHECK(c["a"][0] == 1);
  CHECK(v[key][i] == 2);
  CHECK(c[key][i] == 2);
  CHECK(v[view][n] == 2);
  CHECK(c[view][n] == 2);
  CHECK(v[key.c_str()][1u] == 2);
}

TEST_CASE("braces make objects of pairs and arrays of anything else") {
  const json::Value v = {
      {"title", "x"}, {"done", false}, {"tags", json::array({1, 2})}, {"none", {}}};
  CHECK(v.dump() == R"({"title":"x","done":false,"tags":[1,2],"none":null})");
  CHECK(json::Value({"a", 1}).dump() == R"(["a",1])");
  CHECK(json::Value({{"a", 1}}).dump() == R"({"a":1})");
  CHECK(json::Value({{1, 2}}).dump() == "[[1,2]]");
  CHECK(json::array({{"a", 1}}).dump() == R"([["a",1]])");
  CHECK(json::object({{"a", {1, 2}}, {"b", {{"c", 3}}}, {"a", 4}}).dump() ==
        R"({"a":4,"b":{"c":3}})");
  CHECK(json::array().dump() == "[]");
  CHECK(json::object().dump() == "{}");
  CHECK(json::Value(std::vector<json::Value>{1, "x"}).dump() == R"([1,"x"])");
}

TEST_CASE("a value is made from what it looks like") {
  static_assert(sizeof(json::Value) <= 16);
  static_assert(!std::is_convertible_v<void*, json::Value> &&
                !std::is_convertible_v<char, json::Value>);
  const std::string text = "s";
  CHECK(json::Value(text.c_str()).is_string());
  CHECK(json::Value(std::string_view(text)) == text);
  CHECK(json::Value(true).is_bool());
  CHECK(json::Value(nullptr).is_null());
  CHECK(json::Value(short{-1}).as_int() == -1);
  CHECK(json::Value(static_cast<unsigned char>(200)) == 200);
  CHECK(json::Value(~0ull).as_uint() == ~0ull);
  CHECK(json::Value(-1ll).as_int() == -1);
  CHECK(json::Value(0.5f).as_double() == 0.5);
}

TEST_CASE("values are copied deeply, moved to null, and compared by what they mean") {
  json::Value a = {{"x", {1, {{"y", "z"}}}}, {"n", 2}};
  json::Value b = a;
  CHECK(a == b);
  b["x"][1]["y"] = 0;
  CHECK(a != b);
  CHECK(a["x"][1]["y"] == "z");
  const json::Value c = std::move(b);
  CHECK(c["n"] == 2);
  CHECK(b.is_null());
  a = std::move(a["x"]);
  CHECK(a.dump() == R"([1,{"y":"z"}])");
  a = *&a;
  CHECK(a.size() == 2);
  CHECK(json::parse(R"({"a":1,"b":[2]})") == json::parse(R"({"b":[2.0],"a":1.0})"));
  CHECK(json::parse(R"({"a":1})") != json::parse(R"({"b":1})"));
  CHECK(json::Value(9007199254740993) != json::Value(9007199254740992.0));
  CHECK(json::Value(0x1p63) == json::Value(0x8000000000000000u));
  CHECK(json::Value(0x1p63) != json::Value(std::numeric_limits<std::int64_t>::max()));
  CHECK(json::Value(0) != json::Value(false));
  CHECK(json::Value(0.5) != json::Value(nullptr));
  CHECK(json::Value(1) != json::Value("1"));
}

TEST_CASE("an object keeps the order of its keys, and of equal ones the last value") {
  CHECK(json::parse(R"({"b":1,"a":2,"b":3})").dump() == R"({"b":3,"a":2})");
  for (const int size : {15, 16, 17, 18, 1000}) {
    CAPTURE(size);
    std::string text;
    for (int twice = 0; twice < 2; ++twice)
      for (int i = 0; i < size; ++i)
        text += (text.empty() ? "{\"" : ",\"") + std::to_string(i * 7919 % size) +
                "\":" + std::to_string(i + twice);
    json::Value v = json::parse(text + "}");
    CHECK(v.size() == static_cast<std::size_t>(size));
    CHECK(v.items()[1].key == std::to_string(7919 % size));
    for (int i = 0; i < size; ++i) CHECK(v[std::to_string(i * 7919 % size)] == i + 1);
    CHECK_FALSE(v.contains("x"));
    CHECK(v.erase("3"));
    CHECK_FALSE(v.erase("3"));
    CHECK_FALSE(v.contains("3"));
    v["x"] = "new";
    CHECK(v.items().back().key == "x");
    CHECK(v.size() == static_cast<std::size_t>(size));
    for (const auto& [key, value] : v.items()) CHECK(v.find(key) == &value);
  }
  CHECK_FALSE(json::Value().erase("x"));
}

TEST_CASE("a large object takes no quadratic time") {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i)
    text += "\"k" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  const json::Value v = json::parse(text + "\"\":0}");
  CHECK(v.size() == 100'001);
  CHECK(v["k99999"] == 99'999);
}

// --- writing -------------------------------------------------------------------------------------

TEST_CASE("an indented dump is laid out as Python's") {
  const json::Value v = {{"a", {1, json::array(), json::object()}}, {"b", {{"c", nullptr}}}};
  CHECK(v.dump() == R"({"a":[1,[],{}],"b":{"c":null}})");
  CHECK(v.dump(2) ==
        "{\n  \"a\": [\n    1,\n    [],\n    {}\n  ],\n  \"b\": {\n    \"c\": null\n  }\n}");
  CHECK(v.dump(0) == "{\n\"a\": [\n1,\n[],\n{}\n],\n\"b\": {\n\"c\": null\n}\n}");
}

TEST_CASE("what is written reads back equal, and is written the same again") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const json::Value v = random_value(random, 6);
    const std::string text = v.dump();
    CHECK(json::parse(text) == v);
    CHECK(json::parse(text).dump() == text);
    CHECK(json::parse(v.dump(1)).dump() == text);
  }
}

TEST_SUITE_END();
}  // namespace hob_test::json_test
