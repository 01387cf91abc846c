// SPDX-License-Identifier: MIT
//
// files.hpp — whole files, read and written on the thread pool.
//
// Regular files are never "not ready": no kernel's readiness calls help with them, so they go to the
// pool. Every error is std::system_error and names the path. Dropped: a write that has begun goes on.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "future.hpp"

namespace hob::inline v0 {

// The whole of a file.
Future<std::string> read_file(std::string path);

// Creates or replaces a file. The bytes are copied before the call returns.
Future<> write_file(std::string path, std::string_view text);
Future<> write_file(std::string path, std::span<const std::byte> bytes);

// The names in a directory, sorted, without "." and "..".
Future<std::vector<std::string>> list_dir(std::string path);

// What is known of a file without opening it; a symbolic link is followed.
struct FileInfo {
  std::uint64_t size = 0;                              // bytes
  std::chrono::system_clock::time_point modified{};
  bool is_file = false;                                // a regular one; neither: a device, a pipe …
  bool is_directory = false;
};
Future<FileInfo> stat_file(std::string path);

}  // namespace hob::inline v0
