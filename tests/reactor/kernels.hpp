// SPDX-License-Identifier: MIT
//
// kernels.hpp — the kernels that the conformance suite runs on, and what its cases are made of.
//
// The tests of the kernels include it. A case is a function of a Bench: it is called once
// for each kernel, and the kernel's name stands in front of what fails.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "../../reactor/posix.hpp"
#include "../../reactor/sim.hpp"
#include "patience.hpp"

namespace hob_test {

using namespace hob;
using namespace std::chrono_literals;

struct Kernel {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
  bool real = true;   // its descriptors are the operating system's: dup, fcntl, fork mean something
  bool calm = true;   // wait() returns early only for a reason
};

// Every kernel of this build. One that is not `real` takes part in the cases of each_kernel() only.
inline std::vector<Kernel> kernels() {
  std::vector<Kernel> all;
  const char* const model = std::getenv("HOB_KQUEUE_MODEL");
  const bool hostile = model && std::string_view(model).starts_with("hostile");
  for (const NativeKernel& native : native_kernels()) {
    const bool calm = !hostile || native.name != "kqueue";
    all.push_back({std::string(native.name), native.make, true, calm});
  }
  all.push_back({"simulator", [] { return sim::World(1).backend(); }, false, true});
  return all;
}

// A kernel at work: the ready queue its events arm into, and the sockets, closed at the end.
class Bench {
 public:
  explicit Bench(const Kernel& kind) : kind_(kind), kernel_(kind.make()) {
    here.ready = &ready_;
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench() { here.ready = outer_; }

  Backend& operator*() const { return *kernel_; }
  Backend* operator->() const { return kernel_.get(); }
  const Kernel& kind() const { return kind_; }

  // Waits until `done`. However a kernel splits or repeats its events, that many wait() calls is how
  // a loop would see them.
  template <class Done> bool eventually(Done done) {
    const TimePoint end = kernel_->now() + kPatience;
    while (!done()) {
      if (kernel_->now() >= end) return false;
      kernel_->wait(kernel_->now() + 100ms);
    }
    return true;
  }

  // Lets whatever is under way arrive.
  void settle(Duration time = 20ms) {
    const TimePoint end = kernel_->now() + time;
    do kernel_->wait(end);
    while (kernel_->now() < end);
  }

 private:
  const Kernel& kind_;
  List<Runnable>* const outer_ = here.ready;
  List<Runnable> ready_;
  std::unique_ptr<Backend> kernel_;
};

// A descriptor and its watch; detached, then closed.
struct Handle {
  Handle(const Bench& bench, std::size_t number) : kernel(*bench), fd(static_cast<int>(number)) {}
  Handle(const Bench& bench, int number) : kernel(*bench), fd(number) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (fd == -1) return;
    kernel.detach(watch);
    kernel.close(fd);
  }

  // With both latches down, so that what is seen then came from an event.
  void attach(Interest interest = kReadWrite) {
    watch.readable = watch.writable = false;
    REQUIRE(kernel.attach(fd, watch, interest) == 0);
  }

  Io send(std::string_view text) {
    return kernel.send(fd, std::span(&text, 1));
  }

  std::string recv(std::size_t most = 100) {
    std::string text(most, '\0');
    const Io io = kernel.recv(fd, std::as_writable_bytes(std::span(text)));
    if (io.error != 0) return "error " + std::to_string(io.error);
    text.resize(io.n);
    return text;
  }

  Backend& kernel;
  int fd;
  Watch watch;
};

// What an event arms; it never runs here.
struct Waiter : Runnable {
  Waiter() : Runnable([](Runnable&) {}) {}
  bool armed() const { return linked(); }
};

struct Pair {
  explicit Pair(const Bench& bench) : Pair(bench, make(bench)) {}
  Handle a, b;

 private:
  struct Ends { int fds[2]; };
  static Ends make(const Bench& bench) {
    Ends ends;
    REQUIRE(bench->pair(ends.fds) == 0);
    return ends;
  }
  Pair(const Bench& bench, Ends ends) : a(bench, ends.fds[0]), b(bench, ends.fds[1]) {}
};

// 127.0.0.1, as the calls want it.
struct Loopback {
  sockaddr_in in{};
  unsigned size = sizeof(sockaddr_in);

