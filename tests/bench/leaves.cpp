// SPDX-License-Identifier: MIT
//
// leaves.cpp — sleeps, events, locks, queues, wait_for, gather of two: what each takes, and that it
// allocates nothing.
#include "../../reactor/reactor.hpp"
#include "bench.hpp"

namespace bench {

namespace {

using namespace hob;
using namespace std::chrono_literals;

Future<> sleeping(std::size_t n) {
  for (; n; --n) co_await sleep(1ns);
}

Future<> setting(std::size_t n, Event& ping, Event& pong) {
  for (; n; --n) {
    ping.set();
    co_await pong.wait();
    pong.clear();
  }
}
Future<> answering(std::size_t n, Event& ping, Event& pong) {
  for (; n; --n) {
    co_await ping.wait();
    ping.clear();
    pong.set();
  }
}
Future<> ping_pong(std::size_t n) {
  Event ping, pong;
  co_await gather(setting(n, ping, pong), answering(n, ping, pong));
}

Future<> locking(std::size_t n) {
  Mutex mutex;
  for (; n; --n) Permit guard = co_await mutex.lock();
}

// Each holds it over a yield, so that the other must wait.
Future<> holding(std::size_t n, Semaphore& semaphore) {
  for (; n; --n) {
    Permit permit = co_await semaphore.acquire();
    co_await yield();
  }
}
Future<> contending(std::size_t n) {
  Semaphore semaphore(1);
  co_await gather(holding(n / 2, semaphore), holding(n / 2, semaphore));
}

Future<> pushing(std::size_t n, Queue<int>& queue) {
  for (; n; --n) co_await queue.push(1);
  queue.close();
}
Future<> popping(Queue<int>& queue) {
  for (;;) {
    const std::optional<int> value = co_await queue.pop();
    if (!value) break;
  }
}
Future<> through_queue(std::size_t n, std::size_t bound) {
  Queue<int> queue(bound);
  co_await gather(pushing(n, queue), popping(queue));
}

Future<> waiting_for(std::size_t n) {
  for (; n; --n) co_await wait_for(yield(), 1s);
}

Future<> gathering_two(std::size_t n) {
  for (; n; --n) co_await gather(yield(), yield());
}

Future<> calling_soon(std::size_t n) {
  for (; n; --n) {
    Loop::current().call_soon([] {});
    co_await yield();
  }
}

Future<> cancelling_calls(std::size_t n) {
  for (; n; --n) {
    TimerHandle handle = Loop::current().call_later(1s, [] {});
    handle.cancel();
  }
  co_return;
}

template <class Program>
void add(Table& table, const char* name, std::size_t n, Program program) {
  table.operation(name, n, [program](std::size_t times) {
    Loop loop;
    loop.run(program(times));
  });
}

}  // namespace

void leaves(Table& table) {
  add(table, "sleep 1 ns (one system call)", 20'000, sleeping);
  add(table, "Event: set, wait, back", 200'000, ping_pong);
  add(table, "Mutex: lock and unlock", 1'000'000, locking);
  add(table, "Semaphore handed over, with a yield", 200'000, contending);
  add(table, "Queue: push and pop, bound 1", 200'000,
      [](std::size_t n) { return through_queue(n, 1); });
  add(table, "Queue: push and pop, bound 100", 500'000,
      [](std::size_t n) { return through_queue(n, 100); });
  add(table, "wait_for a yield", 200'000, waiting_for);
  add(table, "gather of two yields", 200'000, gathering_two);
  add(table, "call_soon, with a yield", 500'000, calling_soon);
  add(table, "call_later and cancel", 500'000, cancelling_calls);
}

}  // namespace bench
