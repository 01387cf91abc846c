// SPDX-License-Identifier: MIT
// json.cpp — how strings and numbers are spelled, the parser, and what a Value does.
#include "json.hpp"
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace hob::inline v0::json {
namespace {
constexpr char kHex[] = "0123456789abcdef";
constexpr std::string_view kEscapes = "\"\\/bfnrt", kEscaped = "\"\\/\b\f\n\r\t";
unsigned byte(char c) noexcept { return static_cast<unsigned char>(c); }

// How long the UTF-8 sequence at the front is (Unicode, table 3-7); 0 if there is none, or ASCII.
std::size_t sequence(std::string_view text) noexcept {
  const unsigned lead = byte(text[0]);
  const std::size_t size = lead < 0xC2 || lead > 0xF4 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (size > text.size()) return 0;
  unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t at = 1; at < size; ++at, low = 0x80, high = 0xBF)
    if (byte(text[at]) < low || byte(text[at]) > high) return 0;
  return size;
}

// How many bytes at the front may stand in a string as they are.
std::size_t plain(std::string_view text) noexcept {
  std::size_t at = 0, more = 0;
  do {
    for (at += more; at < text.size() && byte(text[at]) - ' ' < 0x80 - ' '; ++at)
      if (text[at] == '"' || text[at] == '\\') return at;
    more = at < text.size() ? sequence(text.substr(at)) : 0;
  } while (more != 0);
  return at;
}

void append_utf8(std::string& out, unsigned code) {
  constexpr unsigned kLead[] = {0, 0xC0, 0xE0, 0xF0};
  int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  out += static_cast<char>(kLead[more] | code >> 6 * more);
  while (more-- > 0) out += static_cast<char>(0x80 | (code >> 6 * more & 0x3F));
}

// What an error shows of a text: a few bytes, printable.
std::string excerpt(std::string_view text, char quote) {
  std::string shown(1, quote);
  for (const char c : text.substr(0, 20)) {
    const bool printable = c >= ' ' && c <= '~';
    printable ? shown += c : shown.append({'\\', 'x', kHex[byte(c) >> 4], kHex[c & 15]});
  }
  return shown + quote + (text.size() > 20 ? "..." : "");
}

template <class T> bool read(std::string_view number, T& value) {
  return std::from_chars(number.data(), number.data() + number.size(), value).ec == std::errc();
}

// What stands between 0 and 5 in one half: strtod() and snprintf() go by the locale.
std::string point() {
  char half[16];
  return std::string(half + 1, half + std::snprintf(half, sizeof half, "%.1f", 0.5) - 1);
}

// The double nearest to a number; infinite if that overflows. (from_chars() does not tell overflow
// from underflow, and libc++ before 20 has none for doubles.)
double nearest(std::string_view number) {
#ifdef __cpp_lib_to_chars
  if (double x; read(number, x)) return x;
#endif
  std::string text(number);
  if (const auto dot = text.find('.'); dot != text.npos) text.replace(dot, 1, point());
  return std::strtod(text.c_str(), nullptr);
}

// The shortest number to which x is nearest, in Python's form; without to_chars(), nearly.
std::string shortest(double x) {
  char text[32];
#ifdef __cpp_lib_to_chars
  const bool fixed = x == 0 || (std::abs(x) >= 1e-4 && std::abs(x) < 1e16);
  const auto form = fixed ? std::chars_format::fixed : std::chars_format::scientific;
  std::string out(text, std::to_chars(text, text + sizeof text, x, form).ptr);
#else
  for (int digits = 15; digits == 15 || (digits <= 17 && std::strtod(text, nullptr) != x); ++digits)
    std::snprintf(text, sizeof text, "%.*g", digits, x);
  std::string out = text;
  if (const auto dot = out.find(point()); dot != out.npos) out.replace(dot, point().size(), ".");
#endif
  return out.find_first_of(".en") == out.npos ? out + ".0" : out;  // n: inf, nan
}

// The integer that x is, or null.
Value whole(double x) {
  if (x == std::trunc(x) && x >= -0x1p63 && x < 0x1p63) return static_cast<std::int64_t>(x);
  if (x == std::trunc(x) && x > 0 && x < 0x1p64) return static_cast<std::uint64_t>(x);
  return nullptr;
}

void write_string(std::string& out, std::string_view text) {
  for (out += '"';; text.remove_prefix(1)) {
    const std::size_t run = plain(text);
    out.append(text.substr(0, run));
    text.remove_prefix(run);
    if (text.empty()) break;
    if (byte(text[0]) >= 0x80)
      throw std::invalid_argument("json: dump() of what is not UTF-8: " + excerpt(text, '"'));
    const auto known = kEscaped.find(text[0]);
    known != kEscaped.npos ? out.append({'\\', kEscapes[known]})
                           : out.append("\\u00").append({kHex[text[0] >> 4], kHex[text[0] & 15]});
  }
  out += '"';
}

// By recursive descent: each function begins at its first byte, and ends behind its last.
struct Parser {
  const std::string_view text;
  std::size_t at = 0;
  Value value(std::size_t depth) {
    if (peek() == '{' || peek() == '[') return collection(depth);
    if (peek() == '"') return string();
    if (peek() == 't') return literal("true", true);
    if (peek() == 'f') return literal("false", false);
    if (peek() == 'n') return literal("null", nullptr);
    return number();
  }

  Value collection(std::size_t depth) {
    const bool keyed = peek() == '{';
    const char close = keyed ? '}' : ']';
    Value made = keyed ? object() : array();
    if (depth == 0) fail("less nesting");
    take(peek());
    if (take(close)) return made;
    do {
      std::string key;
      if (keyed && peek() != '"') fail("a key in quotes");
      if (keyed) key = string();
      if (keyed && !take(':')) fail("':'");
      Value item = value(depth - 1);
      keyed ? void(made[key] = std::move(item)) : made.push_back(std::move(item));
    } while (take(','));
    if (!take(close)) fail(keyed ? "',' or '}'" : "',' or ']'");
    return made;
  }

  std::string string() {
    std::string out;
    for (++at;;) {
      const std::size_t run = plain(text.substr(at));
      out.append(text, at, run);
      at += run;
      if (skip<'"'>()) return out;
      if (!skip<'\\'>()) fail(byte(peek()) >= 0x80 ? "UTF-8" : "the rest of a string");
      const auto known = kEscapes.find(peek());
      if (known == kEscapes.npos) append_utf8(out, code_point());
      else ++at, out += kEscaped[known];
    }
  }

  // uXXXX; or a pair of surrogates, uXXXX\uXXXX.
  unsigned code_point() {
    if (peek() != 'u') fail("one of \"\\/bfnrtu");
    const std::size_t from = at;
    const unsigned first = unit();
    if (first < 0xD800 || first > 0xDFFF) return first;
    if (first < 0xDC00 && text.substr(at, 2) == "\\u") {
      ++at;
      const unsigned second = unit();
      if (second >> 10 == 0xDC00 >> 10) return 0x10000 + ((first & 0x3FF) << 10 | (second & 0x3FF));
    }
    at = from;
    fail("a pair of surrogates");
  }

  unsigned unit() {
    const std::string_view digits = text.substr(at + 1, 4);
    unsigned code = 0;
    const char* end = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16).ptr;
    at += 1 + static_cast<std::size_t>(end - digits.data());
    if (end != digits.data() + 4) fail("four hex digits");
    return code;
  }

  Value number() {
    const std::size_t from = at;
    skip<'-'>();
    if (!skip<'0'>()) digits(at == from ? "a value" : "a digit");
    const std::size_t point = at;
    if (skip<'.'>()) digits("a digit");
    if (skip<'e', 'E'>()) skip<'+', '-'>(), digits("a digit");
    const std::string_view number = text.substr(from, at - from);
    if (at == point && number != "-0") {
      if (std::int64_t n; read(number, n)) return n;
      if (std::uint64_t n; read(number, n)) return n;
    }
    if (const double x = nearest(number); std::isfinite(x)) return x;
    at = from;
    fail("a number within a double's range");
  }

  void digits(const char* expected) {
    if (peek() < '0' || peek() > '9') fail(expected);
    while (peek() >= '0' && peek() <= '9') ++at;
  }

  Value literal(std::string_view word, Value meaning) {
    if (text.substr(at, word.size()) != word) fail("a value");
    return at += word.size(), meaning;
  }

  [[noreturn]] void fail(std::string what) const {
    const std::string_view rest = text.substr(at);
    const std::size_t end = rest.find_first_of(" \t\r\n,:[]{}\"");
    what = "json: expected " + what + " at offset " + std::to_string(at) + ", found ";
    what += rest.empty() ? "the end" : excerpt(rest.substr(0, end == 0 ? 1 : end), '\'');
    throw ParseError(what, at);
  }

  char peek() const noexcept { return at < text.size() ? text[at] : '\0'; }
  // Past the next byte, if it is one of these.
  template <char... of> bool skip() noexcept { return ((peek() == of) || ...) && ++at; }
  void skip_space() noexcept { while (skip<' ', '\n', '\r', '\t'>()) continue; }
  // Past `c` and the white space around it, if it comes next.
  bool take(char c) noexcept {
    skip_space();
    if (peek() != c) return false;
    return ++at, skip_space(), true;
  }
};
}  // namespace

