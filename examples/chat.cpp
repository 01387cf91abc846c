// SPDX-License-Identifier: MIT
//
// chat.cpp — a room in which everybody hears everybody else. Each member has a task that reads, one that
// writes, and a Queue between the others and its own pace: who does not read misses lines, and holds up
// nobody.
//
//   chat PORT    on 127.0.0.1; 0: the kernel picks one
#include <net/net.hpp>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <set>

namespace net = hob::net;

struct Member {
  std::string name;
  hob::Queue<std::string> inbox{100};
};
using Room = std::set<std::shared_ptr<Member>>;

hob::Future<> tell(Room room, std::shared_ptr<Member> from, std::string line) {
  for (const auto& member : room)
    if (member != from && !member->inbox.full()) co_await member->inbox.push(line);
}

hob::Future<> visit(net::TcpStream stream, Room& room) {
  net::BufferedReader reader(stream);
  co_await stream.write_all("Your name?\n");
  const auto me = std::make_shared<Member>();
  me->name = co_await reader.read_line(40);
  room.insert(me);
  co_await stream.write_all("Welcome, " + me->name + ".\n");
  const auto read = [&]() -> hob::Future<> {
    co_await tell(room, me, me->name + " is here\n");
    try {
      for (;;) {
        const std::string line = co_await reader.read_line();
        co_await tell(room, me, me->name + ": " + line + '\n');
      }
    } catch (const std::exception&) {  // the end, or a line too long
    }
  };
  const auto write = [&]() -> hob::Future<> {
    while (auto line = co_await me->inbox.pop()) co_await stream.write_all(*line);
  };
  auto first = hob::race(read, write);
  static_cast<void>(co_await hob::as_result(std::move(first)));
  room.erase(me);
  co_await tell(room, me, me->name + " has left\n");
}

hob::Future<> serve(net::TcpStream stream, Room& room) {
  static_cast<void>(co_await hob::as_result(visit(std::move(stream), room)));
}

hob::Future<> amain(unsigned short port) {
  net::TcpListener listener = net::listen("127.0.0.1", port);
  std::cout << "listening on " << listener.address().to_string() << std::endl;
  Room room;
  hob::TaskGroup members;
  for (;;) members.start(serve, co_await listener.accept(), std::ref(room));
}

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: chat PORT" << std::endl;
    return 2;
  }
  hob::run(amain, static_cast<unsigned short>(std::atoi(argv[1])));
} catch (const hob::Interrupted&) {
  return 130;
} catch (const std::exception& e) {
  std::cerr << "chat: " << e.what() << std::endl;
  return 1;
}
