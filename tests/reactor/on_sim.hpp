// SPDX-License-Identifier: MIT
//
// on_sim.hpp — how the tests above the seam run: on the simulator, with many seeds.
//
//   on_sim([](Sim& sim) -> Future<> { co_await sleep(1s); CHECK(sim.passed() == 1s); });
//
// A failure prints its seed; HOB_SIM_SEED=<n> runs that one alone.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../../reactor/reactor.hpp"
#include "../../reactor/sim.hpp"

// How a log is printed.
template <>
struct doctest::StringMaker<std::vector<std::string>> {
  static doctest::String convert(const std::vector<std::string>& log) {
    std::string text;
    for (const auto& line : log) text += (text.empty() ? "" : ", ") + line;
    return ("{" + text + "}").c_str();
  }
};

namespace hob_test {

using namespace hob;
using namespace std::chrono_literals;

enum class Order { fifo, shuffled };

// What an exception says.
inline std::string what(const std::exception_ptr& error) {
  try {
    if (error) std::rethrow_exception(error);
    return "";
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "no std::exception";
  }
}

// A world and the loop on it. What nobody took is in `unhandled`.
struct Sim {
  explicit Sim(std::uint64_t seed = 1, Order order = Order::fifo)
      : world(seed), loop((world.shuffle(order == Order::shuffled), world.backend())) {
    loop.on_unhandled([this](std::exception_ptr error) { unhandled.push_back(what(error)); });
  }

  Duration passed() const { return world.now() - start; }

  // Whether nothing is left that could ever run: no task is armed, no timer is set, no job is out.
  bool idle() {
    const TimePoint before = world.now();
    Event never;
    try {
      if (loop.poll() == 0) loop.run(never.wait());
    } catch (const sim::Deadlock&) {
      return world.now() == before;
    }
    return false;
  }

  // Turns without letting time pass, until nothing is ready.
  void settle() {
    while (loop.poll() != 0) {
    }
  }

  std::vector<std::string> unhandled;
  sim::World world;
  const TimePoint start = world.now();
  Loop loop;
};

inline std::vector<std::uint64_t> seeds(std::uint64_t count = 8) {
  if (const char* seed = std::getenv("HOB_SIM_SEED")) return {std::strtoull(seed, nullptr, 10)};
  std::vector<std::uint64_t> all;
  for (std::uint64_t seed = 1; seed <= count; ++seed) all.push_back(seed);
  return all;
}

// f(Sim&), called by the turn.
template <class F>
Future<> in_turn(F& f, Sim& sim) {
  co_await yield();
  co_await f(sim);
}

// Runs f(Sim&), which returns a Future, under each seed; nothing may be left unhandled.
template <class F>
void on_sim(F f) {
  for (const std::uint64_t seed : seeds()) {
    INFO("HOB_SIM_SEED=" << seed);
    Sim sim(seed, Order::shuffled);
    sim.loop.run(in_turn(f, sim));
    sim.settle();
    CHECK(sim.unhandled == std::vector<std::string>());
  }
}

// The same once, with the ready queue in order, as a native kernel leaves it.
template <class F>
void in_order(F f) {
  Sim sim;
  sim.loop.run(in_turn(f, sim));
  sim.settle();
  CHECK(sim.unhandled == std::vector<std::string>());
}

// Counts itself: how many are alive.
struct Counted {
  static inline int alive = 0;
  int value = 0;
  explicit Counted(int v = 0) : value(v) { ++alive; }
  Counted(Counted&& from) noexcept : value(from.value) { ++alive; }
  Counted& operator=(Counted&&) noexcept = default;
  ~Counted() { --alive; }
};

// Appends to a log when it is destroyed.
struct Mark {
  std::vector<std::string>* log;
  std::string name;
  Mark(std::vector<std::string>& to, std::string n) : log(&to), name(std::move(n)) {}
  Mark(Mark&& from) noexcept : log(std::exchange(from.log, nullptr)), name(std::move(from.name)) {}
  ~Mark() {
    if (log) log->push_back("~" + name);
  }
};

using Log = std::vector<std::string>;

inline std::exception_ptr error(const char* text) {
  return std::make_exception_ptr(std::runtime_error(text));
}

inline Future<int> later(Duration delay, int value) {
  co_await sleep(delay);
  co_return value;
}

inline Future<int> fails(Duration delay, const char* text) {
  co_await sleep(delay);
  throw std::runtime_error(text);
}

// What awaiting it throws, as a sentence; "" if nothing.
template <class A>
Future<std::string> error_of(A awaitable) {
  auto result = co_await as_result(std::move(awaitable));
  co_return what(result.error());
}

}  // namespace hob_test
