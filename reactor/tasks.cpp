// SPDX-License-Identifier: MIT
// tasks.cpp — how a task ends, by itself or dropped by its owner, and what a TaskGroup makes of that.
#include "leaf.hpp"

namespace hob::inline v0 {
void Tasks::start(Future<> work, std::source_location made) {
  home_.check();
  if (!work) misuse("an empty Future cannot be started: it was moved from");
  Loop::current();
  Outcome<void>& outcome = work.outcome();
  if (outcome.settled() && !outcome.failed()) return;
  auto* task = new Task(*this, std::move(work), made.line() ? made : here.loop->place_now());
  tasks_.push_back(*task);
  if (outcome.settled()) task->settled(outcome);
  else outcome.watch(*task);
}

void Tasks::drop_all() noexcept {
  while (!tasks_.empty()) {
    Task& task = tasks_.pop_front();
    task.owner_ = nullptr;
    Loop* const loop = here.loop;
    if (loop && loop->runs_under(task)) {
      if (loop->dropping) fatal("a task dropped another that does not await it, but owns its TaskGroup");
      loop->free_soon(task);
    } else {
      if (loop) ++loop->dropping;
      delete &task;
      if (loop) --loop->dropping;
    }
  }
}

void Task::settled(Work& work) noexcept {
  std::source_location where = work.place();
  if (!where.line()) where = made_;
  unlink();
  here.loop->free_soon(*this);
  Tasks* const owner = std::exchange(owner_, nullptr);
  (owner ? *owner : here.loop->detached).ended(work.take_error(), where);
}

Runnable* Task::parent() noexcept { return owner_ ? owner_->parent() : nullptr; }
void Tasks::ended(std::exception_ptr error, const std::source_location& site) noexcept {
  if (error) here.loop->unhandled(std::move(error), site);
}

void detach(Future<> work, std::source_location made) {
  Loop::current().detached.start(std::move(work), made);
}

// Waits until the group is empty; in one of its lists until it has resumed. Out of both: it has gone.
class TaskGroup::Idle : public Leaf<Idle>, public Link, public Several {
 public:
  explicit Idle(TaskGroup& group) noexcept : group_(group) {}
  void awaited_by(Work& self) noexcept { self_ = &self; }
  bool try_now() noexcept {
    if (group_.empty()) group_.through_.push_back(*this);
    return linked();
  }
  void begin(Runnable& task) noexcept { task_ = &task, group_.joins_.push_back(*this); }
  void each(const Look& look) const override {
    if (!linked()) return;
    for (const Task& task : group_.tasks_) look(task.work());
  }
  void finish() {
    if (!linked()) throw BrokenPromise("the TaskGroup was destroyed");
    if (group_.error_) self_->set_place(group_.site_);
  }
 private:
  friend class TaskGroup;
  TaskGroup& group_;
  Work* self_ = nullptr;
  Runnable* task_ = nullptr;
};

TaskGroup::TaskGroup() { if (here.loop) here.loop->groups.push_back(*this); }
TaskGroup::~TaskGroup() {
  wake_joins();
  drop_all();
  if (error_ && !told_ && here.loop) here.loop->unhandled(error_, {});
}

Future<> TaskGroup::join(Own) {
  home_.check();
  do co_await Idle(*this);
  while (!empty());
  if (error_) told_ = true, std::rethrow_exception(error_);
}

Runnable* TaskGroup::parent() noexcept { return joins_.empty() ? nullptr : joins_.front().task_; }
void TaskGroup::wake_joins() noexcept { for (Idle& join : joins_) join.task_->arm(); }

void TaskGroup::cancel() noexcept {
  if (home_.foreign()) fatal("a TaskGroup was cancelled on a thread that is not its Loop's");
  ++drops_;
  drop_all();
  wake_joins();
}

void TaskGroup::ended(std::exception_ptr error, const std::source_location& site) noexcept {
  if (error && error_) {
    Tasks::ended(std::move(error), site);
  } else if (error) {
    ++drops_;
    error_ = std::move(error);
    site_ = site;
    drop_all();
  }
  if (empty()) wake_joins();
}
}  // namespace hob::inline v0
