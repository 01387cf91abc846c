// SPDX-License-Identifier: MIT
//
// tls_swarm_test.cpp — https between simulated hosts, through one in between that passes the bytes on a
// few at a time and cuts after so many: each request gets its answer whole, or a clean error.
//
// HOB_SWARM=<n> runs so many seeds, HOB_SIM_SEED=<n> one alone.
#include <openssl/rand.h>

#include <random>

#include "authority.hpp"
#include "http_peer.hpp"

namespace hob_test::tls_swarm_test {
TEST_SUITE_BEGIN("net");

namespace {

using sim::World;

void must(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

std::string letters(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

struct Plan {
  std::size_t piece;  // bytes that are passed on at a time
  std::size_t most;   // in either direction, until the connection is reset; 0: all
  bool ends;          // with a FIN instead
};

// Passes on in one direction. False: that was the cut.
Future<bool> pass(net::TcpStream& from, net::TcpStream& to, const Plan& plan) {
  std::vector<char> bytes(plan.piece);
  for (std::size_t passed = 0;;) {
    const std::size_t n = co_await from.read_some(std::span(bytes));
    if (n == 0) break;
    co_await to.write_all(std::string_view(bytes.data(), n));
    passed += n;
    if (plan.most != 0 && passed >= plan.most) co_return false;
  }
  to.shutdown_write();
  co_return true;
}

Future<> between(net::TcpStream near, const Plan& plan) {
  net::TcpStream far = co_await net::connect("web", 443);
  auto both = gather(pass(near, far, plan), pass(far, near, plan));
  const auto passed = co_await as_result(std::move(both));
  const bool is_cut = !passed.has_value() || !std::get<0>(passed.value()) || !std::get<1>(passed.value());
  if (!is_cut) co_return;
  if (plan.ends) co_return;  // both are closed as they are
  near.abort();
  far.abort();
}

Future<> middle(const Plan& plan) {
  net::TcpListener listener = net::listen("", 443);
  TaskGroup all;
  const auto quiet = [](net::TcpStream stream, const Plan& how) -> Future<> {
    static_cast<void>(co_await as_result(between(std::move(stream), how)));
  };
  for (;;) all.start(quiet, co_await listener.accept(), std::cref(plan));
}

Future<http::Response> answer(http::Request& request) {
  http::Response response(200, request.body);
  if (request.method == "GET") response.body = letters(std::stoul(request.path().substr(1)));
  if (request.target.ends_with("?stream")) {  // to the end of the connection, or in chunks
    response.source = [body = std::exchange(response.body, ""), at = std::size_t(0)]() mutable {
      const std::string piece = body.substr(at, 5000);
      at += piece.size();
      return ready(piece);
    };
  }
  co_return response;
}

Future<> web(net::TlsOptions tls) {
  http::ServerOptions options;
  options.tls = tls;
  http::Server server(answer, options);
  co_await server.serve(net::listen("", 443));
}

// How many have had their answer.
Future<int> client(World& world, net::TlsOptions tls, bool may_fail) {
  http::SessionOptions options;
  options.tls = tls;
  http::Session session(options);
  int answered = 0;
  for (int i = 0; i < 3; ++i) {
    const std::size_t size = world.random(40'000);
    const bool posts = world.random(2), streams = world.random(2);
    const std::string url = "https://middle/" + std::to_string(size) + (streams ? "?stream" : "");
    http::Request request(posts ? "POST" : "GET", url);
    if (posts) request.body = letters(size);
    if (world.random(3) == 0) request.headers.set("Connection", "close");
    const auto result = co_await as_result(session.request(std::move(request)));
    if (result.has_value()) {
      must(result.value().status == 200 && result.value().body == letters(size), "another answer");
      ++answered;
      continue;
    }
    const std::string why = what(result.error());
    must(may_fail, why);
    try {
      std::rethrow_exception(result.error());
    } catch (const std::system_error& e) {
      const bool is_cut = why.find("TLS: cut without close_notify") != why.npos ||
                          why.find("TLS: the connection has ended during the handshake") != why.npos;
      must(e.code().value() != EPROTO || is_cut, why);
    } catch (const TimedOut&) {
    } catch (const net::EndOfStream&) {
      must(false, "a cut that looks like an end");
    }
  }
  co_return answered;
}

std::uint64_t how_many() {
  const char* const asked = std::getenv("HOB_SWARM");
  return asked ? std::strtoull(asked, nullptr, 10) : 1000;
}

// OpenSSL's random bytes, by the seed: lengths depend on them (a ticket's numbers are as long as they have
// to be), and so the whole run. (What does this is deprecated, and what replaced it takes a provider.)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
class Dice {
 public:
  Dice() { RAND_set_rand_method(&kMethod); }
  ~Dice() { RAND_set_rand_method(nullptr); }
  void seed(std::uint64_t with) { numbers().seed(with); }

 private:
  static std::mt19937_64& numbers() {
    static std::mt19937_64 all;
    return all;
  }
  static int fill(unsigned char* bytes, int n) {
    for (int i = 0; i < n; ++i) bytes[i] = static_cast<unsigned char>(numbers()());
    return 1;
  }
  static int status() { return 1; }
  static constexpr RAND_METHOD kMethod{nullptr, fill, nullptr, nullptr, fill, status};
};
#pragma GCC diagnostic pop

}  // namespace

TEST_CASE("swarm: https in pieces of any size, and cut or reset at any byte, is an answer or a clean error") {
  Authority authority;
  Says says;
  says.names = "DNS:middle";
  const std::string file = authority.issue(says);
  net::TlsOptions shown, trusting;
  shown.certificate = file.c_str();
  trusting.ca_file = authority.ca.c_str();
  int answered = 0, asked = 0;
  std::uint64_t traces = 0;
  Dice dice;
  try {
    sim::test(how_many(), [&](World& world) {
      dice.seed(world.random(1'000'000'000));
      static constexpr std::size_t kPieces[] = {1, 2, 5, 100, 1500, 16 * 1024, 64 * 1024};
      Plan plan{kPieces[world.random(7)], 0, false};
      const bool cuts = world.random(2);
      if (cuts) plan.most = 1 + world.random(world.random(2) ? 3000 : 60'000), plan.ends = world.random(2);
      const bool resets = world.random(8) == 0;
      world.faults.short_io_per_mille = static_cast<unsigned>(world.random(500));
      world.faults.spurious_per_mille = static_cast<unsigned>(world.random(300));
      world.faults.latency_max = Duration(50'000 + world.random(5'000'000));
      if (resets) world.faults.reset_after = 1 + world.random(50'000);
      world.host("web", [&] { return web(shown); });
      world.host("middle", [&] { return middle(plan); });
      Loop loop(world.backend());
      const int answers = loop.run(client(world, trusting, cuts || resets));
      must(cuts || resets || answers == 3, "no answer, and no error");
      asked += 3, answered += answers;
      world.crash("middle");
      world.crash("web");
      settle(loop);
      must(world.open_descriptors() == 0, "a descriptor was left open");
      traces += world.trace();
    });
  } catch (const sim::Failure& failure) {
    FAIL(std::string(failure.what()));
  }
  MESSAGE(answered << " of " << asked << " requests had their answer, trace " << traces);
  CHECK(answered > 0);
}

TEST_SUITE_END();
}  // namespace hob_test::tls_swarm_test
