// SPDX-License-Identifier: MIT
// sim.cpp — time, chance, the hosts' turns, the network; and the World itself. See backend_sim.hpp.
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include "callbacks.hpp"
#include "backend_sim.hpp"

namespace hob::inline v0::sim {
namespace {
constexpr Duration kLocal = std::chrono::microseconds(5);    // one way, within a host
constexpr Duration kAgain = std::chrono::milliseconds(200);  // TCP sends again what was lost
constexpr Duration kKnock = std::chrono::seconds(1);         // and a SYN; first and last as Linux does
constexpr Duration kNoAnswer = std::chrono::minutes(15);     // to what was sent: ETIMEDOUT

// `here` is another loop's, or none's, and what it was stands there meanwhile.
struct Inside {
  explicit Inside(Here& of) : there(of) { std::swap(here, there); }
  ~Inside() { std::swap(here, there); }
  Here& there;
};

constexpr std::uint64_t mixed(std::uint64_t z) noexcept {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}
}  // namespace

// --- chance --------------------------------------------------------------------------------------
Kernel::Kernel(std::uint64_t seed) {
  for (std::uint64_t& each : chances) each = mixed(seed += 0x632be59bd9b4e019);
  hosts.push_back(std::make_unique<Host>(0, "localhost"));
}

// SplitMix64 (Steele, Lea, Flood 2014): small, well mixed, and the same everywhere.
std::uint64_t Kernel::draw(Chance what, std::uint64_t bound) noexcept {
  const std::uint64_t z = mixed(chances[static_cast<std::size_t>(what)] += 0x9e3779b97f4a7c15);
  return bound ? z % bound : z;
}

void Kernel::note(const Host& host, int fd, char kind, std::uint64_t count) noexcept {
  const auto who = static_cast<std::uint64_t>(host.number) << 32 | static_cast<std::uint32_t>(fd);
  for (const std::uint64_t each : {static_cast<std::uint64_t>(now.time_since_epoch().count()), who,
                                   static_cast<std::uint64_t>(kind) << 56 ^ count})
    trace = mixed(trace ^ each) + 0x9e3779b97f4a7c15;
}

// --- time and turns ------------------------------------------------------------------------------
bool Kernel::advance(TimePoint until) {
  if (!stirring.empty()) return true;
  TimePoint next = until;
  if (!to_come.empty()) next = std::min(next, to_come.begin()->first);
  if (const auto tick = asleep.next_deadline()) next = std::min(next, TimePoint(Duration(*tick)));
  if (next == kNever) return false;
  now = std::max(now, next);
  Here nobody;  // a job sees what it would on another thread: the loop is not there
  const Inside outside(nobody);
  while (!to_come.empty() && to_come.begin()->first <= now) to_come.extract(to_come.begin()).mapped()();
  asleep.advance(Loop::tick(now), [this](Timer& host) { stir(static_cast<Host&>(host)); });
  return true;
}

void Kernel::stir(Host& host) noexcept {
  if (!host.loop || std::exchange(host.stirs, true)) return;
  asleep.cancel(host);
  stirring.push_back(&host);
}

bool Kernel::round() {
  std::vector<Host*> order = std::exchange(stirring, {});
  if (!is_out(Chance::order)) shuffle(order);
  std::exception_ptr first;
  for (Host* host : order) {
    host->stirs = false;
    std::exception_ptr error = host->loop ? turn(*host) : nullptr;
    if (!first) first = std::move(error);
  }
  if (first) std::rethrow_exception(first);
  return !order.empty();
}

std::exception_ptr Kernel::turn(Host& host) {
  std::exception_ptr error;
  {
    const Inside inside(host.inside);
    const bool moved = host.loop->poll(true) != 0;
    if (host.running.ready()) {
      error = host.running.outcome().take_error();
      if (host.doomed == Host::End::none) host.doomed = Host::End::exit;
    }
    // It has noted its next deadline before it ran: what ran may have set an earlier one.
    if (moved || host.sleeps <= now) stir(host);
    else if (!host.stirs && host.sleeps != kNever) asleep.schedule(host, Loop::tick(host.sleeps));
  }
  const auto how = std::exchange(host.doomed, Host::End::none);
  if (how != Host::End::none) end(host, how);
  return how == Host::End::exit ? error : nullptr;
}

void Kernel::start(Host& host) {
  const Inside inside(host.inside);
  host.loop = std::make_unique<Loop>(make_sim_backend(shared_from_this(), host));
  host.loop->call_soon([&host] { host.running = forget(std::cref(host.main)); });
  stir(host);
}

void Kernel::deadlock() {
  std::ostringstream tree;
  if (here.loop) here.loop->dump_tasks(tree);
  for (const auto& host : hosts) {
    if (!host->loop) continue;
    const Inside inside(host->inside);
    tree << "on " << host->name << ":\n";
    host->loop->dump_tasks(tree, host->running ? &host->running.outcome() : nullptr);
  }
  throw Deadlock(tree.str());
}

// As a process ends: what it owned, then its descriptors.
void Kernel::end(Host& host, Host::End how) {
  if (!host.loop) return;
  host.is_crashing = how != Host::End::exit;
  {
    const Inside inside(host.inside);
    host.running = Future<>();
    host.loop = nullptr;
  }
  asleep.cancel(host);
  for (std::size_t i = 0; i < host.sockets.size(); ++i)
    if (host.sockets[i]) hang_up(host.sockets[i], host.is_crashing);
  host.is_crashing = false;
  host.signals_caught = host.signals_once = host.signals_arrived = 0;
  ++host.ends;
  note(host, 0, 'e', host.ends);
  if (how == Host::End::restart) start(host);
}

// --- the network ---------------------------------------------------------------------------------
Host* Kernel::find(const Place& to, Host& asking) noexcept {
  const auto& ip = to.ip;
  const bool v4 = to.is_v4();
  if (to.is_any() || ip[v4 ? 12 : 0] == (v4 ? 127 : 0)) return &asking;
  const std::size_t number = ip[14] * 256u + ip[15] - 1u;
  const bool is_ours = v4 ? ip[12] == 10 && ip[13] == 0 : ip[0] == 0xfd;
  return is_ours && number < hosts.size() ? hosts[number].get() : nullptr;
}

// The closest match: a connected one, one bound to this address, one bound to all.
SocketPtr Kernel::bound_at(const Host& host, const Place& to, bool is_stream,
                           const Place& from) noexcept {
  Socket* best = nullptr;
  int closest = -1;
  std::uint64_t equals = 1;
  const auto [begin, end] = host.bound.equal_range(to.key());
  for (auto each = begin; each != end; ++each) {
    Socket& socket = *each->second;
    if (socket.is_stream != is_stream || !socket.covers(to)) continue;
    const bool has_peer = !is_stream && socket.remote.port != 0;
    if (is_stream ? socket.is != Socket::Is::listening : has_peer && socket.remote != from) continue;
    const int close = 2 * has_peer + (socket.local.ip == to.ip);
    if (close < closest || (close == closest && draw(Chance::order, ++equals) != 0)) continue;
    if (close > closest) equals = 1;
    best = &socket, closest = close;
  }
  return best ? best->shared_from_this() : nullptr;
}

Duration Kernel::delay(const Host& from, const Host& to, std::size_t size, bool is_sent_again) {
  Way& on = way(from, to);
  const Faults& faulty = its(on);
  const Duration spread = faulty.latency_max - faulty.latency_min;
  Duration time = faulty.latency_min;
  if (&from == &to && !on.faults) time = kLocal;
  else if (spread > Duration::zero() && !is_out(Chance::latency))
    time += Duration(draw(Chance::latency, static_cast<std::uint64_t>(spread.count()) + 1));
  for (int times = 0; is_sent_again && times < 6 && happens(Chance::loss, faulty.loss_per_mille); ++times)
    time += kAgain * (1 << times);
  if (faulty.bandwidth == 0) return time;
  TimePoint& free = on.free[from.number < to.number];
  free = std::max(free, now) + Duration(size * 1'000'000'000 / faulty.bandwidth);
  return time + (free - now);
}

void Kernel::carry(const SocketPtr& from, Host& to, std::size_t size, std::function<void()> arrive) {
  if (from->is_unix) return arrive();
  Way& on = way(from->host, to);
  if (!on.is_cut) {
    const Duration takes = delay(from->host, to, size, true);
    from->arrives = std::max(from->arrives, saturating_add(now, takes));
    return at(from->arrives, std::move(arrive));
  }
  on.held.push_back([=, this, &to] { carry(from, to, size, arrive); });
  const bool is_connecting = from->is == Socket::Is::connecting;
  if (size == 0 && !is_connecting) return;
  at(is_connecting ? from->gives_up : now + kNoAnswer, [this, from, &on, heals = on.heals] {
    if (on.heals == heals) fail(from, ETIMEDOUT);
  });
}

void Kernel::knock(const SocketPtr& client) {
  Host* const host = find(client->remote, client->host);
  if (host) carry(client, *host, 0, [this, client, host] { admit(client, *host); });
  else at(client->gives_up, [this, client] { fail(client, ETIMEDOUT); });
}

void Kernel::admit(const SocketPtr& client, Host& host) {
  if (client->is != Socket::Is::connecting) return;
  const SocketPtr listener = bound_at(host, client->remote, true, client->local);
  if (!listener) {
    if (client->is_unix) return fail(client, ECONNREFUSED);
    const Duration takes = delay(host, client->host, 0, true);
    return at(now + takes, [this, client] { fail(client, ECONNREFUSED); });
  }
  if (listener->queue.size() > listener->backlog) {  // as if it had not come: it comes again
    return at(std::min(now + kKnock, client->gives_up), [this, client, &host] {
      now < client->gives_up ? admit(client, host) : fail(client, ETIMEDOUT);
    });
  }
  const auto server = std::make_shared<Socket>(host, listener->family, true, client->is_unix);
  server->is = Socket::Is::connected;
  server->local = client->remote;
  server->remote = client->local;
  server->peer = client;
  client->peer = server;
  listener->queue.push_back(server);
  tell(*listener);
  carry(server, client->host, 0, [this, client, server] {
    if (client->is != Socket::Is::connecting) return reset(client, server);
    client->is = Socket::Is::connected;
    tell(*client);
  });
}

void Kernel::send(const SocketPtr& from, std::string bytes) {
  const std::size_t size = bytes.size();
  from->room -= size;
  from->sent += size;
  const SocketPtr to = from->peer.lock();
  if (!to)  // closed long since: it answers with a reset
    return at(now + 2 * kLocal, [this, from] { fail(from, ECONNRESET); });
  from->under_way += size;
  carry(from, to->host, size, [this, from, to, size, bytes = std::move(bytes)]() mutable {
    from->under_way -= size;
    if (to->is == Socket::Is::closed) return reset(to, from);
    to->inbox.emplace_back(Place(), std::move(bytes));
    tell(*to);
  });
  const Faults& faulty = its(way(from->host, to->host));
  const bool is_over = faulty.reset_after != 0 && from->sent >= faulty.reset_after;
  if (is_over || happens(Chance::reset, faulty.reset_per_mille)) reset(from, to), reset(to, from);
}

void Kernel::send_datagram(const SocketPtr& from, const Place& sender, const Place& to,
                           std::string bytes) {
  Host* const host = find(to, from->host);
  if (!host) return;
  const Way& on = way(from->host, *host);
  const Faults& faulty = its(on);
  const auto arrive = [=, this] {
    const SocketPtr at_last = bound_at(*host, to, false, sender);
    if (!at_last) {
      if (from->remote.port) from->error = ECONNREFUSED, tell(*from);
    } else if (at_last->inbox.size() < Socket::kDatagrams) {
      at_last->inbox.emplace_back(sender, bytes);
      tell(*at_last);
    }
  };
  const int copies = happens(Chance::duplicate, faulty.duplicate_per_mille) ? 2 : 1;
  for (int copy = 0; copy < copies && !on.is_cut; ++copy) {
    if (happens(Chance::loss, faulty.loss_per_mille)) continue;
    Duration takes = delay(from->host, *host, bytes.size(), false);
    if (happens(Chance::reorder, faulty.reorder_per_mille))
      takes += takes * (1 + static_cast<int>(draw(Chance::reorder, 8)));
    at(now + takes, arrive);
  }
}

void Kernel::finish(const SocketPtr& from) {
  if (const SocketPtr to = from->peer.lock())
    carry(from, to->host, 0, [this, to] { to->at_end = true, tell(*to); });
}
void Kernel::reset(const SocketPtr& from, const SocketPtr& to) {
  carry(from, to->host, 0, [this, to] { fail(to, ECONNRESET); });
}

void Kernel::fail(const SocketPtr& socket, int error) {
  if (socket->is == Socket::Is::closed || std::exchange(socket->is_broken, true)) return;
  if (socket->is == Socket::Is::connecting) socket->is = Socket::Is::fresh;
  socket->error = error;
  tell(*socket);
}

void Kernel::hang_up(SocketPtr socket, bool aborts) {
  const auto was = std::exchange(socket->is, Socket::Is::closed);
  Host& host = socket->host;
  if (socket->fd != -1) {
    const auto [begin, end] = host.bound.equal_range(socket->local.key());
    const auto is_it = [&](const auto& each) { return each.second == socket.get(); };
    if (const auto at = std::find_if(begin, end, is_it); at != end) host.bound.erase(at);
    host.sockets[static_cast<std::size_t>(std::exchange(socket->fd, -1)) - Host::kFirst] = nullptr;
  }
  for (const SocketPtr& each : std::exchange(socket->queue, {})) hang_up(each, true);
  const SocketPtr peer = socket->peer.lock();
  if (was != Socket::Is::connected || !peer || socket->is_broken) return;
  if (aborts || socket->aborts || !socket->inbox.empty()) reset(socket, peer);
  else if (!socket->is_shut) finish(socket);
}

void Kernel::tell(Socket& socket) noexcept {
  if (!socket.watch || socket.linked()) return;
  socket.host.due.push_back(socket);
  stir(socket.host);
}

// --- the world -----------------------------------------------------------------------------------
World::World(std::uint64_t seed) : World(std::make_shared<Kernel>(seed)) {}
World::World(std::shared_ptr<Kernel> kernel) : faults(kernel->faults), kernel_(std::move(kernel)) {}

World::~World() {
  for (const auto& host : kernel_->hosts) kernel_->end(*host, Host::End::crash);
  kernel_->to_come.clear();
}
std::unique_ptr<Backend> World::backend() { return make_sim_backend(kernel_, *kernel_->hosts[0]); }

void World::add(std::string name, std::function<Future<>()> main) {
  for (const auto& host : kernel_->hosts)
    if (host->name == name) throw std::invalid_argument("sim: there is a host " + name + " already");
  const int number = static_cast<int>(kernel_->hosts.size());
  Host& host = *kernel_->hosts.emplace_back(std::make_unique<Host>(number, std::move(name)));
  host.main = std::move(main);
  kernel_->start(host);
}

Host& World::named(std::string_view name) const {
  for (const auto& host : kernel_->hosts)
    if (host->name == name) return *host;
  throw std::invalid_argument("sim: there is no host " + std::string(name));
}

void World::stop(std::string_view name, bool starts) {
  Host& host = named(name);
  if (host.number == 0) throw std::invalid_argument("sim: the nameless host cannot crash");
  const auto how = starts ? Host::End::restart : Host::End::crash;
  if (host.loop && here.loop == host.loop.get()) host.doomed = how;
  else if (host.loop) kernel_->end(host, how);
  else if (starts) kernel_->start(host);
}

bool World::is_up(std::string_view host) const { return named(host).loop != nullptr; }

std::string World::address(std::string_view host) const {
  const int number = named(host).number + 1;
  return "10.0." + std::to_string(number / 256) + '.' + std::to_string(number % 256);
}
void World::run() {
  while (std::ranges::any_of(kernel_->hosts, [](const auto& host) { return host->loop != nullptr; }))
    if (!kernel_->round() && !kernel_->advance(kNever)) kernel_->deadlock();
}
void World::run_for(Duration span) {
  const TimePoint until = saturating_add(now(), span);
  while (kernel_->round() || now() < until) kernel_->advance(until);
}

Faults& World::link(std::string_view a, std::string_view b) {
  Way& way = kernel_->way(named(a), named(b));
  if (!way.faults) {
    way.faults = std::make_unique<Faults>(faults);
    if (a == b) way.faults->latency_min = way.faults->latency_max = kLocal;
  }
  return *way.faults;
}

void World::cut(std::string_view a, std::string_view b, bool apart) {
  Way& way = kernel_->way(named(a), named(b));
  if (way.is_cut = apart; apart) return;
  ++way.heals;
  for (const auto& carry : std::exchange(way.held, {})) carry();
}

void World::without(Chance what) noexcept { kernel_->ruled_out |= 1u << static_cast<unsigned>(what); }

void World::shuffle(bool on) noexcept {
  without(Chance::order);
  if (on) kernel_->ruled_out ^= 1u << static_cast<unsigned>(Chance::order);
}

void World::signal(std::string_view name, int number) {
  Host& host = named(name);
  host.signals_arrived |= signal_bit(number) & host.signals_caught;
  host.signals_caught &= ~(signal_bit(number) & host.signals_once);
  kernel_->stir(host);
}

TimePoint World::now() const noexcept { return kernel_->now; }
std::uint64_t World::random(std::uint64_t bound) noexcept {
  return kernel_->draw(static_cast<Chance>(kChances.size()), bound);
}
std::uint64_t World::trace() const noexcept { return kernel_->trace; }

std::size_t World::open_descriptors() const noexcept {
  std::size_t open = 0;
  for (const auto& host : kernel_->hosts) open += host->open();
  return open;
}

// --- many seeds ----------------------------------------------------------------------------------
// Why it fails without what is ruled out; "": it does not.
static std::string reason(std::uint64_t seed, unsigned ruled_out, const std::function<void(World&)>& program) {
  World world(seed);
  for (unsigned bit = 0; bit < kChances.size(); ++bit)
    if (ruled_out >> bit & 1) world.without(static_cast<Chance>(bit));
  try {
    program(world);
    return "";
  } catch (const std::exception& e) {
    return *e.what() ? e.what() : "an exception that says nothing";
  } catch (...) { return "no std::exception"; }
}

void test(std::uint64_t seeds, const std::function<void(World&)>& program) {
  const char* const only = std::getenv("HOB_SIM_SEED");
  const std::uint64_t first = only ? std::strtoull(only, nullptr, 10) : 1;
  for (std::uint64_t seed = first; seed < first + (only ? 1 : seeds); ++seed) {
    const std::string why = reason(seed, 0, program);
    if (why.empty()) continue;
    unsigned ruled_out = 0;
    std::string needed;
    for (unsigned bit = 0; bit < kChances.size(); ++bit) {
      if (!reason(seed, ruled_out | 1u << bit, program).empty()) ruled_out |= 1u << bit;
      else needed.append(needed.empty() ? "" : ", ").append(kChances[bit]);
    }
    throw Failure(seed, "HOB_SIM_SEED=" + std::to_string(seed) + ": " + why + " (it takes: " +
                            (needed.empty() ? "no chance" : needed) + ')');
  }
}
}  // namespace hob::inline v0::sim
