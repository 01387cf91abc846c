// SPDX-License-Identifier: MIT
//
// sync.cpp — what the primitives do beyond one line.
#include "sync.hpp"

namespace hob::inline v0 {
std::size_t Waiters::break_all() noexcept {
  std::size_t n = 0;
  for (; !empty(); ++n) {
    Waiter& waiter = pop_front();
    waiter.broken_ = true;
    // One that was given something is armed already; or it waits for something else by now (a
    // notified one for the lock), and must not be woken from that.
    if (!std::exchange(waiter.given_, false)) waiter.task_->arm();
  }
  return n;
}

void Waiter::settle(const char* sentence) {
  if (broken_) throw BrokenPromise(sentence);
  unlink();
  given_ = false;
}

void Event::set() {
  home_.check();
  set_ = true;
  while (!waiters_.empty()) waiters_.front().give();
}

Semaphore::~Semaphore() {
  for (; !returns_.empty(); returns_.pop_front()) returns_.front().gone = true;
  out_ -= granted_.break_all();
  if (out_) fatal("a Mutex or Semaphore was destroyed while a Guard or Permit of it was held");
}

void Semaphore::give_back() noexcept {
  if (home_.foreign()) fatal("a Guard or Permit was dropped on a thread that is not its Loop's");
  if (!waiters_.empty())
    waiters_.front().give_in(granted_);  // handed over: never free for a newcomer in between
  else
    ++free_, --out_;
}

// Waits for a notification; one that was given and not used goes on to the next waiter.
class Condition::Notified : public Leaf<Notified>, Waiter {
 public:
  explicit Notified(Condition& condition) noexcept : condition_(condition) {}
  ~Notified() {
    if (given_ && !condition_.waiters_.empty())
      condition_.waiters_.front().give_in(condition_.granted_);
  }
  bool try_now() const noexcept { return false; }
  void begin(Runnable& task) noexcept { wait_in(condition_.waiters_, task); }
  void finish() {
    // Still granted: it is used up when the lock is held again.
    if (!given_) settle("the Condition was destroyed");
  }
  void used() { settle("the Condition was destroyed"); }

 private:
  Condition& condition_;
};

Future<> Condition::waited(Own, Condition& condition, Permit& guard) {
  condition.home_.check();
  if (!guard) misuse("Condition::wait needs a guard that holds its Mutex");
  Semaphore& mutex = *guard.of_;
  Notified notified(condition);
  Semaphore::Return back;
  mutex.returns_.push_back(back);
  guard.release();
  co_await static_cast<Notified&&>(notified);
  if (back.gone) throw BrokenPromise("the Mutex was destroyed");
  back.unlink();
  guard = co_await mutex.acquire();
  notified.used();
}

void Condition::notify_one() {
  home_.check();
  if (!waiters_.empty()) waiters_.front().give_in(granted_);
}

void Condition::notify_all() {
  home_.check();
  while (!waiters_.empty()) waiters_.front().give_in(granted_);
}

Barrier::Barrier(std::size_t n) : n_(n) {
  if (n == 0) throw std::invalid_argument("Barrier(0): a barrier is for at least one task");
}

bool Barrier::Wait::try_now() {
  barrier_.home_.check();
  if (++barrier_.here_ < barrier_.n_) return false;
  barrier_.here_ = 0;
  for (; !barrier_.waiters_.empty(); ++number_) {
    auto& waiter = static_cast<Wait&>(barrier_.waiters_.front());
    const std::size_t number = number_;
    waiter.give();
    waiter.number_ = number;
  }
  return true;
}
}  // namespace hob::inline v0
