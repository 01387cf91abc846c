// SPDX-License-Identifier: MIT
//
// listener.cpp — listening, accepting, and what is done when no descriptor is left.
#include "listener.hpp"

#include <algorithm>
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

// --- accept --------------------------------------------------------------------------------------

namespace {

constinit thread_local Accept* starving = nullptr;  // those that pause, chained by next_

}  // namespace

void Accept::descriptor_freed() noexcept {
  for (Accept* each = starving; each; each = each->next_)
    if (each->socket_ && &each->socket_->loop() == here.loop) each->task_->arm();
}

bool Accept::attempt() noexcept {
  constexpr int kPassedOver = 32;
  leave_starving();
  if (!state_->spare.empty()) {
    fd_ = state_->spare.back();
    state_->spare.pop_back();
    return true;
  }
  Watch& watch = socket_->watch;
  for (int n = 0; n < kPassedOver; ++n) {
    if (!watch.readable) return false;
    Io io;
    peer_ = Address::from([&](sockaddr* peer, unsigned* size) {
      io = socket_->backend().accept(watch.fd, peer, size);
      return io.error;
    });
    if (passed_over(io.error)) continue;
    paused_ = exhausted(io.error);
    if (paused_) return false;
    if (!io.error) fd_ = static_cast<int>(io.n), state_->pause = Duration::zero();
    return answered({0, io.error}, watch.readable);
  }
  return false;
}

void Accept::begin(Runnable& task) noexcept {
  if (!paused_) return Operation::begin(task);
  hold(task);
  if (state_->pause == Duration::zero())
    socket_->loop().unhandled(
        std::make_exception_ptr(std::system_error(
            EMFILE, std::generic_category(),
            "accept on " + socket_->local().to_string() + " pauses until a descriptor is free")),
        {});
  ++state_->pauses;
  state_->pause = std::clamp<Duration>(2 * state_->pause, std::chrono::milliseconds(50),
                                       std::chrono::seconds(1));
  alarm_.task = &task;
  socket_->loop().set_alarm(alarm_, socket_->loop().after(state_->pause));
  next_ = std::exchange(starving, this);
  Socket::on_close = descriptor_freed;
}

void Accept::leave_starving() noexcept {
  if (!std::exchange(paused_, false)) return;
  alarm_.cancel();
  Accept** place = &starving;
  while (*place && *place != this) place = &(*place)->next_;
  if (*place) *place = next_;
}

Accept::~Accept() {
  leave_starving();
  if (fd_ == -1) return;
  if (socket_)
    state_->spare.push_back(fd_);
  else
    here.loop->backend().close(fd_);
}

TcpStream Accept::finish() {
  if (error_) throw_errno(error_, "accept");
  auto socket = std::make_unique<Socket>(std::exchange(fd_, -1));
  socket->set_peer(peer_);
  if (peer_.port()) socket->backend().set_option(socket->watch.fd, Option::no_delay, 1);
  return TcpStream(std::move(socket));
}

// --- the listener --------------------------------------------------------------------------------

void TcpListener::State::close() noexcept {
  for (const int fd : std::exchange(spare, {})) socket.backend().close(fd);
  socket.close();
}

Address TcpListener::address() const { return is_open() ? state_->socket.local() : Address(); }

Accept TcpListener::accept() noexcept { return Accept(state_.get()); }

void TcpListener::close() noexcept {
  if (state_) state_->close();
}

TcpListener listen(const Address& address, ListenOptions options) {
  const std::string what = "listen on " + address.to_string();
  Backend& backend = Loop::current().backend();
  const Io io = backend.open(address.family(), kStream);
  if (io.error) throw_errno(io.error, what);
  const int fd = static_cast<int>(io.n);
  const bool v6 = !address.is_unix() && address.host().find(':') != std::string::npos;
  int error = address.is_unix() ? 0 : backend.set_option(fd, Option::reuse_address, 1);
  if (!error && v6) error = backend.set_option(fd, Option::v6_only, !options.dual_stack);
  if (!error && options.reuse_port) error = backend.set_option(fd, Option::reuse_port, 1);
  if (!error) error = backend.bind(fd, address.data(), address.size());
  if (!error) error = backend.listen(fd, options.backlog);
  if (error) {
    backend.close(fd);
    throw_errno(error, what);
  }
  return TcpListener(std::make_unique<TcpListener::State>(fd));
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
