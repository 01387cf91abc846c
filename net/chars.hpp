// SPDX-License-Identifier: MIT
//
// chars.hpp — what a byte may be in HTTP (RFC 9110) and in URLs (RFC 3986), and what bytes make.
//
// Asked by all of HTTP, kept in message.cpp. ASCII only, and no locale.
#pragma once

#include <algorithm>
#include <array>

#include "message.hpp"

namespace hob::inline v0::http {
// Of a method or a field's name; of a field's value; of a path or query; of a host's name.
enum CharClass : unsigned char { kToken = 1, kText = 2, kTarget = 4, kHost = 8 };

inline constexpr auto kClassesOf = [] {
  std::array<unsigned char, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    const auto in = [c](std::string_view set) { return set.find(static_cast<char>(c)) != set.npos; };
    const bool alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
    int classes = 0;
    if (alnum || in("!#$%&'*+-.^_`|~")) classes |= kToken;
    if (c == '\t' || (c >= ' ' && c != 127)) classes |= kText;
    if (c > ' ' && c < 127 && !in("#\\")) classes |= kTarget;
    if (alnum || in("-._")) classes |= kHost;
    table[c] = static_cast<unsigned char>(classes);
  }
  return table;
}();

constexpr bool is(CharClass which, char c) noexcept {
  return (kClassesOf[static_cast<unsigned char>(c)] & which) != 0;
}
// How many bytes at the front are of the class.
constexpr std::size_t run(CharClass which, std::string_view bytes) noexcept {
  const auto in = [=](char c) { return is(which, c); };
  return static_cast<std::size_t>(std::find_if_not(bytes.begin(), bytes.end(), in) - bytes.begin());
}
constexpr bool all(CharClass which, std::string_view bytes) noexcept {
  return run(which, bytes) == bytes.size();
}

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
// Whether they are equal but for the case of letters.
constexpr bool same(std::string_view a, std::string_view b) noexcept {
  const auto alike = [](char c, char d) { return lower(c) == lower(d); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), alike);
}

// Takes the front off, up to the mark, which goes as well.
constexpr std::string_view cut(std::string_view& text, char mark) noexcept {
  const std::string_view front = text.substr(0, text.find(mark));
  text.remove_prefix(std::min(front.size() + 1, text.size()));
  return front;
}

// Without the blanks around it.
constexpr std::string_view trim(std::string_view text) noexcept {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

// The number below 2^63 that the text is, if it is just digits, and no more than that takes.
std::optional<std::uint64_t> number(std::string_view text, int base = 10) noexcept;

// Takes host [":" [port]] apart, if it is that: a name, or an IPv6 address in brackets, which go; and
// five digits at most.
std::optional<std::pair<std::string_view, std::string_view>> split_host(std::string_view text);

// The bytes in quotes, for a message: what does not print as \xNN, and cut if there are many.
std::string quoted(std::string_view bytes);

// Throws ProtocolError: "URL: expected two hex digits at offset 7, found '%x'". `found` is a part of
// `text`; the rest is not shown, as it may hold a password.
[[noreturn]] void refuse(const char* what, std::string_view text, std::string_view found,
                         const std::string& expected, int status = 0);
}  // namespace hob::inline v0::http
