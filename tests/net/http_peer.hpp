// SPDX-License-Identifier: MIT
//
// http_peer.hpp — what the HTTP client is tested against: a peer whose nth connection plays the nth
// script, byte by byte as it likes.
//
//   on_net([]() -> Future<> {
//     Peer peer({answers({ok("hello")})});
//     http::Session session;
//     CHECK((co_await session.get(peer.url())).body == "hello");
//   });
//
// On loopback, of the kernel that on_kernel.hpp chooses.
#pragma once

#include <fcntl.h>

#include <functional>
#include <thread>

#include "../../net/http.hpp"
#include "../../net/net.hpp"
#include "../reactor/sync_bench.hpp"
#include "on_kernel.hpp"

namespace hob_test {

class Peer;

// One connection, as its script sees it.
struct Talk {
  Peer& peer;
  net::TcpStream stream;
  net::BufferedReader in{stream};

  // The head of the next request, as it came.
  Future<std::string> head() { return in.read_until("\r\n\r\n"); }
  // A whole request, its body in its framing; also kept in peer.heard.
  Future<std::string> request();
  net::Write say(std::string_view text) { return stream.write_all(text); }
  // Waits until the client has closed; what still comes is dropped.
  Future<> end() {
    char bytes[4096];
    while (co_await stream.read_some(std::span(bytes))) {
    }
  }
};

class Peer {
 public:
  using Script = std::function<Future<>(Talk&)>;
  // The last script is played by all later connections. What a script throws ends its connection.
  explicit Peer(std::vector<Script> scripts)
      : scripts_(std::move(scripts)), listener_(net::listen("127.0.0.1", 0)), at_(listener_.address()) {
    accepting_ = accept_all();
  }
  Peer(const Peer&) = delete;

  std::string host() const { return at_.to_string(); }
  std::string url(const std::string& path = "/") const { return "http://" + host() + path; }

  // Waits until every script has ended.
  Future<> idle() {
    while (open != 0) co_await sleep(1ms);
  }

  std::vector<std::string> heard;
  int connections = 0, open = 0, most = 0;

 private:
  Future<> accept_all() {
    for (;; ++connections) {
      net::TcpStream stream = co_await listener_.accept();
      talks_.start(talk(scripts_[std::min<std::size_t>(static_cast<std::size_t>(connections), scripts_.size() - 1)], std::move(stream)));
    }
  }
  Future<> talk(const Script& script, net::TcpStream stream) {
    most = std::max(most, ++open);
    Talk of{*this, std::move(stream)};
    static_cast<void>(co_await as_result(script(of)));
    of.stream.close();
    --open;
  }

  const std::vector<Script> scripts_;
  net::TcpListener listener_;
  const net::Address at_;
  TaskGroup talks_;
  Future<> accepting_;
};

inline Future<std::string> Talk::request() {
  std::string text = co_await head();
  if (const std::size_t at = text.find("Content-Length: "); at != text.npos) {
    text += co_await in.read_exactly(std::stoul(text.substr(at + 16)));
  } else if (text.find("Transfer-Encoding: chunked") != text.npos) {
    for (std::size_t size = 1; size != 0;) {
      const std::string line = co_await in.read_line();
      size = std::stoul(line, nullptr, 16);
      text += line + "\r\n";
      if (size) text += co_await in.read_exactly(size + 2);
    }
    for (std::string line = "?"; !line.empty();) {
      line = co_await in.read_line();
      text += line + "\r\n";
    }
  }
  peer.heard.push_back(text);
  co_return text;
}

// --- scripts -------------------------------------------------------------------------------------

// A response with a body, and more fields before it.
inline std::string ok(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline std::string redirect(int status, const std::string& to) {
  return "HTTP/1.1 " + std::to_string(status) + " Elsewhere\r\nLocation: " + to + "\r\nContent-Length: 0\r\n\r\n";
}

// Answers one request after the other, and stays until the client ends it.
inline Peer::Script answers(std::vector<std::string> responses) {
  return [all = std::move(responses)](Talk& talk) -> Future<> {
    for (const std::string& response : all) {
      co_await talk.request();
      co_await talk.say(response);
    }
    co_await talk.end();
  };
}
// The same, and closes behind the last.
inline Peer::Script answers_and_closes(std::vector<std::string> responses) {
  return [all = std::move(responses)](Talk& talk) -> Future<> {
    for (const std::string& response : all) {
      co_await talk.request();
      co_await talk.say(response);
    }
  };
}

// --- running -------------------------------------------------------------------------------------

inline int next_descriptor() {
  const int fd = ::dup(0);
  ::close(fd);
  return fd;
}

// Whether no more are open than before. (A queue of libkqueue goes a while after its close, by the hand of a thread.)
inline bool is_back_at(int descriptor) {
  for (int i = 0; i < 1000 && next_descriptor() > descriptor; ++i) std::this_thread::sleep_for(10ms);
  return next_descriptor() <= descriptor;
}

// Runs f() on a loop of its own. Nothing may be left: no error that nobody took, no descriptor.
template <class F>
void on_net(F f) {
  const int before = next_descriptor();
  std::vector<std::string> unhandled;
  {
    Loop loop{kernel()};
    loop.on_unhandled([&](std::exception_ptr error) { unhandled.push_back(what(error)); });
    loop.run(wait_for(f(), 60s));
    settle(loop);
  }
  CHECK(unhandled == std::vector<std::string>());
  CHECK(is_back_at(before));
}

// What it says, if it fails with an E; otherwise what happened instead.
template <class E, class A>
Future<std::string> thrown(A awaitable) {
  const auto result = co_await as_result(std::move(awaitable));
  if (result.has_value()) co_return "nothing was thrown";
  try {
    std::rethrow_exception(result.error());
  } catch (const E& e) {
    co_return e.what();
  } catch (const std::exception& e) {
    co_return std::string("something else was thrown: ") + e.what();
  }
}

inline bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

// The first line of what was heard.
inline std::string line(const std::string& request) { return request.substr(0, request.find("\r\n")); }

}  // namespace hob_test
