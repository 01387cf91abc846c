// SPDX-License-Identifier: MIT
//
// posix_files.cpp — what blocks: files and names, for jobs on the pools.
//
// See posix.hpp; files.hpp and Backend::resolver() are what makes jobs of it.
#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "error.hpp"
#include "posix.hpp"

namespace hob::inline v0::posix {

// --- files: blocking, for the pool ---------------------------------------------------------------

namespace {

// A path for the system, which would stop reading it at a NUL.
const char* whole(const std::string& path, const char* call) {
  const std::size_t nul = path.find('\0');
  if (nul != path.npos) throw_errno(EINVAL, call + path.substr(0, nul) + "\\0");
  return path.c_str();
}

// Keeps SIGPIPE from this thread: files have no flag for it, and a path may be a pipe's.
class NoSigpipe {
 public:
  NoSigpipe() noexcept {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pending_ = pending();
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoSigpipe() {
    int taken;
    if (!pending_ && pending()) sigwait(&pipe_, &taken);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  static bool pending() noexcept {
    sigset_t all;
    sigemptyset(&all);
    sigpending(&all);
    return sigismember(&all, SIGPIPE) == 1;
  }
  sigset_t pipe_, before_;
  bool pending_;
};

// An open file; what its closing says is asked for by close(), and lost otherwise.
class File {
 public:
  File(const std::string& path, int flags) : path_(path) {
    const char* const name = whole(path, "open ");
    fd_ = repeated([&] { return ::open(name, flags | O_CLOEXEC, 0666); });
    if (fd_ == -1) throw_errno(errno, "open " + path);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ != -1) ::close(fd_);
  }

  std::size_t read(char* into, std::size_t size) {
    const ssize_t n = repeated([&] { return ::read(fd_, into, std::min(size, kMostBytes)); });
    if (n == -1) throw_errno(errno, "read " + path_);
    return static_cast<std::size_t>(n);
  }

  std::size_t write(std::string_view bytes) {
    const NoSigpipe no_sigpipe;
    const std::size_t size = std::min(bytes.size(), kMostBytes);
    const ssize_t n = repeated([&] { return ::write(fd_, bytes.data(), size); });
    if (n <= 0) throw_errno(n == 0 ? EIO : errno, "write " + path_);
    return static_cast<std::size_t>(n);
  }

  // Network file systems report here what a write could not know yet (a quota, a full disk).
  void close() {
    const int result = ::close(std::exchange(fd_, -1));
    if (result == -1 && errno != EINTR) throw_errno(errno, "close " + path_);
  }

  // Not believed beyond 64 MiB: a sparse file may claim more than there is memory.
  std::size_t size_hint() const noexcept {
    struct stat info;
    if (::fstat(fd_, &info) == -1 || info.st_size < 0) return 0;
    return std::min(static_cast<std::size_t>(info.st_size), std::size_t{64} << 20);
  }

 private:
  const std::string& path_;
  int fd_ = -1;
};

}  // namespace

std::string read_file(const std::string& path) {
  File file(path, O_RDONLY);
  // One byte more than the size it has, so that the end is met without growing. The size is a hint
  // only: the file may grow meanwhile, and those of /proc say 0. Of these some answer the first
  // read only (Linux, the numbers in /proc/sys), so that has room.
  std::string text(std::max<std::size_t>(4096, file.size_hint() + 1), '\0');
  std::size_t have = 0;
  while (const std::size_t n = file.read(text.data() + have, text.size() - have)) {
    have += n;
    if (have == text.size()) text.resize(2 * have);
  }
  text.resize(have);
  return text;
}

void write_file(const std::string& path, std::string_view bytes) {
  File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  while (!bytes.empty()) bytes.remove_prefix(file.write(bytes));
  file.close();
}

std::vector<std::string> list_dir(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(whole(path, "list ")), ::closedir);
  if (!directory) throw_errno(errno, "list " + path);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;  // the end and an error are both a null pointer
    const dirent* const entry = ::readdir(directory.get());
    if (!entry) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) throw_errno(errno, "list " + path);
  std::sort(names.begin(), names.end());
  return names;
}

FileInfo stat_file(const std::string& path) {
  struct stat info;
  const char* const name = whole(path, "stat ");
  if (repeated([&] { return ::stat(name, &info); }) == -1) throw_errno(errno, "stat " + path);
#ifdef __APPLE__
  const timespec& modified = info.st_mtimespec;
#else
  const timespec& modified = info.st_mtim;
#endif
  using SystemClock = std::chrono::system_clock;
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  // Clamped to what the clock can say: its nanoseconds end in 1677 and 2262.
  constexpr auto kMost = std::chrono::duration_cast<seconds>(nanoseconds::max()) - seconds(1);
  const auto since_epoch =
      std::clamp(seconds(modified.tv_sec), -kMost, kMost) + nanoseconds(modified.tv_nsec);
  FileInfo known;
  known.size = static_cast<std::uint64_t>(info.st_size);
  known.modified = SystemClock::time_point(
      std::chrono::duration_cast<SystemClock::duration>(since_epoch));
  known.is_file = S_ISREG(info.st_mode);
  known.is_directory = S_ISDIR(info.st_mode);
  return known;
}

// --- names: blocking, for the pool ---------------------------------------------------------------

std::string resolve(const std::string& host, const Backend::Found& found) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;  // else each address comes three times
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &wanted, &list);
  const int system = errno;
  if (error == EAI_SYSTEM) return std::generic_category().message(system);
  if (error != 0) return ::gai_strerror(error);
  for (const addrinfo* each = list; each; each = each->ai_next) found(each->ai_addr, each->ai_addrlen);
  ::freeaddrinfo(list);
  return "";
}

}  // namespace hob::inline v0::posix
