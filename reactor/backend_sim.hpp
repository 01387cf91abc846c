// SPDX-License-Identifier: MIT
// backend_sim.hpp — the inside of the simulator: hosts, their sockets, and what is under way between.
//
// Private to this room. backend_sim.cpp is the Backend of one host: the calls. sim.cpp is what happens
// meanwhile: time, chance, the hosts' turns, the network; and the World, which is the door.
//   1. Time moves in advance() alone, when no host can go on. What is to come is in one queue, by its
//      time, and of one time in the order in which it was arranged.
//   2. A socket hears of another through that queue only; a Unix socket at once.
//   3. What has changed waits in Host::due until the host's wait() latches it (the Law of the Batch).
//   4. Nothing depends on an address in memory, on the machine's clock or on an unordered container;
//      no two numbers are drawn in one expression.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <string>
#include "sim.hpp"

namespace hob::inline v0::sim {
// The names of each Chance; one sequence more is the user's.
inline constexpr std::array kChances = {"order", "latency", "loss", "duplicate", "reorder", "reset",
                                        "short_io", "spurious", "accept", "no_buffers"};

// An IP address and a port, IPv4 as IPv6 writes it (::ffff:10.0.0.2); or the path of a Unix socket.
struct Place {
  std::array<unsigned char, 16> ip{};
  unsigned port = 0;
  std::string path;
  bool is_v4() const noexcept { return ip[10] == 0xff && ip[0] == 0; }
  bool is_any() const noexcept {
    return std::all_of(ip.begin() + (is_v4() ? 12 : 0), ip.end(), [](auto byte) { return byte == 0; });
  }
  std::pair<unsigned, std::string> key() const { return {port, path}; }
  bool operator==(const Place&) const = default;
};

struct Host;
struct Socket;
using SocketPtr = std::shared_ptr<Socket>;

struct Socket : Link, std::enable_shared_from_this<Socket> {
  enum class Is { fresh, listening, connecting, connected, closed };
  static constexpr std::size_t kBuffer = 64 * 1024;  // bytes of a stream that were sent and not yet read
  static constexpr std::size_t kDatagrams = 256;     // that were not yet read
  Socket(Host& of, int family_is, bool streams, bool has_path)
      : host(of), family(family_is), is_stream(streams), is_unix(has_path) {}
  // Whether what is sent there is for it; the port, or the path, is the same.
  bool covers(const Place& to) const noexcept {
    return local.ip == to.ip ||
           (local.is_any() && (local.is_v4() == to.is_v4() || (to.is_v4() && !v6_only)));
  }

  Host& host;
  const int family;  // AF_*
  const bool is_stream, is_unix;
  Is is = Is::fresh;
  int fd = -1;       // -1: nobody has accepted it yet, or it is closed
  int error = 0;     // for the next call that asks
  Watch* watch = nullptr;
  bool reuse_port = false, v6_only = false, aborts = false;  // options
  Place local, remote;
  std::deque<SocketPtr> queue;  // a listener's: connected, and not accepted yet
  std::size_t backlog = 0;
  std::weak_ptr<Socket> peer;   // a stream's
  std::deque<std::pair<Place, std::string>> inbox;  // received: datagrams, or pieces of a stream;
  std::size_t read = 0;         // so much of the first has been read
  std::size_t room = kBuffer;   // so much may still be sent
  std::uint64_t sent = 0;
  std::size_t under_way = 0;    // of that
  bool is_full = false;         // there was no room: it waits for some
  bool at_end = false;          // the peer has sent its FIN,
  bool is_shut = false;         // and this one has
  bool is_broken = false;       // reset, refused, timed out
  TimePoint arrives{};          // when what was sent last does: nothing overtakes it
  TimePoint gives_up{};         // to connect
};

struct Host : Timer {
  enum class End { none, exit, crash, restart };
  Host(int n, std::string called) : number(n), name(std::move(called)) {}
  Socket* find(int fd) const noexcept {
    const auto at = static_cast<std::size_t>(fd) - kFirst;
    return at < sockets.size() ? sockets[at].get() : nullptr;
  }
  std::size_t open() const noexcept {
    return sockets.size() - static_cast<std::size_t>(std::ranges::count(sockets, nullptr));
  }

