// SPDX-License-Identifier: MIT
// outside.hpp — what comes from outside the loop: signals, the readiness of foreign descriptors, and
// what was worked out on the thread pool: to_thread, whole files.
//
//   co_await hob::signal(SIGTERM);
//   const int n = co_await hob::to_thread(count_primes, 1'000'000);
//
// Calls the Backend; jobs come back through Loop::post.
//   1. Exactly one side takes a job: the pool runs it, or the dropping coroutine destroys it.
//   2. A job's `waiter` is touched on the loop's thread only.
#pragma once
#include <cerrno>
#include "callbacks.hpp"
#include "leaf.hpp"

namespace hob::inline v0 {
// Gives the number of the signal when it arrives. Caught from this call on (std::system_error if that
// cannot be) until ~Loop restores what was there. Arrivals while nobody waits are kept, as one. Every
// loop that asked gets it, and in it every waiter.
SignalWait signal(int number);

// Waits until a read (a write) would not block, end and error included. Level-triggered, since a foreign
// library's reads are not ours to see: the descriptor is registered for this one wait, and must stay
// open until then. One waiter per direction: a second is std::logic_error. What cannot be waited for is
// std::system_error, a regular file with EPERM on every kernel.
class WaitFd;
WaitFd wait_readable(int fd, std::source_location site = std::source_location::current()) noexcept;
WaitFd wait_writable(int fd, std::source_location site = std::source_location::current()) noexcept;

// What a copy of f gives when it is called with copies of args.
template <class F, class... Args>
using called_t = std::decay_t<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>>;

// Runs f(args...) on the pool, for what blocks or computes, and gives its value, or throws what it
// threw (asyncio.to_thread). f and args are moved in. At most min(32, cores + 4) jobs run at once;
// more wait in line. (On the simulator: on the loop's thread, when its simulated time has come.)
// Dropped: a job that has not begun never runs; one that runs goes on, and its result is discarded, so
// it must own what it uses. Exit never waits for a job.
template <class F, class... Args> Future<called_t<F, Args...>> to_thread(F&& f, Args&&... args) {
  return to_pool(Pool::work, std::forward<F>(f), std::forward<Args>(args)...);
}

// Whole files, on the pool: no kernel ever calls a regular file "not ready". Every error is
// std::system_error and names the path. Dropped: a write that has begun goes on.
Future<std::string> read_file(std::string path);
// Creates or replaces a file. The bytes are copied before the call returns.
Future<> write_file(std::string path, std::string_view text);
Future<> write_file(std::string path, std::span<const std::byte> bytes);
// The names in a directory, sorted, without "." and "..".
Future<std::vector<std::string>> list_dir(std::string path);
// What is known of a file without opening it; a symbolic link is followed.
struct FileInfo {
  std::uint64_t size = 0;  // bytes
  std::chrono::system_clock::time_point modified{};
  bool is_file = false;  // a regular one; neither: a device, a pipe …
  bool is_directory = false;
};
Future<FileInfo> stat_file(std::string path);

// --- implementation from here on -----------------------------------------------------------------
// An arrival is kept until a waiter has resumed with it: one that is dropped leaves it to the next.
class SignalWait : public Leaf<SignalWait, int>, public Link {
 public:
  explicit SignalWait(int number) noexcept : number_(number) {}
  SignalWait(SignalWait&& from) noexcept : SignalWait(from.number_) {}
  bool try_now() const noexcept { return here.loop->signals.kept & signal_bit(number_); }
  void begin(Runnable& task) noexcept { task_ = &task, here.loop->signals.waits.push_back(*this); }
  int finish() noexcept {
    unlink();
    here.loop->signals.kept &= ~signal_bit(number_);
    return number_;
  }
  void arrived() noexcept { if (try_now()) task_->arm(); }
 private:
  int number_;
  Runnable* task_ = nullptr;
};

class WaitFd : public Leaf<WaitFd> {
 public:
  WaitFd(int fd, Interest direction, const std::source_location& site) noexcept
      : fd_(fd), direction_(direction), site_(site) {}
  WaitFd(WaitFd&& from) noexcept : WaitFd(from.fd_, from.direction_, from.site_) {}
  ~WaitFd() { finish(); }
  bool try_now() const noexcept { return false; }
  void begin(Runnable& task) {
    Loop& loop = *here.loop;
    const std::string what = (reads() ? "wait_readable " : "wait_writable ") + std::to_string(fd_);
    if (fd_ < 0) throw_errno(EBADF, what);
    Watch& watch = loop.foreign[fd_];
    Runnable*& waiter = reads() ? watch.reader : watch.writer;
    bool& latch = reads() ? watch.readable : watch.writable;
    if (waiter) misuse("wait_readable / wait_writable: another task waits for this descriptor already");
    // Attaching anew reports the state of now: what an earlier wait has latched is history.
    const auto had = static_cast<Interest>(watch.interest);
    if (had) loop.detach(watch);
    latch = false;
    if (const int error = loop.attach(fd_, watch, static_cast<Interest>(had | direction_))) {
      if (had && loop.attach(fd_, watch, had) != 0)
        // It was closed while another task waits for it: that one's own call will say so.
        watch.on_readable(), watch.on_writable();
      throw_errno(error, what);
    }
    watch.site = site_;
    watch_ = &watch;
    task_ = &task;
    latch ? task.arm() : static_cast<void>(waiter = &task);  // kqueue may have told by refusing
  }
  void finish() noexcept {
    if (!watch_) return;
    Watch& watch = *std::exchange(watch_, nullptr);
    // Its event has taken it out already; and perhaps another task waits there by now.
    Runnable*& waiter = reads() ? watch.reader : watch.writer;
    if (waiter == task_) waiter = nullptr;
    if (!watch.reader && !watch.writer) here.loop->detach(watch);
  }
 private:
  bool reads() const noexcept { return direction_ == kRead; }
  int fd_;
  Interest direction_;
  std::source_location site_;
  Watch* watch_ = nullptr;  // the loop's for this descriptor, which its two directions share
  Runnable* task_ = nullptr;
};

// What the pool shall call, and who waits for it.
struct PoolJob {
  Closure call;
  std::atomic<bool> taken = false;
  Runnable* waiter = nullptr;
};
template <class R> struct PoolCall : PoolJob { std::optional<Result<R>> result; };

// Waits until the job has run; hands it to the pool when it begins.
class OnPool : public Leaf<OnPool>, public Link {
 public:
  OnPool(std::shared_ptr<PoolJob> job, Pool pool) noexcept : job_(std::move(job)), pool_(pool) {}
  ~OnPool() {
    job_->waiter = nullptr;
    if (!job_->taken.exchange(true)) job_->call.reset();
  }

