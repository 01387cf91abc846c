// SPDX-License-Identifier: MIT
//
// shards.cpp — the threads behind run_shards. The first shard's loop sees each of the others as a Future,
// so that gather and run do the rest: no thread outlives its Future, and no Future run_shards_of.
#include <thread>

#include "callbacks.hpp"
#include "combine.hpp"
#include "promise.hpp"

namespace hob::inline v0 {
namespace {
using Start = std::function<Future<>(unsigned)>;

class Shard {
 public:
  Shard(unsigned number, const Start& start, Promise<> ended) try
      : ended_(std::move(ended)), thread_([this, number, &start] { run(number, start); }) {
  } catch (const std::system_error& e) {
    throw_errno(e.code().value(), "start the thread of a shard");
  }
  // Drops the shard's work, if there still is any, as Ctrl-C does that of the first.
  ~Shard() {
    {
      const std::scoped_lock lock(mutex_);
      dropped_ = true;
      if (remote_) remote_->post([] { here.loop->interrupt(); });
    }
    thread_.join();
  }

 private:
  void run(unsigned number, const Start& start) noexcept {
    std::exception_ptr error;
    try {
      Loop loop;
      if (enter(loop)) loop.run(start(number));
    } catch (...) {
      error = std::current_exception();
    }
    first_.post([ended = std::move(ended_), error]() mutable {
      error ? ended.set_error(error) : ended.set_value();
    });
  }
  bool enter(Loop& loop) {
    const std::scoped_lock lock(mutex_);
    remote_ = loop.remote();
    return !dropped_;
  }

  Promise<> ended_;
  const Remote first_ = Loop::current().remote();
  std::mutex mutex_;  // guards the next two
  bool dropped_ = false;
  std::optional<Remote> remote_;
  std::thread thread_;  // last: it uses the others
};

Future<> on_thread(Own, unsigned number, const Start& start) {
  Promise<> ended;
  Future<> end = ended.future();
  const Shard shard(number, start, std::move(ended));
  co_await std::move(end);
}
}  // namespace

void run_shards_of(unsigned n, const Start& start) {
  if (n == 0) misuse("run_shards(0): there is at least one shard");
  run([&] {
    std::vector<Future<>> shards;
    for (unsigned number = 1; number < n; ++number) shards.push_back(on_thread(Own(), number, start));
    shards.push_back(start(0));
    return gather(std::move(shards));
  });
}
}  // namespace hob::inline v0
