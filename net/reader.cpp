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

Future<std::string> BufferedReader::read_line(std::size_t limit) { return read("\n", limit, true); }
Future<std::string> BufferedReader::read_until(std::string delimiter, std::size_t limit) {
  return read(std::move(delimiter), limit, false);
}

// A line is taken without its end, and the last one may have none.
Future<std::string> BufferedReader::read(std::string end, std::size_t limit, bool line) {
  const Turn turn(reading_);
  if (end.empty()) throw std::invalid_argument("read_until(\"\"): the delimiter is empty");
  for (std::size_t seen = 0;;) {
    const std::string_view have = buffered();
    const std::size_t at = have.find(end, seen);
    const bool found = at != have.npos;
    const std::size_t all = found ? at + end.size() : have.size();
    std::size_t size = found && line ? at : all;
    if (line && size != 0 && have[size - 1] == '\r') --size;
    if (size > limit) throw LimitExceeded(limit);
    if (found) co_return take(size, all);
    seen = all - std::min(all, end.size() - 1);
    if (came(co_await stream_.read_some(room()))) continue;
    if (all == 0 || !line) throw EndOfStream();
    if (all > limit) throw LimitExceeded(limit);
    co_return take(all, all);
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