  bool try_now() const noexcept { return false; }
  void begin(Runnable& task) {
    Loop& loop = *here.loop;
    auto work = [job = job_, back = loop.remote()] {
      if (!job->taken.exchange(true)) job->call(), job->call.reset();
      back.post([job] { if (job->waiter) job->waiter->arm(); });
    };
    loop.backend().offload(std::move(work), pool_);
    job_->waiter = &task;
    made_ = loop.place_now();
    loop.pooled.push_back(*this);
  }
  void finish() const noexcept {}
  // Who waits, for the list of what is still open.
  std::source_location site() const noexcept {
    const std::source_location place = Work::place_of(job_->waiter);
    return place.line() ? place : made_;
  }
 private:
  std::shared_ptr<PoolJob> job_;
  Pool pool_;
  std::source_location made_{};
};

template <class R> Future<R> wait_on_pool(Own, std::shared_ptr<PoolCall<R>> job, Pool pool) {
  co_await OnPool(job, pool);
  co_return std::move(*job->result).value();
}

// On a pool of one's choice.
template <class F, class... Args>
Future<called_t<F, Args...>> to_pool(Pool pool, F&& f, Args&&... args) {
  using R = called_t<F, Args...>;
  auto job = std::make_shared<PoolCall<R>>();
  job->call = [&result = job->result, f = std::forward<F>(f),
               ... args = std::forward<Args>(args)]() mutable {
    try {
      result.emplace(to_unit([&]() -> R { return std::invoke(std::move(f), std::move(args)...); }));
    } catch (...) { result.emplace(std::current_exception()); }
  };
  return wait_on_pool<R>(Own(), std::move(job), pool);
}
}  // namespace hob::inline v0
