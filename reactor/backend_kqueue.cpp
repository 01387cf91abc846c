// SPDX-License-Identifier: MIT
// backend_kqueue.cpp — readiness on macOS and BSD, and on Linux with HOB_KQUEUE. Empty elsewhere.
//
// Called by posix.cpp; calls kqueue(2), kevent(2). Diff it with backend_epoll.cpp: the same functions in
// the same order, so that what differs is the kernels.
//   1. An event carries the address of an attached Watch, or null: that is our own wake-up. wait()
//      runs no user code (the Law of the Batch, backend.hpp), so that address is good.
//   2. A call of kevent() either changes or waits, never both, and every change is receipted
//      (EV_RECEIPT): otherwise one refused change would hide whether the others were made.
#if !defined(__linux__) || defined(HOB_KQUEUE)
#include <fcntl.h>
#include <sys/types.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include "posix.hpp"

namespace hob::inline v0 {
namespace {
constexpr int kBatch = 512;  // events fetched by one wait(); libkqueue loses what is beyond 512
constexpr timespec kAtOnce{};

using Kevent = struct kevent;

struct Names {
  static constexpr decltype(Kevent::filter) read = EVFILT_READ;
  static constexpr decltype(Kevent::filter) write = EVFILT_WRITE;
  static constexpr int eof = EV_EOF;
};

class KqueuePoller final : public Poller {
 public:
  // A forked child does not inherit the queue: there its number may be another file by now.
  ~KqueuePoller() override { if (!forked()) ::close(kernel_); }
  // macOS has EVFILT_USER since 10.6, FreeBSD 8.1, DragonFly 4.0, NetBSD 10, OpenBSD 7.8.
  int open() noexcept override {
    kernel_ = ::kqueue();
    if (kernel_ == -1) return errno;
    ::fcntl(kernel_, F_SETFD, FD_CLOEXEC);
    Kevent waker{};
    EV_SET(&waker, 0, EVFILT_USER, EV_ADD | EV_CLEAR | EV_RECEIPT, 0, 0, nullptr);
    if (::kevent(kernel_, &waker, 1, &waker, 1, &kAtOnce) == -1 && errno != EINTR) return errno;
    return static_cast<int>(waker.data);
  }

  // Regular files and directories are refused by hand: macOS reports them ready once, FreeBSD for
  // ever, and both would block. So is a number that is attached: it would change hands.
  int attach(int fd, Watch& watch, Interest interest) noexcept override {
    struct stat info;
    if (::fstat(fd, &info) == -1) return errno;
    if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) return EPERM;
    const auto number = static_cast<std::size_t>(fd);
    if (number >= attached_.size()) attached_.resize(2 * number + 64);
    if (attached_[number]) return EEXIST;
    const int error = change(EV_ADD | EV_CLEAR, fd, interest, &watch);
    if (error != 0) change(EV_DELETE, fd, interest, nullptr);
    attached_[number] = error == 0;
    return error;
  }

  // kqueue registers the number, so that a close() of it would do. But libkqueue (2.7.0) keeps the
  // registration then, and the next descriptor of that number stays deaf.
  void detach(const Watch& watch) noexcept override {
    change(EV_DELETE, watch.fd, watch.interest, nullptr);
    attached_[static_cast<std::size_t>(watch.fd)] = false;
  }

  int wait(Duration at_most) noexcept override {
    Kevent events[kBatch];
    const int count = receive(events, at_most);
    for (int i = 0; i < count; ++i) deliver(events[i]);
    return count;
  }

  // Several before one wait() are one event.
  void wake() noexcept override {
    Kevent trigger{};
    EV_SET(&trigger, 0, EVFILT_USER, 0, NOTE_TRIGGER, 0, nullptr);
    ::kevent(kernel_, &trigger, 1, nullptr, 0, &kAtOnce);
  }
 private:
  // Changes what the kernel reports of `fd`: a filter for each direction, an address for each.
  // Reports at once what is ready already. WRITE before READ: libkqueue (2.7.0) tells of a half
  // close with data unread in this order only.
  int change(int action, int fd, unsigned interest, Watch* watch) noexcept {
    Kevent wanted[2]{};
    int count = 0;
    const auto add = [&](decltype(Kevent::filter) filter) {
      Kevent& one = wanted[count++];
      EV_SET(&one, static_cast<decltype(one.ident)>(fd), filter,
             static_cast<decltype(one.flags)>(action | EV_RECEIPT), 0, 0, watch);
    };
    if (interest & kWrite) add(Names::write);
    if (interest & kRead) add(Names::read);
    // Interrupted, it has changed all the same (FreeBSD's manual), and the receipts are blank.
    if (::kevent(kernel_, wanted, count, wanted, count, &kAtOnce) == -1 && errno != EINTR)
      return errno != 0 ? errno : EPERM;  // libkqueue refuses /dev/null with no errno at all
    int refused = 0;
    for (int i = 0; i < count; ++i) {
      const int error = static_cast<int>(wanted[i].data);
      if ((wanted[i].flags & EV_ERROR) == 0 || error == 0) continue;
      // A pipe whose reader is gone refuses the WRITE filter: EPIPE on FreeBSD, and on macOS up to
      // 10.11; EBADF on NetBSD. The writer shall try, and be told by its call.
      const bool is_write = watch && wanted[i].filter == Names::write;
      is_write && (error == EPIPE || error == EBADF) ? watch->on_writable() : void(refused = error);
    }
    return refused;
  }

  // Sleeps and fetches.
  int receive(Kevent* events, Duration at_most) noexcept {
    const timespec span{.tv_sec = static_cast<time_t>(at_most / std::chrono::seconds(1)),
                        .tv_nsec = static_cast<long>((at_most % std::chrono::seconds(1)).count())};
    return ::kevent(kernel_, nullptr, 0, events, kBatch, at_most != Duration::max() ? &span : nullptr);
  }

  // Latches and arms. One event speaks of one direction.
  static void deliver(const Kevent& event) noexcept { latch<Names>(event); }
  int kernel_ = -1;
  std::vector<bool> attached_;  // by number
};
}  // namespace

std::unique_ptr<Backend> make_kqueue_backend() {
  return posix_backend(std::make_unique<KqueuePoller>());
}
}  // namespace hob::inline v0

#endif  // kqueue
