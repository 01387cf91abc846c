// SPDX-License-Identifier: MIT
//
// task_group.cpp — the first error drops the rest; join() hands it out.
#include "task_group.hpp"

#include "loop.hpp"

namespace hob::inline v0 {

TaskGroup::~TaskGroup() {
  wake_joins();
  for (Idle& join : joins_) join.group_ = nullptr;
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

Future<> TaskGroup::joined(Own, TaskGroup& group) {
  group.home_.check();
  do {
    co_await Idle(group);
  } while (!group.empty());
  if (group.error_) {
    group.told_ = true;
    std::rethrow_exception(group.error_);
  }
}

Runnable* TaskGroup::parent() noexcept { return joins_.empty() ? nullptr : joins_.front().task_; }

void TaskGroup::wake_joins() noexcept {
  for (Idle& join : joins_) join.task_->arm();
}

void TaskGroup::cancel() noexcept {
  if (home_.foreign()) fatal("a TaskGroup was cancelled on a thread that is not its Loop's");
  ++drops_;
  drop_all();
  wake_joins();
}

void TaskGroup::ended(std::exception_ptr error, const std::source_location& site) noexcept {
  if (error && failed_) {
    here.loop->unhandled(std::move(error), site);
  } else if (error) {
    failed_ = true;
    ++drops_;
    error_ = std::move(error);
    site_ = site;
    drop_all();
  }
  if (empty()) wake_joins();
}

}  // namespace hob::inline v0
