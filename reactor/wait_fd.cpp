// SPDX-License-Identifier: MIT
//
// wait_fd.cpp — one registration per foreign descriptor, shared by its two directions.
#include "wait_fd.hpp"

#include <cerrno>
#include <string>

namespace hob::inline v0 {

ForeignFd& Loop::foreign(int fd) {
  const auto number = static_cast<std::size_t>(fd);
  if (number >= foreign_.size()) foreign_.resize(number + 1);
  if (!foreign_[number]) foreign_[number] = std::make_unique<ForeignFd>();
  return *foreign_[number];
}

void WaitFd::begin(Runnable& task) {
  Loop& loop = *here.loop;
  const char* const what = direction_ == kRead ? "wait_readable " : "wait_writable ";
  if (fd_ < 0) throw_errno(EBADF, what + std::to_string(fd_));
  ForeignFd& entry = loop.foreign(fd_);
  Runnable*& waiter = direction_ == kRead ? entry.watch.reader : entry.watch.writer;
  if (waiter) misuse("wait_readable / wait_writable: another task waits for this descriptor already");
  // Attaching anew reports the state of now: what an earlier wait has latched is history.
  const auto had = static_cast<Interest>(entry.watch.interest);
  if (had) loop.detach(entry.watch);
  bool& latch = direction_ == kRead ? entry.watch.readable : entry.watch.writable;
  latch = false;
  const int error = loop.attach(fd_, entry.watch, static_cast<Interest>(had | direction_));
  if (error) {
    if (entry.users != 0 && loop.attach(fd_, entry.watch, had) != 0)
      // It was closed while another task waits for it: that one's own call will say so.
      entry.watch.on_readable(), entry.watch.on_writable();
    throw_errno(error, what + std::to_string(fd_));
  }
  entry.watch.site = site_;
  task_ = &task;
  ++entry.users;
  entry_ = &entry;
  latch ? task.arm() : static_cast<void>(waiter = &task);  // kqueue may have told by refusing
}

void WaitFd::leave() noexcept {
  if (!entry_) return;
  ForeignFd& entry = *std::exchange(entry_, nullptr);
  // Its event has taken it out already; and perhaps another task waits there by now.
  Runnable*& waiter = direction_ == kRead ? entry.watch.reader : entry.watch.writer;
  if (waiter == task_) waiter = nullptr;
  if (--entry.users == 0) {
    here.loop->detach(entry.watch);
  }
}

}  // namespace hob::inline v0
