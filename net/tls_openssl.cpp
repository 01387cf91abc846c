// SPDX-License-Identifier: MIT
// tls_openssl.cpp — TLS as a Filter, by OpenSSL 3, which no other file knows; HOB_TLS: it is there.
//   1. OpenSSL sees memory, no descriptor: it reads what was fed, and what it writes goes to `out`.
//   2. The peer is verified in the greeting, by the backend's date; before, nothing of it is given out.
#include "tls.hpp"
#include <cerrno>
#ifdef HOB_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <map>

namespace hob::inline v0::net {
struct Tls::Context {
  std::shared_ptr<SSL_CTX> ctx;
  bool is_client = false;
  Home home;  // of a client's
  std::string protocol;  // behind its length
  std::map<std::string, std::shared_ptr<SSL_SESSION>> sessions;  // that were verified, by host and port
};

// Why the last call has failed: what it complained of first.
static std::string complaint(bool is_greeted = false) {
  const unsigned long code = ERR_peek_error();
  const char* const text = ERR_reason_error_string(code);
  if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(ERR_GET_REASON(code));
  switch (ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0) {
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL: return "unsupported protocol: the peer has no TLS 1.2 or newer";
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return is_greeted ? "cut without close_notify" : "the connection has ended during the handshake";
    case SSL_R_WRONG_VERSION_NUMBER: return "the peer does not speak TLS";
    default: return text ? text : "unknown error";
  }
}

class Tls::Ends final : public Filter {
 public:
  Ends(std::shared_ptr<Context> of, const std::string& host, unsigned short port)
      : context_(std::move(of)), shared_(SSL_new(context_->ctx.get()), SSL_free), ssl_(shared_.get()) {
    BIO* const from = BIO_new(BIO_s_mem());
    BIO* const to = BIO_new(BIO_s_mem());
    if (!ssl_ || !from || !to) throw std::bad_alloc();
    SSL_set_bio(ssl_, from, to);
    SSL_set_app_data(ssl_, this);
    X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl_);
    X509_VERIFY_PARAM_set_time(wanted, static_cast<time_t>(Loop::current().backend().date()));
    SSL_set_accept_state(ssl_);
    if (!context_->is_client) return;
    SSL_set_connect_state(ssl_);
    const std::string name = host.substr(0, host.size() - host.ends_with('.'));
    X509_VERIFY_PARAM_set_hostflags(
        wanted, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const bool is_good =
        Address::numeric(host, port) ? X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str())
        : !name.empty() && name[0] != '.' && X509_VERIFY_PARAM_set1_host(wanted, name.data(), name.size()) &&
              SSL_set_tlsext_host_name(ssl_, name.c_str());
    if (!is_good) throw std::invalid_argument("TLS: no host that could be verified: \"" + host + '"');
    context_->home.check(), key_ = name + ':' + std::to_string(port);
    const auto last = context_->sessions.extract(key_);
    if (last) SSL_set_session(ssl_, last.mapped().get());
  }
  // Its session is as good as before, although nobody has said that it is over.
  ~Ends() override { SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }
  // EAGAIN: `out` has to go, and more to come.
  int greet() noexcept {
    const int error = step([this](std::size_t&) { return SSL_do_handshake(ssl_); }).error;
    return is_greeted_ = error == 0, error;
  }
  void feed(std::span<const std::byte> wire) noexcept override {
    if (wire.empty()) BIO_set_mem_eof_return(SSL_get_rbio(ssl_), 0);
    else BIO_write(SSL_get_rbio(ssl_), wire.data(), static_cast<int>(wire.size()));
  }
  Io open(std::span<std::byte> into) noexcept override {
    const auto read = [&](std::size_t& n) { return SSL_read_ex(ssl_, into.data(), into.size(), &n); };
    const Io io = step(read);
    if (io.error == EAGAIN && !BIO_pending(SSL_get_rbio(ssl_))) empty(SSL_get_rbio(ssl_));
    more = io.n ? BIO_pending(SSL_get_rbio(ssl_)) != 0 || SSL_has_pending(ssl_) : io.error != EAGAIN;
    return io;
  }
  int seal(std::string_view text) noexcept override {
    const bool ends = text.empty();
    if (SSL_get_shutdown(ssl_) & SSL_SENT_SHUTDOWN) return ends ? 0 : EPIPE;
    return step([&](std::size_t& n) {
      return ends ? SSL_shutdown(ssl_) >= 0 : SSL_write_ex(ssl_, text.data(), text.size(), &n);
    }).error;
  }
  // OpenSSL's word that a session may be taken up again: by one, which gets the next one's.
  static int keep(SSL* ssl, SSL_SESSION* session) {
    auto& self = *static_cast<Ends*>(SSL_get_app_data(ssl));
    auto& sessions = self.context_->sessions;
    if (sessions.size() == 256) sessions.erase(sessions.begin());
    return sessions[self.key_].reset(session, SSL_SESSION_free), 1;
  }
 private:
  static void empty(BIO* bio) noexcept { BIO_set_mem_buf(bio, BUF_MEM_new(), BIO_CLOSE); }  // of its memory too
  // What a call of OpenSSL has come to. What failed once has failed.
  template <class F> Io step(F call) noexcept {
    ERR_clear_error();
    Io io;
    const int answer = why.empty() ? call(io.n) : -1;
    char* wrote = nullptr;
    const long n = BIO_get_mem_data(SSL_get_wbio(ssl_), &wrote);
    if (n > 0) out.append(wrote, static_cast<std::size_t>(n)), empty(SSL_get_wbio(ssl_));
    if (out.size() > 1 << 20 && why.empty()) why = "the peer asks, and takes no answer";
    const int error = why.empty() ? SSL_get_error(ssl_, answer) : SSL_ERROR_SSL;
    if (error == SSL_ERROR_WANT_READ) return {0, EAGAIN};
    if (error == SSL_ERROR_NONE || error == SSL_ERROR_ZERO_RETURN) return io;
    const long verified = SSL_get_verify_result(ssl_);
    const bool counts = !is_greeted_ && SSL_get_verify_mode(ssl_) != SSL_VERIFY_NONE;
    if (why.empty() && counts && verified != X509_V_OK) why = X509_verify_cert_error_string(verified);
    if (why.empty()) why = complaint(is_greeted_);
    return {0, EPROTO};
  }

