// SPDX-License-Identifier: MIT
//
// swarm_test.cpp — whole programs on simulated networks that fail, each with many seeds: what must hold
// whatever chance decides.
//
// HOB_SWARM=<n> runs so many seeds, HOB_SIM_SEED=<n> one alone.
#include <chrono>
#include <cstdlib>
#include <deque>
#include <map>
#include <set>

#include "../../net/http.hpp"
#include "../../net/net.hpp"
#include "on_kernel.hpp"

namespace hob_test::swarm_test {
TEST_SUITE_BEGIN("net");

namespace {

using sim::World;

std::uint64_t how_many() {
  const char* const asked = std::getenv("HOB_SWARM");
  return asked ? std::strtoull(asked, nullptr, 10) : 200;
}

[[noreturn]] void broken(const std::string& what) { throw std::runtime_error(what); }
void must(bool holds, const char* what) {
  if (!holds) broken(what);
}

// Runs it with each seed; afterwards nobody may have left a descriptor open. Says how much time that was.
template <class F>
void swarm(F program) {
  std::chrono::duration<double, std::ratio<3600>> simulated{};
  const auto begin = std::chrono::steady_clock::now();
  try {
    sim::test(how_many(), [&](World& world) {
      const TimePoint start = world.now();
      program(world);
      must(world.open_descriptors() == 0, "a descriptor was left open");
      simulated += world.now() - start;
    });
    const std::chrono::duration<double> real = std::chrono::steady_clock::now() - begin;
    MESSAGE(how_many() << " runs: " << simulated.count() << " simulated hours in " << real.count() << " s");
  } catch (const sim::Failure& failure) {
    FAIL(std::string(failure.what()));
  }
}

// A network that is slow, loses, and says too much, by seed; one in four also resets.
void spoil(World& world, bool may_reset = true) {
  sim::Faults& faults = world.faults;
  faults.latency_min = 20us;
  faults.latency_max = Duration(20'000 + world.random(5'000'000));
  faults.loss_per_mille = static_cast<unsigned>(world.random(30));
  faults.duplicate_per_mille = faults.reorder_per_mille = 50;
  faults.short_io_per_mille = static_cast<unsigned>(world.random(300));
  faults.spurious_per_mille = static_cast<unsigned>(world.random(300));
  if (world.random(2)) faults.bandwidth = 10'000 + world.random(100'000'000);
  if (!may_reset) return;
  faults.accept_failures_per_mille = static_cast<unsigned>(world.random(50));
  if (world.random(4) == 0) faults.reset_per_mille = static_cast<unsigned>(world.random(50));
}

char letter(std::size_t at) { return static_cast<char>('a' + at % 23); }

// Whether an operation has failed as the network may fail.
bool is_network(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error&) {
    return true;
  } catch (const net::EndOfStream&) {
    return true;
  } catch (const TimedOut&) {
    return true;
  } catch (...) {
    return false;
  }
}

// --- echo with half close ------------------------------------------------------------------------

Future<> echo(net::TcpStream stream) {
  auto copied = co_await as_result(net::copy(stream, stream));
  if (copied.has_value()) {
    auto finished = co_await as_result(stream.finish(600s));
    must(finished.has_value() || is_network(finished.error()), "finish: no network's error");
  } else {
    must(is_network(copied.error()), "copy: no network's error");
  }
}

Future<> echo_server() {
  net::TcpListener listener = net::listen("", 7);
  TaskGroup peers;
  for (;;) peers.start(echo, co_await listener.accept());
}

Future<> pour(net::TcpStream& to, std::size_t total, std::size_t piece) {
  std::string text;
  for (std::size_t sent = 0; sent < total; sent += text.size()) {
    text.resize(std::min(piece, total - sent));
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = letter(sent + i);
    co_await to.write_all(text);
  }
  to.shutdown_write();
}

// What comes is a part of what was sent, from its beginning, in order; how much.
Future<std::size_t> drain(net::TcpStream& from) {
  std::size_t got = 0;
  for (;;) {
    const net::Lease lease = co_await from.read_lease();
    if (lease.empty()) co_return got;
    for (const char c : lease.text()) must(c == letter(got++), "a byte was lost, doubled or moved");
  }
}

Future<> echo_client(std::size_t total, std::size_t piece) {
  net::TcpStream stream = co_await net::connect("echo", 7);
  const auto [nothing, got] = co_await gather(pour(stream, total, piece), drain(stream));
  must(got == total, "the stream has ended early, without an error");
}

// --- HTTP ----------------------------------------------------------------------------------------

Future<http::Response> answer(http::Request& request) {
  if (request.target.starts_with("/slow")) co_await sleep(50ms);
  if (request.target.starts_with("/never")) co_await sleep(1h);
  http::Response response(200, request.target + request.body);
  if (request.target.starts_with("/to")) {
    response.status = 302;
    response.headers.set("Location", "/slow" + request.target);
  }
  co_return response;
}

Future<> web_server(World& world, Duration after, Duration grace) {
  http::Server server(answer);
  Future<> serving = server.serve(net::listen("", 80));
  co_await sleep(after);
  server.stop(grace);
  const TimePoint end = saturating_add(world.now(), grace + 10s);
  co_await std::move(serving);
  must(world.now() <= end, "the server went on after its grace");
}

Future<> web_client(World& world, int number, int& settled) {
  http::SessionOptions options;
  options.head = 5s;
  options.connections = 3;
  http::Session session(options);
  TaskGroup asking;
  const auto ask = [](World& in, http::Session& with, std::string path, int& count) -> Future<> {
    co_await sleep(Duration(in.random(20'000'000)));
    http::Request request(in.random(2) ? "POST" : "GET", "http://web" + path);
    const std::string body = request.method == "POST" ? std::string(in.random(100'000), 'x') : "";
    request.body = body;
    const std::string method = request.method;
    const auto result = co_await as_result(with.request(std::move(request)));
    if (result.has_value()) {
      const bool is_redirect = path.starts_with("/to");
      must(result.value().status == 200, "a status that nobody gave");
      must(result.value().body == (is_redirect ? "/slow" + path : path + body), "another's answer");
    } else {
      // A server whose grace is over ends in the middle of a body.
      const std::string why = what(result.error());
      must(is_network(result.error()) || why.find("end of the stream") != why.npos, why.c_str());
    }
    ++count;
  };
  static constexpr const char* kPaths[] = {"/a", "/slow", "/to", "/never"};
  for (int i = 0; i < 8; ++i) {
    const std::string kind = kPaths[world.random(8) % 5 % 4];
    asking.start(ask, std::ref(world), std::ref(session),
                 kind + std::to_string(number) + '_' + std::to_string(i), std::ref(settled));
  }
  co_await asking.join();
}

// Pipelined: each is answered once, in order, or not at all.
Future<> pipelining_client() {
  net::TcpStream stream = co_await net::connect("web", 80);
  std::string all;
  for (int i = 0; i < 20; ++i) all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: web\r\n\r\n";
  const auto hear = [](net::TcpStream& from) -> Future<> {
    net::BufferedReader reader(from);
    for (int i = 0; i < 20; ++i) {
      const std::string head = co_await reader.read_until("\r\n\r\n");
      const std::string expected = "/" + std::to_string(i);
      must(head.starts_with("HTTP/1.1 200 OK\r\n"), "no answer");
      const std::string body = co_await reader.read_exactly(expected.size());
      must(body == expected, "answers in another order");
    }
  };
  co_await gather(stream.write_all(all), hear(stream));
}

// --- a chat ---------------------------------------------------------------------------------------

// Whom the server tells what is said.
struct Member {
  std::deque<std::string> lines;
  Event more;
};
using Members = std::map<int, Member*>;

// --- a lock service ------------------------------------------------------------------------------

// "take" waits, then "yours" comes; "done" gives it back, and nothing else does before 10 s are over: who
// was cut off may believe that he has it.
Future<> lock_server() {
  net::TcpListener listener = net::listen("", 10);
  Mutex lock;
  TaskGroup owners;
  const auto serve = [](net::TcpStream stream, Mutex& mutex) -> Future<> {
    net::BufferedReader reader(stream);
    const auto wish = co_await as_result(reader.read_line());
    if (!wish.has_value()) co_return;
    const auto guard = co_await mutex.lock();
    const auto said = co_await as_result(stream.write_all("yours\n"));
    const TimePoint end = saturating_add(Loop::current().now(), 10s);
    if (!said.has_value()) co_return;
    const auto done = co_await as_result(wait_until(reader.read_line(), end));
    if (!done.has_value()) co_await sleep_until(end);
  };
  for (;;) owners.start(serve, co_await listener.accept(), std::ref(lock));
}

Future<> lock_client(World& world, int& holders, int& times) {
  for (int i = 0; i < 3; ++i) {
    const auto once = [](World& in, int& now, int& count) -> Future<> {
      net::TcpStream stream = co_await net::connect("locks", 10);
      co_await stream.write_all("take\n");
      net::BufferedReader reader(stream);
      const TimePoint asked = in.now();
      co_await reader.read_line();
      if (in.now() - asked > 5s) co_return;  // it may be over already
      struct Held {
        explicit Held(int& n) : count(n) { must(++count == 1, "two have the lock"); }
        ~Held() { --count; }
        int& count;
      };
      {
        const Held held(now);
        co_await sleep(20ms);
      }
      ++count;
      co_await stream.write_all("done\n");
    };
    auto result = co_await as_result(wait_for(once(world, holders, times), 100s));
    must(result.has_value() || is_network(result.error()), what(result.error()).c_str());
    co_await sleep(Duration(world.random(50'000'000)));
  }
}

}  // namespace

TEST_CASE("swarm: every byte of an echo comes back once and in order, or the connection fails") {
  swarm([](World& world) {
    const bool resets = world.random(2);
    spoil(world, resets);
    world.host("echo", echo_server);
    Loop loop(world.backend());
    std::vector<Future<Result<>>> clients;
    for (int i = 0; i < 5; ++i) {
      const std::size_t total = world.random(300'000);
      clients.push_back(as_result(echo_client(total, 1 + world.random(20'000))));
    }
    for (const auto& result : loop.run(gather(std::move(clients)))) {
      if (result.has_value()) continue;
      if (!resets || !is_network(result.error())) std::rethrow_exception(result.error());
    }
    world.crash("echo");
  });
}

TEST_CASE("swarm: each HTTP request gets its own answer, once, or fails; the server stops in time") {
  int settled = 0;
  swarm([&](World& world) {
    spoil(world);
    settled = 0;
    const Duration after(world.random(10'000'000'000)), grace(world.random(5'000'000'000));
    world.host("web", [&world, after, grace] { return web_server(world, after, grace); });
    for (int i = 0; i < 4; ++i)
      world.host("client" + std::to_string(i), [&, i] { return web_client(world, i, settled); });
    world.host("pipelining", []() -> Future<> {
      const auto result = co_await as_result(pipelining_client());
      if (!result.has_value() && !is_network(result.error())) std::rethrow_exception(result.error());
    });
    world.run();
    must(settled == 4 * 8, "a request has no end");
  });
}

TEST_CASE("swarm: a chat with crashes goes on, and nobody hears a line twice or altered") {
  static int said = 0;  // lines, in a run: no two are alike
  swarm([](World& world) {
    spoil(world);
    said = 0;
    const auto serve = []() -> Future<> {
      net::TcpListener listener = net::listen("", 5000);
      Members members;
      int last = 0;
      TaskGroup sessions;
      const auto session = [](net::TcpStream stream, Members& all, int me) -> Future<> {
        Member member;
        all[me] = &member;
        const auto hear = [](net::TcpStream& from, Members& to) -> Future<> {
          net::BufferedReader reader(from);
          for (;;) {
            const std::string line = co_await reader.read_line();
            for (auto& [number, other] : to) other->lines.push_back(line), other->more.set();
          }
        };
        const auto tell = [](net::TcpStream& to, Member& of) -> Future<> {
          for (;; of.more.clear(), co_await of.more.wait()) {
            for (; !of.lines.empty(); of.lines.pop_front()) {
              const std::string text = of.lines.front() + '\n';
              co_await to.write_all(text);
            }
          }
        };
        const auto result = co_await as_result(race(hear(stream, all), tell(stream, member)));
        all.erase(me);
        must(is_network(result.error()), "a session ended as no network ends it");
      };
      for (;;) sessions.start(session, co_await listener.accept(), std::ref(members), ++last);
    };
    const auto chat = [](World& in) -> Future<> {
      for (int life = 0; life < 4; ++life) {
        const auto once = [](World& w) -> Future<> {
          net::TcpStream stream = co_await net::connect("chat", 5000);
          std::set<std::string> heard;
          const auto hear = [](net::TcpStream& from, std::set<std::string>& lines) -> Future<> {
            net::BufferedReader reader(from);
            for (;;) {
              const std::string line = co_await reader.read_line();
              must(line.size() == 12 && line.starts_with("says "), "a line that nobody wrote");
              must(lines.insert(line).second, "a line was heard twice");
            }
          };
          const auto say = [](World& world_, net::TcpStream& to) -> Future<> {
            for (int i = 0; i < 10; ++i) {
              const std::string line = "says " + std::to_string(1'000'000 + said++) + '\n';
              co_await to.write_all(line);
              co_await sleep(Duration(world_.random(10'000'000)));
            }
          };
          co_await race(hear(stream, heard), say(w, stream));
        };
        const auto result = co_await as_result(wait_for(once(in), 60s));
        if (!result.has_value() && !is_network(result.error())) std::rethrow_exception(result.error());
        co_await sleep(5ms);
      }
    };
    world.host("chat", serve);
    for (const std::string name : {"a", "b", "c"})
      world.host(name, [&world, chat] { return chat(world); });
    for (int i = 0; i < 10; ++i) {
      world.run_for(Duration(world.random(40'000'000)));
      static constexpr const char* kAll[] = {"a", "b", "c", "chat"};
      world.restart(kAll[world.random(4)]);
    }
    while (world.is_up("a") || world.is_up("b") || world.is_up("c")) world.run_for(1s);
    world.crash("chat");
  });
}

TEST_CASE("swarm: a lock has one owner at a time, whatever is cut off and healed") {
  int times = 0, holders = 0;
  swarm([&](World& world) {
    spoil(world);
    holders = 0;
    world.host("locks", lock_server);
    for (const std::string name : {"a", "b", "c"})
      world.host(name, [&] { return lock_client(world, holders, times); });
    for (int i = 0; i < 6; ++i) {
      const std::string name(1, static_cast<char>('a' + world.random(3)));
      world.run_for(Duration(world.random(50'000'000)));
      world.partition("locks", name);
      world.run_for(Duration(world.random(3'000'000'000)));
      world.heal("locks", name);
    }
    while (world.is_up("a") || world.is_up("b") || world.is_up("c")) world.run_for(1s);
    world.crash("locks");
  });
  MESSAGE("the lock was had " << times << " times");
  CHECK(times > 0);
}

TEST_SUITE_END();
}  // namespace hob_test::swarm_test
