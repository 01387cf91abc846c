// SPDX-License-Identifier: MIT
// http_connection.hpp — what client and server do alike on a stream: heads and bodies, both ways,
// and one deadline over all of it. Called by http.cpp; calls the parsers and TcpStream.
//   1. What has come and was not taken is kept: a message begins where the one before it ended.
//   2. While nothing has come, no buffer is held.
//   3. The deadline closes the stream, so that whoever waits for it gets TimedOut; but not while the
//      other side still takes what was sent, a kernel's buffer full of it included.
#pragma once
#include "http_parser.hpp"
#include "net.hpp"

namespace hob::inline v0::http {
// What the kind of a message and the other side ask of its form.
struct Framing {
  bool body = true;    // its bytes follow, or only what is said of them (in answer to HEAD)
  bool length = true;  // it is said that there are no bytes
  bool chunks = true;  // the other side knows chunks; if not, the end of the stream is the body's
};

class Connection : private Runnable {
 public:
  // A body that moves by less than 1,000 bytes within `io` is late. Borrows the limits.
  Connection(net::TcpStream to, const Limits& limits, Duration io);
  // A message's whole head: what is given (the first line, and fields), its fields, what frames it, the
  // empty line. std::invalid_argument if the fields contradict the framing.
  static std::string head(std::string begin, const Message& message, Framing framing);
  // Sends a head and the body. With a `go`, the body waits for that, a second at most. Borrows the
  // message. What its source throws resets the stream, and comes out of reading as well.
  Future<> send(std::string head, const Message& message, Framing framing, Event* go = {}, Own = Own());
  // Sends these, which are borrowed. (This and more() are leaves, as every message takes one of each.)
  struct Put : net::Write {
    Put(net::Write&& write, Connection& of) : net::Write(std::move(write)), peer(of) {}
    void await_suspend(auto h) { peer.within(peer.io_), net::Write::await_suspend(h); }
    void await_resume();
    Connection& peer;
  };
  Put put(std::string_view first, std::string_view second = {}, std::string_view third = {});
  // Keeps a short answer for put(), if the next request has begun to come: 16 at most go together. Before
  // anything is waited for, they do. False: not this one.
  bool owe(std::string_view answer) {
    if (!has_begun() || owed_ == 15 || answer.size() > 8192) return false;
    answers_.append(answer);
    return ++owed_;
  }
  bool owes() const noexcept { return owed_ != 0; }
  bool is_broken() const noexcept { return is_broken_; }  // a read or a write has failed
  // Waits for more bytes. False: the stream has ended.
  struct More : net::ReadLease {
    using awaited_type = bool;
    More(net::ReadLease&& read, Connection& of) : net::ReadLease(std::move(read)), peer(of) {}
    bool await_resume();
    Connection& peer;
  };
  More more() { return tidy(), More(stream.read_lease(), *this); }
  bool has_begun() const noexcept { return !unread_.empty(); }  // the next message
  // Takes a head off what has come. False: it is not all there.
  bool take(Request& request);
  bool take(Response& response, std::string_view method);
  // Of the message whose head was taken last:
  bool has_body() const noexcept { return body_ != Body::none; }      // more of it is to come
  std::uint64_t length() const noexcept { return left_; }             // so much, if it was said
  bool is_kept() const noexcept { return parser_.head().keep_alive && !has_body() && stream.is_open(); }
  bool knows_chunks() const noexcept { return parser_.head().minor != 0; }  // its sender does
  bool expects_continue() noexcept { return std::exchange(expects_, false); }  // once
  // The next bytes of the body, empty at its end; good until the next call.
  Future<std::string_view> read(Own = Own());
  // Appends all of it. net::LimitExceeded.
  Future<> read_all(std::string& into, std::size_t limit, Own = Own());
  void tidy() noexcept;  // gives the buffers back, if all in them was read
  // What waits from now on waits so long, and as long again if the other side took 1,000 bytes by then.
  void within(Duration limit) noexcept;
  void ends_by(TimePoint last) noexcept { last_ = last; }  // in any case
  bool is_late() const noexcept { return late_; }
  net::TcpStream stream;
  Hook<Connection> hook{*this};  // for a list of its owner's
 private:
  bool take(Message& message, std::size_t size);
  std::string_view take_body();
  [[noreturn]] void broke();  // called in a handler: throws the better reason, or again that one
  void alarmed() noexcept;
  const Limits& limits_;
  const Duration io_;
  HeadParser parser_{limits_};
  ChunkParser chunks_{limits_};
  std::shared_ptr<Headers> trailers_;
  int owed_ = 0;              // answers, and their bytes
  std::string answers_;
  std::string_view out_[4];   // what is being sent
  net::Lease lease_;
  std::string joined_;        // of several reads, when one did not bring a whole head
  std::string_view unread_;   // the rest of either
  std::uint64_t left_ = 0;
  std::size_t moved_ = 0;     // of the body, in the time that was
  Duration waited_{};         // for it
  Body body_ = Body::none;
  bool is_request_ = false, expects_ = false, late_ = false, is_broken_ = false, reads_ = false;
  std::exception_ptr source_error_;
  Alarm alarm_;
  Duration limit_{};             // of within()
  std::int64_t delivered_ = 0;   // so much of what was sent the other side had taken by then
  TimePoint deadline_ = kNever;  // the alarm may come earlier, and is set again then
  TimePoint last_ = kNever;
};
}  // namespace hob::inline v0::http
