// SPDX-License-Identifier: MIT
// tls_openssl.cpp — TLS by OpenSSL 3, as a Filter: the only file that knows of it. With HOB_TLS defined,
// which -Dtls=enabled does; without, it says so. Called through tls.hpp, and by streams as a Filter.
//   1. OpenSSL sees strings, no descriptor: what it reads was fed, what it writes is `out`.
//   2. What is verified is verified in the greeting; before its end nothing of it is given to anybody.
//   3. Whether a certificate is in its time, the backend's date says.
#include "tls.hpp"
#include <cerrno>
#ifndef HOB_TLS
namespace hob::inline v0::net {
struct Tls::Context {};
const bool Tls::is_built = false;
Tls::Tls(Side, const TlsOptions&, std::string) {
  throw std::runtime_error("TLS needs a build with -Dtls=enabled");
}
Future<TcpStream> Tls::secure(TcpStream stream, std::string, Own) { co_return stream; }
}  // namespace hob::inline v0::net
#else
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <map>

namespace hob::inline v0::net {
const bool Tls::is_built = true;

template <auto kFree>
struct FreeBy { void operator()(auto* object) const noexcept { kFree(object); } };

// Why the last call has failed: what it complained of first.
static std::string complaint() {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(reason);
  if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
    if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION)
      return "unsupported protocol: the peer does not speak TLS 1.2 or newer";
    if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) return "cut without close_notify";
    if (reason == SSL_R_WRONG_VERSION_NUMBER) return "the peer does not speak TLS";
  }
  const char* const text = ERR_reason_error_string(code);
  return text ? text : "unknown error";
}

// --- what streams have in common -----------------------------------------------------------------
struct Tls::Context {
  using Session = std::unique_ptr<SSL_SESSION, FreeBy<SSL_SESSION_free>>;
  static constexpr std::size_t kSessions = 256;
  static int select(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                    unsigned n, void* ours);
  static int keep(SSL* ssl, SSL_SESSION* session);

  std::unique_ptr<SSL_CTX, FreeBy<SSL_CTX_free>> ctx;
  bool is_client;
  std::string protocol;                     // as it is on the wire: a length first
  std::map<std::string, Session> sessions;  // by host and port; of those verified
};

int Tls::Context::select(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                         unsigned n, void* ours) {
  const std::string& is = *static_cast<std::string*>(ours);
  const std::string_view offered(reinterpret_cast<const char*>(in), n);
  for (std::size_t at = 0; at < n; at += std::size_t{1} + in[at])
    if (offered.substr(at).starts_with(is)) {
      *out = in + at + 1;
      *size = in[at];
      return SSL_TLSEXT_ERR_OK;
    }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Tls::Tls(Side side, const TlsOptions& options, std::string protocol)
    : context_(std::make_shared<Context>()) {
  ERR_clear_error();
  const auto must = [](bool good, const char* file) {
    if (!good) throw std::runtime_error(std::string("TLS: ") + file + ": " + complaint());
  };
  Context& all = *context_;
  all.is_client = side == client;
  all.ctx.reset(SSL_CTX_new(all.is_client ? TLS_client_method() : TLS_server_method()));
  SSL_CTX* const ctx = all.ctx.get();
  must(ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION), "OpenSSL");
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  // A key under a passphrase is refused: nobody is asked for it on the terminal.
  SSL_CTX_set_default_passwd_cb(ctx, [](char*, int, int, void*) { return -1; });
  if (const char* const file = options.certificate) {
    const char* const key = options.key ? options.key : file;
    must(SSL_CTX_use_certificate_chain_file(ctx, file) == 1, file);
    must(SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1, key);
    must(SSL_CTX_check_private_key(ctx) == 1, key);  // one of another kind was taken so far
  }
  const bool any = all.is_client && options.dangerously_accept_any_certificate;
  const bool verifies = all.is_client ? !any : options.ca_file != nullptr;
  if (options.ca_file)
    must(SSL_CTX_load_verify_file(ctx, options.ca_file) == 1, options.ca_file);
  else if (verifies)
    must(SSL_CTX_set_default_verify_paths(ctx) == 1, "the system's certificates");
  if (verifies) SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  if (verifies && !all.is_client) SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(options.ca_file));
  // A server keeps no sessions: its clients do, as tickets.
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(ctx, reinterpret_cast<const unsigned char*>("hob"), 3);
  if (all.is_client && verifies) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, Context::keep);
  }
  if (protocol.empty()) return;
  all.protocol = static_cast<char>(protocol.size()) + protocol;
  const auto name = reinterpret_cast<const unsigned char*>(all.protocol.data());
  SSL_CTX_set_alpn_protos(ctx, name, static_cast<unsigned>(all.protocol.size()));
  if (!all.is_client) SSL_CTX_set_alpn_select_cb(ctx, Context::select, &all.protocol);
}

