// SPDX-License-Identifier: MIT
//
// listener.hpp — TcpListener: takes connections, whatever happens.
//
//   net::TcpListener listener = net::listen("127.0.0.1", 8080);
//   for (;;) hob::detach(serve, co_await listener.accept());
//
// Connections that were gone before they were taken (ECONNABORTED and its like) are passed over. With
// no descriptor left (EMFILE, ENFILE, ENOBUFS, ENOMEM) accept() pauses: until a socket of this thread
// is closed, or for a while (50 ms, then longer, up to 1 s). The first pause of a row is reported to
// Loop::on_unhandled; all are counted.
#pragma once

#include <vector>

#include "stream.hpp"

namespace hob::inline v0::net {

struct ListenOptions {
  int backlog = 1024;       // connections that wait to be taken; the system may allow fewer
  bool reuse_port = false;  // several listeners share the port, balanced; ENOTSUP where they would not be
  bool dual_stack = true;   // an IPv6 listener on every address takes IPv4 as well, on every system
};

class Accept;

class TcpListener {
 public:
  TcpListener() noexcept = default;  // closed
  TcpListener(TcpListener&&) noexcept = default;
  TcpListener& operator=(TcpListener&&) noexcept = default;
  ~TcpListener() = default;  // closes

  // Where it listens; the port is the real one. After close(): nowhere.
  Address address() const;

  // The next connection, TCP_NODELAY set. Dropped: a connection that was taken is kept for the next.
  Accept accept() noexcept;

  // Refuses connections from now on; whoever waits in accept() gets ECANCELED.
  void close() noexcept;
  bool is_open() const noexcept { return state_ && state_->socket.is_open(); }

  // How often accept() has paused for want of descriptors.
  std::size_t pauses() const noexcept { return state_ ? state_->pauses : 0; }

 private:
  friend class Accept;
  friend TcpListener listen(const Address& address, ListenOptions options);
  struct State {
    explicit State(int fd) : socket(fd) {}
    ~State() { close(); }
    void close() noexcept;
    Socket socket;
    std::vector<int> spare;  // taken, and nobody was there any more
    std::size_t pauses = 0;
    Duration pause{};        // how long the last accept() paused; 0: it did not
  };
  explicit TcpListener(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
  std::unique_ptr<State> state_;
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

// --- implementation from here on -----------------------------------------------------------------

class Accept : public Leaf<Accept, TcpStream>, public Operation {
 public:
  explicit Accept(TcpListener::State* state) noexcept
      : Operation(state ? &state->socket : nullptr, kRead), state_(state) {}
  Accept(Accept&& from) noexcept : Accept(from.state_) {}
  ~Accept();
  void begin(Runnable& task) noexcept override;
  TcpStream finish();

 private:
  bool attempt() noexcept override;
  static void descriptor_freed() noexcept;
  void leave_starving() noexcept;
  TcpListener::State* state_;
  int fd_ = -1;
  bool paused_ = false;
  Address peer_;
  Alarm alarm_;
  Accept* next_ = nullptr;  // of those that pause
};

}  // namespace hob::inline v0::net
