// SPDX-License-Identifier: MIT
//
// pair.hpp — the other kind of Work: what a Promise writes and its Future reads.
//
// future.hpp lets go of the reading end, promise.hpp of the writing one.
#pragma once

#include "work.hpp"

namespace hob::inline v0 {

// The pair behind a Promise and its Future; freed when both ends are gone.
template <class T>
class Pair final : public Outcome<T> {
 public:
  enum End : std::uint16_t { kWriter = Work::kWriterEnd, kReader = Work::kReaderEnd };
  bool given = false;  // the Promise has handed out the Future

  Pair() noexcept : Outcome<T>(nullptr, 0) {}
  static void* operator new(std::size_t size) { return Frames::take(size); }
  static void operator delete(void* pair, std::size_t size) noexcept { Frames::give(pair, size); }

  bool has(End end) const noexcept { return this->flags_ & end; }
  void enter(End end) noexcept { this->flags_ |= end; }
  void leave(End end) noexcept {
    this->clear(end);
    if (!has(kWriter) && !has(kReader)) delete this;
  }
  bool abandoned() const noexcept { return given && !has(kReader); }
  bool at_home() const noexcept { return this->loop_id_ == here.id || this->loop_id_ == 0; }
};

}  // namespace hob::inline v0