// --- values --------------------------------------------------------------------------------------
// The index has the positions of all members, once they are more than a few: no object is slow.
struct Value::Object {
  std::vector<Member> members;
  std::map<std::string, std::size_t, std::less<>> index;
};

Value::Value(std::initializer_list<Value> items) {
  const auto is_pair = [](const Value& item) {
    return item.is_array() && item.size() == 2 && item[0].is_string();
  };
  const bool pairs = items.size() != 0 && std::ranges::all_of(items, is_pair);
  if (!pairs) *this = std::vector<Value>(items);
  else for (const Value& pair : items) (*this)[pair[0].as_string()] = pair[1];
}

Value object(std::initializer_list<Member> members) {
  Value made(new Value::Object);
  for (const Member& member : members) made[member.key] = member.value;
  return made;
}

Value::Value(const Value& from) : is_(from.is_) {
  if (from.is_string()) is_.string = new std::string(*is_.string);
  if (from.is_array()) is_.array = new std::vector<Value>(*is_.array);
  if (from.is_object()) is_.object = new Object(*is_.object);
  kind_ = from.kind_;
}

Value::~Value() {
  if (is_string()) delete is_.string;
  if (is_array()) delete is_.array;
  if (is_object()) delete is_.object;
}

void Value::need(bool right, std::string_view asked) const {
  if (right) return;
  const std::string is = is_array() ? "an array" : is_object() ? "an object"
                         : is_string() ? excerpt(*is_.string, '"')
                         : kind_ == Kind::real ? shortest(is_.real) : dump();
  throw TypeError("json: " + std::string(asked) + " of " + is);
}

