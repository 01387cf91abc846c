// SPDX-License-Identifier: MIT
// outside.cpp — from what a Backend reports, and what other threads do, to the coroutines that wait.
#include "outside.hpp"
#include "combine.hpp"
#include "posix.hpp"
#include "promise.hpp"

namespace hob::inline v0 {
SignalWait signal(int number) {
  Loop& loop = Loop::current();
  if ((loop.signals.asked & signal_bit(number)) == 0) {
    if (const int error = loop.backend().catch_signal(number, Catch::until_closed))
      throw_errno(error, "catch signal " + std::to_string(number));
    loop.signals.asked |= signal_bit(number);
  }
  return SignalWait(number);
}

WaitFd wait_readable(int fd, std::source_location site) noexcept { return {fd, kRead, site}; }
WaitFd wait_writable(int fd, std::source_location site) noexcept { return {fd, kWrite, site}; }

Future<std::string> read_file(std::string path) { return to_thread(posix::read_file, std::move(path)); }

Future<> write_file(std::string path, std::string_view text) {
  return to_thread(posix::write_file, std::move(path), std::string(text));
}
Future<> write_file(std::string path, std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return write_file(std::move(path), text);
}

Future<std::vector<std::string>> list_dir(std::string path) {
  return to_thread(posix::list_dir, std::move(path));
}
Future<FileInfo> stat_file(std::string path) { return to_thread(posix::stat_file, std::move(path)); }

// --- shards: the first one's loop sees each of the others as a Future, so that gather and run do the
// rest: no thread outlives its Future, and no Future run_shards_of.

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
    std::unique_lock lock(mutex_);
    dropped_ = true;
    if (remote_) remote_->post([] { here.loop->interrupt(); });
    lock.unlock();
    thread_.join();
  }
 private:
  void run(unsigned number, const Start& start) noexcept {
    std::exception_ptr error;
    try {
      Loop loop;
      std::unique_lock lock(mutex_);
      remote_ = loop.remote();
      const bool dropped = dropped_;
      lock.unlock();
      if (!dropped) loop.run(start(number));
    } catch (...) { error = std::current_exception(); }
    first_.post([ended = std::move(ended_), error]() mutable {
      error ? ended.set_error(error) : ended.set_value();
    });
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
