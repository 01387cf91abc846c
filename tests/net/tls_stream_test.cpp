// SPDX-License-Identifier: MIT
//
// tls_stream_test.cpp — a stream with TLS is the stream it was: its ends, drops, misuse, stopping.
#include "on_tls.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace hob_test::tls_test {
TEST_SUITE_BEGIN("net");

TEST_CASE("tls: each direction has an end of its own") {
  on_net([]() -> Future<> {
    Ends ends = co_await secure_ends();
    co_await ends.client.write_all("question");
    ends.client.shutdown_write();
    net::BufferedReader asked(ends.server), answered(ends.client);
    CHECK((co_await asked.read_to_end()) == "question");
    co_await ends.server.write_all("answer");
    Future<> finishing = ends.server.finish();
    CHECK((co_await answered.read_to_end()) == "answer");
    CHECK((co_await answered.read_to_end()) == "");
    ends.client.close();
    co_await std::move(finishing);
    const std::string late = co_await thrown<std::system_error>(ends.client.write_all("x"));
    CHECK(late != "nothing was thrown");
  });
}

TEST_CASE("tls: after its end was sent a stream takes no more") {
  on_net([]() -> Future<> {
    Ends ends = co_await secure_ends();
    ends.client.shutdown_write();
    const std::string why = co_await thrown<std::system_error>(ends.client.write_all("x"));
    CHECK(has(why, "Broken pipe"));
  });
}

TEST_CASE("tls: one that is closed or reset was cut") {
  on_net([]() -> Future<> {
    char byte;
    Ends ends = co_await secure_ends();
    co_await ends.server.write_all("!");
    co_await ends.client.read_some(std::span(&byte, 1));  // or what is unread resets the connection
    ends.client.close();
    const std::string closed = co_await thrown<std::system_error>(ends.server.read_some(std::span(&byte, 1)));
    CHECK(has(closed, "TLS: cut without close_notify"));
    const std::string again = co_await thrown<std::system_error>(ends.server.read_some(std::span(&byte, 1)));
    CHECK(again == closed);
    ends = co_await secure_ends();
    ends.client.abort();
    const std::string reset = co_await thrown<std::system_error>(ends.server.read_some(std::span(&byte, 1)));
    CHECK(has(reset, "Connection reset"));
  });
}

TEST_CASE("tls: a read of a byte at a time takes what came at once") {
  on_net([]() -> Future<> {
    Ends ends = co_await secure_ends();
    const std::string_view pieces[] = {"one, ", "", "two", ""};
    co_await ends.client.write_all(pieces);
    std::string heard;
    while (heard.size() < 8) {
      char byte;
      co_await ends.server.read_some(std::span(&byte, 1));
      heard += byte;
    }
    CHECK(heard == "one, two");
    char more;
    auto none = as_result(wait_for(ends.server.read_some(std::span(&more, 1)), 5ms));
    const auto late = co_await std::move(none);
    CHECK_FALSE(late.has_value());
    CHECK_FALSE(ends.server.readable());
  });
}

TEST_CASE("tls: dropped writes leave whole records, and what is written next comes behind them") {
  on_net([]() -> Future<> {
    Ends ends = co_await secure_ends();
    const std::string flood(200'000, 'x'), long_one(100'000, 'y');
    int dropped = 0;
    while (dropped < 3) {  // until the kernel takes no more
      auto writing = as_result(wait_for(ends.client.write_all(flood), 3ms));
      const auto result = co_await std::move(writing);
      if (!result.has_value()) ++dropped;
    }
    const auto hear = [](net::TcpStream& from) -> Future<std::string> {
      net::BufferedReader reader(from);
      co_return co_await reader.read_to_end();
    };
    Future<std::string> hearing = hear(ends.server);
    co_await ends.client.write_all(long_one);
    const std::string_view pieces[] = {"a", long_one, "b"};
    co_await ends.client.write_all(pieces);
    Future<> finishing = ends.client.finish();
    const std::string heard = co_await std::move(hearing);
    ends.server.shutdown_write();
    co_await std::move(finishing);
    const std::size_t end = heard.find_first_not_of('x');
    CHECK(heard.substr(end) == long_one + "a" + long_one + "b");
    CHECK(end >= 16 * 1024);
  });
}

