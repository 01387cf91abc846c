// SPDX-License-Identifier: MIT
//
// closure_test.cpp — Closure: any callable, kept once, called, and destroyed exactly once.
#include <array>
#include <memory>

#include "../counting_new.hpp"
#include "on_sim.hpp"

namespace hob_test::closure_test {
TEST_SUITE_BEGIN("reactor");

namespace {

int free_function_called = 0;
void free_function() { ++free_function_called; }

}  // namespace

TEST_CASE("a closure calls what it holds: lambdas, functions, move-only and large captures") {
  int called = 0;
  Closure small([&] { ++called; });
  small();
  small();
  CHECK(called == 2);
  Closure function(free_function);
  function();
  CHECK(free_function_called == 1);
  Closure move_only([&, p = std::make_unique<int>(5)] { called += *p; });
  move_only();
  CHECK(called == 7);
  std::array<int, 100> numbers{};
  numbers[99] = 3;
  Closure large([&, numbers] { called += numbers[99]; });
  large();
  CHECK(called == 10);
  Closure mutating([n = 0, &called]() mutable { called += ++n; });
  mutating();
  mutating();
  CHECK(called == 13);
  Closure returns([&] { return ++called; });
  returns();
  CHECK(called == 14);
}

TEST_CASE("a closure destroys what it holds once, wherever it was moved") {
  for (const bool large : {false, true}) {
    Closure closure;
    if (large)
      closure = Closure([c = Counted(1), room = std::array<char, 100>()] { static_cast<void>(room); });
    else
      closure = Closure([c = Counted(1)] {});
    CHECK(Counted::alive == 1);
    Closure moved = std::move(closure);
    CHECK_FALSE(closure);
    CHECK(moved);
    moved();
    closure = std::move(moved);
    auto& self = closure;
    closure = std::move(self);
    CHECK(closure);
    CHECK(Counted::alive == 1);
    closure = Closure([] {});
    CHECK(Counted::alive == 0);
    Closure last([c = Counted(2)] {});
    last.reset();
    CHECK(Counted::alive == 0);
    CHECK_FALSE(last);
    last.reset();
  }
}

TEST_CASE("24 bytes of captures cost no allocation") {
  void* a = nullptr;
  void* b = nullptr;
  void* c = nullptr;
  const std::size_t before = heap().allocations;
  {
    Closure closure([a, b, c] { static_cast<void>(a), static_cast<void>(b), static_cast<void>(c); });
    Closure moved = std::move(closure);
    moved();
  }
  CHECK(heap().allocations == before);
  { Closure closure([a, b, c, before] { static_cast<void>(a != b && c && before); }); }
  CHECK(heap().allocations == before + 1);
}

TEST_CASE("a callable that is over-aligned, or throws when it is moved, is kept on the heap") {
  struct alignas(64) Aligned {
    bool* right;
    void operator()() { *right = reinterpret_cast<std::uintptr_t>(this) % 64 == 0; }
  };
  bool right = false;
  Closure aligned(Aligned{&right});
  Closure elsewhere = std::move(aligned);
  elsewhere();
  CHECK(right);
  struct Throws {
    int moves_left = 1;
    Throws() = default;
    Throws(Throws&& from) : moves_left(from.moves_left - 1) {
      if (moves_left < 0) throw std::runtime_error("moved too often");
    }
    void operator()() {}
  };
  Closure thrower{Throws()};
  Closure there = std::move(thrower);
  Closure back = std::move(there);
  back();
}

TEST_SUITE_END();
}  // namespace hob_test::closure_test
