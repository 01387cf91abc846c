// SPDX-License-Identifier: MIT
// http_connection.cpp — sending, receiving, the deadline.
#include "http_connection.hpp"
#include <charconv>

namespace hob::inline v0::http {
using namespace chars;

Connection::Connection(net::TcpStream to, const Limits& limits, Duration io)
    : Runnable([](Runnable& self) { static_cast<Connection&>(self).alarmed(); }),
      stream(std::move(to)), limits_(limits), io_(io) { alarm_.task = this; }

// --- sending -------------------------------------------------------------------------------------
static constexpr int kLeast = 1000;   // bytes that move within a Connection's `io`
static constexpr int kUnseen = 4096;  // of so few it is not asked (a system call) whether they are delivered

std::string Connection::head(std::string head, const Message& message, Framing framing) {
  const std::size_t size = message.body.size();
  bool says_length = false;
  for (const auto& [name, value] : message.headers) {
    if (same(name, "Transfer-Encoding") || same(name, "Connection")) continue;  // not the message's affair
    if (same(name, "Content-Length")) {
      if (!framing.length && !framing.body) continue;
      const auto length = number(value);
      const bool differs = framing.body && !message.source && length != size;
      if (std::exchange(says_length, true) || !length || differs)
        throw std::invalid_argument("header Content-Length: " + std::string(value) + " for a body of " +
                                    std::to_string(size) + " bytes");
    }
    head.append(Headers::line({name, value}));
  }
  const bool has_body = message.source || size != 0;
  if (!says_length && (framing.length || (framing.body && has_body))) {
    if (!message.source) head.append("Content-Length: ").append(std::to_string(size)).append("\r\n");
    else if (framing.chunks) head.append("Transfer-Encoding: chunked\r\n");
  }
  return std::move(head.append("\r\n"));
}

Future<> Connection::send(std::string head, const Message& message, Framing framing, Event* go, Own) {
  if (go) {
    co_await put(head);
    static_cast<void>(co_await as_result(wait_for(go->wait(), std::chrono::seconds(1))));
    go->set();
    head.clear();
  }
  co_await put(head, framing.body && !message.source ? std::string_view(message.body) : "");
  if (!framing.body || !message.source) co_return;
  const auto length = message.headers.get("Content-Length");
  std::uint64_t left = number(length.value_or("0")).value_or(0);
  for (bool ended = false; !ended;) {
    within(Duration::max());
    std::string piece, size;
    try {
      piece = co_await message.source();
      ended = piece.empty();
      if (length && (ended ? left != 0 : piece.size() > left))
        throw std::length_error("HTTP: the source does not give what Content-Length says");
    } catch (...) {
      source_error_ = std::current_exception();
      stream.abort();
      throw;
    }
    left -= std::min<std::uint64_t>(left, piece.size());
    std::string_view data = piece, end;
    if (!length && framing.chunks) {
      char hex[16];
      size.assign(hex, std::to_chars(hex, hex + sizeof hex, piece.size(), 16).ptr) += "\r\n";
      if (ended && message.trailers) data = message.trailers->wire();
      end = "\r\n";
    }
    co_await put(size, data, end);
  }
}

Connection::Put Connection::put(std::string_view first, std::string_view second, std::string_view third) {
  std::size_t n = 0;
  for (const std::string_view each : {std::string_view(answers_), first, second, third})
    if (!each.empty()) out_[n++] = each;
  return {stream.write_all(std::span(out_, n)), *this};
}

void Connection::Put::await_resume() {
  peer.within(Duration::max());
  try {
    finish();
    peer.owed_ = 0, peer.answers_.clear();
  } catch (const std::system_error&) { peer.broke(); }
}

// --- receiving -----------------------------------------------------------------------------------
bool Connection::More::await_resume() {
  try {
    net::Lease lease = finish();
    if (lease.empty()) return false;
    if (peer.unread_.empty()) {
      peer.lease_ = std::move(lease);
      peer.unread_ = peer.lease_.text();
    } else {
      if (peer.unread_.data() != peer.joined_.data()) peer.joined_ = std::string(peer.unread_);
      peer.unread_ = peer.joined_.append(lease.text());
    }
    return true;
  } catch (const std::system_error&) { peer.broke(); }
}

bool Connection::take(Request& request) {
  is_request_ = true;
  return take(request, parser_.request(unread_, request));
}
bool Connection::take(Response& response, std::string_view method) {
  return take(response, parser_.response(unread_, response, method));
}

bool Connection::take(Message& message, std::size_t size) {
  if (size == 0) return false;
  const Head& head = parser_.head();
  message.body.clear();
  message.source = nullptr;
  body_ = head.body;
  left_ = body_ == Body::length ? head.length : 0;
  expects_ = head.expect_continue;
  moved_ = 0, waited_ = Duration();
  const bool chunked = body_ == Body::chunked;
  if (chunked) chunks_ = ChunkParser(limits_, is_request_);
  message.trailers = trailers_ = chunked ? std::make_shared<Headers>() : nullptr;
  unread_.remove_prefix(size);
  tidy();
  return true;
}

void Connection::tidy() noexcept {
  if (unread_.empty()) lease_ = net::Lease(), std::string().swap(joined_);  // to assign frees nothing
  if (owed_ == 0) std::string().swap(answers_);
}

Future<std::string_view> Connection::read(Own) {
  std::string_view data;
  while (data.empty() && has_body()) {
    if (unread_.empty()) {
      const TimePoint before = here.loop->clock();
      within(io_ - waited_), reads_ = true;
      struct Wait { Connection& of; ~Wait() { of.reads_ = false, of.within(Duration::max()); } };
      const Wait wait{*this};  // also one that is dropped is over
      const bool came = co_await more();
      waited_ += here.loop->clock() - before;
      moved_ += unread_.size();
      if (moved_ >= kLeast) moved_ = 0, waited_ = Duration();
      if (!came && body_ != Body::until_close)
        throw ProtocolError("HTTP: expected more of the body, found the end of the stream",
                            is_request_ ? 400 : 0);
    }
    data = take_body();
  }
  co_return data;
}

// What has come of the body. If nothing has, that is its end.
std::string_view Connection::take_body() {
  ChunkParser::Step step{unread_, unread_.size()};
  if (body_ == Body::chunked) {
    step = chunks_.next(unread_);
    if (chunks_.done()) *trailers_ = chunks_.trailers(), body_ = Body::none;
  } else if (body_ == Body::length) {
    step.data = unread_.substr(0, left_);
    step.used = step.data.size();
    left_ -= step.used;
    if (left_ == 0) body_ = Body::none;
  } else if (unread_.empty()) {
    body_ = Body::none;
  }
  unread_.remove_prefix(step.used);
  return step.data;
}

Future<> Connection::read_all(std::string& into, std::size_t limit, Own) {
  for (;;) {
    const std::string_view data = co_await read();
    if (data.empty()) break;
    if (data.size() > limit - into.size()) throw net::LimitExceeded(limit);
    into.append(data);
  }
  tidy();
}

// --- the deadline --------------------------------------------------------------------------------
void Connection::within(Duration limit) noexcept {
  limit_ = reads_ ? std::min(limit, io_) : limit;  // who reads keeps its own while something is sent
  deadline_ = last_;
  if (limit_ != Duration::max()) {
    deadline_ = std::min(here.loop->after(limit_), last_);
    const bool is_seen = stream.sent() - delivered_ >= kUnseen;
    delivered_ = is_seen ? stream.delivered() : stream.sent();
  }
  const bool early = alarm_.scheduled() && alarm_.deadline() <= Loop::tick(deadline_);
  if (!early) here.loop->set_alarm(alarm_, deadline_);
}

void Connection::alarmed() noexcept {
  if (here.loop->clock() < deadline_) return here.loop->set_alarm(alarm_, deadline_);
  const std::int64_t before = std::exchange(delivered_, stream.delivered());
  if (deadline_ < last_ && delivered_ - before >= kLeast) return within(limit_);
  late_ = true;
  stream.close();
}

void Connection::broke() {
  if (source_error_) std::rethrow_exception(source_error_);
  is_broken_ = true;
  if (late_) throw TimedOut("HTTP: the other side takes too long");
  throw;
}
}  // namespace hob::inline v0::http