  static constexpr std::size_t kFirst = 3;  // the lowest descriptor
  const int number;                         // 0: the nameless
  const std::string name;
  std::function<Future<>()> main;
  std::unique_ptr<Loop> loop;  // of those that the World drives; none: it is down
  Here inside;                 // what `here` is in its turn
  Future<> running;            // main()
  bool stirs = false;          // can go on: is in Kernel::stirring
  TimePoint sleeps = kNever;   // until then it cannot, unless it is stirred: in Kernel::asleep
  End doomed = End::none;      // at the end of its turn
  bool is_crashing = false;
  std::uint64_t ends = 0;
  std::atomic<bool> woken = false;
  std::uint64_t signals_caught = 0, signals_once = 0, signals_arrived = 0;
  std::vector<SocketPtr> sockets;  // by descriptor; null: it is free
  List<Socket> due;                // have something to latch
  std::multimap<std::pair<unsigned, std::string>, Socket*> bound;  // by port, or path
  unsigned last_port = 49151;
};

// Between two hosts, or within one.
struct Way {
  std::unique_ptr<Faults> faults;           // its own
  TimePoint free[2] = {};                   // each direction: when what was sent last has left
  bool is_cut = false;
  unsigned heals = 0;
  std::vector<std::function<void()>> held;  // to be carried when it is healed
};

struct Kernel : std::enable_shared_from_this<Kernel> {
  explicit Kernel(std::uint64_t seed);
  // --- chance
  bool is_out(Chance what) const noexcept { return ruled_out >> static_cast<unsigned>(what) & 1; }
  bool happens(Chance what, unsigned per_mille) noexcept {
    return per_mille != 0 && !is_out(what) && draw(what, 1000) < per_mille;
  }
  std::uint64_t draw(Chance what, std::uint64_t bound) noexcept;
  template <class T> void shuffle(std::vector<T>& all) noexcept {  // Fisher and Yates
    for (std::size_t i = all.size(); i-- > 1;) std::swap(all[i], all[draw(Chance::order, i + 1)]);
  }
  void note(const Host& host, int fd, char kind, std::uint64_t count) noexcept;  // into the trace
  // --- time and turns
  void at(TimePoint when, std::function<void()> what) { to_come.emplace(when, std::move(what)); }
  bool advance(TimePoint until);  // to what comes next, or `until`; false: nothing will, ever
  void stir(Host& host) noexcept;
  bool round();                   // a turn for each that can go on; false: none can
  std::exception_ptr turn(Host& host);
  void start(Host& host);
  void end(Host& host, Host::End how);
  [[noreturn]] void deadlock();   // throws it, with the tree of what waits
  // --- the network
  Way& way(const Host& a, const Host& b) { return ways[std::minmax(a.number, b.number)]; }
  const Faults& its(const Way& way) const noexcept { return way.faults ? *way.faults : faults; }
  Host* find(const Place& to, Host& asking) noexcept;
  // Who hears what is sent there; of datagrams, also by whom.
  SocketPtr bound_at(const Host& host, const Place& to, bool is_stream, const Place& from) noexcept;
  Duration delay(const Host& from, const Host& to, std::size_t size, bool is_sent_again);
  // Brings it there in order, also if `from` is closed meanwhile.
  void carry(const SocketPtr& from, Host& to, std::size_t size, std::function<void()> arrive);
  void knock(const SocketPtr& client);
  void admit(const SocketPtr& client, Host& host);
  void send(const SocketPtr& from, std::string bytes);
  void send_datagram(const SocketPtr& from, const Place& sender, const Place& to, std::string bytes);
  void finish(const SocketPtr& from);
  void reset(const SocketPtr& from, const SocketPtr& to);
  void fail(const SocketPtr& socket, int error);
  void hang_up(SocketPtr socket, bool aborts);
  void tell(Socket& socket) noexcept;  // that something is new
  std::array<std::uint64_t, kChances.size() + 1> chances;
  unsigned ruled_out = 0;  // a bit for each Chance
  Faults faults;
  std::uint64_t trace = 0;
  TimePoint now = TimePoint(std::chrono::hours(1));
  std::multimap<TimePoint, std::function<void()>> to_come;  // equals as they were arranged
  std::vector<std::unique_ptr<Host>> hosts;
  std::vector<Host*> stirring;
  Wheel asleep;  // hosts, until Host::sleeps
  std::map<std::pair<int, int>, Way> ways;
};

std::unique_ptr<Backend> make_sim_backend(std::shared_ptr<Kernel> kernel, Host& host);
}  // namespace hob::inline v0::sim
