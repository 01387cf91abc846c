// SPDX-License-Identifier: MIT
// backend_epoll.cpp — readiness on Linux. Empty elsewhere.
//
// Called by posix.cpp; calls epoll(7), eventfd(2). Diff it with backend_kqueue.cpp: the same functions in
// the same order, so that what differs is the kernels.
//
// Invariant: an event carries the address of an attached Watch, or null: that is our own wake-up. wait()
// runs no user code (the Law of the Batch, backend.hpp), so that address is good.
#ifdef __linux__
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <algorithm>
#include "posix.hpp"

namespace hob::inline v0 {
namespace {
constexpr int kBatch = 512;  // events fetched by one wait()

class EpollPoller final : public Poller {
 public:
  ~EpollPoller() override {
    ::close(waker_);
    ::close(kernel_);
  }

  int open() noexcept override {
    kernel_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (kernel_ == -1) return errno;
    waker_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return waker_ == -1 ? errno : change(EPOLL_CTL_ADD, waker_, kRead, nullptr);
  }

  int attach(int fd, Watch& watch, Interest interest) noexcept override {
    return change(EPOLL_CTL_ADD, fd, interest, &watch);
  }

  // epoll registers the open file, not its number. Closing one of two duplicates (a forked child's
  // copy is one) would leave the events coming, and no number left to stop them by.
  void detach(const Watch& watch) noexcept override {
    change(EPOLL_CTL_DEL, watch.fd, watch.interest, nullptr);
  }

  int wait(Duration at_most) noexcept override {
    epoll_event events[kBatch];
    const int count = receive(events, at_most);
    for (int i = 0; i < count; ++i) deliver(events[i]);
    return count;
  }

  // The count is never read back: each write is an edge of its own, several before one wait() are one
  // event, and it would take 2^64 of them to fill it.
  void wake() noexcept override {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(waker_, &one, sizeof one);
  }
 private:
  // Changes what the kernel reports of `fd`: one mask for both directions, one address. Reports at
  // once what is ready already. EPERM for a regular file is the kernel's own answer.
  int change(int action, int fd, unsigned interest, Watch* watch) noexcept {
    epoll_event wanted{};
    wanted.events = EPOLLET;
    if (interest & kRead) wanted.events |= EPOLLIN | EPOLLRDHUP;
    if (interest & kWrite) wanted.events |= EPOLLOUT;
    wanted.data.ptr = watch;
    return ::epoll_ctl(kernel_, action, fd, &wanted) == -1 ? errno : 0;
  }

  // Sleeps and fetches. An idle kernel is late by all its slack: the thread's (50 us; PR_SET_TIMERSLACK,
  // prctl(2)), or a thousandth of the sleep. So it is asked for that much less, and, early, once more.
  // epoll_pwait2(2), which counts nanoseconds, is called by number, as musl does not wrap it. Linux before
  // 5.11 answers ENOSYS, an older container's filter EPERM; ppoll(2) then sleeps as exactly, a call more.
  int receive(epoll_event* events, Duration at_most) noexcept {
    if (at_most > Duration::zero()) {
      const bool ends = at_most != Duration::max();  // without a time the kernel sets no timer
      const Duration slack = std::max(slack_, at_most / 1000);
      if (at_most > slack) at_most -= slack;
      const std::int64_t span[] = {  // the kernel's timespec: 64 bits each, on every machine
          at_most / std::chrono::seconds(1), (at_most % std::chrono::seconds(1)).count()};
#ifdef SYS_epoll_pwait2
      if (exact_) {
        const long n = ::syscall(SYS_epoll_pwait2, kernel_, events, kBatch, ends ? span : nullptr, nullptr, 0);
        if (n != -1 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(n);
        exact_ = false;
      }
#endif
      pollfd asked{.fd = kernel_, .events = POLLIN, .revents = 0};
      const timespec sleep{static_cast<time_t>(span[0]), static_cast<long>(span[1])};
      if (const int ready = ::ppoll(&asked, 1, ends ? &sleep : nullptr, nullptr); ready <= 0) return ready;
    }
    return ::epoll_wait(kernel_, events, kBatch, 0);
  }

  // Latches and arms. One event speaks of both directions; a hang-up or an error ends the waits of
  // both, and the call that follows tells which it was.
  static void deliver(const epoll_event& event) noexcept {
    if (!event.data.ptr) return;  // the waker, whose whole purpose was to end wait()
    Watch& watch = *static_cast<Watch*>(event.data.ptr);
    const std::uint32_t bits = event.events;
    if (bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) watch.read_hangup = true;
    if (bits & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) watch.on_readable();
    if (bits & (EPOLLOUT | EPOLLHUP | EPOLLERR)) watch.on_writable();
  }

  int kernel_ = -1, waker_ = -1;
  bool exact_ = true;  // epoll_pwait2 works, as far as we know
  const Duration slack_{::prctl(PR_GET_TIMERSLACK)};
};
}  // namespace

std::unique_ptr<Backend> make_epoll_backend() {
  return posix_backend(std::make_unique<EpollPoller>());
}
}  // namespace hob::inline v0

#endif  // __linux__
