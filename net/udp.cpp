// SPDX-License-Identifier: MIT
//
// udp.cpp — one system call for a datagram.
#include "udp.hpp"

#include <cerrno>

namespace hob::inline v0::net {

UdpSocket UdpSocket::bind(const Address& address) {
  Backend& backend = Loop::current().backend();
  const std::string what = "bind " + address.to_string();
  const Io io = backend.open(address.family(), kDatagram);
  if (io.error) throw_errno(io.error, what);
  auto socket = std::make_unique<Socket>(static_cast<int>(io.n));
  if (const int error = backend.bind(socket->watch.fd, address.data(), address.size()))
    throw_errno(error, what);
  return UdpSocket(std::move(socket));
}

void UdpSocket::connect(const Address& peer) {
  const int error = socket_->backend().connect(socket_->watch.fd, peer.data(), peer.size());
  if (error) throw_errno(error, "connect " + peer.to_string());
  socket_->set_peer(peer);
}

SendTo UdpSocket::send_to(std::string_view text, const Address& to) noexcept {
  return {socket_.get(), text, to};
}
SendTo UdpSocket::send_to(std::span<const std::byte> bytes, const Address& to) noexcept {
  return send_to(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), to);
}
SendTo UdpSocket::send(std::string_view text) noexcept { return send_to(text, Address()); }
ReceiveFrom UdpSocket::recv_from(std::span<std::byte> into) noexcept {
  return {socket_.get(), into};
}
ReceiveFrom UdpSocket::recv_from(std::span<char> into) noexcept {
  return recv_from(std::as_writable_bytes(into));
}

bool SendTo::attempt() noexcept {
  Watch& watch = socket_->watch;
  if (!watch.writable || here.bytes == 0) return false;
  const auto bytes = std::as_bytes(std::span(text_));
  const Io io = to_.family() ? socket_->backend().send_to(watch.fd, bytes, to_.data(), to_.size())
                             : socket_->backend().send(watch.fd, bytes);
  return answered(io, watch.writable);
}

bool ReceiveFrom::attempt() noexcept {
  Watch& watch = socket_->watch;
  if (!watch.readable || here.bytes == 0) return false;
  Io io;
  datagram_.from = Address::from([&](sockaddr* from, unsigned* size) {
    io = socket_->backend().recv_from(watch.fd, into_, from, size);
    return io.error;
  });
  datagram_.size = io.n;
  return answered(io, watch.readable);
}

}  // namespace hob::inline v0::net
