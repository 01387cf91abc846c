// SPDX-License-Identifier: MIT
// json.hpp — JSON (RFC 8259): parse() reads a text, a Value holds it, dump() writes it.
//
//   json::Value todo = {{"title", "cook"}, {"done", false}, {"tags", json::array({"a", "b"})}};
//   for (const auto& [key, value] : todo.items()) print(key, value.dump());
//   1. An integer without fraction or exponent that fits std::int64_t or std::uint64_t stays exact;
//      any other number is the double nearest to it. parse(v.dump()) == v, whatever the locale.
//   2. An object keeps its members in the order of insertion, each key once.
//   3. What is const changes nothing inside: many threads may read one const Value.
#pragma once
#include <concepts>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hob::inline v0::json {
// The text is not JSON. Reads like "json: expected ',' or ']' at offset 17, found 'x'".
struct ParseError : std::runtime_error {
  ParseError(const std::string& what, std::size_t at) : std::runtime_error(what), at_(at) {}
  std::size_t offset() const noexcept { return at_; }  // in bytes; at most the text's size
 private:
  std::size_t at_;
};

// A Value is not of the kind that was asked for. Reads like "json: as_int() of 1.5".
struct TypeError : std::runtime_error { using std::runtime_error::runtime_error; };
struct Member;

// Any JSON value: two words. Copied deeply; moved for nothing, and null from then on.
class Value {
 public:
  Value(std::nullptr_t = nullptr) noexcept {}
  template <std::same_as<bool> T>  // a pointer is no bool
  Value(T truth) noexcept : kind_(Kind::boolean), is_{.bits = truth} {}
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char> && sizeof(T) <= 8) Value(T n) noexcept
      : kind_(Kind::integer), is_{.bits = static_cast<std::uint64_t>(n)} {
    if (n > 0 && is_.bits >> 63) kind_ = Kind::natural;
  }
  template <std::floating_point T>
  Value(T x) noexcept : kind_(Kind::real), is_{.real = static_cast<double>(x)} {}
  Value(std::string text) : kind_(Kind::string), is_{.string = new auto(std::move(text))} {}
  Value(std::string_view text) : Value(std::string(text)) {}
  Value(const char* text) : Value(std::string(text)) {}
  Value(std::vector<Value> items) : kind_(Kind::array), is_{.array = new auto(std::move(items))} {}
  // In braces: an object if every item is a pair that begins with a string, otherwise an array. So
  // Value{x} is an array of one, and {} is null; array() and object() leave no doubt.
  Value(std::initializer_list<Value> items);
  Value(const Value& from);
  Value(Value&& from) noexcept : kind_(std::exchange(from.kind_, Kind::null)), is_(from.is_) {}
  Value& operator=(Value from) noexcept {
    return std::swap(kind_, from.kind_), std::swap(is_, from.is_), *this;
  }
  ~Value();
  bool is_null() const noexcept { return kind_ == Kind::null; }
  bool is_bool() const noexcept { return kind_ == Kind::boolean; }
  bool is_int() const noexcept { return kind_ == Kind::integer; }  // 3 is one, 3.0 is not
  bool is_uint() const noexcept { return kind_ == Kind::natural || (is_int() && ~is_.bits >> 63); }
  bool is_number() const noexcept { return kind_ >= Kind::integer && kind_ <= Kind::real; }
  bool is_string() const noexcept { return kind_ == Kind::string; }
  bool is_array() const noexcept { return kind_ == Kind::array; }
  bool is_object() const noexcept { return kind_ == Kind::object; }
  // What it holds, or TypeError. as_int() and as_uint() take 3.0 for 3; as_double() may round.
  bool as_bool() const { return need(is_bool(), "as_bool()"), is_.bits != 0; }
  std::int64_t as_int() const;
  std::uint64_t as_uint() const;
  double as_double() const;
  const std::string& as_string() const { return need(is_string(), "as_string()"), *is_.string; }
  // A member. If it is missing, or there is only null: a const Value reads null, another becomes an
  // object and gets the key. O(log n).
  Value& operator[](std::string_view key);
  const Value& operator[](std::string_view key) const;
  const Value* find(std::string_view key) const;  // nullptr if it is missing
  bool contains(std::string_view key) const { return find(key) != nullptr; }
  bool erase(std::string_view key);  // whether it was there; rebuilds the object
  // All members. Their values may be changed, their keys may not.
  std::span<Member> items();
  std::span<const Member> items() const;
  // An item of an array; std::out_of_range beyond its end.
  Value& operator[](std::size_t index) { return const_cast<Value&>(std::as_const(*this)[index]); }
  const Value& operator[](std::size_t index) const;
  Value* begin() { return const_cast<Value*>(std::as_const(*this).begin()); }
  Value* end() { return begin() + size(); }
  const Value* begin() const {
    return need(is_array() || is_null(), "begin()"), is_null() ? nullptr : is_.array->data();
  }
  const Value* end() const { return begin() + size(); }
  void push_back(Value item);  // makes null an array
  // How many items or members. Null has none, and iterates as nothing.
  std::size_t size() const;
  bool empty() const { return size() == 0; }
  // As Python's json.dumps has it with separators=(",", ":") or, from 0 on, with indent, but UTF-8
  // stays as it is. std::invalid_argument: infinity, NaN, or a string that is not UTF-8.
  std::string dump(int indent = -1) const;
  friend bool operator==(const Value& a, const Value& b);  // numbers by value, members in any order
 private:
  friend Value object(std::initializer_list<Member> members);
  struct Object;
  explicit Value(Object* empty) noexcept : kind_(Kind::object), is_{.object = empty} {}
  enum class Kind : unsigned char { null, boolean, integer, natural, real, string, array, object };
  void need(bool right, std::string_view asked) const;
  void write(std::string& out, int indent, std::size_t depth) const;
  Kind kind_ = Kind::null;
  union {
    std::uint64_t bits;  // a bool, a std::int64_t or, beyond that, a std::uint64_t
    double real;
    std::string* string;
    std::vector<Value>* array;
    Object* object;
  } is_{};
};

struct Member {
  std::string key;
  Value value;
};

inline Value array(std::initializer_list<Value> items = {}) { return std::vector<Value>(items); }
Value object(std::initializer_list<Member> members = {});

// Reads one text, strictly: UTF-8 without a byte order mark, no half of a surrogate pair, no number
// beyond a double, nothing after the end. Of equal keys the last one's value holds, in the first
// one's place. ParseError; also beyond `max_depth` levels, each of which takes native stack.
Value parse(std::string_view text, std::size_t max_depth = 200);
}  // namespace hob::inline v0::json