TEST_CASE("tls: a greeting that is dropped closes its stream") {
  on_net([]() -> Future<> {
    Ends ends = co_await plain_ends();
    net::Tls tls(net::Tls::client, trusting());
    {
      auto greeting = tls.secure(std::move(ends.client), "localhost");
      co_await sleep(1ms);
    }
    net::BufferedReader reader(ends.server);
    const std::string hello = co_await reader.read_to_end();
    CHECK(hello.size() > 100);
    Site site;
    http::SessionOptions options = session_options();
    options.connect = 5ms;
    http::Session session(options);
    net::TcpListener silent = net::listen("127.0.0.1", 0);
    const std::string url = "https://" + silent.address().to_string();
    const std::string late = co_await thrown<TimedOut>(session.get(url));
    CHECK(has(late, "timed out"));
  });
}

TEST_CASE("tls: a second reader, or writer, is a logic_error") {
  on_net([]() -> Future<> {
    Ends ends = co_await secure_ends();
    char a, b;
    auto reading = as_result(ends.client.read_some(std::span(&a, 1)));
    const std::string why = co_await thrown<std::logic_error>(ends.client.read_some(std::span(&b, 1)));
    CHECK(has(why, "one reader"));
    co_await ends.server.write_all("z");
    const auto read = co_await std::move(reading);
    CHECK(read.value() == 1);
    CHECK(a == 'z');
  });
}

// The client's end, once both have greeted.
static Future<net::TcpStream> greeted(net::Tls& tls, net::TcpStream client, Foreign& peer) {
  Future<bool> greeting = peer.greet();
  net::TcpStream stream = co_await tls.secure(std::move(client), "localhost");
  const bool is_greeted = co_await std::move(greeting);
  CHECK(is_greeted);
  co_return stream;
}

TEST_CASE("tls: keys that are changed on the way, and answers that nobody sends") {
  on_net([]() -> Future<> {
    net::Tls tls(net::Tls::client, trusting());
    const ForeignContext with(good());
    Ends ends = co_await plain_ends();
    Foreign peer(std::move(ends.server), with);
    net::TcpStream stream = co_await greeted(tls, std::move(ends.client), peer);
    char byte;
    for (int i = 0; i < 100; ++i) {
      SSL_key_update(peer.ssl, SSL_KEY_UPDATE_REQUESTED);
      co_await peer.say("k");
      const std::size_t n = co_await stream.read_some(std::span(&byte, 1));
      CHECK(n == 1);
      if (i % 10 != 0) continue;
      co_await stream.write_all("k\n");
      const std::string heard = co_await peer.hear("\n");
      CHECK(heard == "k\n");
    }
  });
}

