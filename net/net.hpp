// SPDX-License-Identifier: MIT
// net.hpp — the front door to the network: streams, listeners, names, datagrams.
//
//   net::TcpStream stream = co_await net::connect("example.com", 80);
//   co_await stream.write_all("hello\n");
//
// Every write is awaited, so a slow peer slows its writer (back-pressure); nothing is queued here.
// Operations are leaves: they allocate nothing, and borrow the bytes given until they settle. What
// goes wrong is std::system_error; what() reads like "read 127.0.0.1:80: …".
#pragma once
#include "../reactor/reactor.hpp"
#include "socket.hpp"

namespace hob::inline v0::net {
// --- streams -------------------------------------------------------------------------------------
// Bytes in a buffer of the loop's pool; to destroy it gives the buffer back. Move-only.
class Lease {
 public:
  static constexpr std::size_t kBytes = 64 * 1024;
  std::span<const std::byte> bytes() const noexcept { return {buffer_.get(), size()}; }
  std::string_view text() const noexcept { return as_text(bytes()); }
  std::size_t size() const noexcept { return buffer_ ? size_ : 0; }
  bool empty() const noexcept { return size() == 0; }
  static Io read(Socket& socket, std::monostate&, Lease& lease) noexcept;  // for ReadLease
 private:
  struct GiveBack { void operator()(std::byte* buffer) const noexcept; };
  std::unique_ptr<std::byte[], GiveBack> buffer_;
  std::size_t size_ = 0;
};

struct Unsent {  // what a write has yet to hand over
  static Io write(Socket& socket, Unsent& unsent, std::monostate&) noexcept;
  std::string_view text;                     // what is left of a piece that was begun
  std::span<const std::string_view> pieces;  // and those after it
};

Io read_into(Socket& socket, std::span<std::byte>& into, std::size_t& n) noexcept;
using Read = Call<std::size_t, std::span<std::byte>, read_into>;
using ReadLease = Call<Lease, std::monostate, Lease::read>;
using Write = Call<void, Unsent, Unsent::write>;

// A connected stream of bytes, TCP or Unix.
class TcpStream : public Handle {
 public:
  using Handle::Handle;
  // Reads what is there, at least one byte: how many, and 0 at the end. Dropped: nothing is read.
  Read read_some(std::span<std::byte> into) noexcept {
    return {socket_.get(), kRead, "read", into, into.empty()};
  }
  Read read_some(std::span<char> into) noexcept { return read_some(std::as_writable_bytes(into)); }
  // The same into a buffer that is taken from the pool when bytes are there; empty at the end.
  ReadLease read_lease() noexcept { return {socket_.get(), kRead, "read", {}}; }
  // Returns when all is with the kernel. Dropped: a part may have been sent.
  Write write_all(std::string_view text) noexcept {
    return {socket_.get(), kWrite, "write", {text, {}}, text.empty()};
  }
  Write write_all(std::span<const std::byte> bytes) noexcept { return write_all(as_text(bytes)); }
  // Several pieces as one, with no copy (writev); the array is borrowed as well.
  Write write_all(std::span<const std::string_view> pieces) noexcept {
    const bool nothing = std::ranges::all_of(pieces, [](auto& piece) { return piece.empty(); });
    return {socket_.get(), kWrite, "write", {{}, pieces}, nothing};
  }

  void shutdown_write();  // sends FIN: the peer reads to the end; we can still read
  // Closes with a reset (RST): what is under way is lost, and the peer is told so.
  void abort() noexcept {
    if (is_open()) socket_->set(Option::abort_on_close, 1);
    close();
  }

  // FIN, waits for the peer's end, drops what still comes, closes; after `limit` too: TimedOut.
  Future<> finish(Duration limit = std::chrono::seconds(5));
  // The address of the other end; after close(): nowhere.
  Address peer() const { return socket_ ? socket_->peer() : Address(); }
  // Sends small writes at once (TCP_NODELAY). On for every TCP stream, as in asyncio.
  void set_nodelay(bool on) { check(held().set_nodelay(on), "set_nodelay"); }
  // How many bytes were written in all; and how many of them the other side's system has taken: the
  // rest waits in ours. After close(), 0.
  std::int64_t sent() const noexcept { return is_open() ? socket_->sent : 0; }
  std::int64_t delivered() const noexcept {
    return is_open() ? sent() - static_cast<std::int64_t>(held().backend().unsent(socket_->watch.fd)) : 0;
  }

