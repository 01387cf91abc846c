// SPDX-License-Identifier: MIT
//
// posix_files_test.cpp — the blocking files of the pool's jobs.
//
// Real files, below /tmp.
#include <pthread.h>
#include <sys/stat.h>

#include "../../reactor/outside.hpp"
#include "kernels.hpp"

namespace hob_test::posix_files_test {
namespace {

template <class F> std::string what_of(F call) {
  try {
    call();
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "nothing";
}

}  // namespace

TEST_SUITE_BEGIN("reactor");

TEST_CASE("a file is written, read, listed and described") {
  char name[] = "/tmp/hob-posix-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  const std::string folder = name;
  CHECK(posix::list_dir(folder).empty());
  std::string large(3 << 20, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7 + i / 251);
  const std::string with_zero("a\0b\n", 4);
  for (const std::string& text : {std::string(), with_zero, large, std::string("s")}) {
    posix::write_file(folder + "/b", text);
    CHECK(posix::read_file(folder + "/b") == text);
    CHECK(posix::stat_file(folder + "/b").size == text.size());
  }
  posix::write_file(folder + "/a", "");
  REQUIRE(::mkdir((folder + "/.c").c_str(), 0700) == 0);
  CHECK(posix::list_dir(folder) == std::vector<std::string>{".c", "a", "b"});
  const FileInfo file = posix::stat_file(folder + "/a");
  CHECK(file.is_file);
  CHECK_FALSE(file.is_directory);
  const auto age = std::chrono::system_clock::now() - file.modified;
  CHECK(age > -10s);
  CHECK(age < kPatience);
  CHECK(posix::stat_file(folder).is_directory);
  CHECK_FALSE(posix::stat_file("/dev/null").is_file);
  for (const char* entry : {"/a", "/b"}) ::unlink((folder + entry).c_str());
  ::rmdir((folder + "/.c").c_str());
  ::rmdir(folder.c_str());
}

TEST_CASE("a signal does not end a read or a write that it interrupts") {
  char name[] = "/tmp/hob-posix-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  const std::string pipe = std::string(name) + "/pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const int status = in_child([&] {
    struct sigaction no_restart {};
    no_restart.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &no_restart, nullptr);
    const std::string large(1 << 20, 'x');
    std::string got, error;
    std::atomic<bool> over = false;
    std::thread reader([&] {
      error = what_of([&] { got = posix::read_file(pipe); });
      over = true;
    });
    const pthread_t reading = reader.native_handle(), writing = ::pthread_self();
    std::thread storm([&, reading, writing] {
      while (!over) {
        ::pthread_kill(reading, SIGUSR1);
        ::pthread_kill(writing, SIGUSR1);
        std::this_thread::sleep_for(50us);
      }
    });
    std::this_thread::sleep_for(5ms);
    if (what_of([&] { posix::write_file(pipe, large); }) != "nothing") ::_exit(1);
    storm.join();
    reader.join();
    ::_exit(error == "nothing" && got == large ? 0 : 2);
  });
  CHECK(exited_with(status, 0));
  ::unlink(pipe.c_str());
  ::rmdir(name);
}

TEST_CASE("writing to a pipe that nobody reads is EPIPE, and never SIGPIPE") {
  char name[] = "/tmp/hob-files-XXXXXX";
  REQUIRE(::mkdtemp(name));
  const std::string pipe = std::string(name) + "/pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const int status = in_child([&] {
    std::thread reader([&] { ::close(::open(pipe.c_str(), O_RDONLY)); });
    const std::string what = what_of([&] { posix::write_file(pipe, std::string(1 << 20, 'x')); });
    reader.join();
    sigset_t pending;
    ::sigpending(&pending);
    if (sigismember(&pending, SIGPIPE)) ::_exit(1);
    ::_exit(what == "write " + pipe + ": Broken pipe" ? 0 : 2);
  });
  CHECK(exited_with(status, 0));
  ::unlink(pipe.c_str());
  ::rmdir(name);
}

TEST_CASE("a path with a NUL in it is refused, where the system would stop reading") {
  const std::string path("/dev/null\0.txt", 14);
  CHECK(what_of([&] { posix::read_file(path); }).find("Invalid argument") != std::string::npos);
  CHECK(what_of([&] { posix::write_file(path, "x"); }).find("Invalid argument") != std::string::npos);
  CHECK(what_of([&] { posix::list_dir(path); }).find("Invalid argument") != std::string::npos);
  CHECK(what_of([&] { posix::stat_file(path); }).find("Invalid argument") != std::string::npos);
}

TEST_CASE("a time beyond the clock's is clamped") {
  char name[] = "/tmp/hob-files-XXXXXX";
  ::close(::mkstemp(name));
  const timespec far[2] = {{.tv_sec = 1 << 30, .tv_nsec = 0}, {.tv_sec = 10589934592, .tv_nsec = 0}};
  if (::utimensat(AT_FDCWD, name, far, 0) == 0) {
    CHECK(posix::stat_file(name).modified > std::chrono::system_clock::now());
  }
  ::unlink(name);
}

TEST_CASE("an error of a file names the call and the path") {
  const std::string gone = " /no/such: No such file or directory";
  CHECK(what_of([] { posix::read_file("/no/such"); }) == "open" + gone);
  CHECK(what_of([] { posix::write_file("/no/such", "x"); }) == "open" + gone);
  CHECK(what_of([] { posix::list_dir("/no/such"); }) == "list" + gone);
  CHECK(what_of([] { posix::stat_file("/no/such"); }) == "stat" + gone);
  CHECK(what_of([] { posix::read_file("/"); }) == "read /: Is a directory");
  CHECK(what_of([] { posix::list_dir("/dev/null"); }) == "list /dev/null: Not a directory");
#ifdef __linux__
  CHECK(what_of([] { posix::write_file("/dev/full", "x"); }) ==
        "write /dev/full: No space left on device");
  CHECK_FALSE(posix::read_file("/proc/self/status").empty());  // whose size is said to be 0
#endif
}

TEST_SUITE_END();
}  // namespace hob_test::posix_files_test
