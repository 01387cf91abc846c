// SPDX-License-Identifier: MIT
//
// outside.cpp — from what a Backend reports to the coroutines that wait.
#include "outside.hpp"

#include "posix.hpp"

namespace hob::inline v0 {
// --- signals -------------------------------------------------------------------------------------

SignalWait signal(int number) {
  Loop& loop = Loop::current();
  if ((loop.signals().asked & signal_bit(number)) == 0) {
    if (const int error = loop.backend().catch_signal(number, Catch::until_closed))
      throw_errno(error, "catch signal " + std::to_string(number));
    loop.signals().asked |= signal_bit(number);
  }
  return SignalWait(number);
}

// --- foreign descriptors -------------------------------------------------------------------------

WaitFd wait_readable(int fd, std::source_location site) noexcept { return {fd, kRead, site}; }
WaitFd wait_writable(int fd, std::source_location site) noexcept { return {fd, kWrite, site}; }

void WaitFd::begin(Runnable& task) {
  Loop& loop = *here.loop;
  const std::string what =
      (direction_ == kRead ? "wait_readable " : "wait_writable ") + std::to_string(fd_);
  if (fd_ < 0) throw_errno(EBADF, what);
  Watch& watch = loop.foreign(fd_);
  Runnable*& waiter = direction_ == kRead ? watch.reader : watch.writer;
  bool& latch = direction_ == kRead ? watch.readable : watch.writable;
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

void WaitFd::finish() noexcept {
  if (!watch_) return;
  Watch& watch = *std::exchange(watch_, nullptr);
  // Its event has taken it out already; and perhaps another task waits there by now.
  Runnable*& waiter = direction_ == kRead ? watch.reader : watch.writer;
  if (waiter == task_) waiter = nullptr;
  if (!watch.reader && !watch.writer) here.loop->detach(watch);
}

// --- the pool ------------------------------------------------------------------------------------

void OnPool::begin(Runnable& task) {
  Loop& loop = *here.loop;
  loop.backend().offload(
      [job = job_, back = loop.remote()] {
        if (!job->taken.exchange(true)) job->call(), job->call.reset();
        back.post([job] {
          if (job->waiter) job->waiter->arm();
        });
      },
      pool_);
  job_->waiter = &task;
  made_ = loop.place_now();
  loop.pooled().push_back(*this);
}

OnPool::~OnPool() {
  job_->waiter = nullptr;
  if (!job_->taken.exchange(true)) job_->call.reset();
}

std::source_location OnPool::site() const noexcept {
  const std::source_location place = Loop::place_of(job_->waiter);
  return place.line() ? place : made_;
}

Future<std::string> read_file(std::string path) {
  return to_thread(posix::read_file, std::move(path));
}

Future<> write_file(std::string path, std::string_view text) {
  return to_thread(posix::write_file, std::move(path), std::string(text));
}

Future<> write_file(std::string path, std::span<const std::byte> bytes) {
  return write_file(std::move(path),
                    std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Future<std::vector<std::string>> list_dir(std::string path) {
  return to_thread(posix::list_dir, std::move(path));
}

Future<FileInfo> stat_file(std::string path) {
  return to_thread(posix::stat_file, std::move(path));
}
}  // namespace hob::inline v0
