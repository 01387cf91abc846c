// SPDX-License-Identifier: MIT
// posix.hpp — the inside of the native kernels: what differs between them, and what blocks.
//
// Private to this room. A kernel's file implements Poller; posix.cpp adds all that is the same on every
// system, and makes a Backend of it. What blocks stands in posix_blocking.cpp.
//   1. Every socket made here is non-blocking; every descriptor made here is close-on-exec.
//   2. EINTR and SIGPIPE never come out of a call.
//   3. A forked child has its parent's descriptors but not its kernel: there every call about
//      readiness answers EBADF, or does nothing, so that the parent's registrations stay its own.
#pragma once
#include <cerrno>
#include <string>
#include <vector>
#include "backend.hpp"

namespace hob::inline v0 {
struct FileInfo;  // outside.hpp

namespace posix {
// How many forks lie between the first process that asked and this one.
unsigned generation() noexcept;

// What one call moves at most: macOS (14, and all before it) answers EINVAL to more than INT_MAX.
inline constexpr std::size_t kMostBytes = std::size_t{1} << 30;

// Calls a system call until it is not interrupted.
template <class Call> auto repeated(Call call) noexcept {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// Runs `job` on some thread of one of the process's two pools, in order of arrival; it is destroyed
// there. It must not throw. For work there are at most min(32, cores + 4) threads (asyncio's default),
// for names 8. std::system_error if there is no thread and none can be made; the job is dropped.
void offload(std::function<void()> job, Pool kind = Pool::work);

// Blocking calls, for such jobs. Those of files throw system_error with what() like "open /path".
std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view bytes);
std::vector<std::string> list_dir(const std::string& path);
FileInfo stat_file(const std::string& path);
std::string resolve(const std::string& host, const Backend::Found& found);  // as Backend::Resolver
}  // namespace posix

// Readiness, in which the native kernels differ. Calls answer errno, as those of Backend do. In a
// forked child none is called but the destructor.
class Poller {
 public:
  virtual ~Poller() = default;  // closes what open() made, though it failed half-way
  virtual int open() noexcept = 0;
  virtual int attach(int fd, Watch& watch, Interest interest) noexcept = 0;
  virtual void detach(const Watch& watch) noexcept = 0;
  // Sleeps at most so long, latches, arms (the Law of the Batch). How many events came; -1: errno.
  virtual int wait(Duration at_most) noexcept = 0;
  virtual void wake() noexcept = 0;
  // Whether this process was forked from the one that made this object.
  bool forked() const noexcept { return born_ != posix::generation(); }
 private:
  const unsigned born_ = posix::generation();
};

// Latches and arms what an event of kqueue says. Several of one watch add up, in any order, in one
// batch or in two. `Names` has the system's filters, read and write, and its flag eof: for the tests.
//
// A READ event never says that the connection is gone: with EV_EOF too there may be bytes left, and a
// short read proves nothing; only a read of 0 is the end. `data` (byte counts, backlog) is never looked
// at: the kernels disagree about it. fflags is an errno value only with EV_EOF; macOS and FreeBSD put a
// socket's error into the events of both filters, libkqueue into whichever it reports first: so one
// filter's error ends the waits of both directions, and is kept.
template <class Names, class Event> void latch(const Event& event) noexcept {
  // By value throughout: macOS packs the struct, so no reference may be bound to a member.
  const bool read = event.filter == Names::read, write = event.filter == Names::write;
  if (!read && !write) return;  // our own wake-up
  const bool eof = (event.flags & Names::eof) != 0;
  const int error = eof ? static_cast<int>(event.fflags) : 0;
  Watch& watch = *static_cast<Watch*>(event.udata);
  if (error != 0) watch.error = error;
  if (eof && (read || error != 0)) watch.read_hangup = true;
  if (read || error != 0) watch.on_readable();
  if (write || error != 0) watch.on_writable();
}

std::unique_ptr<Backend> posix_backend(std::unique_ptr<Poller> poller);
std::unique_ptr<Backend> make_epoll_backend();  // defined by the kernel's file that is not empty
std::unique_ptr<Backend> make_kqueue_backend();

// The kernels of this build, the first of which is native_backend()'s unless told otherwise.
struct NativeKernel {
  std::string_view name;               // for HOB_BACKEND
  std::unique_ptr<Backend> (*make)();  // throws std::system_error
};
std::span<const NativeKernel> native_kernels() noexcept;
}  // namespace hob::inline v0
