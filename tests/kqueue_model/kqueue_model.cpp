// SPDX-License-Identifier: MIT
//
// kqueue_model.cpp — a model of macOS's kqueue on Linux, on which every test runs the real backend.
//
// The kernel as its manuals, and those who read XNU for libuv and mio, describe it:
//   - READ and WRITE are filters of their own, with an event and a udata each;
//   - EV_EOF is in READ when the peer has finished, in WRITE when we cannot send any more; the
//     error of a socket is in the fflags of both, and stays in the socket;
//   - a socket that was never connected is silent; a regular file is ready, once;
//   - a call that has receipts or errors to give returns at once; without room for an error the
//     first one ends the call, and later changes are not made;
//   - close(fd) drops what was registered under that number, though a duplicate lives on; and a
//     forked child has no queue.
//
// HOB_KQUEUE_MODEL=hostile (or hostile:SEED) makes it as unpleasant as any kernel may be: one event
// per call, in random order and hence as late as it likes; WRITE events for no reason (macOS sends
// one with every ACK), even while connecting; EINTR now and then; nonsense in `data`; EPIPE for the
// WRITE filter of a pipe without a reader (FreeBSD). And it is strict: to close a descriptor that
// is still registered ends the program with a sentence (backend.hpp, invariant 1).
//
// It shows that the code is right about what is written here. Whether a Mac agrees, only a Mac can
// say. Known not to be imitated: EV_EOF in WRITE after our own shutdown of a unix socket, and WRITE
// keeps silent natively when the peer finishes, where Linux reports it once more.
//
// Underneath there are two epoll instances per queue, one per filter, since one of them would wake
// both directions together; each holds a descriptor edge-triggered with EV_CLEAR.
#include "sys/event.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

namespace {

using Key = std::pair<int, int>;  // descriptor, filter

struct Queue {
  int reads, writes, user;            // two epolls and an eventfd
  pid_t process = ::getpid();
  bool user_clears = false;           // EVFILT_USER has EV_CLEAR
  std::map<Key, void*> notes;         // what is registered, with its udata
  std::map<Key, struct kevent> held;  // happened, and not yet told
};

std::mutex model;  // guards all that follows
auto& queues = *new std::map<int, std::shared_ptr<Queue>>;  // for ever: exit, too, calls close()

const char* const mode = std::getenv("HOB_KQUEUE_MODEL");
const bool hostile = mode && std::strncmp(mode, "hostile", 7) == 0;
std::mt19937 dice(hostile && mode[7] == ':' ? static_cast<unsigned>(std::atoi(mode + 8)) : 1);

bool one_in(unsigned n) { return hostile && dice() % n == 0; }

int refuse_after = 0, refuse_with = 0;  // kqueue_model_refuse()

// A fork while another thread holds the lock must not leave it locked in the child.
void lock_model() { model.lock(); }
void unlock_model() { model.unlock(); }
const int forks = pthread_atfork(lock_model, unlock_model, unlock_model);

int close_really(int fd) { return static_cast<int>(::syscall(SYS_close, fd)); }

std::shared_ptr<Queue> find(int kq) {
  const auto found = queues.find(kq);
  return found != queues.end() && found->second->process == ::getpid() ? found->second : nullptr;
}

// --- what a descriptor is like -------------------------------------------------------------------

int option(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == -1 ? -1 : value;
}

bool tcp(int fd, tcp_info& info) {
  info = {};
  socklen_t size = sizeof info;
  return option(fd, SO_DOMAIN) != AF_UNIX && option(fd, SO_TYPE) == SOCK_STREAM &&
         ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
}

// The error a socket holds. Linux can only tell it by taking it away, and a kqueue kernel leaves it
// there; so it is inferred: whoever had no more than one segment was never connected.
std::uint32_t error_of(int fd) {
  tcp_info info;
  if (tcp(fd, info)) return info.tcpi_segs_in > 1 ? ECONNRESET : ECONNREFUSED;
  if (option(fd, SO_TYPE) == SOCK_DGRAM) return ECONNREFUSED;
  return option(fd, SO_TYPE) == -1 ? 0 : ECONNRESET;
}

bool idle(int fd) {  // a TCP socket that has never been more than that
  tcp_info info;
  return tcp(fd, info) && info.tcpi_state == 7 && info.tcpi_segs_in + info.tcpi_segs_out == 0;
}

bool sending_is_over(int fd) {
  tcp_info info;
  if (!tcp(fd, info)) return false;
  return info.tcpi_state == 4 || info.tcpi_state == 5 || info.tcpi_state == 7 ||
         info.tcpi_state == 9 || info.tcpi_state == 11;  // FIN_WAIT*, CLOSE, LAST_ACK, CLOSING
}

bool pipe_without_reader(int fd) {
  struct stat info;
  pollfd asked{fd, POLLOUT, 0};
  return ::fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode) && ::poll(&asked, 1, 0) == 1 &&
         (asked.revents & POLLERR) != 0;
}

