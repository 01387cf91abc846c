// SPDX-License-Identifier: MIT
//
// tasks.cpp — how a task ends: by itself, or dropped by its owner.
#include "loop.hpp"

namespace hob::inline v0 {

void Tasks::start(Future<> work) {
  home_.check();
  if (!work) misuse("an empty Future cannot be started: it was moved from");
  Loop::current();
  Outcome<void>& outcome = Innards::outcome(work);
  if (outcome.settled() && !outcome.failed()) return;
  auto* task = new Task(*this, std::move(work));
  tasks_.push_back(task->hook_);
  if (outcome.settled())
    task->settled(outcome);
  else
    outcome.watch(*task);
}

void Tasks::drop_all() noexcept {
  while (!tasks_.empty()) {
    Task& task = tasks_.pop_front().owner;
    task.owner_ = nullptr;
    if (here.loop && here.loop->runs_under(task))
      here.loop->free_soon(task.hook_);
    else
      delete &task;
  }
}

void Task::settled(Work& work) noexcept {
  const bool dropped = !owner_;
  hook_.unlink();
  here.loop->free_soon(hook_);
  const std::source_location where = work.deepest().site();
  if (!dropped)
    std::exchange(owner_, nullptr)->ended(work.take_error(), where);
  else if (work.failed())
    here.loop->unhandled(work.take_error(), where);
}

void detach(Future<> work) {
  Loop::current().detached().start(std::move(work));
}

}  // namespace hob::inline v0
