// SPDX-License-Identifier: MIT
//
// backend_sockets_test.cpp — the socket calls of every kernel: the conformance suite, continued.
//
// See backend_test.cpp.
#include "kernels.hpp"

namespace hob_test::backend_sockets_test {
TEST_SUITE_BEGIN("reactor");

TEST_CASE("a connection is made: EINPROGRESS, writable, result 0") {
  each_kernel([](Bench& bench) {
    Listener listener(bench);
    Client client(bench, listener.address);
    CHECK((client.begun == EINPROGRESS || client.begun == 0));
    Waiter writer;
    client.watch.writer = &writer;
    client.attach();
    int result = EINPROGRESS;
    CHECK(bench.eventually([&] {
      if (client.watch.writable) result = bench->connect_result(client.watch);
      client.watch.writable = false;
      return result != EINPROGRESS;
    }));
    CHECK(result == 0);
    CHECK(writer.armed());
  });
}

TEST_CASE("a refused connection: writable, result ECONNREFUSED") {
  each_kernel([](Bench& bench) {
    Loopback nobody;
    Handle taken(bench, open_socket(bench, SOCK_STREAM));  // but not listened on
    REQUIRE(bench->bind(taken.fd, nobody.get(), nobody.size) == 0);
    REQUIRE(bench->local_name(taken.fd, nobody.get(), &nobody.size) == 0);
    Client client(bench, nobody);
    if (client.begun == ECONNREFUSED) return;  // some systems know at once
    REQUIRE(client.begun == EINPROGRESS);
    client.attach();
    int result = EINPROGRESS;
    CHECK(bench.eventually([&] {
      if (client.watch.writable) result = bench->connect_result(client.watch);
      client.watch.writable = false;
      return result != EINPROGRESS;
    }));
    CHECK(result == ECONNREFUSED);
  });
}

TEST_CASE("a listener reports each new connection, others waiting or not") {
  each_kernel([](Bench& bench) {
    Listener listener(bench);
    CHECK(bench->accept(listener.fd, nullptr, nullptr).error == EAGAIN);
    listener.attach(kRead);
    std::deque<Client> clients;
    for (int i = 0; i < 3; ++i) {
      clients.emplace_back(bench, listener.address);
      CHECK(bench.eventually([&] { return listener.watch.readable; }));
      listener.watch.readable = false;
    }
    for (int i = 0; i < 3; ++i) {
      Loopback peer;
      const Io io = bench->accept(listener.fd, peer.get(), &peer.size);
      REQUIRE(io.error == 0);
      Handle server(bench, io.n);
      Loopback client;
      CHECK(bench->local_name(clients[static_cast<std::size_t>(i)].fd, client.get(),
                              &client.size) == 0);
      CHECK(peer.port() == client.port());
      CHECK(bench->peer_name(server.fd, client.get(), &client.size) == 0);
      CHECK(peer.port() == client.port());
    }
    CHECK(bench->accept(listener.fd, nullptr, nullptr).error == EAGAIN);
  });
}

TEST_CASE("a datagram is an event, and keeps its boundaries and its sender") {
  each_kernel([](Bench& bench) {
    Handle a(bench, open_socket(bench, SOCK_DGRAM));
    Handle b(bench, open_socket(bench, SOCK_DGRAM));
    Loopback at_a, at_b;
    for (auto* end : {&at_a, &at_b}) {
      const int fd = end == &at_a ? a.fd : b.fd;
      REQUIRE(bench->bind(fd, end->get(), end->size) == 0);
      REQUIRE(bench->local_name(fd, end->get(), &end->size) == 0);
    }
    b.attach();
    std::byte bytes[16] = {};
    for (const std::string_view sent : {"\7\10", "\7"}) {
      const std::size_t size = sent.size();
      CHECK(bench->send(a.fd, std::span(&sent, 1), at_b.get(), at_b.size).n == size);
    }
    for (const std::size_t size : {2u, 1u}) {
      CHECK(bench.eventually([&] { return b.watch.readable; }));
      Loopback from;
      Io io;
      CHECK(bench.eventually([&] {
        io = bench->recv(b.fd, bytes, from.get(), &from.size);
        return io.error != EAGAIN;
      }));
      CHECK(io.n == size);
      CHECK(from.port() == at_a.port());
    }
    CHECK(bench->recv(b.fd, bytes, nullptr, nullptr).error == EAGAIN);
  });
}

TEST_CASE("several pieces leave in one call, in order") {
  each_kernel([](Bench& bench) {
    Pair pair(bench);
    const std::string_view pieces[] = {"one ", "", "two ", "three"};
    CHECK(bench->send(pair.a.fd, pieces).n == 13);
    CHECK(bench.eventually([&] { return pair.b.recv() == "one two three"; }));
    const std::vector<std::string_view> many(3000, "x");
    const Io io = bench->send(pair.a.fd, many);
    CHECK(io.error == 0);
    CHECK(io.n > 0);
    CHECK(io.n <= many.size());
    const Io none = bench->send(pair.a.fd, {});
    CHECK(none.n == 0);
    CHECK(none.error == 0);
    std::vector<std::string_view> empty(100, "");
    empty.push_back("y");
    CHECK(bench->send(pair.a.fd, empty).n == 1);
  });
}

TEST_CASE("what the other side's system has not taken is unsent") {
  each_kernel([](Bench& bench) {
    Connection both(bench);
    CHECK(bench->unsent(both.client.fd) == 0);
    const std::string much(64 * 1024, 'x');
    std::size_t sent = 0;
    while (bench->unsent(both.client.fd) == 0) {
      const Io io = both.client.send(much);
      if (io.error == EAGAIN) bench.settle();
      sent += io.n;
    }
    CHECK(bench->unsent(both.client.fd) <= sent);
    for (std::size_t received = 0; received < sent;) {
      REQUIRE(bench.eventually([&] { return received += both.server.recv(sent).size(), true; }));
      if (received < sent) bench.settle(1ms);
    }
    CHECK(bench.eventually([&] { return bench->unsent(both.client.fd) == 0; }));
    CHECK(bench->unsent(both.listener.fd) == 0);
    CHECK(bench->unsent(-1) == 0);
  });
}

TEST_CASE("each call on a descriptor that is none answers EBADF") {
  each_real_kernel([](Bench& bench) {
    std::byte bytes[4] = {};
    Loopback to(1);
    Watch watch;
    watch.fd = -1;
    const std::string_view pieces[] = {"a"};
    CHECK(bench->bind(-1, to.get(), to.size) == EBADF);
    CHECK(bench->listen(-1, 1) == EBADF);
    CHECK(bench->accept(-1, nullptr, nullptr).error == EBADF);
    CHECK(bench->connect(-1, to.get(), to.size) == EBADF);
    CHECK(bench->connect_result(watch) == EBADF);
    CHECK(bench->recv(-1, bytes).error == EBADF);
    CHECK(bench->send(-1, pieces).error == EBADF);
    CHECK(bench->send(-1, std::span(pieces, 1), to.get(), to.size).error == EBADF);
    CHECK(bench->shutdown_write(-1) == EBADF);
    for (const Option option : {Option::no_delay, Option::keep_alive, Option::reuse_address,
                                Option::v6_only, Option::send_buffer, Option::receive_buffer,
                                Option::abort_on_close}) {
      CHECK(bench->set_option(-1, option, 1) == EBADF);
    }
    CHECK(bench->local_name(-1, to.get(), &to.size) == EBADF);
    CHECK(bench->peer_name(-1, to.get(), &to.size) == EBADF);
    CHECK(bench->open(-1, SOCK_STREAM).error != 0);
    bench->close(-1);
  });
}

TEST_CASE("what the socket is not ready for is refused with its errno") {
  each_kernel([](Bench& bench) {
    Listener listener(bench);
    Handle second(bench, open_socket(bench, SOCK_STREAM));
    CHECK(bench->bind(second.fd, listener.address.get(), listener.address.size) == EADDRINUSE);
    CHECK(bench->shutdown_write(second.fd) == ENOTCONN);
    Loopback peer;
    CHECK(bench->peer_name(second.fd, peer.get(), &peer.size) == ENOTCONN);
    second.watch.fd = second.fd;
    CHECK(bench->connect_result(second.watch) == EINPROGRESS);
    second.watch.error = ETIMEDOUT;  // an error that came with an event is told, once
    CHECK(bench->connect_result(second.watch) == ETIMEDOUT);
    CHECK(bench->connect_result(second.watch) == EINPROGRESS);
  });
}

TEST_CASE("the options of a socket can be set") {
  each_kernel([](Bench& bench) {
    Handle socket(bench, open_socket(bench, SOCK_STREAM));
    for (const Option option :
         {Option::no_delay, Option::keep_alive, Option::reuse_address, Option::abort_on_close}) {
      CHECK(bench->set_option(socket.fd, option, 1) == 0);
      CHECK(bench->set_option(socket.fd, option, 0) == 0);
    }
    CHECK(bench->set_option(socket.fd, Option::send_buffer, 32 << 10) == 0);
    CHECK(bench->set_option(socket.fd, Option::receive_buffer, 32 << 10) == 0);
    const int balanced = bench->set_option(socket.fd, Option::reuse_port, 1);
    CHECK((balanced == 0 || balanced == ENOTSUP));
  });
}

TEST_SUITE_END();
}  // namespace hob_test::backend_sockets_test
