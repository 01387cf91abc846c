// SPDX-License-Identifier: MIT
//
// http_client.hpp — Session: HTTP requests, over connections that are kept and used again.
//
//   hob::http::Session session;
//   auto response = co_await session.get("http://example.com/todos/1");
//   response.raise_for_status();
//   print(response.json()["title"].as_string());
//
// Errors: ProtocolError (a URL or an answer that is none, too many redirects), TimedOut,
// std::system_error and net::ResolveError (what() names the address), net::LimitExceeded. A request
// that is dropped closes its connection. A status of 400 and above is no error: raise_for_status().
#pragma once

#include "../reactor/time.hpp"
#include "http_parser.hpp"

namespace hob::inline v0::http {

struct SessionOptions {
  Limits limits;                        // of heads and of chunked framing
  std::size_t body = 64 << 20;          // of Response::body, in bytes; there is none for open()
  std::size_t connections = 100;        // in use at once; who needs another waits
  int redirects = 10;                   // followed in a row; 0: none is, they are handed out
  Duration connect = std::chrono::seconds(10);  // the name included
  Duration head = std::chrono::seconds(10);     // from the request's end to that of the response's head
  Duration io = std::chrono::seconds(30);       // each wait for a part of a body, in or out
  Duration total = std::chrono::seconds(300);   // all of it, redirects and body included
  Duration idle = std::chrono::seconds(15);     // how long a connection is kept
};

// Move-only; its requests may outlive it.
class Session {
 public:
  explicit Session(SessionOptions options = SessionOptions());

  // What every request has that does not say it itself.
  Headers headers;

  Future<Response> get(std::string url) { return request(Request("GET", std::move(url))); }
  Future<Response> post(std::string url, std::string body) {
    return request(Request("POST", std::move(url), std::move(body)));
  }

  // Sends a request, follows redirects (RFC 9110, 15.4), and reads the response. On the way:
  //   - a user in the URL becomes Basic authentication;
  //   - 301 and 302 make a GET of a POST, 303 of all but HEAD; 307 and 308 repeat it as it was, which
  //     a `source` cannot (ProtocolError). To another origin go no Authorization and no Cookie; from
  //     https to http goes nothing (ProtocolError);
  //   - a request that may be repeated, on a connection that was kept and turns out to be closed, is
  //     sent once more on a new one; others never are;
  //   - with "Expect: 100-continue" among its headers, the body waits for the server's word, or 1 s.
  Future<Response> request(Request request, Own = Own());

  // The same up to the response's head: its `source` gives the body as it comes. To destroy the
  // Response, and what has copied it, gives the body up.
  Future<Response> open(Request request, Own = Own());

 private:
  struct Pool;
  struct Exchange;
  std::shared_ptr<Exchange> prepare(Request request) const;
  static Future<std::string> piece(Own, std::shared_ptr<Exchange> exchange);

  std::shared_ptr<Pool> pool_;
};

// One request, in a Session of its own.
Future<Response> request(Request request, SessionOptions options = SessionOptions());
Future<Response> get(std::string url);

}  // namespace hob::inline v0::http
