// SPDX-License-Identifier: MIT
//
// stderr.hpp — what a test, or a child of it, writes to stderr; and children that may abort.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

namespace hob_test {

// Catches stderr while it lives.
class Stderr {
 public:
  Stderr() : file_(std::tmpfile()), before_(::dup(2)) {
    std::fflush(stderr);
    ::dup2(::fileno(file_), 2);
  }
  Stderr(const Stderr&) = delete;
  ~Stderr() {
    std::fflush(stderr);
    ::dup2(before_, 2);
    ::close(before_);
    std::fclose(file_);
  }
  // What has been written so far.
  std::string text() {
    std::fflush(stderr);
    std::string all;
    std::rewind(file_);
    char piece[4096];
    while (const std::size_t n = std::fread(piece, 1, sizeof piece, file_)) all.append(piece, n);
    return all;
  }

 private:
  std::FILE* file_;
  int before_;
};

// Runs f in a forked child. What it wrote to stderr if it ended in abort(); otherwise how else it ended.
template <class F>
std::string last_words(F f) {
  Stderr lines;
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // doctest handles it
    try {
      f();
    } catch (...) {
      ::_exit(2);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) return lines.text();
  return "not aborted: status " + std::to_string(status) + "\n" + lines.text();
}

}  // namespace hob_test
