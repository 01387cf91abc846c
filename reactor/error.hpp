// SPDX-License-Identifier: MIT
//
// error.hpp — what can go wrong, classified by what the catcher can do about it.
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

#include <stdexcept>
#include <string>
#include <system_error>

namespace hob::inline v0 {

struct TimedOut : std::runtime_error {
  TimedOut() : std::runtime_error("timed out") {}
  explicit TimedOut(const std::string& what) : std::runtime_error(what) {}
};

struct BrokenPromise : std::runtime_error {
  BrokenPromise() : std::runtime_error("broken promise: it was destroyed without an answer") {}
  explicit BrokenPromise(const std::string& what) : std::runtime_error(what) {}
};

struct Closed : std::runtime_error {
  Closed() : std::runtime_error("the queue is closed") {}
};

struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted") {}
};

// Throws std::system_error for `error` (an errno value); `what` reads like "connect 10.0.0.1:80".
[[noreturn]] void throw_errno(int error, const std::string& what);

// Throws std::logic_error: the caller made a mistake that the program can survive.
[[noreturn]] void misuse(const char* sentence);

// Prints the sentence on stderr and aborts: going on would be unsafe for memory.
[[noreturn]] void fatal(const char* sentence) noexcept;

}  // namespace hob::inline v0