// --- changes -------------------------------------------------------------------------------------

int change_user(Queue& queue, const struct kevent& wanted) {
  const Key key{static_cast<int>(wanted.ident), EVFILT_USER};
  if (wanted.flags & EV_DELETE) return queue.notes.erase(key) ? 0 : ENOENT;
  if (!(wanted.flags & EV_ADD) && !queue.notes.contains(key)) return ENOENT;
  if (wanted.flags & EV_ADD) queue.user_clears = (wanted.flags & EV_CLEAR) != 0;
  queue.notes[key] = wanted.udata;  // also where the event is only triggered
  if (wanted.fflags & NOTE_TRIGGER) ::eventfd_write(queue.user, 1);
  return 0;
}

int change(Queue& queue, const struct kevent& wanted) {
  if (wanted.filter == EVFILT_USER) return change_user(queue, wanted);
  if (wanted.filter != EVFILT_READ && wanted.filter != EVFILT_WRITE) return EINVAL;
  const int fd = static_cast<int>(wanted.ident);
  const Key key{fd, wanted.filter};
  const bool write = wanted.filter == EVFILT_WRITE;
  const int epoll = write ? queue.writes : queue.reads;
  if (::fcntl(fd, F_GETFD) == -1) return EBADF;

  if (wanted.flags & EV_DELETE) {
    if (queue.notes.erase(key) == 0) return ENOENT;
    queue.held.erase(key);
    ::epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr);
    return 0;
  }
  if (refuse_after > 0 && --refuse_after == 0) return refuse_with;
  if (hostile && write && pipe_without_reader(fd)) return EPIPE;
  epoll_event event{};
  event.events = write ? EPOLLOUT : EPOLLIN | EPOLLRDHUP;
  if (wanted.flags & EV_CLEAR) event.events |= EPOLLET;
  event.data.fd = fd;
  const int action = queue.notes.contains(key) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(epoll, action, fd, &event) == -1) {
    if (errno != EPERM) return errno;
    struct kevent ready = wanted;
    ready.flags = EV_CLEAR;
    queue.held[key] = ready;
  }
  queue.notes[key] = wanted.udata;
  return 0;
}

// --- events --------------------------------------------------------------------------------------

void hold(Queue& queue, int fd, int filter, int flags, std::uint32_t fflags) {
  const auto note = queue.notes.find({fd, filter});
  if (note == queue.notes.end()) return;
  struct kevent event {};
  event.ident = static_cast<uintptr_t>(fd);
  event.filter = static_cast<int16_t>(filter);
  event.flags = static_cast<uint16_t>(flags | EV_CLEAR);
  event.fflags = fflags;
  event.udata = note->second;
  int count = 0;
  if (filter == EVFILT_READ) ::ioctl(fd, FIONREAD, &count);
  event.data = hostile ? static_cast<intptr_t>(dice()) : count;
  struct kevent& held = queue.held.try_emplace({fd, filter}, event).first->second;
  held.flags |= event.flags;  // two that happen before the first is told are one
  held.fflags |= fflags;
}

void fetch(Queue& queue, int epoll, int filter, int room) {
  epoll_event events[512];
  const int count = ::epoll_wait(epoll, events, std::min(room, 512), 0);
  for (int i = 0; i < count; ++i) {
    const int fd = events[i].data.fd;
    const std::uint32_t bits = events[i].events;
    const bool failed = (bits & EPOLLERR) != 0;
    if (!failed && (bits & EPOLLHUP) && idle(fd)) continue;
    const bool over = filter == EVFILT_READ ? (bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0
                                            : (bits & (EPOLLHUP | EPOLLERR)) || sending_is_over(fd);
    hold(queue, fd, filter, over ? EV_EOF : 0, failed ? error_of(fd) : 0);
    if (filter == EVFILT_READ && one_in(2)) hold(queue, fd, EVFILT_WRITE, 0, 0);
  }
}

// Tells up to `room` of what has happened.
int collect(Queue& queue, struct kevent* events, int room) {
  fetch(queue, queue.reads, EVFILT_READ, room);
  fetch(queue, queue.writes, EVFILT_WRITE, room);
  eventfd_t triggers;
  if (::eventfd_read(queue.user, &triggers) == 0) {
    hold(queue, 0, EVFILT_USER, 0, NOTE_TRIGGER);
    if (!queue.user_clears) ::eventfd_write(queue.user, 1);
  }
  if (one_in(8)) {
    std::vector<int> candidates;
    for (const auto& [key, udata] : queue.notes) {
      if (key.second == EVFILT_WRITE) candidates.push_back(key.first);
    }
    if (!candidates.empty()) {
      hold(queue, candidates[dice() % candidates.size()], EVFILT_WRITE, 0, 0);
    }
  }
  int count = 0;
  while (count < (hostile ? std::min(room, 1) : room) && !queue.held.empty()) {
    auto next = queue.held.begin();
    if (hostile) std::advance(next, dice() % queue.held.size());
    events[count++] = next->second;
    queue.held.erase(next);
  }
  return count;
}

}  // namespace

