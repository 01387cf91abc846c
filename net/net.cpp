// SPDX-License-Identifier: MIT
// net.cpp — trying, waiting, closing under a waiter; the buffers that reads borrow; pausing when no
// descriptor is left; what is known of names, and how attempts to connect begin in turn.
#include "net.hpp"
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace hob::inline v0::net {
// --- sockets -------------------------------------------------------------------------------------
Socket::Socket(const Address& address, int type, const std::string& what) : Socket(-1) {
  const Io io = backend().open(address.family(), type);
  check(io.error, what);
  watch.fd = static_cast<int>(io.n);
}

void Socket::close() noexcept {
  if (!is_open()) return;
  const bool attached = watch.interest != 0;
  if (here.loop != loop_ || watch.linked() != attached)
    fatal("a socket was closed on a thread that is not its Loop's, or after its Loop");
  for (Operation* operation : waiting_)
    if (operation) operation->error_ = ECANCELED, operation->socket_ = nullptr;
  watch.on_readable();  // who waits not for this is armed already
  watch.on_writable();
  loop_->detach(watch);
  backend().close(std::exchange(watch.fd, -1));
  for (Hook<Runnable>& each : loop_->starved) each.owner.arm();
}

Address Socket::local() const {
  Address name;
  return backend().local_name(watch.fd, name.data(), name.room()) ? Address() : name;
}

Address Socket::peer() const {
  if (peer_size_ && is_open())
    return Address::of(reinterpret_cast<const sockaddr*>(peer_), peer_size_);
  Address name;
  return backend().peer_name(watch.fd, name.data(), name.room()) ? Address() : name;
}

void Socket::set_peer(const Address& peer) noexcept {
  if (peer.size() > kPeer) return;
  peer_size_ = static_cast<unsigned char>(peer.size());
  std::memcpy(peer_, peer.data(), peer.size());
}

Socket& Handle::held() const {
  if (!is_open()) throw_errno(ECANCELED, "a socket that was closed");
  socket_->loop().check_thread();
  return *socket_;
}

bool Operation::try_now() {
  if (!socket_ || !socket_->is_open()) return error_ = ECANCELED, true;
  socket_->loop().check_thread();
  if (waiting())
    misuse(writes() ? "a socket has one writer at a time: another task writes to it"
                    : "a socket has one reader at a time: another task reads from it");
  return done_ || (here.steps != 0 && attempt());  // without a step left it would resume later
}

// True: it is done. Otherwise the latch is down, or the share is used up.
bool Operation::attempt() noexcept {
  while (!done_) {
    if (!latch() || here.bytes == 0) return false;
    const Io io = call();
    if (io.error == EAGAIN) return latch() = false;
    here.bytes -= std::min(here.bytes, io.n);
    if (writes()) socket_->sent += static_cast<std::int64_t>(io.n);
    done_ = io.error != kMore;
    if (done_) error_ = io.error;
  }
  return true;
}

void Operation::fail(const Address& whom) const {
  const Address with = whom.family() || !socket_ ? whom : socket_->peer();
  const bool told = error_ == EPROTO && socket_ && socket_->filter;
  // No string of ours outlives this expression: to unwind past one takes as long as the throw itself.
  throw std::system_error(error_, std::generic_category(),
                          (with.family() ? name_ + (' ' + with.to_string()) : std::string(name_)) +
                              (told ? ": TLS: " + socket_->filter->why : std::string()));
}

// --- streams -------------------------------------------------------------------------------------
void Lease::GiveBack::operator()(std::byte* buffer) const noexcept {
  const auto loop = here.loop;
  if (loop && loop->spares < loop->spare.size()) loop->spare[loop->spares++].reset(buffer);
  else delete[] buffer;
}

// Law of the Latch: a short read has emptied the stream, unless its end was hinted at. An error that
// came with an event and was not seen by the call is told at the end (libkqueue's way with a reset).
static Io receive(Socket& socket, std::span<std::byte> into) noexcept {
  Watch& watch = socket.watch;
  Io io = socket.backend().recv(watch.fd, into);
  if (!io.error && io.n == 0) io.error = std::exchange(watch.error, 0);
  if (!io.error && io.n != 0 && io.n < into.size() && !watch.read_hangup) watch.readable = false;
  return io;
}

// Brings the filter what has come of the wire.
static Io pull(Socket& socket) noexcept {
  std::byte wire[16 * 1024];
  Io came = receive(socket, wire);
  if (!came.error) socket.filter->feed(std::span(wire, came.n)), came.error = kMore;
  return came;
}

// The latch stays up for what the filter still has, and is a hint then as ever.
static Io receive_filtered(Socket& socket, std::span<std::byte> into) noexcept {
  Filter& filter = *socket.filter;
  Io io = filter.open(into);
  if (io.error == EAGAIN) {
    const Io came = pull(socket);
    if (came.error != kMore) return came;
    socket.watch.on_writable();  // a seal() may wait for it
    io = filter.open(into);
    if (io.error == EAGAIN) return came;
  }
  if (filter.more) socket.watch.readable = true;
  return io;
}

Io read_into(Socket& socket, std::span<std::byte>& into, std::size_t& n) noexcept {
  const Io io = socket.filter ? receive_filtered(socket, into) : receive(socket, into);
  return n = io.n, io;
}

Io Lease::read(Socket& socket, std::monostate&, Lease& lease) noexcept {
  Loop& loop = socket.loop();
  lease.buffer_.reset(loop.spares ? loop.spare[--loop.spares].release() : new std::byte[kBytes]);
  std::span<std::byte> into(lease.buffer_.get(), kBytes);
  const Io io = read_into(socket, into, lease.size_);
  if (io.error || io.n == 0) lease.buffer_.reset();
  return io;
}

// Pieces share records. What has been sealed counts as handed over, but is sent before the write ends.
static Io write_filtered(Socket& socket, Unsent& unsent) noexcept {
  auto& [text, pieces] = unsent;
  std::string& out = socket.filter->out;
  char record[16 * 1024];
  for (std::size_t n = 0; out.size() < 4 * sizeof record && !(text.empty() && pieces.empty()); n = 0) {
    const Unsent before = unsent;
    while (n != sizeof record && !(text.empty() && pieces.empty())) {
      if (text.empty()) text = pieces[0], pieces = pieces.subspan(1);
      const std::size_t part = text.copy(record + n, sizeof record - n);
      text.remove_prefix(part), n += part;
    }
    const int error = n ? socket.filter->seal({record, n}) : 0;
    if (error == EAGAIN) {  // the peer is amid a message of TLS's own
      unsent = before;
      if (!out.empty()) break;
      const int came = pull(socket).error;
      return socket.watch.on_readable(), Io{0, came};  // it may be the reader's
    }
    if (error) return {0, error};
  }
  if (out.empty()) return {};
  const std::string_view wire = out;
  Io io = socket.backend().send(socket.watch.fd, std::span(&wire, 1));
  std::string(wire.substr(io.n)).swap(out);  // what was sent takes no memory
  if (!io.error && !(out.empty() && text.empty() && pieces.empty())) io.error = kMore;
  return io;
}

// Pieces go together; one of which a part was taken goes on alone.
Io Unsent::write(Socket& socket, Unsent& unsent, std::monostate&) noexcept {
  auto& [text, pieces] = unsent;
  if (socket.filter) return write_filtered(socket, unsent);
  const std::span<const std::string_view> next = text.empty() ? pieces : std::span(&text, 1);
  Io io = socket.backend().send(socket.watch.fd, next);
  std::size_t n = std::min(io.n, text.size());
  text.remove_prefix(n);
  for (n = io.n - n; !pieces.empty() && n >= pieces[0].size(); pieces = pieces.subspan(1))
    n -= pieces[0].size();
  if (n != 0) text = pieces[0].substr(n), pieces = pieces.subspan(1);
  if (!io.error && !(text.empty() && pieces.empty())) io.error = kMore;
  return io;
}

// With a filter: what it says at the end goes before, or as much of it as the kernel takes at once.
void TcpStream::shutdown_write() {
  if (Filter* const filter = held().filter.get()) {
    Unsent none;
    for (filter->seal({}); write_filtered(*socket_, none).error == kMore;) continue;
  }
  const int error = held().backend().shutdown_write(socket_->watch.fd);
  check(error, "shut down " + peer().to_string());
}

Future<> TcpStream::finish(Duration limit) {
  const auto to_the_end = [](TcpStream& stream) -> Future<> {
    if (stream.held().filter) {
      stream.socket_->filter->seal({});
      co_await Write(stream.socket_.get(), kWrite, "write", {});  // all of that
    }
    stream.shutdown_write();
    while (!(co_await stream.read_lease()).empty()) continue;
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
// Each read looks for its end in the buffer, and waits for the stream until it is there; only then
// it takes anything. So who reads from the stream meanwhile is another read. (The co_awaits are
// statements of their own: as an argument of a member function gcc 12 loses them.)
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

// So many bytes; or all to the end, if they are no more.
Future<std::string> BufferedReader::read_bytes(std::size_t n, bool to_end) {
  check_alone();
  while (to_end ? buffered().size() <= n : buffered().size() < n) {
    const std::size_t came = co_await stream_.read_some(room());
    end_ += came;
    if (came == 0 && !to_end) throw EndOfStream();
    if (came == 0) co_return take(end_ - begin_, end_ - begin_);
  }
  if (to_end) throw LimitExceeded(n);
  co_return take(n, n);
}

// --- listeners -----------------------------------------------------------------------------------
// The connection, or its network, was gone before it was taken (accept(2), "Error handling").
static constexpr int kGone[] = {ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, EPERM,
                                EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, ECONNRESET,
#ifdef ENONET
                                ENONET,
#endif
};
static constexpr int kNoneLeft[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};

template <class... Args> Listening::Listening(const Args&... args)
    : Socket(args...), Runnable([](Runnable& self) {
        auto& listening = static_cast<Listening&>(self);
        listening.alarm.cancel();
        listening.paused.unlink();
        listening.watch.on_readable();
      }) { alarm.task = this; }

void Listening::pause(int error) noexcept {
  ++pauses;
  if (!std::exchange(told, true)) {
    const std::string what = "accept on " + local().to_string() + " pauses";
    const std::system_error why(error, std::generic_category(), what);
    loop().unhandled(std::make_exception_ptr(why), {});
  }
  loop().set_alarm(alarm, loop().after(std::chrono::milliseconds(50)));
  loop().starved.push_back(paused);
}

Io Listening::accept(Socket& socket, std::monostate&, TcpStream& stream) noexcept {
  auto& listening = static_cast<Listening&>(socket);
  if (listening.paused.linked()) return {0, EAGAIN};
  Address peer;
  const Io io = socket.backend().accept(socket.watch.fd, peer.data(), peer.room());
  const auto is_among = [&](auto& errors) { return std::ranges::count(errors, io.error) != 0; };
  if (is_among(kGone)) return {Loop::kBytes / 32, kMore};  // a share is so many of them
  if (is_among(kNoneLeft)) return listening.pause(io.error), Io{0, EAGAIN};
  if (io.error) return {0, io.error};
  auto taken = std::make_unique<Socket>(static_cast<int>(io.n));
  if (const int error = taken->attach()) return listening.pause(error), Io{0, EAGAIN};
  listening.told = false;
  taken->set_peer(peer);
  taken->set_nodelay(true);
  stream = TcpStream(std::move(taken));
  return {};
}

TcpListener listen(const Address& address, ListenOptions options) {
  const std::string what = "listen on " + address.to_string();
  auto socket = std::make_unique<Listening>(address, kStream, what);
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
  try {
    return listen(Address::of(host, port), options);
  } catch (const std::system_error& e) {
    const bool no_ipv6 = e.code() == std::errc::address_family_not_supported ||
                         e.code() == std::errc::address_not_available;
    if (!host.empty() || !no_ipv6) throw;
  }
  return listen(Address::of("0.0.0.0", port), options);
}

TcpListener listen_on(int descriptor) {
  auto socket = std::make_unique<Listening>(descriptor);
  check(socket->attach(), "listen on descriptor " + std::to_string(descriptor));
  return TcpListener(std::move(socket));
}

TcpListener listen_unix(std::string_view path) {
  const Address address = Address::unix_path(path);
  std::error_code ignored;
  if (std::filesystem::is_socket(std::filesystem::path(path), ignored))
    std::filesystem::remove(std::filesystem::path(path), ignored);
  return listen(address);
}

// --- names ---------------------------------------------------------------------------------------
namespace {
constexpr Duration kFound = std::chrono::seconds(10);  // how long it is remembered
constexpr Duration kNotFound = std::chrono::seconds(1);
constexpr std::size_t kNames = 256;  // so many are remembered
constexpr Duration kAttemptDelay = std::chrono::milliseconds(250);  // RFC 8305, section 5

struct Name {
  Event known;
  Result<std::vector<Address>> found = std::vector<Address>();
  TimePoint until = kNever;
};

// By host. The loop keeps them, or else what one remembers would depend on those before it.
using Names = std::map<std::string, std::shared_ptr<Name>>;

std::vector<Address> ask(const Backend::Resolver& resolver, const std::string& host) {
  std::vector<Address> found;
  std::string error = resolver(host, [&](const sockaddr* address, unsigned size) {
    found.push_back(Address::of(address, size));
  });
  if (error.empty() && found.empty()) error = "it has no address";
  if (!error.empty()) throw ResolveError("resolve " + host + ": " + error);
  return found;
}

// Detached, so that who asked may go.
Future<> look_up(std::shared_ptr<Name> name, std::string host) {
  auto work = to_pool(Pool::names, ask, Loop::current().backend().resolver(), host);
  name->found = co_await as_result(std::move(work));
  name->until = Loop::current().after(name->found ? kFound : kNotFound);
  name->known.set();
}

// Until the system knows how the attempt ended.
Io connected(Socket& socket, std::monostate&, std::monostate&) noexcept {
  const int error = socket.backend().connect_result(socket.watch);
  return {0, error == EINPROGRESS ? EAGAIN : error};
}
using Connected = Call<void, std::monostate, connected>;

// The families in turn, beginning with the first one's; each in its order (RFC 8305, section 4).
std::vector<Address> interleaved(std::vector<Address> all) {
  for (auto place = all.begin() + 1; place < all.end(); ++place) {
    const auto differs = [last = place[-1].family()](auto& each) { return each.family() != last; };
    const auto next = std::find_if(place, all.end(), differs);
    if (next != all.end()) std::rotate(place, next, next + 1);
  }
  return all;
}

using Ended = Queue<Result<TcpStream>>;
Future<> attempt(Address to, Ended& ended) {
  auto result = co_await as_result(connect(to));
  co_await ended.push(std::move(result));
}
}  // namespace

Future<std::vector<Address>> resolve(std::string host, unsigned short port) {
  const std::size_t good = std::min<std::size_t>(host.find('\0'), 253);
  if (host.empty() || host.size() > good)
    throw ResolveError("resolve \"" + host.substr(0, good) + "\": no name of a host");
  if (const auto a = Address::numeric(host, port)) co_return std::vector<Address>(1, *a);
  Loop& loop = Loop::current();
  if (!loop.names) loop.names = std::make_shared<Names>();
  Names& names = *static_cast<Names*>(loop.names.get());
  if (names.size() >= kNames) names.clear();
  std::shared_ptr<Name>& last = names[host];
  if (!last || last->until <= loop.clock()) {
    last = std::make_shared<Name>();
    detach(look_up(last, host));
  }
  const std::shared_ptr<Name> name = last;
  co_await name->known.wait();
  std::vector<Address> found = name->found.value();
  for (Address& each : found) each = each.with_port(port);
  co_return found;
}

Future<TcpStream> connect(Address to) {
  const std::string what = "connect " + to.to_string();
  auto socket = std::make_unique<Socket>(to, kStream, what);
  socket->set_peer(to);
  const int error = socket->backend().connect(socket->watch.fd, to.data(), to.size());
  if (error != EINPROGRESS) check(error, what);
  check(socket->attach(), what);  // not before, or epoll would report a hang-up
  if (error == EINPROGRESS) {
    socket->watch.writable = false;
    co_await Connected(socket.get(), kWrite, "connect", {});
  }
  if (to.port()) socket->set_nodelay(true);
  co_return TcpStream(std::move(socket));
}

Future<TcpStream> connect(std::string host, unsigned short port) {
  if (const auto only = Address::numeric(host, port)) co_return co_await connect(*only);
  const std::vector<Address> addresses = interleaved(co_await resolve(host, port));
  Ended ended(addresses.size());
  std::vector<Future<>> attempts;
  std::string reasons;
  std::error_code first;
  for (std::size_t failed = 0; failed != addresses.size();) {
    const bool more = attempts.size() != addresses.size();
    if (more) attempts.push_back(attempt(addresses[attempts.size()], ended));
    const bool last = attempts.size() == addresses.size();
    auto waited = co_await as_result(wait_for(ended.pop(), last ? Duration::max() : kAttemptDelay));
    if (!waited) continue;  // the delay is over
    Result<TcpStream>& result = *waited.value();
    if (result) co_return std::move(result).value();
    ++failed;
    try {
      std::rethrow_exception(result.error());
    } catch (const std::system_error& e) {
      if (!first) first = e.code();
      reasons.append(reasons.empty() ? "" : "; ").append(e.what());
    }
  }
  const std::string what = "connect " + host + ':' + std::to_string(port);
  throw std::system_error(first, what + " (" + reasons + ')');
}
}  // namespace hob::inline v0::net
