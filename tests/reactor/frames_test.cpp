// SPDX-License-Identifier: MIT
//
// frames_test.cpp — where coroutine frames come from. Under AddressSanitizer there are no lists.
#include <cstring>
#include <thread>

#include "../counting_new.hpp"
#include "on_sim.hpp"

namespace hob_test::frames_test {
TEST_SUITE_BEGIN("reactor");

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kLists = false;
#elif defined(__has_feature)
constexpr bool kLists = !__has_feature(address_sanitizer);
#else
constexpr bool kLists = true;
#endif

}  // namespace

TEST_CASE("a frame that was given back is the next one of its size") {
  if (!kLists) return;
  void* first = Frames::take(200);
  Frames::give(first, 200);
  void* second = Frames::take(195);
  CHECK(first == second);
  void* other = Frames::take(300);
  void* large = Frames::take(1500);
  Frames::give(large, 1500);
  void* again = Frames::take(1400);
  CHECK(again == large);
  Frames::give(again, 1400);
  CHECK(other != second);
  Frames::give(second, 195);
  Frames::give(other, 300);
}

TEST_CASE("frames of every size are apart, aligned, and usable to their last byte") {
  std::vector<std::pair<void*, std::size_t>> all;
  for (std::size_t size = 1; size < 3000; size += 7) {
    void* frame = Frames::take(size);
    CHECK(reinterpret_cast<std::uintptr_t>(frame) % __STDCPP_DEFAULT_NEW_ALIGNMENT__ == 0);
    std::memset(frame, static_cast<int>(size & 0xff), size);
    all.emplace_back(frame, size);
  }
  for (auto [frame, size] : all) {
    CHECK(static_cast<unsigned char*>(frame)[size - 1] == (size & 0xff));
    Frames::give(frame, size);
  }
}

TEST_CASE("in the steady state a coroutine call asks the heap for nothing") {
  if (!kLists) return;
  in_order([](Sim&) -> Future<> {
    auto child = [](int n) -> Future<int> {
      co_await yield();
      co_return n;
    };
    for (int i = 0; i < 2; ++i) co_await child(i);
    std::size_t asked = 1000;
    for (int round = 0; round < 10 && asked > 16; ++round) {  // a job that is dropped may run on
      const std::size_t before = heap().allocations;
      for (int i = 0; i < 1000; ++i) {
        co_await child(i);
        co_await sleep(1us);
        co_await wait_for(child(i), 1s);
        co_await gather(child(i), child(i));
      }
      asked = heap().allocations - before;
    }
    CHECK(asked <= 16);
  });
}

TEST_CASE("a list keeps so many frames and no more") {
  const std::size_t before = heap().blocks;
  std::vector<void*> all;
  for (int i = 0; i < 20'000; ++i) all.push_back(Frames::take(512));
  for (void* frame : all) Frames::give(frame, 512);
  std::vector<void*>().swap(all);
  CHECK(heap().blocks <= before + 4096);
}

TEST_CASE("frames may be freed on another thread, which leaves none behind at its exit") {
  std::vector<void*> all;
  for (int i = 0; i < 100; ++i) all.push_back(::operator new(48));
  const std::size_t before = heap().blocks;
  std::thread only_gives([&] {
    for (void* frame : all) Frames::give(frame, 48);
  });
  only_gives.join();
  CHECK(heap().blocks <= before - 100);
  std::thread gives_and_takes([&] {
    for (int i = 0; i < 100; ++i) Frames::give(Frames::take(64), 64);
    void* held[10];
    for (void*& frame : held) frame = Frames::take(80);
    for (void* frame : held) Frames::give(frame, 80);
  });
  gives_and_takes.join();
  CHECK(heap().blocks <= before - 100);
}

TEST_SUITE_END();
}  // namespace hob_test::frames_test
