// SPDX-License-Identifier: MIT
//
// tls_test.cpp — https: what works, who is believed, what is refused and with which sentence.
#include <thread>

#include "on_tls.hpp"

namespace hob_test::tls_test {
TEST_SUITE_BEGIN("net");

namespace {

// What a client is told, for whom a Foreign server is meant.
template <class Script>
Future<std::string> refusal_by(const ForeignContext& with, Script script, std::string path = "/") {
  net::TcpListener listener = net::listen("127.0.0.1", 0);
  const auto serve = [](net::TcpListener& on, const ForeignContext& context, Script& play) -> Future<> {
    Foreign peer(co_await on.accept(), context);
    const bool greeted = co_await peer.greet();
    if (greeted) co_await play(peer);
  };
  Future<> serving = serve(listener, with, script);
  http::Session session(session_options());
  const std::string url = "https://localhost:" + std::to_string(listener.address().port()) + path;
  co_return co_await thrown<std::system_error>(session.get(url));
}

}  // namespace

// --- what works ----------------------------------------------------------------------------------

TEST_CASE("tls: a get over https, by name and by address; the connection is kept") {
  on_net([]() -> Future<> {
    Site site;
    http::Session session(session_options());
    const auto first = co_await session.get(site.url("/a"));
    const auto second = co_await session.get(site.url("/b"));
    const auto by_address = co_await session.get(site.url("/c", "127.0.0.1"));
    CHECK(first.body == "/a");
    CHECK(second.body == "/b");
    CHECK(by_address.body == "/c");
    CHECK(first.headers.get("X-Port") == second.headers.get("X-Port"));
    CHECK(first.headers.get("X-Port") != by_address.headers.get("X-Port"));
  });
}

TEST_CASE("tls: large bodies, both ways") {
  on_net([]() -> Future<> {
    Site site;
    http::Session session(session_options());
    std::string body(3'000'000, ' ');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * i >> 7);
    for (const std::size_t size : {std::size_t{16383}, std::size_t{16384}, std::size_t{16385}, body.size()}) {
      const std::string part = body.substr(0, size);
      const auto response = co_await session.post(site.url(), part);
      CHECK(response.body == part);
    }
  });
}

