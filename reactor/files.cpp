// SPDX-License-Identifier: MIT
//
// files.cpp — posix.hpp's blocking file calls, as jobs on the pool.
#include "files.hpp"

#include "posix.hpp"
#include "to_thread.hpp"

namespace hob::inline v0 {

Future<std::string> read_file(std::string path) {
  return to_thread(posix::read_file, std::move(path));
}

Future<> write_file(std::string path, std::string_view text) {
  return to_thread(posix::write_file, std::move(path), std::string(text));
}

Future<> write_file(std::string path, std::span<const std::byte> bytes) {
  return write_file(std::move(path),
                    std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Future<std::vector<std::string>> list_dir(std::string path) {
  return to_thread(posix::list_dir, std::move(path));
}

Future<FileInfo> stat_file(std::string path) {
  return to_thread(posix::stat_file, std::move(path));
}

}  // namespace hob::inline v0
