// SPDX-License-Identifier: MIT
//
// resolve.cpp — what is known of names, and who asks for the rest.
//
// Called by connect(). The lookups are detached tasks of the loop, so that who asked may go.
#include <map>

#include "../reactor/sync.hpp"
#include "../reactor/to_thread.hpp"
#include "connect.hpp"

namespace hob::inline v0::net {

namespace {

constexpr Duration kFound = std::chrono::seconds(10);
constexpr Duration kNotFound = std::chrono::seconds(1);
constexpr std::size_t kNames = 256;  // so many are remembered

struct Answer {
  std::vector<Address> addresses;
  std::string error;
};

struct Name {
  Event known;
  Answer answer;
  TimePoint until = kNever;
};

// By loop and host. It holds no Future, so it may outlive any loop.
using Names = std::map<std::pair<std::uint32_t, std::string>, std::shared_ptr<Name>>;
Names& names() {
  static thread_local Names all;
  return all;
}

Answer ask(const Backend::Resolver& resolver, const std::string& host) {
  Answer answer;
  answer.error = resolver(host, [&](const sockaddr* address, unsigned size) {
    answer.addresses.push_back(Address::of(address, size));
  });
  if (answer.error.empty() && answer.addresses.empty()) answer.error = "it has no address";
  return answer;
}

Future<> look_up(std::shared_ptr<Name> name, std::string host) {
  try {
    auto work = to_pool(Pool::names, ask, Loop::current().backend().resolver(), host);
    name->answer = co_await std::move(work);
  } catch (const std::exception& e) {
    name->answer.error = e.what();
  }
  name->until = Loop::current().after(name->answer.error.empty() ? kFound : kNotFound);
  name->known.set();
}

std::shared_ptr<Name> look_up(const std::string& host) {
  const TimePoint now = Loop::current().clock();
  if (names().size() >= kNames)
    std::erase_if(names(), [&](auto& each) { return each.first.first != here.id || each.second->until <= now; });
  if (names().size() >= kNames) names().clear();
  std::shared_ptr<Name>& name = names()[{here.id, host}];
  if (!name || name->until <= now) {
    name = std::make_shared<Name>();
    detach(look_up(name, host));
  }
  return name;
}

}  // namespace

Future<std::vector<Address>> resolve(std::string host, unsigned short port) {
  std::vector<Address> found;
  if (!host.empty())
    if (const auto numeric = Address::numeric(host, port)) {
      found.push_back(*numeric);
      co_return found;
    }
  if (host.empty() || host.size() > 253 || host.find('\0') != host.npos)
    throw ResolveError("resolve \"" + host.substr(0, host.find('\0')).substr(0, 253) + "\": no name of a host");
  const std::shared_ptr<Name> name = look_up(host);
  co_await name->known.wait();
  if (!name->answer.error.empty()) throw ResolveError("resolve " + host + ": " + name->answer.error);
  for (const Address& each : name->answer.addresses) found.push_back(each.with_port(port));
  co_return found;
}

}  // namespace hob::inline v0::net
