// SPDX-License-Identifier: MIT
//
// simulate.cpp — a client that tries again, a server that crashes, a network that loses and resets: a
// thousand different runs of both in about a second. What must hold in each: every deposit counts once.
//
//   simulate            the program as it should be
//   simulate careless   with a client that does not number what it sends: which run shows it?
//
// HOB_SIM_SEED=<n> repeats one run exactly, for the debugger.
#include <net/net.hpp>
#include <reactor/sim.hpp>

#include <cstdio>
#include <set>
#include <string>

using namespace std::chrono_literals;

namespace {
constexpr int kDeposits = 5;

// What the server has on its disk: it outlives a crash.
struct Books {
  int balance = 0;
  std::set<std::string> known;
};

// "NUMBER\n" deposits 1, unless that number is known, and is answered "ok\n".
hob::Future<> serve(hob::net::TcpStream stream, Books& books) {
  hob::net::BufferedReader reader(stream);
  for (;;) {
    const std::string number = co_await reader.read_line();
    if (number == "-" || books.known.insert(number).second) ++books.balance;
    co_await stream.write_all("ok\n");
  }
}

hob::Future<> server(Books& books) {
  hob::net::TcpListener listener = hob::net::listen("", 80);
  hob::TaskGroup clients;
  const auto client = [](hob::net::TcpStream stream, Books& its) -> hob::Future<> {
    auto served = serve(std::move(stream), its);
    static_cast<void>(co_await hob::as_result(std::move(served)));
  };
  for (;;) clients.start(client, co_await listener.accept(), std::ref(books));
}

hob::Future<> deposit(std::string number) {
  hob::net::TcpStream stream = co_await hob::net::connect("bank", 80);
  co_await stream.write_all(number + "\n");
  hob::net::BufferedReader reader(stream);
  co_await reader.read_line();
}

// Until the bank has said "ok": nobody knows what became of an attempt that failed.
hob::Future<> client(bool careless) {
  for (int i = 0; i < kDeposits; ++i) {
    const std::string number = careless ? "-" : std::to_string(i);
    for (bool done = false; !done;) {
      auto attempt = hob::wait_for(deposit(number), 500ms);
      done = (co_await hob::as_result(std::move(attempt))).has_value();
      if (!done) co_await hob::sleep(100ms);
    }
  }
}

void program(hob::sim::World& world, bool careless) {
  world.faults.latency_max = 10ms;
  world.faults.loss_per_mille = 20;
  world.faults.reset_per_mille = 20;
  Books books;
  world.host("bank", [&] { return server(books); });
  world.host("client", [&] { return client(careless); });
  while (world.is_up("client")) {
    world.run_for(std::chrono::milliseconds(world.random(1000)));
    world.restart("bank");
  }
  world.crash("bank");
  if (books.balance != kDeposits) {
    throw std::runtime_error("the balance is " + std::to_string(books.balance) + ", not " +
                             std::to_string(kDeposits));
  }
}
}  // namespace

int main(int argc, char** argv) {
  const bool careless = argc > 1 && std::string(argv[1]) == "careless";
  try {
    hob::sim::test(1000, [&](hob::sim::World& world) { program(world, careless); });
    std::puts("1000 runs: every deposit counted once");
    return 0;
  } catch (const hob::sim::Failure& failure) {
    std::puts(failure.what());
    return 1;
  }
}
