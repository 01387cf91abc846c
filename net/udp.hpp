// SPDX-License-Identifier: MIT
//
// udp.hpp — UdpSocket: datagrams.
#pragma once

#include "stream.hpp"

namespace hob::inline v0::net {

struct Datagram {
  std::size_t size = 0;  // bytes received; what did not fit is gone
  Address from;
};

class SendTo;
class ReceiveFrom;

class UdpSocket {
 public:
  // Port 0: the system picks one. std::system_error says why not.
  static UdpSocket bind(const Address& address);

  // Names the one peer: others are not heard, and errors that it sends back (ECONNREFUSED) are told.
  void connect(const Address& peer);

  // Waits while the system's buffer is full. With no address: to the connected peer.
  SendTo send_to(std::span<const std::byte> bytes, const Address& to) noexcept;
  SendTo send_to(std::string_view text, const Address& to) noexcept;
  SendTo send(std::string_view text) noexcept;

  // The next datagram. Dropped: it stays.
  ReceiveFrom recv_from(std::span<std::byte> into) noexcept;
  ReceiveFrom recv_from(std::span<char> into) noexcept;

  Address local() const { return socket_->local(); }
  void close() noexcept { socket_->close(); }

 private:
  explicit UdpSocket(std::unique_ptr<Socket> socket) noexcept : socket_(std::move(socket)) {}
  std::unique_ptr<Socket> socket_;
};

// --- implementation from here on -----------------------------------------------------------------

class SendTo : public Leaf<SendTo>, public Operation {
 public:
  SendTo(Socket* socket, std::string_view text, const Address& to) noexcept
      : Operation(socket, kWrite), text_(text), to_(to) {}
  void finish() const {
    if (error_) throw_errno(error_, "send to " + to_.to_string());
  }

 private:
  bool attempt() noexcept override;
  std::string_view text_;
  Address to_;
};

class ReceiveFrom : public Leaf<ReceiveFrom, Datagram>, public Operation {
 public:
  ReceiveFrom(Socket* socket, std::span<std::byte> into) noexcept
      : Operation(socket, kRead), into_(into) {}
  Datagram finish() const { return check("receive"), datagram_; }

 private:
  bool attempt() noexcept override;
  std::span<std::byte> into_;
  Datagram datagram_;
};

}  // namespace hob::inline v0::net