// --- one stream ----------------------------------------------------------------------------------
class Tls::Ends final : public Filter {
 public:
  Ends(std::shared_ptr<Context> of, const std::string& host, unsigned short port)
      : context_(std::move(of)), ssl_(SSL_new(context_->ctx.get())) {
    SSL* const ssl = ssl_.get();
    BIO* const bio = ssl ? BIO_new(method()) : nullptr;
    if (!bio) throw std::bad_alloc();
    BIO_set_data(bio, this);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, this);
    X509_VERIFY_PARAM* const param = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_time(param, static_cast<time_t>(Loop::current().backend().date()));
    if (context_->is_client) SSL_set_connect_state(ssl), expect(host, port, param);
    else SSL_set_accept_state(ssl);
  }

  // EAGAIN: what is in `out` has to go, and more to come.
  int greet() noexcept {
    ERR_clear_error();
    const int error = outcome(SSL_do_handshake(ssl_.get())).error;
    is_greeted_ = error == 0;
    return error;
  }
  void feed(std::span<const std::byte> wire) noexcept override {
    in_.append(as_text(wire));
    ended_ = wire.empty();
  }
  Io open(std::span<std::byte> into) noexcept override {
    if (why.empty() && out.size() > kMost) why = "the peer asks, and takes no answer";
    ERR_clear_error();
    std::size_t n = 0;
    const int answer = SSL_read_ex(ssl_.get(), into.data(), into.size(), &n);
    const Io io = answer == 1 ? Io{n, 0} : outcome(answer);
    more = io.n == 0 ? io.error != EAGAIN : has_more();
    return io;
  }
  int seal(std::string_view text) noexcept override {
    if (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) return EPIPE;
    ERR_clear_error();
    std::size_t n = 0;
    out.reserve(out.size() + text.size() + 512);
    const int answer = SSL_write_ex(ssl_.get(), text.data(), text.size(), &n);
    return answer == 1 ? 0 : outcome(answer).error;
  }
  void end() noexcept override {
    ERR_clear_error();
    if (why.empty() && !(SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN)) SSL_shutdown(ssl_.get());
  }
  bool has_more() const noexcept { return !in_.empty() || SSL_has_pending(ssl_.get()); }
  void keep(SSL_SESSION* session) noexcept {
    auto& sessions = context_->sessions;
    if (sessions.size() >= Context::kSessions) sessions.erase(sessions.begin());
    sessions[key_].reset(session);
  }
 private:
  static constexpr std::size_t kMost = 1 << 20;  // of answers that nobody sends, as nothing is written

  // The certificate has to be good for this host, whose session may be taken up.
  void expect(const std::string& host, unsigned short port, X509_VERIFY_PARAM* param) {
    SSL* const ssl = ssl_.get();
    const std::string name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
    const bool is_address = Address::numeric(host, port).has_value();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    const bool good = is_address ? X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) == 1
                                 : !name.empty() && SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 &&
                                       X509_VERIFY_PARAM_set1_host(param, name.data(), name.size()) == 1;
    if (!good) throw std::invalid_argument("TLS: no name of a host to verify: \"" + host + '"');
    key_ = name + ':' + std::to_string(port);
    const auto last = context_->sessions.extract(key_);
    time_t now = static_cast<time_t>(Loop::current().backend().date());
    if (last && X509_cmp_time(X509_get0_notAfter(SSL_SESSION_get0_peer(last.mapped().get())), &now) > 0)
      SSL_set_session(ssl, last.mapped().get());
  }

  // What a call of OpenSSL that gave nothing means. (What has failed once is not asked again.)
  Io outcome(int answer) noexcept {
    const int error = why.empty() ? SSL_get_error(ssl_.get(), answer) : SSL_ERROR_SSL;
    if (error == SSL_ERROR_WANT_READ) return {0, EAGAIN};
    if (error == SSL_ERROR_NONE || error == SSL_ERROR_ZERO_RETURN) return {};
    const long verified = SSL_get_verify_result(ssl_.get());
    if (!why.empty()) return {0, EPROTO};
    if (is_greeted_) why = complaint();
    else if (verified != X509_V_OK && SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE)
      why = X509_verify_cert_error_string(verified);
    else why = ended_ ? "the connection has ended during the handshake" : complaint();
    return {0, EPROTO};
  }

  static int read(BIO* bio, char* into, int size) noexcept {
    Ends& of = *static_cast<Ends*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::size_t n = of.in_.copy(into, static_cast<std::size_t>(size), of.taken_);
    of.taken_ += n;
    if (of.taken_ == of.in_.size()) std::string().swap(of.in_), of.taken_ = 0;
    if (n == 0 && !of.ended_) BIO_set_retry_read(bio);
    return n == 0 && !of.ended_ ? -1 : static_cast<int>(n);
  }
  static int write(BIO* bio, const char* from, int size) noexcept {
    static_cast<Ends*>(BIO_get_data(bio))->out.append(from, static_cast<std::size_t>(size));
    return size;
  }
  static long control(BIO* bio, int what, long, void*) noexcept {
    if (what == BIO_CTRL_EOF) return static_cast<Ends*>(BIO_get_data(bio))->ended_;
    return what == BIO_CTRL_FLUSH;
  }
  static const BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* const m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hob");
      if (m) BIO_meth_set_read(m, read), BIO_meth_set_write(m, write), BIO_meth_set_ctrl(m, control);
      return m;
    }();
    return made;
  }

  const std::shared_ptr<Context> context_;
  const std::unique_ptr<SSL, FreeBy<SSL_free>> ssl_;
  std::string key_;  // of its session
  std::string in_;   // what came on the wire, of which OpenSSL has taken so much
  std::size_t taken_ = 0;
  bool ended_ = false, is_greeted_ = false;
};

