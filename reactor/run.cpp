// SPDX-License-Identifier: MIT
//
// run.cpp — the threads behind run_shards, and how one shard's error ends the others.
//
// Invariants
//   1. No thread outlives run_shards_of.
//   2. A shard's loop is told to stop through its Remote; what is posted owns all it uses.
#include "run.hpp"

#include <mutex>
#include <thread>
#include <vector>

#include "callbacks.hpp"
#include "combine.hpp"
#include "sync.hpp"

namespace hob::inline v0 {

namespace {

class Shards {
 public:
  Shards(unsigned n, const std::function<Future<>(unsigned)>& start) : start_(start), others_(n - 1) {}

  // One shard, on its own thread: never throws, the first error is kept.
  void run(unsigned shard) noexcept {
    try {
      Loop loop;
      if (shard == 0) loop.interruptible();
      loop.run(main(shard));
    } catch (...) {
      fail(std::current_exception());
    }
    if (shard != 0) leave();
  }

  // The first error ends all shards.
  void fail(std::exception_ptr error) noexcept {
    const std::scoped_lock lock(mutex_);
    if (!error_) error_ = std::move(error);
    for (auto& shard : running_) tell(shard, &Shard::stop);
  }

  void check() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  // One shard, as the others reach it; shared with what they post.
  struct Shard {
    Remote remote = Loop::current().remote();
    Event stop;   // one of them has failed
    Event alone;  // all others have ended; the first shard only
  };
  static void tell(const std::shared_ptr<Shard>& them, Event Shard::*event) {
    them->remote.post([them, event] { (them.get()->*event).set(); });
  }

  Future<> main(unsigned shard) {
    auto me = std::make_shared<Shard>();
    if (!enter(shard, me)) co_return;
    co_await race(start_(shard), me->stop.wait());
    // Ctrl-C comes to the first shard's loop, so that one stays to the end.
    if (shard == 0) co_await race(me->alone.wait(), me->stop.wait());
  }
  bool enter(unsigned shard, const std::shared_ptr<Shard>& me) {
    const std::scoped_lock lock(mutex_);
    if (error_) return false;
    running_.push_back(me);
    if (shard == 0) first_ = me;
    if (shard == 0 && others_ == 0) me->alone.set();
    return true;
  }
  void leave() noexcept {
    const std::scoped_lock lock(mutex_);
    if (--others_ == 0 && first_) tell(first_, &Shard::alone);
  }

  const std::function<Future<>(unsigned)>& start_;
  std::mutex mutex_;  // guards what follows
  unsigned others_;   // of the shards but the first, those that have not ended
  std::vector<std::shared_ptr<Shard>> running_;
  std::shared_ptr<Shard> first_;
  std::exception_ptr error_;
};

}  // namespace

void run_shards_of(unsigned n, const std::function<Future<>(unsigned)>& start) {
  if (n == 0) misuse("run_shards(0): there is at least one shard");
  if (here.loop) misuse("run_shards makes a Loop of its own: this thread has one already");
  Shards shards(n, start);
  std::vector<std::thread> threads;
  threads.reserve(n);
  try {
    for (unsigned shard = 1; shard < n; ++shard)
      threads.emplace_back([&shards, shard] { shards.run(shard); });
  } catch (const std::system_error& e) {
    shards.fail(std::make_exception_ptr(std::system_error(e.code(), "start the thread of a shard")));
  } catch (...) {
    shards.fail(std::current_exception());
  }
  shards.run(0);
  for (auto& thread : threads) thread.join();
  shards.check();
}

}  // namespace hob::inline v0
