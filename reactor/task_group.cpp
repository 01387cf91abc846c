// SPDX-License-Identifier: MIT
//
// task_group.cpp — the first error drops the rest; join() hands it out.
#include "task_group.hpp"

#include "loop.hpp"

namespace hob::inline v0 {

TaskGroup::~TaskGroup() {
  drop_all();
  if (error_ && !told_ && here.loop) here.loop->unhandled(error_, {});
}

std::uint32_t TaskGroup::check_open() const {
  home_.check();
  if (failed_) misuse("TaskGroup::start after a task has failed: the group has ended");
  return drops_;
}

void TaskGroup::adopt(Future<> work, std::uint32_t drops) {
  if (drops == drops_) Tasks::start(std::move(work));
}

Future<> TaskGroup::join() {
  home_.check();
  while (!empty()) {
    idle_.clear();
    co_await idle_.wait();
  }
  if (error_) {
    told_ = true;
    std::rethrow_exception(error_);
  }
}

void TaskGroup::cancel() noexcept {
  ++drops_;
  drop_all();
  idle_.set();
}

void TaskGroup::ended(std::exception_ptr error, const std::source_location& site) noexcept {
  if (error && failed_) {
    here.loop->unhandled(std::move(error), site);
  } else if (error) {
    failed_ = true;
    ++drops_;
    error_ = std::move(error);
    drop_all();
  }
  if (empty()) idle_.set();
}

}  // namespace hob::inline v0
