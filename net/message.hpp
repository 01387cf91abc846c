// SPDX-License-Identifier: MIT
//
// message.hpp — what messages are made of: Headers; and ProtocolError, for what HTTP cannot be.
//
// Nothing here does I/O. Fields are as RFC 9110, section 5, has them.
//
// Invariants
//   1. Headers hold nothing that may not be sent: header injection is refused before a byte leaves.
//   2. Headers are one block of bytes, as they go over the wire: `name: value\r\n` for each.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace hob::inline v0::http {

// The peer, or a URL, is not as the RFCs have it; what() says what was expected, where, and what
// stood there.
struct ProtocolError : std::runtime_error {
  explicit ProtocolError(const std::string& what, int answer = 0)
      : std::runtime_error(what), status(answer) {}
  int status;  // what a server answers: 400, 413, 414, 417, 431, 501 or 505; 0 where none is due
};

// A field, in somebody else's bytes.
struct Field {
  std::string_view name, value;
};

// The fields of a message, in order. Names are found whatever the case of their letters.
//   for (auto& [name, value] : headers) …
// What is handed out is valid until the Headers change.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Field> fields);

  // The value of the first field of that name. O(bytes), like all that searches.
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }

  // Appends a field. std::invalid_argument, and nothing changed, if the name is not a token or the
  // value holds a control byte other than HTAB; blanks around the value are dropped.
  void add(std::string_view name, std::string_view value);
  // The same in place of all fields of that name.
  void set(std::string_view name, std::string_view value);
  // Removes all fields of that name; returns how many.
  std::size_t remove(std::string_view name);
  // Becomes these fields, which a HeadParser has checked. Allocates once, or not if it has the room.
  void assign(std::span<const Field> checked);
  void clear() noexcept { block_.clear(); }

  // For range-for. Holds the field it points at, so a reference to it lasts until ++.
  class Iterator {
   public:
    explicit Iterator(std::string_view lines = {}) noexcept : lines_(lines) { read(); }
    const Field& operator*() const noexcept { return field_; }
    void operator++() noexcept { lines_.remove_prefix(lines_.find('\n') + 1), read(); }
    bool operator==(const Iterator& other) const noexcept { return lines_.size() == other.lines_.size(); }

   private:
    void read() noexcept {
      if (lines_.empty()) return;
      field_.name = lines_.substr(0, lines_.find(':'));
      field_.value = lines_.substr(field_.name.size() + 2, lines_.find('\r') - field_.name.size() - 2);
    }
    std::string_view lines_;
    Field field_;
  };
  Iterator begin() const noexcept { return Iterator(block_); }
  Iterator end() const noexcept { return Iterator(); }
  std::size_t size() const noexcept;
  bool empty() const noexcept { return block_.empty(); }

  // All of them as they are sent.
  std::string_view wire() const noexcept { return block_; }

 private:
  std::string block_;
};

// "Not Found" for 404; "Unknown" for a status that has no name.
std::string_view reason_phrase(int status) noexcept;

// Whether it may be a method or the name of a field (RFC 9110, 5.6.2).
bool is_token(std::string_view text) noexcept;

}  // namespace hob::inline v0::http
