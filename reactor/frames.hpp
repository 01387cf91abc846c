// SPDX-License-Identifier: MIT
//
// frames.hpp — where coroutine frames come from: a free list per thread and size.
//
// Called by coroutine promises (future.hpp) and by the few other objects that live as long as one
// operation. Falls back to operator new.
//
// Invariants
//   1. A frame may be freed on any thread, and after the thread's list was drained at its exit.
//   2. At most kKeep frames of one size are kept; what is beyond goes back to the system.
//   3. Under AddressSanitizer there is no list, so that use after free is seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace hob::inline v0 {

class Frames {
 public:
  static void* take(std::size_t size) {
    const std::size_t c = (size + kGrain - 1) / kGrain;
    if (c < kSizes) {
      Free*& head = mine_.free[c];
      if (Free* frame = head) {
        head = frame->next;
        --mine_.kept[c];
        return frame;
      }
    }
    return take_slow(c);
  }

  static void give(void* memory, std::size_t size) noexcept {
    const std::size_t c = (size + kGrain - 1) / kGrain;
    if (c < kSizes && mine_.kept[c] < mine_.keep) {
      mine_.free[c] = new (memory) Free{mine_.free[c]};
      ++mine_.kept[c];
    } else {
      ::operator delete(memory);
    }
  }

 private:
  struct Free {
    Free* next;
  };
  struct Drain;  // empties the lists at thread exit

  static void* take_slow(std::size_t size_class);

  static constexpr std::size_t kGrain = 16;
  static constexpr std::size_t kSizes = 65;  // frames up to 1 KiB are kept
#if defined(__SANITIZE_ADDRESS__)
  static constexpr std::uint16_t kKeep = 0;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  static constexpr std::uint16_t kKeep = 0;
#else
  static constexpr std::uint16_t kKeep = 4096;
#endif
#else
  static constexpr std::uint16_t kKeep = 4096;
#endif

  // No default initialisers: clang on macOS would want a wrapper for each access, in every object.
  struct Lists {
    Free* free[kSizes];
    std::uint16_t kept[kSizes];
    std::uint16_t keep;  // kKeep, while somebody is there to empty the lists at thread exit
  };
  static inline constinit thread_local Lists mine_{};
};

}  // namespace hob::inline v0