// --- the system calls ----------------------------------------------------------------------------

extern "C" int kqueue() {
  const std::scoped_lock lock(model);
  auto queue = std::make_shared<Queue>();
  queue->reads = ::epoll_create1(0);  // not close-on-exec: macOS's is not
  queue->writes = ::epoll_create1(EPOLL_CLOEXEC);
  queue->user = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (queue->reads == -1 || queue->writes == -1 || queue->user == -1) {
    const int error = errno;
    for (const int fd : {queue->reads, queue->writes, queue->user}) close_really(fd);
    errno = error;
    return -1;
  }
  queues[queue->reads] = queue;
  return queue->reads;
}

extern "C" int kevent(int kq, const struct kevent* changes, int nchanges, struct kevent* events,
                      int nevents, const struct timespec* timeout) {
  using Clock = std::chrono::steady_clock;
  std::unique_lock lock(model);
  const std::shared_ptr<Queue> queue = find(kq);
  if (!queue) return errno = EBADF, -1;

  int told = 0;
  std::vector<struct kevent> receipts;
  bool refused = false;
  for (int i = 0; i < nchanges; ++i) {
    struct kevent receipt = changes[i];  // by value: `events` may be the same array
    const int error = change(*queue, receipt);
    refused |= error != 0;
    if (error == 0 && !(receipt.flags & EV_RECEIPT)) continue;
    if (told == nevents) {
      if (error != 0) return errno = error, -1;
      continue;
    }
    receipt.flags |= EV_ERROR;
    receipt.data = error;
    receipts.push_back(receipt);
    ++told;
  }
  // Interrupted, the changes are made all the same, and the receipts are lost.
  if (nchanges > 0 && !refused && one_in(16)) return errno = EINTR, -1;
  for (int i = 0; i < told; ++i) events[i] = receipts[static_cast<std::size_t>(i)];
  if (told > 0 || nevents == 0) return told;
  if (one_in(16)) return errno = EINTR, -1;

  auto left = timeout ? std::chrono::seconds(timeout->tv_sec) +
                            std::chrono::nanoseconds(timeout->tv_nsec)
                      : std::chrono::nanoseconds::max();
  const auto begin = Clock::now();
  for (;;) {
    told = collect(*queue, events, nevents);
    const auto spent = timeout ? Clock::now() - begin : std::chrono::nanoseconds::zero();
    if (told > 0 || spent >= left) return told;
    const timespec rest{.tv_sec = (left - spent) / std::chrono::seconds(1),
                        .tv_nsec = ((left - spent) % std::chrono::seconds(1)).count()};
    pollfd asked[3];
    std::size_t n = 0;
    for (const int fd : {queue->reads, queue->writes, queue->user}) asked[n++] = {fd, POLLIN, 0};
    lock.unlock();
    if (::ppoll(asked, 3, timeout ? &rest : nullptr, nullptr) == -1) return -1;
    lock.lock();
  }
}

// For tests: the nth EV_ADD of a READ or WRITE filter from now on is refused with `error`.
extern "C" void kqueue_model_refuse(int nth, int error) {
  const std::scoped_lock lock(model);
  refuse_after = nth, refuse_with = error;
}

// Stands in front of the C library's: what a kqueue kernel does when a number is closed.
extern "C" int close(int fd) {
  const std::scoped_lock lock(model);
  if (const auto queue = find(fd)) {
    queues.erase(fd);
    close_really(queue->writes);
    close_really(queue->user);
  }
  for (const auto& [kq, queue] : queues) {
    if (queue->process != ::getpid()) continue;
    for (const int filter : {EVFILT_READ, EVFILT_WRITE}) {
      if (queue->notes.erase({fd, filter}) == 0) continue;
      if (hostile) {
        std::fprintf(stderr, "kqueue model: descriptor %d is closed before it is detached\n", fd);
        std::abort();
      }
      queue->held.erase({fd, filter});
      ::epoll_ctl(filter == EVFILT_READ ? queue->reads : queue->writes, EPOLL_CTL_DEL, fd, nullptr);
    }
  }
  return close_really(fd);
}
