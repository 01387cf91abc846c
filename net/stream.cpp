// SPDX-License-Identifier: MIT
//
// stream.cpp — reading and writing, and the pool of buffers that reads borrow from; BufferedReader.
#include "stream.hpp"

#include <algorithm>
#include <cerrno>

#include "../reactor/combine.hpp"
#include "../reactor/promise.hpp"

namespace hob::inline v0::net {

// --- leases --------------------------------------------------------------------------------------

namespace {

// A few buffers that wait for the next read. Constant to make, so that a look costs no call.
struct Buffers {
  static constexpr std::size_t kKeep = 8;
  std::byte* free[kKeep];
  std::size_t count;
  std::size_t keep;  // kKeep, while somebody is there to free them at thread exit
};
constinit thread_local Buffers buffers{};

struct Drain {
  Drain() { buffers.keep = Buffers::kKeep; }
  ~Drain() {
    buffers.keep = 0;
    while (buffers.count) delete[] buffers.free[--buffers.count];
  }
};

std::byte* take_buffer() {
  if (buffers.count) return buffers.free[--buffers.count];
  static const thread_local Drain at_exit;
  return new std::byte[Lease::kBytes];
}

}  // namespace

void Lease::GiveBack::operator()(std::byte* buffer) const noexcept {
  if (buffers.count < buffers.keep)
    buffers.free[buffers.count++] = buffer;
  else
    delete[] buffer;
}

// --- the operations ------------------------------------------------------------------------------

// Law of the Latch: a short read has emptied the stream, unless its end was hinted at. An error that
// came with an event and was not seen by the call is told at the end (libkqueue's way with a reset).
Io Reading::operator()(Socket& socket, std::size_t& n) const noexcept {
  Watch& watch = socket.watch;
  Io io = socket.backend().recv(watch.fd, into);
  if (!io.error && io.n == 0) io.error = std::exchange(watch.error, 0);
  if (!io.error && io.n != 0 && io.n < into.size() && !watch.read_hangup) watch.readable = false;
  n = io.n;
  return io;
}

Io Leasing::operator()(Socket& socket, Lease& lease) const noexcept {
  lease.buffer_.reset(take_buffer());
  const Io io = Reading{{lease.buffer_.get(), Lease::kBytes}}(socket, lease.size_);
  if (io.n == 0) lease.buffer_.reset();
  return io;
}

// Pieces go together; one of which a part was taken goes on alone.
Io Writing::operator()(Socket& socket, std::monostate&) noexcept {
  Io io = text.empty() ? socket.backend().send_pieces(socket.watch.fd, pieces)
                       : socket.backend().send(socket.watch.fd, std::as_bytes(std::span(text)));
  std::size_t n = std::min(io.n, text.size());
  text.remove_prefix(n);
  for (n = io.n - n; !pieces.empty() && n >= pieces[0].size(); pieces = pieces.subspan(1))
    n -= pieces[0].size();
  if (n != 0) text = pieces[0].substr(n), pieces = pieces.subspan(1);
  if (!io.error && !(text.empty() && pieces.empty())) io.error = kMore;
  return io;
}

// --- TcpStream -----------------------------------------------------------------------------------

Socket& TcpStream::held() const {
  if (!is_open()) throw_errno(ECANCELED, "a stream that was closed");
  socket_->loop().check_thread();
  return *socket_;
}

void TcpStream::shutdown_write() {
  if (const int error = held().backend().shutdown_write(socket_->watch.fd))
    throw_errno(error, "shut down " + peer().to_string());
}

void TcpStream::abort() noexcept {
  if (is_open()) socket_->set(Option::abort_on_close, 1);
  close();
}

Future<> TcpStream::finish(Duration limit) {
  const auto to_the_end = [](TcpStream& stream) -> Future<> {
    stream.shutdown_write();
    while (!(co_await stream.read_lease()).empty()) {
    }
  };
  return wait_for(to_the_end(*this), limit).finally([this]() noexcept { close(); });
}

std::pair<TcpStream, TcpStream> stream_pair() {
  int fds[2];
  const std::string what = "make a pair of streams";
  check(Loop::current().backend().pair(fds), what);
  auto first = std::make_unique<Socket>(fds[0]), second = std::make_unique<Socket>(fds[1]);
  check(first->attach(), what);
  check(second->attach(), what);
  return {TcpStream(std::move(first)), TcpStream(std::move(second))};
}

Future<std::uint64_t> copy(TcpStream& from, TcpStream& to) {
  std::uint64_t total = 0;
  for (;;) {
    const Lease lease = co_await from.read_lease();
    if (lease.empty()) co_return total;
    co_await to.write_all(lease.bytes());
    total += lease.size();
  }
}

// --- BufferedReader ------------------------------------------------------------------------------
//
// Each read looks for its end in the buffer, and asks the stream for more until it is there. Only
// then is anything taken.

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
