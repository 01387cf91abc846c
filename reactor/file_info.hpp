// SPDX-License-Identifier: MIT
//
// file_info.hpp — what is known of a file without opening it.
//
// Answered by posix::stat_file (posix.hpp).
#pragma once

#include <chrono>
#include <cstdint>

namespace hob::inline v0 {

// A path's file; a symbolic link is followed.
struct FileInfo {
  std::uint64_t size = 0;                              // bytes
  std::chrono::system_clock::time_point modified{};
  bool is_file = false;                                // a regular one; neither: a device, a pipe …
  bool is_directory = false;
};

}  // namespace hob::inline v0
