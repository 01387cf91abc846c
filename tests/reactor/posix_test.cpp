// SPDX-License-Identifier: MIT
//
// posix_test.cpp — the descriptors of a native kernel, its choice, and an older Linux.
//
// Forked children where the process itself is at stake.
#include <sys/resource.h>

#include <set>
#include <stdexcept>

#include "kernels.hpp"

#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

namespace hob_test::posix_test {
namespace {

std::set<int> open_descriptors() {
  std::set<int> open;
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1) open.insert(fd);
  }
  return open;
}

}  // namespace

TEST_SUITE_BEGIN("reactor");

TEST_CASE("writing to whom nobody reads is EPIPE, and never SIGPIPE") {
  CHECK(handled_by(SIGPIPE, SIG_DFL));
  each_real_kernel([](Bench& bench) {
    Pair pair(bench);
    bench->close(std::exchange(pair.b.fd, -1));
    const std::string_view pieces[] = {"x", "y"};
    CHECK(pair.a.send("x").error == EPIPE);
    CHECK(bench->send(pair.a.fd, pieces).error == EPIPE);
    Connection tcp(bench);
    for (const int fd : {tcp.client.fd, tcp.server.fd}) {
      CHECK(bench->shutdown_write(fd) == 0);
      CHECK(bench->send(fd, std::span(pieces, 1)).error == EPIPE);
    }
  });
}

TEST_CASE("every descriptor is close-on-exec, and every socket non-blocking") {
  for (const Kernel& kind : kernels()) {
    if (!kind.real) continue;
    const std::set<int> before = open_descriptors();
    Bench bench(kind);
    REQUIRE(bench->catch_signal(SIGUSR1, Catch::until_closed) == 0);
    for (const int fd : open_descriptors()) {
      if (!before.contains(fd)) CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
    Connection tcp(bench);
    Pair pair(bench);
    for (const int fd : {tcp.listener.fd, tcp.client.fd, tcp.server.fd, pair.a.fd, pair.b.fd}) {
      CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
      CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    }
  }
}

TEST_CASE("a hundred backends leave no descriptor behind") {
  for (const Kernel& kind : kernels()) {
    if (!kind.real) continue;
    const std::set<int> before = open_descriptors();
    for (int i = 0; i < 100; ++i) {
      Bench bench(kind);
      bench->catch_signal(SIGUSR1, Catch::until_closed);
      Connection tcp(bench);
      tcp.server.attach();
    }
    // A queue of libkqueue goes a while after its close, by the hand of a thread.
    for (int i = 0; i < 1000 && open_descriptors().size() > before.size(); ++i) {
      std::this_thread::sleep_for(10ms);
    }
    CHECK(open_descriptors().size() < before.size() + 10);
  }
}

TEST_CASE("when descriptors run out, the calls say EMFILE and a new backend throws it") {
  each_real_kernel([](Bench& outer) {
    const Kernel& kind = outer.kind();
    const int status = in_child([&] {
      Bench bench(kind);
      Listener listener(bench);
      Client client(bench, listener.address);
      rlimit limit;
      if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) ::_exit(2);
      const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
      if (::setrlimit(RLIMIT_NOFILE, &none) != 0) ::_exit(2);
      int fds[2];
      if (bench->open(AF_INET, SOCK_STREAM).error != EMFILE) ::_exit(3);
      if (bench->pair(fds) != EMFILE) ::_exit(4);
      if (bench->accept(listener.fd, nullptr, nullptr).error != EMFILE) ::_exit(5);
      if (bench->catch_signal(SIGUSR1, Catch::until_closed) != EMFILE) ::_exit(6);
      if (!handled_by(SIGUSR1, SIG_DFL)) ::_exit(7);
      try {
        kind.make();
        ::_exit(8);
      } catch (const std::system_error& error) {
        ::setrlimit(RLIMIT_NOFILE, &limit);  // UBSan opens a pipe to look at `error`
        ::_exit(error.code() == std::errc::too_many_files_open ? 0 : 9);
      }
    });
    CHECK(exited_with(status, 0));
  });
}

