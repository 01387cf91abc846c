// SPDX-License-Identifier: MIT
//
// connect.cpp — one attempt; and several, each a little later than the one before.
#include "connect.hpp"

#include <algorithm>
#include <cerrno>

#include "../reactor/combine.hpp"
#include "../reactor/queue.hpp"

namespace hob::inline v0::net {

namespace {

// Until the system knows how the attempt ended.
class Established : public Leaf<Established>, public Operation {
 public:
  Established(Socket* socket, const Address& to) noexcept : Operation(socket, kWrite), to_(to) {}
  void finish() const {
    if (error_) throw_errno(error_, "connect " + to_.to_string());
  }

 private:
  bool attempt() noexcept override {
    Watch& watch = socket_->watch;
    if (!watch.writable) return false;
    error_ = socket_->backend().connect_result(watch);
    return watch.writable = error_ != EINPROGRESS;
  }
  const Address& to_;
};

}  // namespace

// Attached only after connect() was called: before, epoll would report a hang-up.
Future<TcpStream> connect(Address to) {
  Backend& backend = Loop::current().backend();
  const std::string what = "connect " + to.to_string();
  const Io io = backend.open(to.family(), kStream);
  if (io.error) throw_errno(io.error, what);
  const int fd = static_cast<int>(io.n);
  const int error = backend.connect(fd, to.data(), to.size());
  if (error && error != EINPROGRESS) {
    backend.close(fd);
    throw_errno(error, what);
  }
  auto socket = std::make_unique<Socket>(fd);
  socket->set_peer(to);
  if (error) {
    socket->watch.writable = false;
    co_await Established(socket.get(), to);
  }
  if (to.port()) backend.set_option(fd, Option::no_delay, 1);
  co_return TcpStream(std::move(socket));
}

Future<TcpStream> connect_unix(std::string_view path) { return connect(Address::unix_path(path)); }

// --- Happy Eyeballs ------------------------------------------------------------------------------

namespace {

constexpr Duration kAttemptDelay = std::chrono::milliseconds(250);  // RFC 8305, section 5

// The families in turn, beginning with the first one's; each in its order (RFC 8305, section 4).
std::vector<Address> interleaved(const std::vector<Address>& all) {
  std::vector<Address> first, second, mixed;
  for (const Address& each : all)
    (each.family() == all[0].family() ? first : second).push_back(each);
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < second.size()) mixed.push_back(second[i]);
  }
  return mixed;
}

using Ended = Queue<Result<TcpStream>>;

Future<> attempt(Address to, Ended& ended) {
  auto result = co_await as_result(connect(to));
  co_await ended.push(std::move(result));
}

}  // namespace

Future<TcpStream> connect(std::string host, unsigned short port) {
  const std::vector<Address> found = co_await resolve(host, port);
  const std::vector<Address> addresses = interleaved(found);
  Ended ended(addresses.size());
  std::vector<Future<>> attempts;
  std::string reasons;
  std::error_code first;
  for (std::size_t failed = 0; failed != addresses.size();) {
    const bool more = attempts.size() != addresses.size();
    if (more) attempts.push_back(attempt(addresses[attempts.size()], ended));
    const bool last = attempts.size() == addresses.size();
    auto next = wait_for(ended.pop(), last ? Duration::max() : kAttemptDelay);
    auto waited = co_await as_result(std::move(next));
    if (!waited.has_value()) continue;  // the delay is over
    Result<TcpStream>& result = *waited.value();
    if (result.has_value()) co_return std::move(result).value();
    ++failed;
    try {
      std::rethrow_exception(result.error());
    } catch (const std::system_error& e) {
      if (!first) first = e.code();
      reasons.append(reasons.empty() ? "" : "; ").append(e.what());
    }
  }
  throw std::system_error(first, "connect " + host + ':' + std::to_string(port) + " (" + reasons + ')');
}

}  // namespace hob::inline v0::net
