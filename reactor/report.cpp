// SPDX-License-Identifier: MIT
// report.cpp — how the library says no, and what it tells stderr: lost errors, what blocked, leftovers.
#include <cstdio>
#include <cstdlib>
#include <ostream>
#include "outside.hpp"

namespace hob::inline v0 {
namespace {
// A line on stderr, for what nobody else will tell.
void say(const std::string& what) noexcept { std::fprintf(stderr, "hob: %s\n", what.c_str()); }

std::string text(const std::source_location& place) {
  if (!place.line()) return "before its first await";
  return std::string(place.file_name()) + ':' + std::to_string(place.line());
}

void print_error(const std::exception_ptr& error, const std::source_location& site) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    say(std::string("nobody took this error: ") + e.what() + "; last at: " + text(site));
  } catch (...) {
    say("nobody took this error, which is no std::exception; last at: " + text(site));
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

void Loop::tell_unhandled() noexcept {
  const auto handler = handler_;  // a copy: it may replace itself
  for (auto& [error, site] : std::exchange(unhandled_, {})) {
    try {
      handler ? handler(error) : print_error(error, site);
    } catch (...) { unhandled(std::current_exception(), {}); }
  }
  for (auto& [error, site] : std::exchange(unhandled_, {})) print_error(error, site);  // the handler's
}

void Loop::tell_slow(TimePoint before, const std::source_location& site, const char* otherwise) const {
  const Duration took = backend_->now() - before;
  if (took < slow_) return;
  say("the loop was blocked for " + std::to_string(took / std::chrono::milliseconds(1)) +
      " ms, by " + (site.line() ? "what resumed at: " + text(site) : otherwise));
}

void Loop::list_leftovers() {
  for (auto& task : detached.tasks_) {
    const std::source_location& made = task.made();
    say("still detached, " + (made.line() ? "made at " + text(made) + ", " : "") +
        "waiting at: " + text(task.place()));
  }
  for (auto& watch : attached_)
    say("still attached: descriptor " + std::to_string(watch.fd) + ", from: " + text(watch.site));
  for (auto& job : pooled) say("still on the pool, awaited at: " + text(job.site()));
}

void Loop::dump_tasks(std::ostream& out, const Work* root) {
  check_thread();
  std::vector<const Work*> seen;
  if (main_) root = main_;
  if (root) out << "run:\n", root->print(out, 2, seen);
  const auto print = [&](const char* head, Tasks& all) {
    if (!all.empty()) out << head;
    for (const Task& task : all.tasks_) task.work().print(out, 2, seen);
  };
  print("detached:\n", detached);
  for (Tasks& group : groups) if (!group.parent()) print("a TaskGroup:\n", group);
  // Who waits for locks in a ring. Only those just seen are looked at: another holder may be gone.
  for (const Work* const first : seen) {
    std::string ring;
    const Work* at = first;
    for (std::size_t n = 0; n < seen.size() && at && std::ranges::count(seen, at); ++n) {
      ring += text(at->site()) + " waits for ";
      at = at->blocker();
      if (at == first) return static_cast<void>(out << "a cycle: " << ring << "the first\n");
    }
  }
}

const Work* Work::blocker() const noexcept {
  const Work* at = this;
  while (at && !(at->flags_ & (kAsks | kSeveral))) at = at->child_;
  return at && at->flags_ & kSeveral ? at->several_->holder() : nullptr;
}

// What only passes on what it awaits has no line of its own.
void Work::print(std::ostream& out, std::size_t indent, std::vector<const Work*>& seen) const {
  for (const Work* work = this; work && !work->settled(); work = work->child_) {
    seen.push_back(work);
    if (!(work->flags_ & kOwn)) {
      out << std::string(indent, ' ') << (work->flags_ & kCoroutine ? text(work->site_) : "a Promise") << '\n';
      indent += 2;
    }
    if (work->flags_ & kAsks) return;
    if (work->flags_ & kSeveral)
      return work->several_->each([&](const Work& one) { one.print(out, indent, seen); });
  }
}

void Work::report() noexcept {
  if (here.loop) here.loop->unhandled(take_error(), place());
  else print_error(error_, place());
}

std::source_location Work::place() noexcept {
  std::source_location deepest;
  for (const Work* work = this; work; work = work->flags_ & (kAsks | kSeveral) ? nullptr : work->child_)
    if (!(work->flags_ & kOwn) && work->site_.line()) deepest = work->site_;
  return deepest.line() ? deepest : place_of(this);
}

std::source_location Work::place_of(Runnable* at) noexcept {
  const Work* work = of(at);
  for (; work && (work->flags_ & kOwn); work = of(at)) at = work->parent();
  return at ? at->site() : std::source_location();
}

void Work::adopt() noexcept {
  if (loop_id_ != 0) fatal("a Future was awaited on a thread that is not its Loop's, or under another Loop");
  loop_id_ = here.id;
}

void Work::fatal_drop() const noexcept {
  if (loop_id_ != here.id && loop_id_ != 0)
    fatal("a Future was dropped before it settled, on a thread that is not its Loop's, or after its Loop");
  say("the coroutine last resumed at: " + text(site_));
  fatal("a coroutine dropped its own Future while it was running");
}

void Home::adopt() const {
  if (!here.loop) misuse("there is no Loop on this thread");
  if (id_ != 0) misuse("this belongs to another Loop: tasks of different threads meet in Loop::post");
  id_ = here.id;
}
}  // namespace hob::inline v0
