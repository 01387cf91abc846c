// SPDX-License-Identifier: MIT
//
// tasks.cpp — how a task ends: by itself, or dropped by its owner.
#include "loop.hpp"

namespace hob::inline v0 {

void Tasks::start(Future<> work, std::source_location made) {
  home_.check();
  if (!work) misuse("an empty Future cannot be started: it was moved from");
  Loop::current();
  Outcome<void>& outcome = Innards::outcome(work);
  if (outcome.settled() && !outcome.failed()) return;
  auto* task = new Task(*this, std::move(work), made.line() ? made : here.loop->place_now());
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
    Loop* const loop = here.loop;
    if (loop && loop->runs_under(task)) {
      if (loop->dropping) fatal("a task dropped another that does not await it, but owns its TaskGroup");
      loop->free_soon(task.hook_);
    } else {
      if (loop) ++loop->dropping;
      delete &task;
      if (loop) --loop->dropping;
    }
  }
}

bool Loop::runs_under(const Task& task) const noexcept {
  for (Runnable* next = running_; next;) {
    const Work* work = Work::of(*next);
    if (!work) return false;
    if (work->collector() == &task) return true;
    next = work->parent();
  }
  return false;
}

void Task::settled(Work& work) noexcept {
  const bool dropped = !owner_;
  std::source_location where = work.place();
  if (!where.line()) where = made_;
  hook_.unlink();
  here.loop->free_soon(hook_);
  if (!dropped)
    std::exchange(owner_, nullptr)->ended(work.take_error(), where);
  else if (work.failed())
    here.loop->unhandled(work.take_error(), where);
}

void detach(Future<> work, std::source_location made) {
  Loop::current().detached().start(std::move(work), made);
}

}  // namespace hob::inline v0
