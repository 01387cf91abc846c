// SPDX-License-Identifier: MIT
//
// frames.cpp — the slow path of the frame lists: ask the system, and clean up at thread exit.
#include "frames.hpp"

namespace hob::inline v0 {

struct Frames::Drain {
  Drain() { mine_.keep = kKeep; }
  ~Drain() {
    mine_.keep = 0;  // whatever is freed from now on goes straight back
    for (std::size_t c = 0; c < kSizes; ++c) {
      while (Free* frame = mine_.free[c]) {
        mine_.free[c] = frame->next;
        ::operator delete(frame);
      }
      mine_.kept[c] = 0;
    }
  }
};

void* Frames::take_slow(std::size_t bytes) {
  static const thread_local Drain at_exit;
  return ::operator new(bytes);
}

}  // namespace hob::inline v0
