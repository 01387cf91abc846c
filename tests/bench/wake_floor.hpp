// SPDX-License-Identifier: MIT
//
// wake_floor.hpp — the bare system calls that a wake-up is made of: eventfd and epoll, on Linux.
#pragma once

#ifdef __linux__
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#endif

#include <cstdint>

namespace bench {

#ifdef __linux__
class BareWaiter {
 public:
  static constexpr bool kExists = true;
  BareWaiter() {
    epoll_event wanted{};
    wanted.events = EPOLLIN | EPOLLET;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &wanted);
  }
  BareWaiter(const BareWaiter&) = delete;
  ~BareWaiter() {
    ::close(event_);
    ::close(epoll_);
  }
  void wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(event_, &one, sizeof one);
  }
  void wait() {
    epoll_event event;
    while (::epoll_wait(epoll_, &event, 1, -1) != 1) {
    }
  }

 private:
  int epoll_ = ::epoll_create1(0);
  int event_ = ::eventfd(0, EFD_NONBLOCK);
};
#else
struct BareWaiter {
  static constexpr bool kExists = false;
  void wake() {}
  void wait() {}
};
#endif

}  // namespace bench
