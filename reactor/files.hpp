// SPDX-License-Identifier: MIT
//
// files.hpp — whole files, read and written on the thread pool.
//
// Regular files are never "not ready": no kernel's readiness calls help with them, so they go to the
// pool. Every error is std::system_error and names the path. Dropped: a write that has begun goes on.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "file_info.hpp"
#include "future.hpp"

namespace hob::inline v0 {

// The whole of a file.
Future<std::string> read_file(std::string path);

// Creates or replaces a file. The bytes are copied before the call returns.
Future<> write_file(std::string path, std::string_view text);
Future<> write_file(std::string path, std::span<const std::byte> bytes);

// The names in a directory, sorted, without "." and "..".
Future<std::vector<std::string>> list_dir(std::string path);

// What is known of a file without opening it.
Future<FileInfo> stat_file(std::string path);

}  // namespace hob::inline v0
