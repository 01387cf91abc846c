// SPDX-License-Identifier: MIT
//
// wait_fd_test.cpp — wait_readable and wait_writable, on the native kernel with pipes and sockets.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../reactor/posix.hpp"
#include "sync_bench.hpp"

namespace hob_test::wait_fd_test {
namespace {

// Two connected descriptors, non-blocking; closed at the end.
struct Ends {
  enum Kind { pipe, sockets };
  explicit Ends(Kind kind) {
    REQUIRE((kind == pipe ? ::pipe(fds) : ::socketpair(AF_UNIX, SOCK_STREAM, 0, fds)) == 0);
    for (const int fd : fds) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  ~Ends() { close(0), close(1); }
  void close(int i) {
    if (fds[i] != -1) ::close(std::exchange(fds[i], -1));
  }
  void put(int i, const char* text) const {
    REQUIRE(::write(fds[i], text, std::strlen(text)) == static_cast<ssize_t>(std::strlen(text)));
  }
  std::string take(int i) const {
    char bytes[100];
    const ssize_t n = ::read(fds[i], bytes, sizeof bytes);
    return n < 0 ? "error " + std::to_string(errno) : std::string(bytes, static_cast<std::size_t>(n));
  }
  // Writes until the descriptor takes no more.
  void fill(int i) const {
    static const std::string bytes(65536, 'x');
    while (::write(fds[i], bytes.data(), bytes.size()) > 0) {
    }
  }
  void drain(int i) const {
    static std::string bytes(65536, 'x');
    while (::read(fds[i], bytes.data(), bytes.size()) > 0) {
    }
  }
  int operator[](int i) const { return fds[i]; }
  int fds[2];
};

std::error_code refusal(Loop& loop, WaitFd wait, const std::string& says) {
  try {
    loop.run(std::move(wait));
  } catch (const std::system_error& e) {
    CHECK(std::string(e.what()).find(says) == 0);
    return e.code();
  }
  return {};
}

// Lets what is to happen happen; whether the wait still waits. The hostile model of kqueue reports
// readiness out of the blue, and a wait may return for no reason.
template <class T>
bool still_waits(Loop& loop, const Future<T>& wait) {
  loop.run(sleep(2ms));
  const char* const model = std::getenv("HOB_KQUEUE_MODEL");
  return !wait.ready() || (model && std::strncmp(model, "hostile", 7) == 0);
}

}  // namespace

TEST_SUITE("reactor") {

TEST_CASE("wait_readable returns when there is something to read, and again while it is unread") {
  for (const auto kind : {Ends::pipe, Ends::sockets}) {
    Loop loop;
    Ends ends(kind);
    Future<> wait = wait_readable(ends[0]);
    CHECK(still_waits(loop, wait));
    ends.put(1, "hello");
    loop.run(std::move(wait));
    loop.run(wait_readable(ends[0]));
    loop.run(wait_readable(ends[0]));
    CHECK(ends.take(0) == "hello");
    Future<> next = wait_readable(ends[0]);
    CHECK(still_waits(loop, next));
    ends.put(1, "more");
    loop.run(std::move(next));
    CHECK(ends.take(0) == "more");
  }
}

TEST_CASE("wait_readable returns when the writing end is closed, wait_writable when the reading end is") {
  for (const auto kind : {Ends::pipe, Ends::sockets}) {
    Loop loop;
    Ends ends(kind);
    Future<> wait = wait_readable(ends[0]);
    CHECK(still_waits(loop, wait));
    ends.close(1);
    loop.run(std::move(wait));
    CHECK(ends.take(0) == "");
    loop.run(wait_readable(ends[0]));

    Ends full(kind);
    full.fill(1);
    Future<> writer = wait_writable(full[1]);
    CHECK(still_waits(loop, writer));
    full.close(0);
    loop.run(std::move(writer));
    loop.run(wait_for(wait_writable(full[1]), kPatience));  // and after it has gone
  }
}

TEST_CASE("wait_writable returns while there is room, and waits while there is none") {
  for (const auto kind : {Ends::pipe, Ends::sockets}) {
    Loop loop;
    Ends ends(kind);
    loop.run(wait_writable(ends[1]));
    loop.run(wait_writable(ends[1]));
    ends.fill(1);
    Future<> wait = wait_writable(ends[1]);
    CHECK(still_waits(loop, wait));
    ends.drain(0);
    loop.run(std::move(wait));
  }
}

TEST_CASE("two tasks wait for one descriptor, one for each direction; either may go first, or be dropped") {
  for (int variant = 0; variant < 4; ++variant) {
    CAPTURE(variant);
    Loop loop;
    Ends ends(Ends::sockets);
    ends.fill(0);
    Future<> reader, writer;
    if (variant % 2) reader = wait_readable(ends[0]);
    writer = wait_writable(ends[0]);
    if (variant % 2 == 0) reader = wait_readable(ends[0]);
    CHECK(still_waits(loop, reader));
    CHECK(still_waits(loop, writer));
    if (variant < 2) {
      ends.put(1, "x");
      loop.run(std::move(reader));
      CHECK(still_waits(loop, writer));
      ends.drain(1);
      loop.run(std::move(writer));
    } else {
      (variant % 2 ? reader : writer).cancel();
      ends.put(1, "x");
      ends.drain(1);
      loop.run(std::move(variant % 2 ? writer : reader));
    }
    loop.run(wait_readable(ends[0]));
    loop.run(wait_writable(ends[0]));
  }
}

TEST_CASE("a second wait for the same direction is a logic_error, and leaves the first alone") {
  Loop loop;
  Ends ends(Ends::pipe);
  Future<> first = wait_readable(ends[0]);
  CHECK_THROWS_AS(loop.run(wait_readable(ends[0])), std::logic_error);
  CHECK(still_waits(loop, first));
  ends.put(1, "x");
  loop.run(std::move(first));
}

TEST_CASE("who waits anew between an event and its waiter's resumption is woken too") {
  Loop loop;
  Ends ends(Ends::pipe);
  Future<> first = wait_readable(ends[0]), second;
  // Posts are called after the kernel has armed `first`, and before it resumes.
  loop.post([] {});
  loop.poll();
  ends.put(1, "x");
  bool tried = false;
  loop.on_unhandled([](std::exception_ptr) {});
  for (int i = 0; i < 1000 && !tried; ++i) {  // the hostile model may tell of the event later
    loop.post([&] {
      const bool waits = !first.ready();
      second = wait_readable(ends[0]);
      tried = waits && !second.ready();  // or refused, where `first` is not armed yet
    });
    loop.poll();
  }
  CHECK(tried);
  loop.run(wait_for(std::move(first), kPatience));
  CHECK_NOTHROW(loop.run(wait_for(std::move(second), kPatience)));
}

TEST_CASE("a descriptor that cannot be waited for is refused: a regular file, a closed one") {
  Loop loop;
  char path[] = "/tmp/hob.XXXXXX";
  const int file = ::mkstemp(path);
  ::unlink(path);
  const std::string number = std::to_string(file);
  CHECK(refusal(loop, wait_readable(file), "wait_readable " + number) == std::errc::operation_not_permitted);
  CHECK(refusal(loop, wait_writable(file), "wait_writable " + number) == std::errc::operation_not_permitted);
  ::close(file);
  CHECK(refusal(loop, wait_readable(file), "wait_readable " + number) == std::errc::bad_file_descriptor);
  CHECK(refusal(loop, wait_writable(-1), "wait_writable -1") == std::errc::bad_file_descriptor);
  CHECK(refusal(loop, wait_readable(file), "wait_readable " + number) == std::errc::bad_file_descriptor);
}

TEST_CASE("when a wait settles or is dropped, the descriptor is free for others") {
  Loop loop;
  Ends ends(Ends::sockets);
  loop.run(wait_writable(ends[0]));
  Future<>(wait_readable(ends[0])).cancel();
  Watch watch;
  watch.writable = false;
  REQUIRE(loop.attach(ends[0], watch, kReadWrite) == 0);
  for (int i = 0; i < 100 && !watch.writable; ++i) loop.run(sleep(1ms));
  CHECK(watch.writable);
  loop.detach(watch);
}

TEST_CASE("a descriptor that is attached already is refused, and stays attached") {
  Loop loop;
  Ends ends(Ends::sockets);
  Watch watch;
  REQUIRE(loop.attach(ends[0], watch, kReadWrite) == 0);
  CHECK(refusal(loop, wait_readable(ends[0]), "wait_readable") == std::errc::file_exists);
  loop.detach(watch);
  loop.run(wait_writable(ends[0]));
}

#ifdef __linux__
// epoll knows what is attached, and forgives who closes too early.

TEST_CASE("a descriptor is the loop's as long as a task waits for it, and no longer") {
  Loop loop(make_epoll_backend());
  Ends ends(Ends::sockets);
  const auto free = [&] {
    Watch other;
    const bool can = loop.backend().attach(ends[0], other, kReadWrite) == 0;
    if (can) loop.backend().detach(other);
    return can;
  };
  loop.run(wait_writable(ends[0]));
  CHECK(free());
  Future<> reader = wait_readable(ends[0]), writer = wait_writable(ends[0]);
  loop.run(std::move(writer));
  CHECK(!free());
  reader.cancel();
  CHECK(free());
  CHECK_THROWS_AS(loop.run(wait_for(wait_readable(ends[0]), 1ms)), TimedOut);
  CHECK(free());
}

TEST_CASE("a descriptor closed under a waiter is bad use, and does not corrupt the loop") {
  Loop loop(make_epoll_backend());
  Ends ends(Ends::sockets);
  Future<> reader = wait_readable(ends[0]);
  CHECK(still_waits(loop, reader));
  const int fd = ends[0];
  ends.close(0);
  CHECK(refusal(loop, wait_writable(fd), "wait_writable") == std::errc::bad_file_descriptor);
  CHECK(refusal(loop, wait_writable(fd), "wait_writable") == std::errc::bad_file_descriptor);
  loop.run(wait_for(std::move(reader), kPatience));  // its own call will say what happened
  Ends others(Ends::pipe);
  others.put(1, "x");
  loop.run(wait_readable(others[0]));
}
#endif

TEST_CASE("a forked child that unwinds leaves its parent's waits alone") {
  Loop loop;
  Ends ends(Ends::pipe);
  Future<> wait = wait_readable(ends[0]);
  loop.run(sleep(1ms));
  const pid_t child = ::fork();
  if (child == 0) {
    wait.cancel();
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  ends.put(1, "x");
  loop.run(wait_for(std::move(wait), kPatience));
}

TEST_CASE("a loop ends with tasks that wait for descriptors") {
  Ends ends(Ends::sockets);
  {
    Loop loop;
    detach(wait_readable(ends[0]));
    detach(wait_readable(ends[1]));
    loop.run(sleep(2ms));
  }
  Loop next;
  next.run(wait_writable(ends[0]));
}

TEST_CASE("many descriptors at once: each waiter is woken by its own") {
  Loop loop;
  std::vector<std::unique_ptr<Ends>> all;
  std::vector<Future<std::size_t>> waits;
  for (std::size_t i = 0; i < 100; ++i) {
    all.push_back(std::make_unique<Ends>(Ends::pipe));
    waits.push_back(Future<>(wait_readable((*all[i])[0])).then([i] { return i; }));
  }
  for (std::size_t i = 0; i < 100; i += 3) {
    all[i]->put(1, "x");
    CHECK(loop.run(std::move(waits[i])) == i);
  }
  for (const std::size_t i : {1u, 50u, 98u}) CHECK(still_waits(loop, waits[i]));
}

}  // TEST_SUITE
}  // namespace hob_test::wait_fd_test