int Tls::Context::keep(SSL* ssl, SSL_SESSION* session) {
  return static_cast<Ends*>(SSL_get_app_data(ssl))->keep(session), 1;
}

Future<TcpStream> Tls::secure(TcpStream stream, std::string host, Own) {
  if (!context_) misuse("this Tls has not been made for a client or a server");
  const std::shared_ptr<Context> context = context_;  // the Tls may go
  const std::string what = (context->is_client ? "connect " : "accept ") + stream.peer().to_string();
  auto ends = std::make_unique<Ends>(context, host, stream.peer().port());
  for (;;) {
    const int error = ends->greet();
    if (error == EPROTO) {
      static_cast<void>(as_result(stream.write_all(ends->out)));  // the alert, if the kernel takes it now
      if (!context->is_client) static_cast<void>(co_await as_result(stream.finish(std::chrono::seconds(1))));
      throw std::system_error(error, std::generic_category(), what + ": TLS: " + ends->why);
    }
    const std::string flight = std::exchange(ends->out, std::string());
    co_await stream.write_all(flight);
    if (error == 0) break;
    const Lease lease = co_await stream.read_lease();
    ends->feed(lease.bytes());
  }
  if (ends->has_more()) stream.socket_->watch.readable = true;
  stream.held().filter = std::move(ends);
  co_return stream;
}
}  // namespace hob::inline v0::net
#endif