  // Whether a read might bring something: if not, nothing has come, and the end has not.
  bool readable() const noexcept { return socket_ && socket_->watch.readable; }
  friend class BufferedReader;
  friend class Tls;
};

std::pair<TcpStream, TcpStream> stream_pair();  // two ends of one stream (socketpair(2))
// Sends all that comes from `from` on to `to`, until its end; how many bytes. Closes nothing.
Future<std::uint64_t> copy(TcpStream& from, TcpStream& to);

// The stream has ended before what was asked for came.
struct EndOfStream : std::runtime_error {
  EndOfStream() : std::runtime_error("the stream has ended") {}
};
// More came than the limit allows.
struct LimitExceeded : std::runtime_error {
  explicit LimitExceeded(std::size_t limit)
      : std::runtime_error("more than the limit of " + std::to_string(limit) + " bytes") {}
};

// Lines and pieces, with a limit on each:
//   net::BufferedReader reader(stream);
//   while (true) std::string line = co_await reader.read_line();
// Borrows the stream, which outlives it and is read by nobody else. Dropped, refused or over the
// limit, a read has taken nothing: what came stays readable. One read at a time.
class BufferedReader {
 public:
  explicit BufferedReader(TcpStream& stream) noexcept : stream_(stream) {}
  BufferedReader(const BufferedReader&) = delete;
  // A line without its ending, \n or \r\n; also a last one that has none. At the very end: EndOfStream.
  Future<std::string> read_line(std::size_t limit = 8 * 1024) { return read("\n", limit, true); }
  // Up to the delimiter and with it. Ended too early: EndOfStream.
  Future<std::string> read_until(std::string delimiter, std::size_t limit = 64 * 1024) {
    return read(std::move(delimiter), limit, false);
  }
  // So many bytes. Ended too early: EndOfStream. Memory grows with what comes, not with n.
  Future<std::string> read_exactly(std::size_t n) { return read_bytes(n, false); }
  // All there is.
  Future<std::string> read_to_end(std::size_t limit = 64 << 20) { return read_bytes(limit, true); }
  // What was read from the stream and not yet asked for.
  std::string_view buffered() const noexcept { return {buffer_.data() + begin_, end_ - begin_}; }
 private:
  void check_alone() const;
  std::span<char> room();  // for what comes, behind what is there
  std::string take(std::size_t bytes, std::size_t of);  // the first of those, which are done with
  Future<std::string> read(std::string end, std::size_t limit, bool line);
  Future<std::string> read_bytes(std::size_t n, bool to_end);
  TcpStream& stream_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;  // of what is in use
};

// --- listeners -----------------------------------------------------------------------------------
struct ListenOptions {
  int backlog = 1024;       // connections that wait to be taken; the system may allow fewer
  bool reuse_port = false;  // several listeners share the port, balanced; ENOTSUP where they would not be
  bool dual_stack = true;   // an IPv6 listener on every address takes IPv4 as well, on every system
};

// The socket of a listener. During a pause its latch is down, and accept(2) is not called; run as a
// Runnable it ends the pause, and lifts the latch.
struct Listening final : Socket, Runnable {
  template <class... Args> explicit Listening(const Args&... args);
  static Io accept(Socket& socket, std::monostate&, TcpStream& stream) noexcept;
  void pause(int error) noexcept;
  Alarm alarm;
  Hook<Runnable> paused{*this};  // in Loop::starved, during a pause
  std::size_t pauses = 0;
  bool told = false;  // of this row of pauses
};
using Accept = Call<TcpStream, std::monostate, Listening::accept>;

// Takes connections, whatever happens:
//   net::TcpListener listener = net::listen("127.0.0.1", 8080);
//   for (;;) hob::detach(serve, co_await listener.accept());
// Those that were gone before they were taken (ECONNABORTED and its like) are passed over. With no
// descriptor left (EMFILE, ENFILE, ENOBUFS, ENOMEM) accept() pauses: until a socket of this thread is
// closed, or for 50 ms. The first pause of a row is reported to Loop::on_unhandled; all are counted.
class TcpListener : public Handle {
 public:
  using Handle::Handle;
  // Where it listens; the port is the real one. After close(): nowhere.
  Address address() const { return local(); }
  int descriptor() const { return held().watch.fd; }  // std::system_error if it is closed
  // The next connection, TCP_NODELAY set. Dropped: it stays.
  Accept accept() noexcept { return {socket_.get(), kRead, "accept", {}}; }
  // How often accept() has paused for want of descriptors.
  std::size_t pauses() const noexcept {
    return socket_ ? static_cast<const Listening&>(*socket_).pauses : 0;
  }
};

// Listens, with SO_REUSEADDR. Port 0: the system picks one. std::system_error says why not. A host
// is numeric, or "" for every address (where there is no IPv6: IPv4's); else std::invalid_argument.
TcpListener listen(const Address& address, ListenOptions options = ListenOptions());
TcpListener listen(std::string_view host, unsigned short port, ListenOptions options = ListenOptions());

// Takes over a descriptor that listens and does not block: an inherited one, or a dup(2) of another
// listener's, from which then several threads' loops take. That is for systems where reuse_port is ENOTSUP.
TcpListener listen_on(int descriptor);

// On a Unix socket. One whose file is there is replaced, as asyncio does; the file stays behind.
TcpListener listen_unix(std::string_view path);

// --- names ---------------------------------------------------------------------------------------
// No address: what() is like "resolve nosuch.example: Name or service not known".
struct ResolveError : std::runtime_error { using std::runtime_error::runtime_error; };

// A host's addresses, best first (RFC 6724, by the system's resolver); a numeric host is its own at
// once. Names are looked up on a pool of their own, so that a server which does not answer keeps
// nobody else; one lookup serves all who ask meanwhile, and is remembered: for 10 s, or 1 s if it
// found nothing. Dropped: it goes on, for those who ask next; exit does not wait for it.
Future<std::vector<Address>> resolve(std::string host, unsigned short port);

// Connects to one address. what() is like "connect 10.0.0.1:80: Connection refused".
Future<TcpStream> connect(Address to);
inline Future<TcpStream> connect_unix(std::string_view path) {
  return connect(Address::unix_path(path));
}

// Connects to a host by the first of its addresses that answers (Happy Eyeballs, RFC 8305): IPv6 and
// IPv4 in turn, the next attempt 250 ms after the last, or as soon as that has failed; the others are
// dropped when one has succeeded. When all have failed, what() has each address and its reason, and
// the code is the first one's. No deadline of its own: wait_for(connect(…), 10s).
Future<TcpStream> connect(std::string host, unsigned short port);

// --- datagrams -----------------------------------------------------------------------------------
struct Datagram {
  static Io receive(Socket& socket, std::span<std::byte>& into, Datagram& datagram) noexcept {
    auto& [size, from] = datagram;
    const Io io = socket.backend().recv(socket.watch.fd, into, from.data(), from.room());
    return size = io.n, io;
  }
  std::size_t size = 0;  // bytes received; what did not fit is gone
  Address from;
};

struct Parcel {
  static Io send(Socket& socket, Parcel& parcel, std::monostate&) noexcept {
    const auto& [text, to] = parcel;
    const sockaddr* const whom = to.family() ? to.data() : nullptr;
    return socket.backend().send(socket.watch.fd, std::span(&text, 1), whom, to.size());
  }
  std::string_view text;
  Address to;  // nowhere: to the connected peer
};
using ReceiveFrom = Call<Datagram, std::span<std::byte>, Datagram::receive>;
using SendTo = Call<void, Parcel, Parcel::send>;

// Each datagram is sent and received by one system call.
class UdpSocket : public Handle {
 public:
  using Handle::Handle;
  // Port 0: the system picks one. std::system_error says why not.
  static UdpSocket bind(const Address& address) {
    const std::string what = "bind " + address.to_string();
    auto socket = std::make_unique<Socket>(address, kDatagram, what);
    check(socket->backend().bind(socket->watch.fd, address.data(), address.size()), what);
    check(socket->attach(), what);
    return UdpSocket(std::move(socket));
  }

  // Names the one peer: others are not heard, and errors that it sends back (ECONNREFUSED) are told.
  void connect(const Address& peer) {
    Socket& socket = held();
    const int error = socket.backend().connect(socket.watch.fd, peer.data(), peer.size());
    check(error, "connect " + peer.to_string());
    socket.set_peer(peer);
  }

  // Waits while the system's buffer is full.
  SendTo send_to(std::string_view text, const Address& to) noexcept {
    return {socket_.get(), kWrite, to.family() ? "send to" : "send", {text, to}};
  }
  SendTo send_to(std::span<const std::byte> bytes, const Address& to) noexcept {
    return send_to(as_text(bytes), to);
  }
  SendTo send(std::string_view text) noexcept { return send_to(text, Address()); }  // to the peer
  // The next datagram. Dropped: it stays.
  ReceiveFrom recv_from(std::span<std::byte> into) noexcept {
    return {socket_.get(), kRead, "receive", into};
  }
  ReceiveFrom recv_from(std::span<char> into) noexcept {
    return recv_from(std::as_writable_bytes(into));
  }
};
}  // namespace hob::inline v0::net
