// SPDX-License-Identifier: MIT
// frames.hpp — where coroutine frames come from: a free list per thread and size, or operator new.
// Called by coroutine promises (future.hpp), and by the few others that live as long as one operation.
//   1. A frame may be freed on any thread, and after the thread's list was drained at its exit.
//   2. At most kKeep frames of one size are kept, a 32nd of that beyond 1 KiB, none beyond 8 KiB.
//   3. Under AddressSanitizer there is no list, so that use after free is seen.
#pragma once
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace hob::inline v0 {
class Frames {
 public:
  static void* take(std::size_t size) {
    const std::size_t c = class_of(size);
    Free* const frame = c < kSizes ? mine_.free[c] : nullptr;
    if (!frame) return take_slow(c < kSizes ? bytes_of(c) : size);
    mine_.free[c] = frame->next;
    --mine_.kept[c];
    return frame;
  }

  static void give(void* memory, std::size_t size) noexcept {
    const std::size_t c = class_of(size);
    if (c < kSizes && mine_.kept[c] < (c <= kFine ? mine_.keep : mine_.keep / 32)) {
      mine_.free[c] = new (memory) Free{mine_.free[c]};
      ++mine_.kept[c];
    } else {
      ::operator delete(memory);
    }
  }
 private:
  struct Free { Free* next; };

  // Asks the system; the first time also to be told when the thread exits, to empty the lists.
  [[gnu::noinline]] static void* take_slow(std::size_t bytes) {
    struct Drain {
      Drain() { mine_.keep = kKeep; }
      ~Drain() {
        mine_.keep = 0;  // whatever is freed from now on goes straight back
        for (Free*& head : mine_.free) while (head) ::operator delete(std::exchange(head, head->next));
      }
    };
    static const thread_local Drain at_exit;
    return ::operator new(bytes);
  }

  // By 16 bytes up to 1 KiB, by 256 up to 8 KiB; what is larger is not kept.
  static constexpr std::size_t kGrain = 16, kFine = 64, kCoarse = 256;
  static constexpr std::size_t kSizes = kFine + 1 + 28;
  static constexpr std::size_t class_of(std::size_t size) noexcept {
    const std::size_t c = (size + kGrain - 1) / kGrain;
    return c <= kFine ? c : kFine + (size - kFine * kGrain + kCoarse - 1) / kCoarse;
  }
  static constexpr std::size_t bytes_of(std::size_t c) noexcept {
    return c <= kFine ? c * kGrain : kFine * kGrain + (c - kFine) * kCoarse;
  }
#if defined(__SANITIZE_ADDRESS__)
  static constexpr bool kSanitized = true;
#elif defined(__has_feature)
  static constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
  static constexpr bool kSanitized = false;
#endif
  static constexpr std::uint16_t kKeep = kSanitized ? 0 : 4096;

  // No default initialisers: clang on macOS would want a wrapper for each access, in every object.
  struct Lists {
    Free* free[kSizes];
    std::uint16_t kept[kSizes];
    std::uint16_t keep;  // kKeep, while somebody is there to empty the lists at thread exit
  };
  static inline constinit thread_local Lists mine_{};
};

// Whose objects come from there.
struct Framed {
  static void* operator new(std::size_t size) { return Frames::take(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { Frames::give(frame, size); }
};
}  // namespace hob::inline v0