std::int64_t Value::as_int() const {
  const Value n = kind_ == Kind::real ? whole(is_.real) : is_int() ? *this : nullptr;
  return need(n.is_int(), "as_int()"), static_cast<std::int64_t>(n.is_.bits);
}

std::uint64_t Value::as_uint() const {
  const Value n = kind_ == Kind::real ? whole(is_.real) : is_uint() ? *this : nullptr;
  return need(n.is_uint(), "as_uint()"), n.is_.bits;
}

double Value::as_double() const {
  need(is_number(), "as_double()");
  if (kind_ == Kind::real) return is_.real;
  return is_int() ? static_cast<double>(as_int()) : static_cast<double>(is_.bits);
}

const Value* Value::find(std::string_view key) const {
  if (is_null()) return nullptr;
  if (!is_object()) need(false, '[' + excerpt(key, '"') + ']');
  const auto& [members, index] = *is_.object;
  const auto known = index.find(key);
  std::size_t at = known == index.end() ? index.size() : known->second;
  while (at < members.size() && members[at].key != key) ++at;
  return at < members.size() ? &members[at].value : nullptr;
}

const Value& Value::operator[](std::string_view key) const {
  static const Value null;
  const Value* member = find(key);
  return member ? *member : null;
}

Value& Value::operator[](std::string_view key) {
  if (is_null()) *this = object();
  if (const Value* member = find(key)) return const_cast<Value&>(*member);
  auto& [members, index] = *is_.object;
  members.push_back({std::string(key), nullptr});
  if (members.size() > 16)
    for (std::size_t at = index.size(); at < members.size(); ++at) index[members[at].key] = at;
  return members.back().value;
}

