// SPDX-License-Identifier: MIT
//
// world_test.cpp — simulated hosts and the network between them: what it does, what it does wrong when told
// to, and that the same seed gives the same run.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <set>

#include "../../net/net.hpp"
#include "../net/on_kernel.hpp"

namespace hob_test::world_test {
TEST_SUITE_BEGIN("reactor");

namespace {

using sim::World;

const net::Address kAny = net::Address::parse("0.0.0.0:0");

// Answers each line with itself, for ever.
Future<> echo_server() {
  net::TcpListener listener = net::listen("", 7);
  TaskGroup peers;
  const auto echo = [](net::TcpStream stream) -> Future<> {
    static_cast<void>(co_await as_result(net::copy(stream, stream)));
  };
  for (;;) peers.start(echo, co_await listener.accept());
}

Future<std::string> ask(net::TcpStream& stream, std::string text) {
  text += '\n';
  co_await stream.write_all(text);
  net::BufferedReader reader(stream);
  co_return co_await reader.read_line();
}

Future<std::string> ask(std::string host, std::string text) {
  net::TcpStream stream = co_await net::connect(host, 7);
  co_return co_await ask(stream, std::move(text));
}

// A world with "echo", and the loop of its nameless host.
struct Net {
  explicit Net(std::uint64_t seed = 1) : world(seed), loop(world.backend()) {
    world.host("echo", echo_server);
  }
  Duration passed() const { return world.now() - start; }
  World world;
  const TimePoint start = world.now();
  Loop loop;
};

std::string failure(std::uint64_t seeds, const std::function<void(World&)>& program) {
  try {
    sim::test(seeds, program);
    return "";
  } catch (const sim::Failure& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE("hosts have names, addresses and loops of their own") {
  Net net;
  CHECK(net.world.address("echo") == "10.0.0.2");
  CHECK_THROWS_AS(net.world.address("nobody"), std::invalid_argument);
  CHECK_THROWS_AS(net.world.host("echo", echo_server), std::invalid_argument);
  const auto found = net.loop.run(net::resolve("echo", 7));
  REQUIRE(found.size() == 2);
  CHECK(found[0].to_string() == "[fd00::2]:7");
  CHECK(found[1].to_string() == "10.0.0.2:7");
  const auto own = net.loop.run(net::resolve("localhost", 7));
  CHECK(own[0].to_string() == "[::1]:7");
  CHECK(net.loop.run(ask("echo", "hello")) == "hello");
  Loop* loop = nullptr;
  net.world.host("other", [&]() -> Future<> {
    loop = &Loop::current();
    net::TcpStream stream = co_await net::connect("echo", 7);
    CHECK(stream.peer().to_string() == "[fd00::2]:7");
    CHECK(stream.local().host() == "fd00::3");
    CHECK((co_await ask(stream, "from another host")) == "from another host");
    // What is bound to a host's loopback is not there for others.
    CHECK((co_await error_of(net::connect("127.0.0.1", 7))).find("refused") != std::string::npos);
  });
  net.loop.run(sleep(1s));
  CHECK(loop != nullptr);
  CHECK(loop != &net.loop);
  CHECK_FALSE(net.world.is_up("other"));
  CHECK(&Loop::current() == &net.loop);
  CHECK(net.world.open_descriptors() == 1);  // the listener
}

TEST_CASE("latency is exact: a name, a connect and an answer take what they take") {
  Net net;
  net.loop.run(net::resolve("echo", 7));
  const Duration before = net.passed();
  net.loop.run(ask("echo", "x"));
  CHECK(net.passed() - before == 4 * 50us);
  sim::Faults& link = net.world.link("localhost", "echo");
  link.latency_min = link.latency_max = 3ms;
  CHECK(&net.world.link("echo", "localhost") == &link);
  const Duration then = net.passed();
  net.loop.run(ask("echo", "x"));
  CHECK(net.passed() - then == 4 * 3ms);
}

TEST_CASE("bandwidth takes its time, and what is sent shares it") {
  Net net;
  net.world.faults.bandwidth = 1'000'000;
  const auto pour = []() -> Future<> {
    net::TcpStream stream = co_await net::connect("echo", 7);
    const std::string text(1'000'000, 'x');
    Future<> writing = stream.write_all(text);
    net::BufferedReader reader(stream);
    const std::string back = co_await reader.read_exactly(text.size());
    CHECK(back == text);
    co_await std::move(writing);
  };
  net.loop.run(pour());
  CHECK(net.passed() >= 1s);
  CHECK(net.passed() < 1300ms);
}

TEST_CASE("a crash drops what runs and resets connections; a restart begins again") {
  int alive = 0;
  Net net;
  net.world.host("victim", [&]() -> Future<> {
    struct Local {
      explicit Local(int& n) : count(++n) {}
      ~Local() { --count; }
      int& count;
    } local(alive);
    net::TcpListener listener = net::listen("", 1);
    net::TcpStream stream = co_await listener.accept();
    co_await sleep(Duration::max());
  });
  net.loop.run([](World& world, int& count) -> Future<> {
    net::TcpStream stream = co_await net::connect("victim", 1);
    CHECK(count == 1);
    Future<net::Lease> reading = stream.read_lease();
    world.crash("victim");
    CHECK(count == 0);
    CHECK((co_await error_of(std::move(reading))).find("Connection reset") != std::string::npos);
    CHECK((co_await error_of(net::connect("victim", 1))).find("refused") != std::string::npos);
    world.restart("victim");
    co_await sleep(1ms);
    CHECK(count == 1);
    const net::TcpStream again = co_await net::connect("victim", 1);
    world.restart("victim");
    CHECK(count == 0);
  }(net.world, alive));
  net.world.host("suicide", [&]() -> Future<> {
    net.world.crash("suicide");
    co_await sleep(1ms);
    CHECK(false);
  });
  net.loop.run(sleep(1s));
  CHECK_FALSE(net.world.is_up("suicide"));
  CHECK_THROWS_AS(net.world.crash("localhost"), std::invalid_argument);
}

TEST_CASE("what a host's main throws comes out of what drives the world") {
  World world(1);
  world.host("broken", []() -> Future<> {
    co_await sleep(1s);
    throw std::runtime_error("the host is broken");
  });
  world.host("other", [] { return sleep(2s); });
  CHECK_THROWS_WITH(world.run(), "the host is broken");
  world.run();
  CHECK_FALSE(world.is_up("other"));
  world.host("waiting", []() -> Future<> {
    Event never;
    co_await never.wait();
  });
  CHECK_THROWS_AS(world.run(), sim::Deadlock);
}

TEST_CASE("a partition holds streams up and loses datagrams; connects and senders give up in the end") {
  Net net;
  net.loop.run([](World& world) -> Future<> {
    net::TcpStream stream = co_await net::connect("echo", 7);
    world.partition("echo", "localhost");
    Future<std::string> asked = ask(stream, "held");
    co_await sleep(10s);
    CHECK_FALSE(asked.ready());
    world.heal("localhost", "echo");
    CHECK(co_await std::move(asked) == "held");
    world.partition("echo", "localhost");
    const TimePoint before = world.now();
    CHECK((co_await error_of(net::connect("echo", 7))).find("timed out") != std::string::npos);
    CHECK(world.now() - before == 1ms + 127s + 250ms);  // the name; the second address began later
    CHECK((co_await error_of(ask(stream, "lost"))).find("timed out") != std::string::npos);
    world.heal("echo", "localhost");
    CHECK((co_await ask("echo", "again")) == "again");
  }(net.world));
}

TEST_CASE("an address of nobody's never answers; a full backlog is tried again") {
  Net net;
  CHECK(net.loop.run(error_of(net::connect("10.0.9.9", 1))).find("timed out") != std::string::npos);
  CHECK(net.passed() == 127s);
  net.world.host("slow", []() -> Future<> {
    net::ListenOptions options;
    options.backlog = 0;
    net::TcpListener listener = net::listen("", 1, options);
    co_await sleep(200s);
    for (;;) co_await listener.accept();
  });
  net.loop.run(net::connect("slow", 1));
  const auto second = net.loop.run(as_result(net::connect("10.0.0.3", 1)));
  CHECK_FALSE(second.has_value());
  CHECK(net.loop.run(net::connect("slow", 1)).is_open());
}

TEST_CASE("datagrams are lost, doubled and overtaken, as often as was said, and refused") {
  Net net;
  net.world.faults.loss_per_mille = 200;
  net.world.faults.duplicate_per_mille = 100;
  net.world.faults.reorder_per_mille = 100;
  net.loop.run([](World& world) -> Future<> {
    net::UdpSocket to = net::UdpSocket::bind(kAny), from = net::UdpSocket::bind(kAny);
    const net::Address at = net::Address::of("127.0.0.1", to.local().port());
    const auto send = [](World& in, net::UdpSocket& by, net::Address address) -> Future<> {
      for (int i = 0; i < 1000; ++i) {
        co_await by.send_to(std::to_string(i), address);
        co_await sleep(10us);
      }
      in.faults = sim::Faults();
      co_await sleep(1ms);
      co_await by.send_to("end", address);
    };
    Future<> sending = send(world, from, at);
    std::set<int> heard;
    int doubled = 0, overtaken = 0, last = -1;
    for (char bytes[10];;) {
      const net::Datagram got = co_await to.recv_from(std::span(bytes));
      CHECK(got.from.port() == from.local().port());
      if (std::string(bytes, got.size) == "end") break;
      const int n = std::stoi(std::string(bytes, got.size));
      doubled += !heard.insert(n).second;
      overtaken += n < last;
      last = n;
    }
    CHECK(heard.size() > 750);
    CHECK(heard.size() < 900);
    CHECK(doubled > 40);
    CHECK(overtaken > 40);
    co_await std::move(sending);
    from.connect(net::Address::parse("127.0.0.1:99"));
    co_await from.send("nobody");
    char bytes[10];
    CHECK((co_await error_of(from.recv_from(std::span(bytes)))).find("refused") != std::string::npos);
  }(net.world));
}

TEST_CASE("Unix sockets are a host's own, and gone with it") {
  Net net;
  const auto serve = []() -> Future<> {
    net::TcpListener listener = net::listen_unix("/sim/socket");
    CHECK_THROWS_AS(net::listen_unix("/sim/socket"), std::system_error);
    net::TcpStream stream = co_await listener.accept();
    co_await stream.write_all("hello\n");
  };
  net.world.host("a", [&]() -> Future<> {
    Future<> serving = serve();
    net::TcpStream stream = co_await net::connect_unix("/sim/socket");
    net::BufferedReader reader(stream);
    CHECK((co_await reader.read_line()) == "hello");
    co_await std::move(serving);
    const std::string error = co_await error_of(net::connect_unix("/sim/socket"));
    CHECK(error.find("No such file") != std::string::npos);
  });
  const std::string error = net.loop.run(error_of(net::connect_unix("/sim/socket")));
  CHECK(error.find("No such file") != std::string::npos);
  net.loop.run(sleep(1s));
  CHECK_FALSE(net.world.is_up("a"));
}

TEST_CASE("with no descriptor left, with no buffers, and aborted: accepting goes on") {
  int told = 0;
  std::optional<Net> at_first(std::in_place);
  World& world = at_first->world;
  world.faults.descriptors = 3;
  world.host("poor", [&]() -> Future<> {
    Loop::current().on_unhandled([&](std::exception_ptr) { ++told; });
    net::TcpListener listener = net::listen("", 1);
    std::deque<net::TcpStream> taken;
    for (int i = 0; i < 3; ++i) {
      if (taken.size() == 2) co_await sleep(1s), taken.pop_front();
      taken.push_back(co_await listener.accept());
    }
    CHECK(listener.pauses() == 0);
    Future<net::TcpStream> fourth = listener.accept();
    co_await sleep(1s);
    CHECK(listener.pauses() > 10);
    taken.clear();
    co_await std::move(fourth);
  });
  world.host("client", []() -> Future<> {
    for (int i = 0; i < 4; ++i) {
      net::TcpStream stream = co_await net::connect("poor", 1);
      co_await sleep(500ms);
    }
  });
  at_first->loop.run(sleep(10s));
  CHECK(told == 1);
  CHECK_FALSE(world.is_up("poor"));

  at_first.reset();
  Net other;
  other.world.faults.accept_failures_per_mille = 500;
  int answered = 0, failed = 0;
  for (int i = 0; i < 100; ++i) {
    const auto result = other.loop.run(as_result(ask("echo", "x")));
    result.has_value() ? ++answered : ++failed;
  }
  CHECK(answered > 10);
  CHECK(failed > 10);
  other.world.faults.accept_failures_per_mille = 0;
  other.world.faults.reset_after = 1000;
  CHECK(other.loop.run(ask("echo", "x")) == "x");
  const std::string text(2000, 'x');
  CHECK(other.loop.run(error_of(ask("echo", text))).find("Connection reset") != std::string::npos);
}

TEST_CASE("a host that sleeps is woken by what another one posts") {
  std::optional<Remote> remote;
  Event event;
  World world(1);
  world.host("a", [&]() -> Future<> {
    remote.emplace(Loop::current().remote());
    co_await event.wait();
  });
  world.host("b", [&]() -> Future<> {
    co_await sleep(1s);
    CHECK(remote->post([&] { event.set(); }));
  });
  world.run();
  CHECK(event.is_set());
}

TEST_CASE("a signal is sent to one host") {
  Net net;
  net.world.host("stopped", []() -> Future<> { co_await signal(SIGTERM); });
  net.loop.run(sleep(1s));
  net.world.signal("echo", SIGTERM);
  net.world.signal("stopped", SIGTERM);
  net.loop.run(sleep(1s));
  CHECK(net.world.is_up("echo"));
  CHECK_FALSE(net.world.is_up("stopped"));
}

// What every compiler and machine must agree on. It changes with the simulator, and with what the
// library asks of it.
TEST_CASE("the trace of a run is known: the same seed, the same run, everywhere") {
  const auto trace = [](std::uint64_t seed) {
    Net net(seed);
    net.world.faults.latency_max = 3ms;
    net.world.faults.loss_per_mille = net.world.faults.short_io_per_mille = 100;
    net.world.faults.spurious_per_mille = 100;
    std::vector<Future<std::string>> all;
    for (std::size_t i = 0; i < 20; ++i) all.push_back(ask("echo", std::string(i * 400, 'x')));
    net.loop.run(gather(std::move(all)));
    return net.world.trace();
  };
  CHECK(trace(1) == trace(1));
  CHECK(trace(1) != trace(2));
  CHECK(trace(1) == 9518073043823435517u);
}

TEST_CASE("sim::test tells the first seed that fails, why, and what that takes") {
  if (std::getenv("HOB_SIM_SEED")) return;  // that one alone would be run
  int runs = 0;
  const auto asks = [&](World& world) {
    ++runs;
    world.faults.loss_per_mille = world.faults.short_io_per_mille = 100;
    world.faults.reset_per_mille = 30;
    world.faults.latency_max = 1ms;
    world.host("echo", echo_server);
    Loop loop(world.backend());
    loop.run(ask("echo", "x"));
  };
  CHECK(failure(1, [](World&) {}) == "");
  const std::string text = failure(1000, asks);
  CAPTURE(text);
  CHECK(text.find("HOB_SIM_SEED=") == 0);
  CHECK(text.find("Connection reset by peer") != std::string::npos);
  CHECK(text.find("(it takes: reset") != std::string::npos);
  CHECK(runs > 11);
  const std::string always = failure(5, [](World&) { throw 1; });
  CHECK(always == "HOB_SIM_SEED=1: no std::exception (it takes: no chance)");
}

TEST_CASE("a day of heartbeats between 100 hosts: none is lost, none comes twice") {
  const auto begin = std::chrono::steady_clock::now();
  World world(1);
  int beats = 0;
  for (int i = 0; i < 100; ++i) {
    const net::Address to = net::Address::of("10.0.0." + std::to_string(2 + (i + 1) % 100), 9);
    world.host("host" + std::to_string(i), [to, &beats]() -> Future<> {
      net::UdpSocket socket = net::UdpSocket::bind(net::Address::parse("0.0.0.0:9"));
      const auto beat = [](net::UdpSocket& by, net::Address at) -> Future<> {
        for (;; co_await sleep(60s)) co_await by.send_to("beat", at);
      };
      const auto hear = [](net::UdpSocket& from, int& count) -> Future<> {
        for (char bytes[10];; ++count) co_await from.recv_from(std::span(bytes));
      };
      co_await gather(beat(socket, to), hear(socket, beats));
    });
  }
  world.run_for(24h);
  CHECK(beats == 100 * 24 * 60);
  const Duration took = std::chrono::steady_clock::now() - begin;
  MESSAGE(beats << " heartbeats in " << took / 1ms << " ms");
}

TEST_SUITE_END();
}  // namespace hob_test::world_test
