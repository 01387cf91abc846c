// SPDX-License-Identifier: MIT
//
// posix_files.cpp — what blocks, or runs beside the loop: threads for the pool, files for its jobs.
//
// Called by ThreadPool, and by files.cpp in jobs on it. See posix.hpp.
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "error.hpp"
#include "posix.hpp"

namespace hob::inline v0::posix {

// --- threads, for the pool -----------------------------------------------------------------------

int process_id() noexcept { return ::getpid(); }

int start_thread(void* (*body)(void*), void* argument) noexcept {
  // The default would be 512 KiB on macOS and 128 KiB with musl: little for a job that was written
  // as ordinary code. No signal is blocked: it would stay so in every process that a job starts.
  constexpr std::size_t kStack = 8u << 20;
  pthread_attr_t wanted;
  if (const int error = pthread_attr_init(&wanted)) return error;
  pthread_attr_setdetachstate(&wanted, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&wanted, kStack);
  pthread_t thread;
  const int error = pthread_create(&thread, &wanted, body, argument);
  pthread_attr_destroy(&wanted);
  return error;
}

// --- files: blocking, for the pool ---------------------------------------------------------------

namespace {

// An open file; what its closing says is asked for by close(), and lost otherwise.
class File {
 public:
  File(const std::string& path, int flags) : path_(path) {
    fd_ = repeated([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0666); });
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
    const std::size_t size = std::min(bytes.size(), kMostBytes);
    const ssize_t n = repeated([&] { return ::write(fd_, bytes.data(), size); });
    if (n == -1) throw_errno(errno, "write " + path_);
    return static_cast<std::size_t>(n);
  }

  // Network file systems report here what a write could not know yet (a quota, a full disk).
  void close() {
    const int result = ::close(std::exchange(fd_, -1));
    if (result == -1 && errno != EINTR) throw_errno(errno, "close " + path_);
  }

  std::size_t size_hint() const noexcept {
    struct stat info;
    if (::fstat(fd_, &info) == -1 || info.st_size < 0) return 0;
    return static_cast<std::size_t>(info.st_size);
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
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
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
  if (::stat(path.c_str(), &info) == -1) throw_errno(errno, "stat " + path);
#ifdef __APPLE__
  const timespec& modified = info.st_mtimespec;
#else
  const timespec& modified = info.st_mtim;
#endif
  using SystemClock = std::chrono::system_clock;
  const auto since_epoch = std::chrono::seconds(modified.tv_sec) +
                           std::chrono::nanoseconds(modified.tv_nsec);
  FileInfo known;
  known.size = static_cast<std::uint64_t>(info.st_size);
  known.modified = SystemClock::time_point(
      std::chrono::duration_cast<SystemClock::duration>(since_epoch));
  known.is_file = S_ISREG(info.st_mode);
  known.is_directory = S_ISDIR(info.st_mode);
  return known;
}

}  // namespace hob::inline v0::posix
