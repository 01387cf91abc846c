// SPDX-License-Identifier: MIT
//
// udp.hpp — UdpSocket: datagrams, each sent and received by one system call.
#pragma once

#include <cerrno>

#include "socket.hpp"

namespace hob::inline v0::net {

struct Datagram {
  std::size_t size = 0;  // bytes received; what did not fit is gone
  Address from;
};

struct Receiving {
  std::span<std::byte> into;
  static std::string name() { return "receive"; }
  Io operator()(Socket& socket, Datagram& datagram) const noexcept {
    Address& from = datagram.from;
    const Io io = socket.backend().recv_from(socket.watch.fd, into, from.data(), from.room());
    datagram.size = io.n;
    return io;
  }
};
using ReceiveFrom = Call<Datagram, Receiving>;

struct Sending {
  std::string_view text;
  Address to;
  std::string name() const { return to.family() ? "send to " + to.to_string() : "send"; }
  Io operator()(Socket& socket, std::monostate&) const noexcept {
    const auto bytes = std::as_bytes(std::span(text));
    return to.family() ? socket.backend().send_to(socket.watch.fd, bytes, to.data(), to.size())
                       : socket.backend().send(socket.watch.fd, bytes);
  }
};
using SendTo = Call<void, Sending>;

// Closed, or moved from: its operations give ECANCELED, and it is nowhere.
class UdpSocket {
 public:
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
    const std::string what = "connect " + peer.to_string();
    check(socket_ && socket_->is_open() ? 0 : ECANCELED, what);
    check(socket_->backend().connect(socket_->watch.fd, peer.data(), peer.size()), what);
    socket_->set_peer(peer);
  }

  // Waits while the system's buffer is full.
  SendTo send_to(std::string_view text, const Address& to) noexcept {
    return {socket_.get(), kWrite, {text, to}};
  }
  SendTo send_to(std::span<const std::byte> bytes, const Address& to) noexcept {
    return send_to({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, to);
  }
  // To the connected peer.
  SendTo send(std::string_view text) noexcept { return send_to(text, Address()); }

  // The next datagram. Dropped: it stays.
  ReceiveFrom recv_from(std::span<std::byte> into) noexcept {
    return {socket_.get(), kRead, {into}};
  }
  ReceiveFrom recv_from(std::span<char> into) noexcept {
    return recv_from(std::as_writable_bytes(into));
  }

  Address local() const { return socket_ ? socket_->local() : Address(); }
  void close() noexcept {
    if (socket_) socket_->close();
  }

 private:
  explicit UdpSocket(std::unique_ptr<Socket> socket) noexcept : socket_(std::move(socket)) {}
  std::unique_ptr<Socket> socket_;
};

}  // namespace hob::inline v0::net