  explicit Loopback(unsigned port = 0) {
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in.sin_port = htons(static_cast<std::uint16_t>(port));
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&in); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&in); }
  unsigned port() const { return ntohs(in.sin_port); }
};

inline std::size_t open_socket(const Bench& bench, int type) {
  const Io io = bench->open(AF_INET, type);
  REQUIRE(io.error == 0);
  return io.n;
}

struct Listener : Handle {
  explicit Listener(const Bench& bench) : Handle(bench, open_socket(bench, SOCK_STREAM)) {
    REQUIRE(bench->bind(fd, address.get(), address.size) == 0);
    REQUIRE(bench->listen(fd, 128) == 0);
    REQUIRE(bench->local_name(fd, address.get(), &address.size) == 0);
  }
  Loopback address;
};

struct Client : Handle {
  Client(const Bench& bench, const Loopback& to) : Handle(bench, open_socket(bench, SOCK_STREAM)) {
    begun = bench->connect(fd, to.get(), to.size);
  }
  int begun;  // what connect() answered
};

inline int accept(Bench& bench, Listener& listener) {
  Io io;
  const bool came = bench.eventually([&] {
    io = bench->accept(listener.fd, nullptr, nullptr);
    return io.error != EAGAIN;
  });
  REQUIRE(came);
  REQUIRE(io.error == 0);
  return static_cast<int>(io.n);
}

// A TCP connection to ourselves, neither end attached.
struct Connection {
  explicit Connection(Bench& bench)
      : listener(bench), client(bench, listener.address), server(bench, accept(bench, listener)) {
    client.watch.fd = client.fd;
    REQUIRE(bench.eventually([&] { return bench->connect_result(client.watch) == 0; }));
  }
  Listener listener;
  Client client;
  Handle server;
};

template <class Case> void each_kernel(Case run) {
  for (const Kernel& kind : kernels()) {
    INFO("on ", kind.name);
    Bench bench(kind);
    run(bench);
  }
}

template <class Case> void each_real_kernel(Case run) {
  for (const Kernel& kind : kernels()) {
    if (!kind.real) continue;
    INFO("on ", kind.name);
    Bench bench(kind);
    run(bench);
  }
}

// A moment that one thread waits for and another brings.
class Moment {
 public:
  void come() {
    const std::scoped_lock lock(mutex_);
    ++times_;
    changed_.notify_all();
  }
  bool came(int times = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return times_ >= times; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int times_ = 0;
};

// Runs `body` in a forked child and answers how that ended, as waitpid(2) does; -1: it did not.
template <class Body> int in_child(Body body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = -1;
  for (Duration waited{0}; waited < kPatience; waited += 10ms) {
    if (::waitpid(child, &status, WNOHANG) == child) return status;
    std::this_thread::sleep_for(10ms);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return -1;
}

// Whether a wait of `span` can end less than 500 us late. One that does shows it. Load makes many
// late, but not only them: so sleeps of the thread take turns with them, and it is for the kernel to
// do once what these do 300 times better. Where they do not either, there is nothing to be seen.
inline bool waits_exactly(Backend& kernel, Duration span) {
  for (int i = 0, exact_sleeps = 0; i < 3000; ++i) {
    const TimePoint until = kernel.now() + span;
    kernel.wait(until);
    const Duration late = kernel.now() - until;
    if (late >= Duration::zero() && late < 500us) return true;
    const TimePoint before = kernel.now();
    std::this_thread::sleep_for(span);
    exact_sleeps += kernel.now() - before < span + 250us;
    if (exact_sleeps == 300) return false;
  }
  return true;
}

inline bool handled_by(int number, void (*handler)(int)) {
  struct sigaction present;
  ::sigaction(number, nullptr, &present);
  return present.sa_handler == handler;
}

inline bool exited_with(int status, int code) {
  return status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == code;
}

inline bool killed_by(int status, int number) {
  return status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == number;
}

}  // namespace hob_test