bool Value::erase(std::string_view key) {
  if (!contains(key)) return false;
  Value rest = object();
  for (Member& member : items())
    if (member.key != key) rest[member.key] = std::move(member.value);
  return *this = std::move(rest), true;
}

std::span<Member> Value::items() {
  need(is_object() || is_null(), "items()");
  return is_null() ? std::span<Member>() : is_.object->members;
}
std::span<const Member> Value::items() const { return const_cast<Value*>(this)->items(); }

const Value& Value::operator[](std::size_t index) const {
  if (is_array() && index < size()) return (*is_.array)[index];
  const std::string asked = '[' + std::to_string(index) + ']';
  need(is_array(), asked);
  throw std::out_of_range("json: " + asked + " of an array of " + std::to_string(size()));
}

void Value::push_back(Value item) {
  if (is_null()) *this = array();
  need(is_array(), "push_back()");
  is_.array->push_back(std::move(item));
}

std::size_t Value::size() const {
  need(is_array() || is_object() || is_null(), "size()");
  return is_array() ? is_.array->size() : is_object() ? is_.object->members.size() : 0;
}

bool operator==(const Value& a, const Value& b) {
  constexpr auto kReal = Value::Kind::real;
  if (a.kind_ != b.kind_) {
    if (b.kind_ == kReal) return b == a;
    return a.kind_ == kReal && b.is_number() && whole(a.is_.real) == b;
  }
  if (a.is_string()) return *a.is_.string == *b.is_.string;
  if (a.is_array()) return *a.is_.array == *b.is_.array;
  if (a.is_object())
    return a.size() == b.size() && std::ranges::all_of(a.items(), [&b](const Member& member) {
             return b.contains(member.key) && b[member.key] == member.value;
           });
  return a.is_null() || (a.kind_ == kReal ? a.is_.real == b.is_.real : a.is_.bits == b.is_.bits);
}

std::string Value::dump(int indent) const {
  std::string out;
  write(out, indent, 0);
  return out;
}

void Value::write(std::string& out, int indent, std::size_t depth) const {
  const auto line = [&](std::size_t level) {
    if (indent >= 0) out.append("\n").append(level * static_cast<std::size_t>(indent), ' ');
  };
  if (is_null()) out += "null";
  if (is_bool()) out += as_bool() ? "true" : "false";
  if (is_int()) out += std::to_string(as_int());
  if (kind_ == Kind::natural) out += std::to_string(is_.bits);
  if (kind_ == Kind::real) out += shortest(is_.real);
  if (kind_ == Kind::real && !std::isfinite(is_.real))
    throw std::invalid_argument("json: dump() of " + shortest(is_.real));
  if (is_string()) write_string(out, *is_.string);
  if (!is_array() && !is_object()) return;
  out += is_array() ? '[' : '{';
  for (std::size_t at = 0; at < size(); ++at) {
    if (at != 0) out += ',';
    line(depth + 1);
    if (is_object()) write_string(out, items()[at].key), out += indent < 0 ? ":" : ": ";
    (is_array() ? (*this)[at] : items()[at].value).write(out, indent, depth + 1);
  }
  if (!empty()) line(depth);
  out += is_array() ? ']' : '}';
}

Value parse(std::string_view text, std::size_t max_depth) {
  Parser parser{text};
  parser.skip_space();
  Value all = parser.value(max_depth);
  parser.skip_space();
  if (parser.at < text.size()) parser.fail("the end");
  return all;
}
}  // namespace hob::inline v0::json