TEST_CASE("in a forked child the parent's backend says that it is not there, and touches nothing") {
  each_real_kernel([](Bench& bench) {
    Pair pair(bench), other(bench);
    REQUIRE(bench->catch_signal(SIGUSR1, Catch::until_closed) == 0);
    pair.b.attach();
    bench.settle(5ms);
    pair.b.watch.readable = false;
    const int status = in_child([&] {
      Watch watch;
      if (bench->attach(other.b.fd, watch) != EBADF) ::_exit(2);
      bench->detach(pair.b.watch);
      if (pair.b.watch.interest != 0) ::_exit(3);
      bench->wake();
      try {
        bench->wait(TimePoint::min());
        ::_exit(4);
      } catch (const std::system_error& error) {
        if (error.code() != std::errc::bad_file_descriptor) ::_exit(5);
      }
      bench->~Backend();
      ::_exit(0);
    });
    CHECK(exited_with(status, 0));
    pair.a.send("x");
    CHECK(bench.eventually([&] { return pair.b.watch.readable; }));
    ::raise(SIGUSR1);
    std::uint64_t seen = 0;
    CHECK(bench.eventually([&] { return (seen |= bench->take_signals()) != 0; }));
  });
}

// The model of kqueue has it, where the suite is linked to it.
extern "C" void kqueue_model_refuse(int nth, int error) __attribute__((weak));

TEST_CASE("kqueue: a filter that is refused leaves none of the descriptor's behind") {
  if (!kqueue_model_refuse) return;
  each_real_kernel([](Bench& bench) {
    if (bench.kind().name != "kqueue") return;
    for (const int nth : {1, 2}) {
      CAPTURE(nth);
      Pair pair(bench);
      Watch watch;
      kqueue_model_refuse(nth, ENOMEM);
      CHECK(bench->attach(pair.b.fd, watch) == ENOMEM);
      CHECK(watch.interest == 0);
      kqueue_model_refuse(nth, EPIPE);  // of WRITE alone it is no refusal: the call will tell
      CHECK(bench->attach(pair.b.fd, watch) == (nth == 1 ? 0 : EPIPE));
      bench->detach(watch);
      kqueue_model_refuse(0, 0);
      pair.b.attach();
      pair.a.send("x");
      CHECK(bench.eventually([&] { return pair.b.watch.readable && pair.b.watch.writable; }));
    }
  });
}

TEST_CASE("HOB_BACKEND chooses among the kernels compiled in, and refuses any other") {
  const char* const set = std::getenv("HOB_BACKEND");
  const std::string before = set ? set : "";
  for (const NativeKernel& kernel : native_kernels()) {
    ::setenv("HOB_BACKEND", std::string(kernel.name).c_str(), 1);
    CHECK(native_backend() != nullptr);
  }
  ::setenv("HOB_BACKEND", "abacus", 1);
  CHECK_THROWS_AS(native_backend(), std::invalid_argument);
  ::setenv("HOB_BACKEND", "", 1);
  CHECK(native_backend() != nullptr);
  if (set) ::setenv("HOB_BACKEND", before.c_str(), 1);
  else ::unsetenv("HOB_BACKEND");
}

#if defined(__linux__) && defined(SYS_epoll_pwait2)
TEST_CASE("where epoll_pwait2 is missing or forbidden, a wait is as exact") {
  for (const int error : {ENOSYS, EPERM}) {
    const int status = in_child([&] {
      sock_filter rules[] = {
          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),  // offsetof(seccomp_data, nr)
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      };
      const sock_fprog program{.len = 4, .filter = rules};
      if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(0);
      if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(0);
      const auto kernel = make_epoll_backend();
      for (int i = 0; i < 20; ++i) {
        const TimePoint until = kernel->now() + 150us;
        kernel->wait(until);
        if (kernel->now() < until) ::_exit(2);
      }
      if (!waits_exactly(*kernel, 150us)) ::_exit(3);
      kernel->wake();
      kernel->wait(kNever);
    });
    CHECK(exited_with(status, 0));
  }
}
#endif

TEST_SUITE_END();
}  // namespace hob_test::posix_test