TEST_CASE("tls: a write amid a message of the peer's TLS loses nothing") {
  for (const bool reads : {false, true}) {
    on_net([=]() -> Future<> {
      net::Tls tls(net::Tls::client, trusting());
      const ForeignContext with(good());
      SSL_CTX_set_max_send_fragment(with.ctx, 512);  // its tickets take several records
      SSL_CTX_set_num_tickets(with.ctx, 0);          // and come when they are asked for
      const auto fill = [](SSL* ssl, void*) {
        const std::string data(3000, 'a');
        return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), data.data(), data.size());
      };
      SSL_CTX_set_session_ticket_cb(with.ctx, fill, nullptr, nullptr);
      Ends ends = co_await plain_ends();
      Foreign peer(std::move(ends.server), with);
      net::TcpStream stream = co_await greeted(tls, std::move(ends.client), peer);
      SSL_new_session_ticket(peer.ssl);
      SSL_do_handshake(peer.ssl);
      char* data = nullptr;
      const auto size = static_cast<std::size_t>(BIO_get_mem_data(SSL_get_wbio(peer.ssl), &data));
      const std::string ticket(data, size);
      static_cast<void>(BIO_reset(SSL_get_wbio(peer.ssl)));
      co_await peer.stream.write_all(std::string_view(ticket).substr(0, 700));
      char byte;
      Future<std::size_t> reading = stream.read_some(std::span(&byte, 1));
      co_await sleep(1ms);
      if (!reads) reading.cancel();
      std::string text;
      for (int i = 0; i < 20'000; ++i) text += std::to_string(i) + ' ';
      text += '\n';
      Future<> writing = stream.write_all(text);
      co_await sleep(1ms);
      co_await peer.stream.write_all(std::string_view(ticket).substr(700));
      co_await sleep(1ms);
      if (!reads) reading = stream.read_some(std::span(&byte, 1));  // some kernels tell the writer nothing
      auto hearing = as_result(wait_for(peer.hear("\n"), 5s));
      const auto heard = co_await std::move(hearing);
      const bool is_whole = heard.has_value() && heard.value() == text;
      CHECK(is_whole);
      co_await std::move(writing);
      co_await peer.say("z");
      const std::size_t n = co_await std::move(reading);
      CHECK(n == 1);
    });
  }
}

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
TEST_CASE("tls: one that waits keeps no memory of what has passed through it") {
  on_net([]() -> Future<> {
    const auto used = [] {
      const auto all = ::mallinfo2();
      return all.uordblks + all.hblkhd;
    };
    std::vector<Ends> idle;
    for (int i = 0; i < 20; ++i) {
      Ends ends = co_await secure_ends();
      idle.push_back(std::move(ends));
    }
    std::size_t before = 0;
    for (const std::size_t size : {std::size_t{100}, std::size_t{500'000}}) {
      before = used();
      for (Ends& ends : idle) {
        const auto drain = [](net::TcpStream& from) -> Future<> {
          while (!(co_await from.read_lease()).empty()) {
          }
        };
        Future<> client = drain(ends.client), server = drain(ends.server);
        const std::string text(size, 'x');
        co_await ends.client.write_all(text);
        co_await ends.server.write_all(text);
        while (ends.client.delivered() != ends.client.sent() || ends.server.delivered() != ends.server.sent()) co_await sleep(1ms);
        co_await sleep(1ms);
      }
    }
    const std::size_t after = used(), grown = (std::max(after, before) - before) / idle.size();
    CAPTURE(grown);
    CHECK(grown < 16'000);
  });
}
#endif

TEST_CASE("tls: a peer that asks for answers without end is refused, and no memory with it") {
  on_net([]() -> Future<> {
    net::Tls tls(net::Tls::client, trusting());
    const ForeignContext with(good());
    Ends ends = co_await plain_ends();
    Foreign peer(std::move(ends.server), with);
    net::TcpStream stream = co_await greeted(tls, std::move(ends.client), peer);
    std::string why;
    for (int i = 0; i < 50'000 && why.empty(); ++i) {
      SSL_key_update(peer.ssl, SSL_KEY_UPDATE_REQUESTED);
      co_await peer.say("k");
      char byte;
      const auto read = co_await as_result(stream.read_some(std::span(&byte, 1)));
      if (!read.has_value()) why = what(read.error());
    }
    CHECK(has(why, "TLS: the peer asks, and takes no answer"));
  });
}

TEST_CASE("tls: a server that stops waits for no greeting, and ends its connections in order") {
  on_net([]() -> Future<> {
    Site site;
    http::Session session(session_options());
    CHECK((co_await session.get(site.url("/a"))).body == "/a");
    net::TcpStream silent = co_await net::connect(net::Address::of("127.0.0.1", site.port));
    co_await sleep(1ms);
    site.server.stop(50ms);
    co_await std::move(site.serving);
    const std::string gone = co_await thrown<std::system_error>(session.get(site.url("/b")));
    CHECK(has(gone, "refused"));
  });
}

TEST_SUITE_END();
}  // namespace hob_test::tls_test
