// SPDX-License-Identifier: MIT
//
// listener.hpp — TcpListener: takes connections, whatever happens.
//
//   net::TcpListener listener = net::listen("127.0.0.1", 8080);
//   for (;;) hob::detach(serve, co_await listener.accept());
//
// Connections that were gone before they were taken (ECONNABORTED and its like) are passed over. With
// no descriptor left (EMFILE, ENFILE, ENOBUFS, ENOMEM) accept() pauses: until a socket of this thread
// is closed, or for 50 ms. The first pause of a row is reported to Loop::on_unhandled; all are counted.
//
// Invariant: during a pause the latch is down, and accept(2) is not called; its end lifts the latch.
#pragma once

#include "stream.hpp"

namespace hob::inline v0::net {

struct ListenOptions {
  int backlog = 1024;       // connections that wait to be taken; the system may allow fewer
  bool reuse_port = false;  // several listeners share the port, balanced; ENOTSUP where they would not be
  bool dual_stack = true;   // an IPv6 listener on every address takes IPv4 as well, on every system
};

// The socket of a listener. As a Runnable it ends a pause.
struct Listening final : Socket, Runnable {
  Listening(const Address& address, const std::string& what);
  ~Listening() { end_pause(); }
  void pause(int error) noexcept;
  void end_pause() noexcept;
  static void socket_closed() noexcept;
  Alarm alarm;
  std::size_t pauses = 0;
  bool told = false;          // of this row of pauses
  Listening* next = nullptr;  // of those that pause
  static inline constinit thread_local Listening* pausing = nullptr;
};

struct Accepting {
  static std::string name() { return "accept"; }
  Io operator()(Socket& socket, TcpStream& stream) const noexcept;
};
using Accept = Call<TcpStream, Accepting>;

// Closed if it was made here, or moved from; listen() gives an open one. To destroy it closes it.
class TcpListener {
 public:
  // Where it listens; the port is the real one. After close(): nowhere.
  Address address() const { return socket_ ? socket_->local() : Address(); }

  // The next connection, TCP_NODELAY set. Dropped: it stays.
  Accept accept() noexcept { return {socket_.get(), kRead, {}}; }

  // Refuses connections from now on; whoever waits in accept() gets ECANCELED.
  void close() noexcept {
    if (socket_) socket_->end_pause(), socket_->close();
  }
  bool is_open() const noexcept { return socket_ && socket_->is_open(); }

  // How often accept() has paused for want of descriptors.
  std::size_t pauses() const noexcept { return socket_ ? socket_->pauses : 0; }

 private:
  friend TcpListener listen(const Address& address, ListenOptions options);
  std::unique_ptr<Listening> socket_;
};

// Listens, with SO_REUSEADDR. Port 0: the system picks one. std::system_error says why not.
TcpListener listen(const Address& address, ListenOptions options = ListenOptions());

// `host`: numeric, or "" for every address (where there is no IPv6, of IPv4 alone); a name is
// std::invalid_argument.
TcpListener listen(std::string_view host, unsigned short port,
                   ListenOptions options = ListenOptions());

// On a Unix socket. A socket's file that is there already is replaced, as asyncio does; it stays
// behind when the listener goes.
TcpListener listen_unix(std::string_view path);

}  // namespace hob::inline v0::net
