// SPDX-License-Identifier: MIT
//
// wait_fd.hpp — wait_readable, wait_writable: the door for foreign libraries' descriptors.
//
// Level-triggered, since a foreign library's reads are not ours to see: the descriptor is registered
// for this one wait, and detached when it settles or is dropped.
#pragma once

#include "leaf.hpp"

namespace hob::inline v0 {

// A foreign library's descriptor, kept by the loop for the next wait.
struct ForeignFd {
  Watch watch;
  unsigned users = 0;  // tasks that wait for it
};

class WaitFd : public Leaf<WaitFd> {
 public:
  WaitFd(int fd, Interest direction, const std::source_location& site) noexcept
      : fd_(fd), direction_(direction), site_(site) {}
  WaitFd(WaitFd&& from) noexcept : WaitFd(from.fd_, from.direction_, from.site_) {}
  ~WaitFd() { leave(); }

  bool try_now() const noexcept { return false; }
  void begin(Runnable& task);
  void finish() noexcept { leave(); }

 private:
  void leave() noexcept;
  int fd_;
  Interest direction_;
  std::source_location site_;
  ForeignFd* entry_ = nullptr;
  Runnable* task_ = nullptr;
};

// Waits until a read (a write) would not block, end and error included. The descriptor stays open
// until then. One waiter per direction: a second is std::logic_error. A descriptor that cannot be
// waited for is std::system_error, a regular file with EPERM on every kernel.
inline WaitFd wait_readable(
    int fd, std::source_location site = std::source_location::current()) noexcept {
  return WaitFd(fd, kRead, site);
}
inline WaitFd wait_writable(
    int fd, std::source_location site = std::source_location::current()) noexcept {
  return WaitFd(fd, kWrite, site);
}

}  // namespace hob::inline v0
