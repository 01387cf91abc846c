// SPDX-License-Identifier: MIT
//
// files_test.cpp — read_file, write_file, list_dir, stat_file, awaited on both kernels: the simulator
// runs them at their virtual time, the native kernel on the pool.
#include <sys/stat.h>

#include <filesystem>

#include "sync_bench.hpp"

namespace hob_test::files_test {
namespace {

// A directory of our own, removed at the end.
struct Directory {
  Directory() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
  std::string path = (std::filesystem::temp_directory_path() / "hob.XXXXXX").string();
};

template <class Case>
void each_loop(Case run) {
  {
    sim::World world(1);
    Loop loop(world.backend());
    INFO("on the simulator");
    run(loop);
  }
  Loop loop;
  INFO("on the native kernel");
  run(loop);
}

template <class A>
std::error_code error_code_of(Loop& loop, A work, const std::string& says) {
  try {
    loop.run(std::move(work));
  } catch (const std::system_error& e) {
    CHECK(std::string(e.what()).find(says) != std::string::npos);
    return e.code();
  }
  return {};
}

}  // namespace

TEST_SUITE("reactor") {

TEST_CASE("a file that was written is read back: empty, small, with zeros, and of several megabytes") {
  each_loop([](Loop& loop) {
    Directory at;
    std::string big(5'000'000, 'x');
    for (std::size_t i = 0; i < big.size(); i += 997) big[i] = static_cast<char>(i);
    for (const std::string& text : {std::string(), std::string("hello\n"), std::string("a\0b", 3),
                                    std::string(4095, 'y'), std::string(4096, 'z'), std::string(4097, 'w'), big}) {
      loop.run(write_file(at / "file", text));
      CHECK((loop.run(read_file(at / "file")) == text));
    }
    loop.run(write_file(at / "file", std::as_bytes(std::span(big)).first(10)));
    CHECK(loop.run(read_file(at / "file")) == big.substr(0, 10));  // replaced, not overwritten
  });
}

TEST_CASE("write_file copies the bytes and the path before it returns") {
  each_loop([](Loop& loop) {
    Directory at;
    Future<> writing;
    {
      std::string text = "gone before it is written", path = at / "file";
      writing = write_file(path, text);
      text.assign(text.size(), '?');
      path.assign(path.size(), '?');
    }
    loop.run(std::move(writing));
    CHECK(loop.run(read_file(at / "file")) == "gone before it is written");
  });
}

TEST_CASE("every error of a file names the call and the path") {
  each_loop([](Loop& loop) {
    Directory at;
    const std::string none = at / "none";
    CHECK(error_code_of(loop, read_file(none), "open " + none) == std::errc::no_such_file_or_directory);
    CHECK(error_code_of(loop, write_file(none + "/file", "x"), "open " + none + "/file") ==
          std::errc::no_such_file_or_directory);
    CHECK(error_code_of(loop, list_dir(none), "list " + none) == std::errc::no_such_file_or_directory);
    CHECK(error_code_of(loop, stat_file(none), "stat " + none) == std::errc::no_such_file_or_directory);
    CHECK(error_code_of(loop, read_file(at.path), "read " + at.path) == std::errc::is_a_directory);
    CHECK(error_code_of(loop, write_file(at.path, "x"), "open " + at.path) == std::errc::is_a_directory);
    loop.run(write_file(at / "file", "x"));
    CHECK(error_code_of(loop, list_dir(at / "file"), "list ") == std::errc::not_a_directory);
    CHECK(error_code_of(loop, read_file(at / "file/x"), "open ") == std::errc::not_a_directory);
    const std::string loops = at / "loops";
    REQUIRE(::symlink("loops", loops.c_str()) == 0);
    CHECK(error_code_of(loop, read_file(loops), loops) == std::errc::too_many_symbolic_link_levels);
    if (::geteuid() != 0) {
      ::chmod((at / "file").c_str(), 0);
      CHECK(error_code_of(loop, read_file(at / "file"), "open ") == std::errc::permission_denied);
    }
  });
}

#ifdef __linux__
TEST_CASE("a full disk is an error of write_file that names the path") {
  each_loop([](Loop& loop) {
    CHECK(error_code_of(loop, write_file("/dev/full", "x"), "write /dev/full") == std::errc::no_space_on_device);
  });
}

TEST_CASE("files that say they are empty are read whole") {
  each_loop([](Loop& loop) {
    CHECK(loop.run(read_file("/proc/self/status")).find("Threads:") != std::string::npos);
    CHECK(loop.run(read_file("/proc/self/maps")).size() > 4096);
    CHECK(loop.run(read_file("/proc/sys/kernel/pid_max")).size() > 2);  // answers one read only
    CHECK(loop.run(read_file("/dev/null")).empty());
  });
}
#endif

TEST_CASE("list_dir gives the names, sorted; an empty directory none") {
  each_loop([](Loop& loop) {
    Directory at;
    CHECK(loop.run(list_dir(at.path)).empty());
    for (const char* name : {"b", "a", ".hidden", "c d"}) loop.run(write_file(at / name, ""));
    REQUIRE(::mkdir((at / "z").c_str(), 0777) == 0);
    CHECK(loop.run(list_dir(at.path)) == std::vector<std::string>{".hidden", "a", "b", "c d", "z"});
  });
}

TEST_CASE("stat_file tells size, kind and time") {
  each_loop([](Loop& loop) {
    Directory at;
    loop.run(write_file(at / "file", "12345"));
    const FileInfo file = loop.run(stat_file(at / "file"));
    CHECK(file.size == 5);
    CHECK(file.is_file);
    CHECK(!file.is_directory);
    const auto age = std::chrono::system_clock::now() - file.modified;
    CHECK(age < kPatience);
    CHECK(age > -60s);
    CHECK(loop.run(stat_file(at.path)).is_directory);
    const FileInfo device = loop.run(stat_file("/dev/null"));
    CHECK(!device.is_file);
    CHECK(!device.is_directory);
  });
}

TEST_CASE("a read that is dropped is forgotten; many at once all come back") {
  each_loop([](Loop& loop) {
    Directory at;
    std::vector<Future<>> writes;
    for (int i = 0; i < 50; ++i) writes.push_back(write_file(at / std::to_string(i), std::to_string(i * i)));
    loop.run(gather(std::move(writes)));
    std::vector<Future<std::string>> reads;
    for (int i = 0; i < 50; ++i) {
      reads.push_back(read_file(at / std::to_string(i)));
      read_file(at / "none").cancel();
    }
    const auto all = loop.run(gather(std::move(reads)));
    for (int i = 0; i < 50; ++i) CHECK(all[static_cast<std::size_t>(i)] == std::to_string(i * i));
  });
}

}  // TEST_SUITE
}  // namespace hob_test::files_test
