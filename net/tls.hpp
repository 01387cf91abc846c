// SPDX-License-Identifier: MIT
// tls.hpp — TLS on a stream: who is at the other end is verified, and nobody between reads or alters it.
//
//   net::Tls tls(net::Tls::client);  // once, for many streams
//   net::TcpStream stream = co_await net::connect("example.com", 443);
//   stream = co_await tls.secure(std::move(stream), "example.com");
//
// The stream is then used as ever. Its end is the peer's close_notify: one that is cut, a FIN included,
// is std::system_error(EPROTO), as is all that TLS refuses: "read 127.0.0.1:443: TLS: …". Takes OpenSSL 3
// and a build with -Dtls=enabled; without, to make a Tls throws. http.hpp calls it; calls net.hpp.
#pragma once
#include "net.hpp"

namespace hob::inline v0::net {
// Files are PEM. The names are borrowed for as long as what they are given to lives.
struct TlsOptions {
  // Who may sign the other side's certificate; null: whom the system trusts (or SSL_CERT_FILE). A
  // server that has one refuses clients without a certificate.
  const char* ca_file = nullptr;
  const char* certificate = nullptr;  // our own, and behind it those up to the root's
  const char* key = nullptr;          // its private key; null: in the same file
  bool dangerously_accept_any_certificate = false;  // a client's: anybody may claim to be the host
};

// What the streams of a client or of a server have in common. Copies share it. TLS 1.2 and newer; a
// client takes up again (once each) the sessions of a host and port that it has verified.
class Tls {
 public:
  enum Side : bool { client, server };
  static const bool is_built;
  Tls() noexcept = default;  // none
  // Reads the files: std::runtime_error names the one that is at fault. `protocol` is what is spoken
  // (ALPN); a server refuses clients that offer others only.
  explicit Tls(Side side, const TlsOptions& options = TlsOptions(), std::string protocol = {});
  explicit operator bool() const noexcept { return context_ != nullptr; }
  // Greets the peer. A client's certificate has to be good for `host`, a name or an address. Errors:
  // std::system_error, "connect 127.0.0.1:443: TLS: certificate has expired: …". Has no deadline;
  // dropped, the stream is closed.
  Future<TcpStream> secure(TcpStream stream, std::string host = {}, Own = Own());
 private:
  struct Context;
  class Ends;
  std::shared_ptr<Context> context_;
};
}  // namespace hob::inline v0::net
