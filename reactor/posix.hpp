// SPDX-License-Identifier: MIT
//
// posix.hpp — what the two native kernels share: the clock, the sockets, the pool, the signals.
//
// Private to this room. The two kernel files derive from PosixBackend and add readiness; files.hpp
// runs the blocking helpers below on the pool. Calls POSIX.
//
// Invariants
//   1. Every socket made here is non-blocking; every descriptor made here is close-on-exec.
//   2. EINTR and SIGPIPE never come out of a call.
//   3. A forked child has its parent's descriptors but not its kernel: there every call about
//      readiness answers EBADF, or does nothing, so that the parent's registrations stay its own.
//   4. The signal handler touches nothing but atomics and pipes, and only of inboxes in the list;
//      an inbox leaves the list first, and its pipe is closed when no handler runs any more.
#pragma once

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "backend.hpp"
#include "files.hpp"

namespace hob::inline v0 {

// Where the signal handler leaves what arrived, one per backend that asked for a signal.
struct SignalInbox {
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "a signal handler cannot wait");
  std::atomic<std::uint64_t> asked = 0;    // bit n-1: signal n is wanted here
  std::atomic<std::uint64_t> arrived = 0;
  std::uint64_t once = 0;                  // asked with Catch::once_if_default
  int pipe[2] = {-1, -1};                  // a byte in it ends wait(); made when first asked
  Watch watch;                             // of pipe[0]
  std::atomic<SignalInbox*> next = nullptr;
};

class PosixBackend : public Backend {
 public:
  PosixBackend();
  ~PosixBackend() override;

  TimePoint now() noexcept final;

  Io open(int family, int type) noexcept final;
  int pair(int fds[2]) noexcept final;
  int bind(int fd, const sockaddr* address, unsigned size) noexcept final;
  int listen(int fd, int backlog) noexcept final;
  Io accept(int fd, sockaddr* peer, unsigned* size) noexcept final;
  int connect(int fd, const sockaddr* address, unsigned size) noexcept final;
  int connect_result(Watch& watch) noexcept final;
  Io recv(int fd, std::span<std::byte> into) noexcept final;
  Io send(int fd, std::span<const std::byte> from) noexcept final;
  Io send_pieces(int fd, std::span<const std::string_view> pieces) noexcept final;
  Io recv_from(int fd, std::span<std::byte> into, sockaddr* from, unsigned* size) noexcept final;
  Io send_to(int fd, std::span<const std::byte> bytes, const sockaddr* to,
             unsigned size) noexcept final;
  int shutdown_write(int fd) noexcept final;
  int set_option(int fd, Option option, int value) noexcept final;
  int local_name(int fd, sockaddr* name, unsigned* size) noexcept final;
  int peer_name(int fd, sockaddr* name, unsigned* size) noexcept final;
  void close(int fd) noexcept final;

  void offload(std::function<void()> job, Pool pool) final;
  Resolver resolver() final;
  int catch_signal(int number, Catch how) noexcept final;
  std::uint64_t take_signals() noexcept final;

 protected:
  // How long wait(until) may sleep: never negative, and never more than a day (kNever too), which
  // every kernel's timeout can hold. Waking once a day for nothing costs nothing.
  Duration time_left(TimePoint until) noexcept;

  // Whether this process was forked from the one that made this kernel.
  bool forked() const noexcept;

  // A pipe, both ends non-blocking and close-on-exec; answers errno.
  static int open_pipe(int fds[2]) noexcept;

 private:
  TimePoint last_ = TimePoint::min();  // what now() answered last
  const unsigned born_;                // in which generation of processes
  SignalInbox inbox_;
};

// The process's few threads for what blocks: names, files, to_thread. One pool of each kind, each
// thread made when a job finds no idle one: for work min(32, cores + 4) at most (asyncio's default),
// for names 8. Never destroyed, and its threads are detached: exit waits for nobody.
class ThreadPool {
 public:
  // The process's pool. A forked child has none of its parent's threads, so it gets a new one.
  static ThreadPool& process(Pool kind);

  // Runs `job` on some thread, in order of arrival; it and what it captured are destroyed there,
  // without the lock. It must not throw. std::system_error if there is no thread and none can be made;
  // the job is dropped.
  void run(std::function<void()> job);

 private:
  explicit ThreadPool(Pool kind);
  static void* work(void* of) noexcept;  // what each thread does, for ever

  const std::size_t most_;
  std::mutex mutex_;                         // guards what follows
  std::condition_variable arrived_;
  std::deque<std::function<void()>> jobs_;
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;  // threads in arrived_.wait(); one just notified is still counted
};

// A kernel of this build: its name for HOB_BACKEND, and how to make one (throws system_error).
struct NativeKernel {
  std::string_view name;
  std::unique_ptr<Backend> (*make)();
};

// Those compiled in; the first is what native_backend() takes unless told otherwise.
std::span<const NativeKernel> native_kernels() noexcept;

std::unique_ptr<Backend> make_epoll_backend();   // defined by the kernel file that is not empty
std::unique_ptr<Backend> make_kqueue_backend();

namespace posix {

// What one call moves at most: macOS (14, and all before it) answers EINVAL to more than INT_MAX.
inline constexpr std::size_t kMostBytes = std::size_t{1} << 30;

// Calls a system call until it is not interrupted.
template <class Call> auto repeated(Call call) noexcept {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// How many forks lie between the first process that asked and this one.
unsigned generation() noexcept;

// Blocking calls, for jobs on the pool. Each throws system_error with what() like "open /path".

std::string read_file(const std::string& path);

// Creates or replaces. What a full disk, or the close, refuses is reported.
void write_file(const std::string& path, std::string_view bytes);

// The names in a directory, sorted, without "." and "..".
std::vector<std::string> list_dir(const std::string& path);

FileInfo stat_file(const std::string& path);

// getaddrinfo(3), as Backend::Resolver.
std::string resolve(const std::string& host, const Backend::Found& found);

}  // namespace posix

}  // namespace hob::inline v0
