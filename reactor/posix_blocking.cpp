// SPDX-License-Identifier: MIT
// posix_blocking.cpp — what blocks: the process's threads for it, files, and names.
//
// See posix.hpp; outside.hpp and Backend::resolver() are what makes jobs of it.
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include "outside.hpp"
#include "posix.hpp"

namespace hob::inline v0::posix {
// Counted by the fork itself: to ask the kernel who we are would cost a call each time.
unsigned generation() noexcept {
  static constinit std::atomic<unsigned> forks{0};
  static const int counting = ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1); });
  static_cast<void>(counting);
  return forks.load(std::memory_order_relaxed);
}

// --- threads -------------------------------------------------------------------------------------
namespace {
// Starts a thread that nobody joins; answers errno. Its stack is as large as a main thread's: 512 KiB
// (macOS) or 128 KiB (musl) are little. No signal is blocked: it would stay so in what a job starts.
int start_thread(void* (*body)(void*), void* argument) noexcept {
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

// Threads for one kind of job, each made when a job finds no idle one. Never deleted, and the threads are
// detached: they may run to the very end of the process, and exit waits for nobody.
struct ThreadPool {
  const std::size_t most;     // threads
  const unsigned process;     // generation(): a forked child has none of its parent's threads
  const ThreadPool* parents;  // so it gets a new pool; this is the old one
  std::mutex mutex{};         // guards what follows
  std::condition_variable arrived{};
  std::deque<std::function<void()>> jobs{};
  std::size_t threads = 0;
  std::size_t idle = 0;  // threads in arrived.wait(); one just notified is still counted
};

ThreadPool& pool_of(Pool kind) {
  static constinit std::atomic<ThreadPool*> pools[2] = {};  // by kind
  auto& current = pools[static_cast<int>(kind)];
  ThreadPool* found = current.load();
  while (!found || found->process != generation()) {
    const std::size_t cores = std::thread::hardware_concurrency();
    const std::size_t most = kind == Pool::names ? 8 : std::min<std::size_t>(32, cores + 4);
    std::unique_ptr<ThreadPool> made(new ThreadPool{most, generation(), found});
    if (current.compare_exchange_strong(found, made.get())) found = made.release();
  }
  return *found;
}

void* work(void* of) noexcept {  // what each thread does, for ever; a job is destroyed without the lock
  ThreadPool& pool = *static_cast<ThreadPool*>(of);
  std::unique_lock lock(pool.mutex);
  for (;;) {
    ++pool.idle;
    pool.arrived.wait(lock, [&] { return !pool.jobs.empty(); });
    --pool.idle;
    std::function<void()> job = std::move(pool.jobs.front());
    pool.jobs.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}
}  // namespace

void offload(std::function<void()> job, Pool kind) {
  ThreadPool& pool = pool_of(kind);
  const std::scoped_lock lock(pool.mutex);
  if (pool.jobs.size() >= pool.idle && pool.threads < pool.most) {
    // Fewer threads than wanted only make jobs wait; none at all would make them wait for ever.
    const int error = start_thread(work, &pool);
    pool.threads += error == 0;
    if (pool.threads == 0) throw_errno(error, "start a pool thread");
  }
  pool.jobs.push_back(std::move(job));
  pool.arrived.notify_one();
}

// --- files ---------------------------------------------------------------------------------------
namespace {
// A path for the system, which would stop reading it at a NUL.
const char* whole(const std::string& path, const char* call) {
  const std::size_t nul = path.find('\0');
  if (nul != path.npos) throw_errno(EINVAL, call + path.substr(0, nul) + "\\0");
  return path.c_str();
}

// write(2) without SIGPIPE: files have no flag for it, and a path may be a pipe's.
ssize_t write_quietly(int fd, std::string_view bytes) noexcept {
  const auto pending = [] {
    sigset_t all;
    sigpending(&all);
    return sigismember(&all, SIGPIPE) == 1;
  };
  sigset_t pipe, before;
  sigemptyset(&pipe), sigaddset(&pipe, SIGPIPE);
  const bool others = pending();
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  const ssize_t n = repeated([&] { return ::write(fd, bytes.data(), bytes.size()); });
  const int error = errno;
  int taken;
  if (!others && pending()) sigwait(&pipe, &taken);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return n;
}

struct File {  // an open one, closed with what owns it
  File(const std::string& path, int flags) {
    const char* const name = whole(path, "open ");
    fd = repeated([&] { return ::open(name, flags | O_CLOEXEC, 0666); });
    if (fd == -1) throw_errno(errno, "open " + path);
  }
  File(const File&) = delete;
  ~File() { if (fd != -1) ::close(fd); }
  int fd;
};
}  // namespace

std::string read_file(const std::string& path) {
  const File file(path, O_RDONLY);
  // One byte more than its size, so that the end is met without growing. That is a hint only: the
  // file may grow, a sparse one may claim more than there is memory, and those of /proc say 0. Of
  // these some answer the first read only (Linux, the numbers in /proc/sys), so that has room.
  struct stat info {};
  ::fstat(file.fd, &info);
  const auto room = std::clamp<std::int64_t>(info.st_size, 4096, 64 << 20);
  std::string text(static_cast<std::size_t>(room) + 1, '\0');
  std::size_t have = 0;
  for (;;) {
    const std::size_t most = std::min(text.size() - have, kMostBytes);
    const ssize_t n = repeated([&] { return ::read(file.fd, text.data() + have, most); });
    if (n == -1) throw_errno(errno, "read " + path);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
    if (have == text.size()) text.resize(2 * have);
  }
  text.resize(have);
  return text;
}

void write_file(const std::string& path, std::string_view bytes) {
  File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  while (!bytes.empty()) {
    const ssize_t n = write_quietly(file.fd, bytes.substr(0, kMostBytes));
    if (n <= 0) throw_errno(n == 0 ? EIO : errno, "write " + path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  // Network file systems report here what a write could not know yet (a quota, a full disk).
  const int result = ::close(std::exchange(file.fd, -1));
  if (result == -1 && errno != EINTR) throw_errno(errno, "close " + path);
}

std::vector<std::string> list_dir(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(whole(path, "list "), error);
  for (; !error && entry != end(entry); entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) throw_errno(error.value(), "list " + path);
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
  // Clamped to what the clock can say: its nanoseconds end in 1677 and 2262.
  const TimePoint second(to_duration(std::chrono::seconds(modified.tv_sec)));
  const TimePoint moment = saturating_add(second, Duration(modified.tv_nsec));
  using std::chrono::system_clock;
  FileInfo known;
  known.size = static_cast<std::uint64_t>(info.st_size);
  known.modified += std::chrono::duration_cast<system_clock::duration>(moment.time_since_epoch());
  known.is_file = S_ISREG(info.st_mode);
  known.is_directory = S_ISDIR(info.st_mode);
  return known;
}

// --- names ---------------------------------------------------------------------------------------
std::string resolve(const std::string& host, const Backend::Found& found) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;  // else each address comes three times
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &wanted, &list);
  const int system = errno;
  if (error == EAI_SYSTEM) return std::generic_category().message(system);
  if (error != 0) return ::gai_strerror(error);
  for (auto* each = list; each; each = each->ai_next) found(each->ai_addr, each->ai_addrlen);
  ::freeaddrinfo(list);
  return "";
}
}  // namespace hob::inline v0::posix