TEST_CASE("tls: bodies that stream") {
  on_net([]() -> Future<> {
    Site site(shown(good()), [](http::Request&) -> Future<http::Response> {
      http::Response response;
      response.source = [n = 0]() mutable { return ready(++n > 50 ? std::string() : std::string(1000, 'a')); };
      co_return response;
    });
    http::Session session(session_options());
    http::Request request("POST", site.url());
    request.source = [n = 0]() mutable { return ready(++n > 9 ? std::string() : std::string(10'000, 'b')); };
    auto response = co_await session.open(std::move(request));
    std::size_t size = 0;
    for (std::string piece = "?"; !piece.empty(); size += piece.size()) piece = co_await response.source();
    CHECK(size == 50'000);
  });
}

TEST_CASE("tls: a session is taken up again by who verified the same host, once") {
  on_net([]() -> Future<> {
    const ForeignContext with(good());
    SSL_CTX_set_num_tickets(with.ctx, 1);
    net::TcpListener listener = net::listen("127.0.0.1", 0);
    std::string reused;
    const auto serve = [](net::TcpListener& on, const ForeignContext& context, std::string& log) -> Future<> {
      for (;;) {
        Foreign peer(co_await on.accept(), context);
        const bool greeted = co_await peer.greet();
        if (!greeted) continue;
        log += SSL_session_reused(peer.ssl) ? "reused " : "new ";
        co_await peer.say("!");
        co_await peer.end();
        co_await peer.hear("\n");
      }
    };
    Future<> serving = serve(listener, with, reused);
    const auto visit = [](net::Tls& tls, net::Address at, std::string host) -> Future<> {
      net::TcpStream stream = co_await net::connect(at);
      stream = co_await tls.secure(std::move(stream), host);
      std::string heard = "?";
      net::BufferedReader reader(stream);
      heard = co_await reader.read_to_end();
      CHECK(heard == "!");
      co_await stream.finish();
    };
    net::Tls tls(net::Tls::client, trusting());
    co_await visit(tls, listener.address(), "localhost");
    co_await visit(tls, listener.address(), "localhost");
    co_await visit(tls, listener.address(), "127.0.0.1");
    co_await visit(tls, listener.address(), "localhost");
    {
      net::TcpStream stream = co_await net::connect(listener.address());
      stream = co_await tls.secure(std::move(stream), "localhost");
      char byte;
      co_await stream.read_some(std::span(&byte, 1));
    }  // closed as it is
    co_await visit(tls, listener.address(), "localhost");
    net::Tls other(net::Tls::client, trusting());
    co_await visit(other, listener.address(), "localhost");
    net::TlsOptions any;
    any.dangerously_accept_any_certificate = true;
    net::Tls careless(net::Tls::client, any);
    co_await visit(careless, listener.address(), "localhost");
    co_await visit(careless, listener.address(), "localhost");
    CHECK(reused == "new reused new reused reused reused new new new ");
  });
}

TEST_CASE("tls: the protocol is agreed upon, or there is none") {
  on_net([]() -> Future<> {
    Site site;
    const auto ask = [](unsigned short port, std::string offers) -> Future<std::string> {
      const ForeignContext with;
      const auto wire_form = reinterpret_cast<const unsigned char*>(offers.data());
      SSL_CTX_set_alpn_protos(with.ctx, wire_form, static_cast<unsigned>(offers.size()));
      Foreign peer(co_await net::connect(net::Address::of("127.0.0.1", port)), with);
      const bool greeted = co_await peer.greet();
      co_return greeted ? "agreed: " + peer.protocol() : peer.complaint;
    };
    CHECK((co_await ask(site.port, "\x02h2\x08http/1.1")) == "agreed: http/1.1");
    CHECK((co_await ask(site.port, "\x02h2\x08http/1.0")) == "tlsv1 alert no application protocol");
    CHECK((co_await ask(site.port, "")) == "agreed: ");
  });
}

TEST_CASE("tls: a server that names an authority wants a certificate of its clients'") {
  on_net([]() -> Future<> {
    int handled = 0;
    net::TlsOptions demanding = shown(good());
    demanding.ca_file = authority().ca.c_str();
    Site site(demanding, [&](http::Request& request) { return ++handled, answer(request); });
    http::Session without(session_options());
    const std::string none = co_await thrown<std::system_error>(without.get(site.url()));
    CHECK(has(none, "TLS: tlsv13 alert certificate required"));
    const std::string wrong = authority().issue();
    net::TlsOptions options = trusting();
    options.certificate = wrong.c_str();
    http::Session with_wrong(session_options(options));
    const std::string refused = co_await thrown<std::system_error>(with_wrong.get(site.url()));
    CHECK(has(refused, "TLS: "));
    CHECK(handled == 0);
    Says says;
    says.usage = "clientAuth";
    const std::string right = authority().issue(says);
    options.certificate = right.c_str();
    http::Session with(session_options(options));
    CHECK((co_await with.get(site.url("/in"))).body == "/in");
    CHECK(handled == 1);
  });
}

// --- what is refused -----------------------------------------------------------------------------

TEST_CASE("tls: a certificate that is not good is refused, and the error says why") {
  struct Case {
    Says says;
    std::string host, why;
  };
  Says self_signed, expired, early, other, other_address, usage, by_wildcard, only_address;
  self_signed.self_signed = true;
  expired.until = year(1992);
  early.from = year(2049);
  other.names = "DNS:other.test,IP:127.0.0.1";
  other_address.names = "DNS:localhost,IP:127.0.0.2";
  usage.usage = "clientAuth";
  by_wildcard.names = "DNS:l*t";
  only_address.names = "";
  const std::vector<Case> cases = {
      {self_signed, "localhost", "self-signed certificate"},
      {expired, "localhost", "certificate has expired"},
      {early, "localhost", "certificate is not yet valid"},
      {other, "localhost", "hostname mismatch"},
      {other_address, "127.0.0.1", "IP address mismatch"},
      {by_wildcard, "localhost", "hostname mismatch"},
      {only_address, "localhost", "hostname mismatch"},
      {usage, "localhost", "unsuitable certificate purpose"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.why);
    const std::string file = authority().issue(each.says);
    on_net([&]() -> Future<> {
      int handled = 0;
      Site site(shown(file), [&](http::Request& request) { return ++handled, answer(request); });
      http::Session session(session_options());
      const std::string why = co_await thrown<std::system_error>(session.get(site.url("/", each.host)));
      const std::string at = "connect 127.0.0.1:" + std::to_string(site.port);
      CHECK(why == at + ": TLS: " + each.why + ": Protocol error");
      CHECK(handled == 0);
      net::TlsOptions any;
      any.dangerously_accept_any_certificate = true;
      http::Session careless(session_options(any));
      CHECK((co_await careless.get(site.url("/b", each.host))).body == "/b");
    });
  }
  on_net([]() -> Future<> {
    Site site;
    Authority stranger("stranger");
    http::Session session(session_options(trusting(stranger.ca)));
    const std::string why = co_await thrown<std::system_error>(session.get(site.url()));
    CHECK(has(why, "TLS: unable to get local issuer certificate"));
    http::Session by_default;
    const std::string not_the_systems = co_await thrown<std::system_error>(by_default.get(site.url()));
    CHECK(has(not_the_systems, "TLS: unable to get local issuer certificate"));
  });
}

TEST_CASE("tls: whether a certificate is in its time, the loop's date says") {
  Says says;
  says.from = year(1999), says.until = year(2001);
  const std::string file = authority().issue(says);
  sim::World world(1);
  Loop loop(world.backend());
  loop.run([&]() -> Future<> {
    Site site(shown(file));
    http::Session session(session_options());
    const std::string url = site.url("/a");
    CHECK((co_await session.get(url)).body == "/a");
    co_await sleep(24h * 400);
    http::Session later(session_options());
    const std::string why = co_await thrown<std::system_error>(later.get(url));
    CHECK(has(why, "TLS: certificate has expired"));
  }());
}

TEST_CASE("tls: a peer that speaks only TLS 1.0 or 1.1 is refused, on either side") {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    on_net([&]() -> Future<> {
      ForeignContext server(good());
      server.at_most(version);
      const auto nothing = [](Foreign&) -> Future<> { co_return; };
      const std::string why = co_await refusal_by(server, nothing);
      CHECK(has(why, "TLS: unsupported protocol"));

      ForeignContext client;
      client.at_most(version);
      Ends ends = co_await plain_ends();
      Foreign peer(std::move(ends.client), client);
      Future<bool> greeting = peer.greet();
      net::Tls tls(net::Tls::server, shown(good()));
      const std::string refused = co_await thrown<std::system_error>(tls.secure(std::move(ends.server)));
      CHECK(refused.starts_with("accept 127.0.0.1:"));
      CHECK(has(refused, "TLS: unsupported protocol"));
      const bool greeted = co_await std::move(greeting);
      CHECK_FALSE(greeted);
      CHECK(peer.complaint == "tlsv1 alert protocol version");
    });
  }
}

TEST_CASE("tls: the newest TLS 1.2 will do") {
  on_net([]() -> Future<> {
    ForeignContext server(good());
    server.at_most(TLS1_2_VERSION);
    const std::string none = co_await refusal_by(server, [](Foreign& peer) -> Future<> {
      co_await peer.hear("\r\n\r\n");
      co_await peer.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    CHECK(none == "nothing was thrown");
  });
}

TEST_CASE("tls: a connection that is cut is an error, wherever it is") {
  on_net([]() -> Future<> {
    const ForeignContext with(good());
    for (const bool says_the_end : {false, true}) {
      const std::string why = co_await refusal_by(with, [=](Foreign& peer) -> Future<> {
        co_await peer.hear("\r\n\r\n");
        co_await peer.say("HTTP/1.1 200 OK\r\n\r\nhalf");
        if (says_the_end) co_await peer.end();
        peer.stream.shutdown_write();
        co_await peer.hear("\r\n");
      });
      if (says_the_end) CHECK(why == "nothing was thrown");
      else CHECK(has(why, "TLS: cut without close_notify: Protocol error"));
    }
    Ends ends = co_await plain_ends();
    net::Tls tls(net::Tls::client, trusting());
    auto greeting = tls.secure(std::move(ends.client), "localhost");
    ends.server.shutdown_write();
    const std::string why = co_await thrown<std::system_error>(std::move(greeting));
    CHECK(has(why, "TLS: the connection has ended during the handshake"));

    ends = co_await plain_ends();
    auto to_no_tls = tls.secure(std::move(ends.client), "localhost");
    co_await ends.server.write_all("220 mail.test ESMTP\r\n");
    const std::string odd = co_await thrown<std::system_error>(std::move(to_no_tls));
    CHECK(has(odd, "TLS: the peer does not speak TLS"));
  });
}

TEST_CASE("tls: files that will not do are named") {
  const auto refusal = [](net::Tls::Side side, net::TlsOptions options) -> std::string {
    try {
      net::Tls tls(side, options);
    } catch (const std::runtime_error& e) {
      return e.what();
    }
    return "nothing was thrown";
  };
  const std::string other = authority().issue();
  net::TlsOptions options = shown("/no/such.pem");
  const std::string missing = "/no/such.pem";
  options.certificate = missing.c_str();
  CHECK(refusal(net::Tls::server, options) == "TLS: /no/such.pem: No such file or directory");
  options = shown(good());
  options.key = other.c_str();
  CHECK(refusal(net::Tls::server, options) == "TLS: " + other + ": key values mismatch");
  CHECK(refusal(net::Tls::client, trusting(missing)) == "TLS: /no/such.pem: No such file or directory");
  options = shown(authority().ca);  // it has no key
  CHECK(has(refusal(net::Tls::server, options), "TLS: " + authority().ca + ": "));
  const std::string locked = authority().path("locked.pem");
  EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  std::FILE* const to = std::fopen(locked.c_str(), "w");
  PEM_write_PrivateKey(to, key, EVP_aes_128_cbc(), nullptr, 0, nullptr, const_cast<char*>("secret"));
  std::fclose(to);
  EVP_PKEY_free(key);
  options = shown(good());
  options.key = locked.c_str();
  CHECK(has(refusal(net::Tls::server, options), "TLS: " + locked + ": "));
  Loop loop{kernel()};
  net::Tls tls(net::Tls::client, trusting()), none;
  for (const std::string& host : {std::string(), std::string("."), std::string(".test"), std::string("a\0b", 3)})
    CHECK_THROWS_AS(loop.run(tls.secure(net::stream_pair().first, host)), std::invalid_argument);
  CHECK_THROWS_AS(loop.run(none.secure(net::stream_pair().first, "a")), std::logic_error);
  const auto twice = [&]() -> Future<> {
    Ends ends = co_await secure_ends();
    co_await tls.secure(std::move(ends.client), "localhost");
  };
  CHECK_THROWS_AS(loop.run(wait_for(twice(), 1s)), std::logic_error);
  std::thread([&] {  // its sessions are not for two
    Loop here_too{kernel()};
    CHECK_THROWS_AS(here_too.run(tls.secure(net::stream_pair().first, "a")), std::logic_error);
  }).join();
}

TEST_SUITE_END();
}  // namespace hob_test::tls_test
