// SPDX-License-Identifier: MIT
//
// counting_new.cpp — the replaced operator new and delete. The array and nothrow forms call these.
#include "counting_new.hpp"

#include <atomic>
#include <cstdlib>
#include <new>
#ifdef __APPLE__
#include <malloc/malloc.h>
#else
#include <malloc.h>
#endif

namespace {

std::atomic<std::size_t> allocations{0}, blocks{0}, bytes{0};

std::size_t size_of(void* memory) noexcept {
#ifdef __APPLE__
  return ::malloc_size(memory);
#else
  return ::malloc_usable_size(memory);
#endif
}

void* count(void* memory) {
  if (!memory) throw std::bad_alloc();
  allocations.fetch_add(1, std::memory_order_relaxed);
  blocks.fetch_add(1, std::memory_order_relaxed);
  bytes.fetch_add(size_of(memory), std::memory_order_relaxed);
  return memory;
}

void give_back(void* memory) noexcept {
  if (!memory) return;
  blocks.fetch_sub(1, std::memory_order_relaxed);
  bytes.fetch_sub(size_of(memory), std::memory_order_relaxed);
  std::free(memory);
}

// aligned_alloc(3) wants a multiple of the alignment.
std::size_t rounded(std::size_t size, std::size_t to) noexcept { return (size + to - 1) / to * to; }

}  // namespace

namespace hob_test {

Heap heap() noexcept { return {allocations.load(), blocks.load(), bytes.load()}; }

}  // namespace hob_test

void* operator new(std::size_t size) { return count(std::malloc(size ? size : 1)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto to = static_cast<std::size_t>(alignment);
  return count(std::aligned_alloc(to, rounded(size ? size : 1, to)));
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
