// SPDX-License-Identifier: MIT
//
// to_thread.cpp — a job's way to the pool and back; and the whole files that are read and written so.
#include "to_thread.hpp"

#include "callbacks.hpp"
#include "files.hpp"
#include "posix.hpp"

namespace hob::inline v0 {

void OnPool::begin(Runnable& task) {
  Loop& loop = *here.loop;
  loop.backend().offload(
      [job = job_, back = loop.remote()] {
        job->run();
        back.post([job] {
          if (job->waiter) job->waiter->arm();
        });
      },
      pool_);
  job_->waiter = &task;
  made_ = loop.place_now();
  loop.pooled().push_back(*this);
}

std::source_location OnPool::site() const noexcept {
  const Work* work = Work::of(*job_->waiter);
  const std::source_location place = work ? work->place_above() : std::source_location();
  return place.line() ? place : made_;
}

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
