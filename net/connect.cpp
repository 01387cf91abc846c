// SPDX-License-Identifier: MIT
//
// connect.cpp — what is known of names; one attempt to connect; and several, each a little later than
// the one before.
#include <algorithm>
#include <cerrno>
#include <map>

#include "net.hpp"

namespace hob::inline v0::net {
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

// By loop and host. It holds no Future, so it may outlive any loop.
thread_local std::map<std::pair<std::uint32_t, std::string>, std::shared_ptr<Name>> names;

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

std::shared_ptr<Name> look_up(const std::string& host) {
  const TimePoint now = Loop::current().clock();
  if (names.size() >= kNames) names.clear();
  std::shared_ptr<Name>& name = names[{here.id, host}];
  if (!name || name->until <= now) {
    name = std::make_shared<Name>();
    detach(look_up(name, host));
  }
  return name;
}

// Until the system knows how the attempt ended.
struct Connecting {
  static std::string name() { return "connect"; }
  Io operator()(Socket& socket, std::monostate&) const noexcept {
    const int error = socket.backend().connect_result(socket.watch);
    return {0, error == EINPROGRESS ? EAGAIN : error};
  }
};

// The families in turn, beginning with the first one's; each in its order (RFC 8305, section 4).
std::vector<Address> interleaved(const std::vector<Address>& all) {
  std::vector<Address> mixed, others;
  for (const Address& each : all)
    (each.family() == all[0].family() ? mixed : others).push_back(each);
  for (std::size_t i = 0; i < others.size(); ++i) {
    const std::size_t place = std::min(2 * i + 1, mixed.size());
    mixed.insert(mixed.begin() + static_cast<std::ptrdiff_t>(place), others[i]);
  }
  return mixed;
}

using Ended = Queue<Result<TcpStream>>;

Future<> attempt(Address to, Ended& ended) {
  auto result = co_await as_result(connect(to));
  co_await ended.push(std::move(result));
}

}  // namespace

Future<std::vector<Address>> resolve(std::string host, unsigned short port) {
  if (host.empty() || host.size() > 253 || host.find('\0') != host.npos) {
    const std::string shown = host.substr(0, std::min<std::size_t>(host.find('\0'), 253));
    throw ResolveError("resolve \"" + shown + "\": no name of a host");
  }
  if (const auto a = Address::numeric(host, port)) co_return std::vector<Address>(1, *a);
  const std::shared_ptr<Name> name = look_up(host);
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
    co_await Call<void, Connecting>(socket.get(), kWrite, Connecting());
  }
  if (to.port()) socket->set_nodelay(true);
  co_return TcpStream(std::move(socket));
}

Future<TcpStream> connect(std::string host, unsigned short port) {
  const std::vector<Address> addresses = interleaved(co_await resolve(host, port));
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
  const std::string what = "connect " + host + ':' + std::to_string(port);
  throw std::system_error(first, what + " (" + reasons + ')');
}

}  // namespace hob::inline v0::net
