// SPDX-License-Identifier: MIT
//
// listener.cpp — listening, accepting, and what is done when no descriptor is left.
#include "listener.hpp"

#include <cerrno>
#include <filesystem>

namespace hob::inline v0::net {

namespace {

// The connection was gone, or its network, before it was taken (accept(2), "Error handling").
bool passed_over(int error) noexcept {
  switch (error) {
    case ECONNABORTED: case EPROTO: case ENETDOWN: case ENOPROTOOPT: case EHOSTDOWN:
    case EHOSTUNREACH: case ENETUNREACH: case EPERM: case ETIMEDOUT: case ECONNRESET:
      return true;
#ifdef ENONET
    case ENONET: return true;
#endif
  }
  return false;
}

bool exhausted(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

// --- pausing -------------------------------------------------------------------------------------

Listening::Listening(const Address& address, const std::string& what)
    : Socket(address, kStream, what), Runnable([](Runnable& self) {
        static_cast<Listening&>(self).end_pause();
        static_cast<Listening&>(self).watch.on_readable();
      }) {
  alarm.task = this;
}

void Listening::pause(int error) noexcept {
  end_pause();
  ++pauses;
  if (!std::exchange(told, true)) {
    const std::string what = "accept on " + local().to_string() + " pauses";
    const std::system_error why(error, std::generic_category(), what);
    loop().unhandled(std::make_exception_ptr(why), {});
  }
  loop().set_alarm(alarm, loop().after(std::chrono::milliseconds(50)));
  next = std::exchange(pausing, this);
  on_close = socket_closed;
}

void Listening::end_pause() noexcept {
  alarm.cancel();
  Listening** place = &pausing;
  while (*place && *place != this) place = &(*place)->next;
  if (*place) *place = next;
}

void Listening::socket_closed() noexcept {
  for (Listening* each = pausing; each; each = each->next)
    if (&each->loop() == here.loop) each->arm();
}

// --- accept --------------------------------------------------------------------------------------

Io Accepting::operator()(Socket& socket, TcpStream& stream) const noexcept {
  auto& listening = static_cast<Listening&>(socket);
  if (listening.alarm.scheduled()) return {0, EAGAIN};
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

// --- listen --------------------------------------------------------------------------------------

TcpListener listen(const Address& address, ListenOptions options) {
  const std::string what = "listen on " + address.to_string();
  TcpListener listener;
  listener.socket_ = std::make_unique<Listening>(address, what);
  Socket& socket = *listener.socket_;
  const bool v6 = !address.is_unix() && address.host().find(':') != std::string::npos;
  if (!address.is_unix()) check(socket.set(Option::reuse_address, 1), what);
  if (v6) check(socket.set(Option::v6_only, !options.dual_stack), what);
  if (options.reuse_port) check(socket.set(Option::reuse_port, 1), what);
  check(socket.backend().bind(socket.watch.fd, address.data(), address.size()), what);
  check(socket.backend().listen(socket.watch.fd, options.backlog), what);
  check(socket.attach(), what);
  return listener;
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

}  // namespace hob::inline v0::net
