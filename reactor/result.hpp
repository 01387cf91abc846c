// SPDX-License-Identifier: MIT
//
// result.hpp — a value or an error, for those who want errors as values (asyncio's
// return_exceptions=True).
#pragma once

#include <exception>
#include <optional>
#include <utility>
#include <variant>

#include "error.hpp"

namespace hob::inline v0 {

// What stands for void where a value is needed: in tuples, variants, optionals.
template <class T>
using Unit = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

// The outcome of work that has settled. Never empty.
template <class T = void>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(Unit<T> value) : value_(std::move(value)) {}
  Result(std::exception_ptr error) noexcept : error_(std::move(error)) {}

  bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  // The value; rethrows the error if that is what it holds.
  decltype(auto) value() & { return check(), get(*value_); }
  decltype(auto) value() const& { return check(), get(*value_); }
  T value() && { return check(), static_cast<T>(std::move(*value_)); }

  // The error; null if it holds a value.
  std::exception_ptr error() const noexcept { return error_; }

 private:
  void check() const {
    if (error_) std::rethrow_exception(error_);
  }
  template <class V>
  static decltype(auto) get(V& value) {
    if constexpr (!std::is_void_v<T>) return static_cast<V&>(value);
  }

  std::optional<Unit<T>> value_;
  std::exception_ptr error_;
};

}  // namespace hob::inline v0
