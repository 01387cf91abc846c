// SPDX-License-Identifier: MIT
//
// report.cpp — how the library says no; and what is told to whoever reads stderr: errors that nobody
// took, what blocked the loop, what was left open at its end, and the last words of a program that
// cannot go on.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "to_thread.hpp"

namespace hob::inline v0 {

namespace {

// A line on stderr, for what nobody else will tell.
void print_place(const char* what, const std::source_location& site) noexcept {
  if (site.line())
    std::fprintf(stderr, "hob: %s: %s:%u\n", what, site.file_name(), static_cast<unsigned>(site.line()));
  else
    std::fprintf(stderr, "hob: %s: before its first await\n", what);
}

void print_error(const std::exception_ptr& error, const std::source_location& site) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    print_place((std::string("nobody took this error: ") + e.what() + "; last at").c_str(), site);
  } catch (...) {
    print_place("nobody took this error, which is no std::exception; last at", site);
  }
}

}  // namespace

// An errno value is a POSIX number, so the category is the generic one: it compares with std::errc.
void throw_errno(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

void misuse(const char* sentence) { throw std::logic_error(sentence); }

void fatal(const char* sentence) noexcept {
  std::fprintf(stderr, "hob: %s\n", sentence);
  std::abort();
}

void Loop::on_unhandled(std::function<void(std::exception_ptr)> handler) {
  check_thread();
  handler_ = std::move(handler);
}

void Loop::unhandled(std::exception_ptr error, const std::source_location& site) noexcept {
  unhandled_.push_back({std::move(error), site});
}

void Loop::tell_unhandled() noexcept {
  const auto handler = handler_;  // a copy: it may replace itself
  for (auto& [error, site] : std::exchange(unhandled_, {})) {
    try {
      handler ? handler(error) : print_error(error, site);
    } catch (...) {
      unhandled(std::current_exception(), {});
    }
  }
  for (auto& [error, site] : std::exchange(unhandled_, {})) print_error(error, site);  // the handler's
}

void Loop::tell_slow(TimePoint before, const std::source_location& site,
                     const char* otherwise) const {
  const Duration took = backend_->now() - before;
  if (took < slow_) return;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  char what[100];
  std::snprintf(what, sizeof what, "the loop was blocked for %lld ms, by %s",
                static_cast<long long>(ms), site.line() ? "what resumed at" : otherwise);
  site.line() ? print_place(what, site) : static_cast<void>(std::fprintf(stderr, "hob: %s\n", what));
}

void Loop::list_leftovers() {
  for (auto& task : detached_.tasks_) {
    std::string what = "still detached, ";
    if (const auto& made = task.owner.made(); made.line())
      what.append("made at ").append(made.file_name()).append(':' + std::to_string(made.line()) + ", ");
    print_place((what + "waiting at").c_str(), task.owner.place());
  }
  for (auto& watch : attached_) {
    const std::string what = "still attached: descriptor " + std::to_string(watch.fd) + ", from";
    print_place(what.c_str(), watch.site);
  }
  for (auto& job : pooled_) print_place("still on the pool, awaited at", job.site());
}

void Work::report() noexcept {
  if (here.loop)
    here.loop->unhandled(take_error(), place());
  else
    print_error(error_, place());
}

std::source_location Work::place() const noexcept {
  std::source_location deepest;
  for (const Work* work = this; work; work = work->flags_ & kAsks ? nullptr : work->child_)
    if (!(work->flags_ & kOwn) && work->site_.line()) deepest = work->site_;
  return deepest.line() ? deepest : place_above();
}

std::source_location Work::place_above() const noexcept {
  if (!(flags_ & kOwn)) return site_;
  Runnable* const above = parent();
  const Work* const work = above ? of(*above) : nullptr;
  return work ? work->place_above() : above ? above->site() : std::source_location();
}

std::source_location Loop::place_now() const noexcept {
  const Work* const work = running_ ? Work::of(*running_) : nullptr;
  return work ? work->place_above() : running_ ? running_->site() : std::source_location();
}

void Work::adopt() noexcept {
  if (loop_id_ != 0) fatal("a Future was awaited on a thread that is not its Loop's, or under another Loop");
  loop_id_ = here.id;
}

void Work::fatal_owner() noexcept {
  fatal("a Future was dropped before it settled, on a thread that is not its Loop's, or after its Loop");
}

void Work::fatal_self() const noexcept {
  print_place("the coroutine last resumed at", site_);
  fatal("a coroutine dropped its own Future while it was running");
}

void Home::adopt() const {
  if (!here.loop) misuse("there is no Loop on this thread");
  if (id_ != 0) misuse("this belongs to another Loop: tasks of different threads meet in Loop::post");
  id_ = here.id;
}

}  // namespace hob::inline v0