  const std::shared_ptr<Context> context_;
  const std::shared_ptr<SSL> shared_;
  SSL* const ssl_;
  std::string key_;  // of its session
  bool is_greeted_ = false;
};

Tls::Tls(Side side, const TlsOptions& options, std::string protocol)
    : context_(std::make_shared<Context>()) {
  ERR_clear_error();
  const auto must = [](bool good, const char* file) {
    if (!good) throw std::runtime_error(std::string("TLS: ") + file + ": " + complaint());
  };
  context_->is_client = side == client;
  SSL_CTX* const ctx = SSL_CTX_new(TLS_method());
  context_->ctx.reset(ctx, SSL_CTX_free);
  must(ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION), "OpenSSL");
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  // Nobody is asked on the terminal for the passphrase of a key.
  SSL_CTX_set_default_passwd_cb(ctx, [](char*, int, int, void*) { return -1; });
  if (const char* const file = options.certificate) {
    const char* const key = options.key ? options.key : file;
    must(SSL_CTX_use_certificate_chain_file(ctx, file) == 1, file);
    must(SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1, key);
    must(SSL_CTX_check_private_key(ctx) == 1, key);  // one of another kind was taken so far
  }
  const char* const ca = options.ca_file;
  const bool verifies = side == client ? !options.dangerously_accept_any_certificate : ca != nullptr;
  if (ca) must(SSL_CTX_load_verify_file(ctx, ca) == 1, ca);
  else if (verifies) SSL_CTX_set_default_verify_paths(ctx);
  if (verifies) SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // A server keeps no sessions: its clients do, as tickets. They keep those of whom they verified.
  const int cache = side == client && verifies ? SSL_SESS_CACHE_CLIENT : SSL_SESS_CACHE_OFF;
  SSL_CTX_set_session_cache_mode(ctx, cache | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, Ends::keep);
  SSL_CTX_set_session_id_context(ctx, reinterpret_cast<const unsigned char*>("hob"), 3);
  if (protocol.empty()) return;
  context_->protocol = static_cast<char>(protocol.size()) + protocol;
  const auto offer = reinterpret_cast<unsigned char*>(context_->protocol.data());
  SSL_CTX_set_alpn_protos(ctx, offer, offer[0] + 1u);
  const auto choose = [](SSL*, const unsigned char** name, unsigned char* size,
                         const unsigned char* offers, unsigned n, void* ours) {
    const auto one = static_cast<unsigned char*>(ours);
    const auto to = const_cast<unsigned char**>(name);
    const int found = SSL_select_next_proto(to, size, one, one[0] + 1u, offers, n);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
  };
  SSL_CTX_set_alpn_select_cb(ctx, choose, offer);
}

Future<TcpStream> Tls::secure(TcpStream stream, std::string host, Own) {
  if (!context_) misuse("this Tls has not been made for a client or a server");
  if (stream.held().filter) misuse("this stream has TLS already");
  const bool is_client = context_->is_client;
  auto ends = std::make_unique<Ends>(context_, host, stream.peer().port());
  for (int error = EAGAIN; error != 0;) {
    error = ends->greet();
    if (error == EPROTO) {
      static_cast<void>(as_result(stream.write_all(ends->out)));  // the alert, if the kernel takes it now
      const std::string what = (is_client ? "connect " : "accept ") + stream.peer().to_string();
      const auto linger = std::chrono::seconds(is_client ? 0 : 1);  // for what has not come would reset it
      static_cast<void>(co_await as_result(stream.finish(linger)));
      throw std::system_error(error, std::generic_category(), what + ": TLS: " + ends->why);
    }
    const std::string flight = std::exchange(ends->out, std::string());
    co_await stream.write_all(flight);
    if (error == 0) break;
    const Lease lease = co_await stream.read_lease();
    ends->feed(lease.bytes());
  }
  stream.held().watch.readable = true;  // text may have come with the greeting
  stream.held().filter = std::move(ends);
  co_return stream;
}
#else
namespace hob::inline v0::net {
Tls::Tls(Side, const TlsOptions&, std::string) {
  throw std::runtime_error("TLS, and so https, needs a build with -Dtls=enabled");
}
Future<TcpStream> Tls::secure(TcpStream stream, std::string, Own) { co_return stream; }
#endif
}  // namespace hob::inline v0::net
