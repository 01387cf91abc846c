// SPDX-License-Identifier: MIT
//
// echo_shards.cpp — examples/echo_server.cpp on a loop for each core: run_shards, a listener each.
//
//   echo_shards SHARDS PORT    0: the first shard has the kernel pick one, and the others join it there
#include <cstdio>
#include <cstdlib>
#include <future>

#include "../../../net/net.hpp"
#include "../../../reactor/reactor.hpp"

namespace net = hob::net;

namespace {
hob::Future<> echo(net::TcpStream stream) {
  for (;;) {
    const net::Lease lease = co_await stream.read_lease();
    if (lease.empty()) break;
    co_await stream.write_all(lease.bytes());
  }
}

hob::Future<> serve(net::TcpStream stream) { static_cast<void>(co_await hob::as_result(echo(std::move(stream)))); }

hob::Future<> accept_all(net::TcpListener listener) {
  hob::TaskGroup connections;
  for (;;) connections.start(serve, co_await listener.accept());
}
}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: echo_shards SHARDS PORT\n"), 2;
  std::promise<unsigned short> picked;
  const auto shared = picked.get_future().share();
  net::ListenOptions options;
  options.reuse_port = true;
  hob::run_shards(static_cast<unsigned>(std::atoi(argv[1])), [&](unsigned shard) {
    const auto port = shard == 0 ? static_cast<unsigned short>(std::atoi(argv[2])) : shared.get();
    auto listener = net::listen("127.0.0.1", port, options);
    if (shard == 0) {
      picked.set_value(listener.address().port());
      std::printf("listening on %s\n", listener.address().to_string().c_str());
      std::fflush(stdout);
    }
    return accept_all(std::move(listener));
  });
}
