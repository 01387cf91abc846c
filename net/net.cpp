// SPDX-License-Identifier: MIT
//
// net.cpp — the system calls of streams, listeners and datagrams; the pool of buffers that reads
// borrow from; how a BufferedReader finds an end; what is done when no descriptor is left.
#include "net.hpp"

#include <cerrno>
#include <filesystem>

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

// --- streams -------------------------------------------------------------------------------------

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

// A read of ours that goes on waits for the stream.
void BufferedReader::check_alone() const {
  if (stream_.is_open() && stream_.socket_->has_reader())
    misuse("a BufferedReader serves one read at a time");
}

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

// A line is taken without its end, and the last one may have none.
Future<std::string> BufferedReader::read(std::string end, std::size_t limit, bool line) {
  check_alone();
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
    const std::size_t n = co_await stream_.read_some(room());
    end_ += n;
    if (n != 0) continue;
    if (all == 0 || !line) throw EndOfStream();
    if (all > limit) throw LimitExceeded(limit);
    co_return take(all, all);
  }
}

Future<std::string> BufferedReader::read_exactly(std::size_t n) {
  check_alone();
  while (buffered().size() < n) {
    const std::size_t came = co_await stream_.read_some(room());
    end_ += came;
    if (came == 0) throw EndOfStream();
  }
  co_return take(n, n);
}

Future<std::string> BufferedReader::read_to_end(std::size_t limit) {
  check_alone();
  for (;;) {
    if (buffered().size() > limit) throw LimitExceeded(limit);
    const std::size_t n = co_await stream_.read_some(room());
    end_ += n;
    if (n == 0) co_return take(end_ - begin_, end_ - begin_);
  }
}

// --- listeners -----------------------------------------------------------------------------------

namespace {

thread_local List<Hook<Listening>> pausing;

// Whether the connection was gone, or its network, before it was taken (accept(2), "Error handling").
bool passed_over(int error) noexcept {
  constexpr int kGone[] = {ECONNABORTED, EPROTO,      ENETDOWN, ENOPROTOOPT, EHOSTDOWN,
                           EHOSTUNREACH, ENETUNREACH, EPERM,    ETIMEDOUT,   ECONNRESET,
#ifdef ENONET
                           ENONET
#endif
  };
  return std::ranges::find(kGone, error) != std::end(kGone);
}

bool exhausted(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Listening::Listening(const Address& address, const std::string& what)
    : Socket(address, kStream, what), Runnable([](Runnable& self) {
        auto& listening = static_cast<Listening&>(self);
        listening.alarm.cancel();
        listening.paused.unlink();
        listening.watch.on_readable();
      }) {
  alarm.task = this;
}

void Listening::pause(int error) noexcept {
  ++pauses;
  if (!std::exchange(told, true)) {
    const std::string what = "accept on " + local().to_string() + " pauses";
    const std::system_error why(error, std::generic_category(), what);
    loop().unhandled(std::make_exception_ptr(why), {});
  }
  loop().set_alarm(alarm, loop().after(std::chrono::milliseconds(50)));
  pausing.push_back(paused);
  on_close = []() noexcept {
    for (Hook<Listening>& each : pausing)
      if (&each.owner.loop() == here.loop) each.owner.arm();
  };
}

Io Accepting::operator()(Socket& socket, TcpStream& stream) const noexcept {
  auto& listening = static_cast<Listening&>(socket);
  if (listening.paused.linked()) return {0, EAGAIN};
  Address peer;
  const Io io = socket.backend().accept(socket.watch.fd, peer.data(), peer.room());
  if (passed_over(io.error)) return {Loop::kBytes / 32, kMore};  // a share is so many of them
  if (exhausted(io.error)) return listening.pause(io.error), Io{0, EAGAIN};
  if (io.error) return {0, io.error};
  listening.told = false;
  auto taken = std::make_unique<Socket>(static_cast<int>(io.n));
  if (const int error = taken->attach()) return {0, error};
  taken->set_peer(peer);
  taken->set_nodelay(true);
  stream = TcpStream(std::move(taken));
  return {};
}

TcpListener listen(const Address& address, ListenOptions options) {
  const std::string what = "listen on " + address.to_string();
  auto socket = std::make_unique<Listening>(address, what);
  const bool v6 = !address.is_unix() && address.host().find(':') != std::string::npos;
  if (!address.is_unix()) check(socket->set(Option::reuse_address, 1), what);
  if (v6) check(socket->set(Option::v6_only, !options.dual_stack), what);
  if (options.reuse_port) check(socket->set(Option::reuse_port, 1), what);
  check(socket->backend().bind(socket->watch.fd, address.data(), address.size()), what);
  check(socket->backend().listen(socket->watch.fd, options.backlog), what);
  check(socket->attach(), what);
  return TcpListener(std::move(socket));
}

TcpListener listen(std::string_view host, unsigned short port, ListenOptions options) {
  const Address address = Address::of(host, port);
  if (!host.empty()) return listen(address, options);
  try {
    return listen(address, options);
  } catch (const std::system_error& e) {
    if (e.code() != std::errc::address_family_not_supported &&
        e.code() != std::errc::address_not_available)
      throw;
  }
  return listen(Address::of("0.0.0.0", port), options);
}

TcpListener listen_unix(std::string_view path) {
  const Address address = Address::unix_path(path);
  std::error_code ignored;
  if (std::filesystem::is_socket(std::filesystem::path(path), ignored))
    std::filesystem::remove(std::filesystem::path(path), ignored);
  return listen(address);
}

// --- datagrams -----------------------------------------------------------------------------------

Io Receiving::operator()(Socket& socket, Datagram& datagram) const noexcept {
  Address& from = datagram.from;
  const Io io = socket.backend().recv_from(socket.watch.fd, into, from.data(), from.room());
  datagram.size = io.n;
  return io;
}

Io Sending::operator()(Socket& socket, std::monostate&) const noexcept {
  const auto bytes = std::as_bytes(std::span(text));
  return to.family() ? socket.backend().send_to(socket.watch.fd, bytes, to.data(), to.size())
                     : socket.backend().send(socket.watch.fd, bytes);
}

UdpSocket UdpSocket::bind(const Address& address) {
  const std::string what = "bind " + address.to_string();
  auto socket = std::make_unique<Socket>(address, kDatagram, what);
  check(socket->backend().bind(socket->watch.fd, address.data(), address.size()), what);
  check(socket->attach(), what);
  return UdpSocket(std::move(socket));
}

void UdpSocket::connect(const Address& peer) {
  Socket& socket = held();
  check(socket.backend().connect(socket.watch.fd, peer.data(), peer.size()),
        "connect " + peer.to_string());
  socket.set_peer(peer);
}

}  // namespace hob::inline v0::net
