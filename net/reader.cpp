// SPDX-License-Identifier: MIT
//
// reader.cpp — each read looks for its end in the buffer, and asks the stream for more until it is
// there. Only then is anything taken.
#include "reader.hpp"

#include <algorithm>

namespace hob::inline v0::net {

struct BufferedReader::Turn {
  explicit Turn(bool& flag) : reading(flag) {
    if (std::exchange(reading, true)) misuse("a BufferedReader serves one read at a time");
  }
  ~Turn() { reading = false; }
  bool& reading;
};

std::span<char> BufferedReader::room() {
  constexpr std::size_t kLeast = 4 * 1024;
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < kLeast && begin_ != 0) {
    std::copy(buffer_.data() + begin_, buffer_.data() + end_, buffer_.data());
    end_ -= std::exchange(begin_, 0);
  }
  if (buffer_.size() - end_ < kLeast) buffer_.resize(std::max(2 * buffer_.size(), kLeast));
  return std::span(buffer_).subspan(end_);
}

// The first `bytes` of `of` that are done with.
std::string BufferedReader::take(std::size_t bytes, std::size_t of) {
  std::string taken(buffered().substr(0, bytes));
  begin_ += of;
  return taken;
}

Future<std::string> BufferedReader::read_line(std::size_t limit) {
  const Turn turn(reading_);
  for (std::size_t seen = 0;;) {
    const std::string_view have = buffered();
    const std::size_t at = have.find('\n', seen);
    const bool found = at != have.npos;
    std::size_t size = found ? at : have.size();
    if (size != 0 && have[size - 1] == '\r') --size;
    if (size > limit) throw LimitExceeded(limit);
    if (found) co_return take(size, at + 1);
    seen = have.size();
    if (came(co_await stream_.read_some(room()))) continue;
    if (seen == 0) throw EndOfStream();
    if (seen > limit) throw LimitExceeded(limit);
    co_return take(seen, seen);
  }
}

Future<std::string> BufferedReader::read_until(std::string delimiter, std::size_t limit) {
  const Turn turn(reading_);
  if (delimiter.empty()) throw std::invalid_argument("read_until(\"\"): the delimiter is empty");
  for (std::size_t seen = 0;;) {
    const std::string_view have = buffered();
    const std::size_t at = have.find(delimiter, seen);
    const std::size_t size = at == have.npos ? have.size() : at + delimiter.size();
    if (size > limit) throw LimitExceeded(limit);
    if (at != have.npos) co_return take(size, size);
    seen = have.size() - std::min(have.size(), delimiter.size() - 1);
    if (!came(co_await stream_.read_some(room()))) throw EndOfStream();
  }
}

Future<std::string> BufferedReader::read_exactly(std::size_t n) {
  const Turn turn(reading_);
  while (buffered().size() < n)
    if (!came(co_await stream_.read_some(room()))) throw EndOfStream();
  co_return take(n, n);
}

Future<std::string> BufferedReader::read_to_end(std::size_t limit) {
  const Turn turn(reading_);
  do {
    if (buffered().size() > limit) throw LimitExceeded(limit);
  } while (came(co_await stream_.read_some(room())));
  co_return take(end_ - begin_, end_ - begin_);
}

}  // namespace hob::inline v0::net
