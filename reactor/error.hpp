// SPDX-License-Identifier: MIT
// error.hpp — what can go wrong, classified by what the catcher can do about it; and Result, for those
// who want errors as values (asyncio's return_exceptions=True).
//
//   std::system_error   the operating system said no; what() names the call and its object
//   TimedOut            the deadline came first; the work was dropped
//   BrokenPromise       whoever should have answered is gone
//   Closed              the queue was closed
//   Interrupted         Ctrl-C; catch it only to exit
//   std::logic_error    the program is wrong; the sentence says how
//
// Where going on would be unsafe for memory, the program is ended with a sentence instead.
#pragma once
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

namespace hob::inline v0 {
struct TimedOut : std::runtime_error {
  explicit TimedOut(const std::string& what = "timed out") : std::runtime_error(what) {}
};

struct BrokenPromise : std::runtime_error {
  explicit BrokenPromise(const std::string& what = "broken promise: it was destroyed without an answer")
      : std::runtime_error(what) {}
};

struct Closed : std::runtime_error { Closed() : std::runtime_error("the queue is closed") {} };
struct Interrupted : std::runtime_error { Interrupted() : std::runtime_error("interrupted") {} };

// What stands for void where a value is needed: in tuples, variants, optionals.
template <class T> using Unit = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

// What f() gives, in that form.
template <class F> Unit<std::invoke_result_t<F&>> to_unit(F f) {
  if constexpr (std::is_void_v<std::invoke_result_t<F&>>) return f(), std::monostate();
  else return f();
}

// The outcome of work that has settled. Never empty.
template <class T = void> class [[nodiscard]] Result {
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
  std::exception_ptr error() const noexcept { return error_; }  // null if it holds a value
 private:
  void check() const { if (error_) std::rethrow_exception(error_); }
  static decltype(auto) get(auto& value) { if constexpr (!std::is_void_v<T>) return (value); }

  std::optional<Unit<T>> value_;
  std::exception_ptr error_;
};

// Throws std::system_error for `error` (an errno value); `what` reads like "connect 10.0.0.1:80".
[[noreturn]] void throw_errno(int error, const std::string& what);

// Throws std::logic_error: the caller made a mistake that the program can survive.
[[noreturn]] void misuse(const char* sentence);

// Prints the sentence on stderr and aborts: going on would be unsafe for memory.
[[noreturn]] void fatal(const char* sentence) noexcept;
}  // namespace hob::inline v0
