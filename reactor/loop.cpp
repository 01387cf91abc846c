// SPDX-License-Identifier: MIT
// loop.cpp — a loop's beginning and end, its turn (see loop.hpp), how functions and signals get there.
#include "loop.hpp"
#include <csignal>
#include <cstdlib>
#include "outside.hpp"

namespace hob::inline v0 {
// --- construction and end ----------------------------------------------------------------------
namespace {
bool debug_from_environment() noexcept {
  const char* value = std::getenv("HOB_DEBUG");
  return value && *value && std::string_view(value) != "0";
}

struct Turning {
  explicit Turning(bool& turning) : flag(turning) {
    if (std::exchange(flag, true)) misuse("Loop::run or poll inside a run of the same Loop: co_await instead");
  }
  ~Turning() { flag = false; }
  bool& flag;
};
}  // namespace

Loop::Loop(std::unique_ptr<Backend> backend)
    : backend_(std::move(backend)), wheel_(tick(backend_->now())), now_(backend_->now()),
      debug_(debug_from_environment()), shuffles_(backend_->shuffle(ready_)),
      mailbox_(std::make_shared<Mailbox>(*backend_)) {
  if (here.loop) misuse("this thread has a Loop already");
  static std::atomic<std::uint32_t> last_id{0};
  here = Here{this, &ready_};
  while ((here.id = ++last_id) == 0) continue;
}

Loop::~Loop() {
  if (here.loop != this) fatal("a Loop was destroyed on another thread than its own");
  if (debug_) list_leftovers();
  posts_.clear();
  mailbox_->close(posts_);
  // A destructor may detach or call again: until nothing is left.
  do {
    posts_.clear();
    detached.drop_all();
    free_done();
    while (!callbacks_.empty()) delete &callbacks_.pop_front().owner;
  } while (!detached.empty() || !done_.empty());
  handler_ = nullptr;  // never called from a destructor, and what it refers to may be gone
  tell_unhandled();
  here = Here{};
}

// --- the turn ------------------------------------------------------------------------------------
void Loop::turn_until_settled(Work& work) {
  check_thread();
  const Turning turning(turning_);
  struct Root final : Runnable {
    Root() noexcept : Runnable([](Runnable&) { here.loop->settled_ = true; }) {}
    ~Root() { here.loop->main_ = nullptr; }
  } root;
  main_ = &work;
  work.hush();  // run() throws its error
  settled_ = work.settled();
  if (!settled_) work.watch(root);
  while (!interrupted_ && (resume(), !settled_)) collect(true);
  settled_ = false;
  // One more look: Ctrl-C may have come while the work did its last, or without a turn at all.
  deliver_signals();
  if (std::exchange(interrupted_, false)) throw Interrupted();
}

std::size_t Loop::poll(bool may_sleep) {
  check_thread();
  const Turning turning(turning_);
  collect(may_sleep);
  const std::size_t resumed = resume();
  if (may_sleep) mailbox_->fall_asleep();  // its sleep is still to come: a post has to end that
  return resumed;
}

void Loop::collect(bool may_sleep) {
  TimePoint until = TimePoint::min();
  const bool posts_left = posted_ != posts_.size();
  if (may_sleep && ready_.empty() && !posts_left && mailbox_->fall_asleep()) {
    const auto next = wheel_.next_wake();
    until = next ? TimePoint(Duration(*next)) : kNever;
  }
  backend_->wait(until);
  now_ = backend_->now();
  wheel_.advance(tick(now_), [](Timer& due) { static_cast<Alarm&>(due).task->arm(); });
  deliver_signals();
  if (!posts_left) mailbox_->take(posts_);
  for (std::size_t n = 0; n < kTurn && posted_ != posts_.size(); ++n) {
    const TimePoint before = debug_ ? clock() : kNever;  // it may turn debug mode on
    call(posts_[posted_++]);
    if (debug_) tell_slow(before, {}, "a function that was posted");
  }
  if (posted_ == posts_.size()) posts_.clear(), posted_ = 0;
}

std::size_t Loop::resume() {
  std::size_t resumed = 0, moved = 0;
  if (!done_.empty()) free_done();
  if (shuffles_ && !round_.linked()) begin_round();
  while (!ready_.empty() && resumed < kTurn && moved < kTurnBytes && !settled_) {
    Runnable& next = ready_.pop_front();
    if (&next == &round_) {  // only where rounds are shuffled
      begin_round();
      continue;
    }
    ++resumed;
    here.steps = kSteps;
    here.bytes = kBytes;
    running_ = &next;
    debug_ ? step_timed(next) : next.step_(next);
    running_ = nullptr;
    moved += kBytes - here.bytes;
    if (!done_.empty()) free_done();
  }
  if (!unhandled_.empty()) tell_unhandled();
  return resumed;
}

void Loop::step_timed(Runnable& next) {
  const TimePoint before = clock();
  const std::source_location site = Work::place_of(&next);
  next.step_(next);
  tell_slow(before, site, "a coroutine before its first await");
}

void Loop::begin_round() {
  if (ready_.empty()) return;
  backend_->shuffle(ready_);
  ready_.push_back(round_);
}

void Loop::call(Closure& f, const std::source_location& site) noexcept {
  try {
    f();
  } catch (...) { unhandled(std::current_exception(), site); }
  f.reset();
}

// --- callbacks, posts, signals -------------------------------------------------------------------
void Loop::call_soon(Closure f, std::source_location site) {
  check_thread();
  auto* callback = new Callback(std::move(f), site);
  callbacks_.push_back(callback->hook_);
  callback->arm();
}

TimerHandle Loop::call_at(TimePoint when, Closure f, std::source_location site) {
  check_thread();
  TimerHandle handle(new Callback(std::move(f), site));
  set_alarm(handle.callback_->alarm_, when);
  return handle;
}

void Loop::post(Closure f) { mailbox_->post(f); }
Remote Loop::remote() { return Remote(mailbox_); }

void Loop::interruptible() {
  check_thread();
  interruptible_ = backend_->catch_signal(SIGINT, Catch::once_if_default) == 0;
}

void Loop::deliver_signals() noexcept {
  if (signals.asked == 0 && !interruptible_) return;
  const std::uint64_t arrived = backend_->take_signals();
  if (arrived == 0) return;
  if (interruptible_ && (arrived & ~signals.asked & signal_bit(SIGINT))) interrupted_ = true;
  signals.kept |= arrived & signals.asked;
  for (SignalWait& wait : signals.waits) wait.arrived();
}
}  // namespace hob::inline v0
