// SPDX-License-Identifier: MIT
//
// message.cpp — what chars.hpp declares, the block behind Headers, targets, statuses, dates.
//
// Called by all of HTTP.
#include "message.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "chars.hpp"
#include "url.hpp"

namespace hob::inline v0::http {

std::optional<std::uint64_t> number(std::string_view text, int base) noexcept {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  const bool fits = text.size() <= (base == 16 ? 16 : 19) && value >> 63 == 0;
  return error == std::errc() && stop == end && fits ? std::optional(value) : std::nullopt;
}

void append_hex(std::string& text, char c) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  text += {kDigits[byte >> 4], kDigits[byte & 15]};
}

std::string quoted(std::string_view bytes) {
  std::string text = "'";
  for (const char c : bytes.substr(0, 40)) {
    if (c >= ' ' && c < 127) text += c;
    else append_hex(text += "\\x", c);
  }
  return text += bytes.size() > 40 ? "...'" : "'";
}

void refuse(const char* what, std::string_view text, std::string_view found,
            const std::string& expected, int status) {
  throw ProtocolError(what + (": expected " + expected) + " at offset " +
                      std::to_string(found.data() - text.data()) + ", found " + quoted(found), status);
}

static void write(std::string& block, const Field& field) {
  block.append(field.name).append(": ").append(field.value).append("\r\n");
}

Headers::Headers(std::initializer_list<Field> fields) {
  for (const auto& [name, value] : fields) {
    if (!is_token(name)) {
      throw std::invalid_argument("header " + quoted(name) + ": the name is not a token");
    }
    const auto bad = std::find_if_not(value.begin(), value.end(), [](char c) { return is(kText, c); });
    if (bad != value.end()) {
      throw std::invalid_argument("header " + quoted(name) + ": its value has a control byte at offset " +
                                  std::to_string(bad - value.begin()) + ": " + quoted(value));
    }
    write(block_, {name, trim(value)});
  }
}

std::optional<std::string_view> Headers::get(std::string_view name) const noexcept {
  for (const Field& field : *this) {
    if (same(field.name, name)) return field.value;
  }
  return std::nullopt;
}

// Name and value may be views into the block, here and below.
void Headers::add(std::string_view name, std::string_view value) {
  block_ += Headers({{name, value}}).block_;
}

void Headers::set(std::string_view name, std::string_view value) {
  const Headers field = {{name, value}};
  if (contains(name)) remove(name);
  block_ += field.block_;
}

std::size_t Headers::remove(std::string_view name) {
  Headers kept;
  for (const Field& field : *this) {
    if (!same(field.name, name)) write(kept.block_, field);
  }
  block_.swap(kept.block_);
  return kept.size() - size();
}

void Headers::assign(std::span<const Field> checked) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : checked) bytes += name.size() + value.size() + 4;
  block_.clear();
  block_.reserve(bytes);
  for (const Field& field : checked) write(block_, field);
}

std::size_t Headers::size() const noexcept {
  return static_cast<std::size_t>(std::count(block_.begin(), block_.end(), '\n'));
}

std::string Request::path() const { return decode(target.substr(0, target.find('?'))); }

std::optional<std::string> Request::query(std::string_view name) const {
  std::string_view rest = target;
  rest.remove_prefix(std::min(rest.find('?'), rest.size()));
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(1, rest.find('&', 1) - 1);
    const std::string_view key = pair.substr(0, pair.find('='));
    if (decode_form(key) == name) return decode_form(pair.substr(std::min(key.size() + 1, pair.size())));
    rest.remove_prefix(pair.size() + 1);
  }
  return std::nullopt;
}

void Response::raise_for_status() const {
  if (status < 400) return;
  const std::string phrase(reason.empty() ? reason_phrase(status) : reason);
  throw StatusError(std::to_string(status) + ' ' + phrase + ": " + url, status);
}

std::string http_date(std::int64_t unix_seconds) {
  namespace chrono = std::chrono;
  const chrono::sys_seconds when{chrono::seconds(unix_seconds)};
  const auto day = chrono::floor<chrono::days>(when);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss time(when - day);
  static constexpr char kDays[] = "SunMonTueWedThuFriSat";
  static constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  char text[32];
  std::snprintf(text, sizeof text, "%.3s, %02u %.3s %04d %02d:%02d:%02d GMT",
                kDays + 3 * chrono::weekday(day).c_encoding(), static_cast<unsigned>(date.day()),
                kMonths + 3 * (static_cast<unsigned>(date.month()) - 1), static_cast<int>(date.year()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text;
}

std::string_view reason_phrase(int status) noexcept {
  static constexpr std::pair<int, std::string_view> kPhrases[] = {
      {100, "Continue"}, {200, "OK"}, {201, "Created"}, {204, "No Content"},
      {206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"},
      {304, "Not Modified"}, {307, "Temporary Redirect"}, {308, "Permanent Redirect"},
      {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
      {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"},
      {411, "Length Required"}, {413, "Content Too Large"}, {414, "URI Too Long"},
      {415, "Unsupported Media Type"}, {417, "Expectation Failed"}, {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
      {501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"},
      {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
  };
  for (const auto& [code, phrase] : kPhrases) {
    if (code == status) return phrase;
  }
  return "Unknown";
}

bool is_token(std::string_view text) noexcept { return !text.empty() && all(kToken, text); }

}  // namespace hob::inline v0::http
