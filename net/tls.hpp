// SPDX-License-Identifier: MIT
// tls.hpp — TLS on a stream: nobody between reads or alters it, and who is at the other end is verified.
//
//   net::Tls tls(net::Tls::client);  // once, for many streams
//   stream = co_await tls.secure(std::move(stream), "example.com");
//
// It is used as ever then. Its end is close_notify: that it is cut, a FIN included, and all that TLS
// refuses, is std::system_error(EPROTO), "read 127.0.0.1:443: TLS: …".
#pragma once
#include "net.hpp"

namespace hob::inline v0::net {
// The files are PEM. Names are borrowed for as long as what they were given to lives.
struct TlsOptions {
  // Who may sign for the peer; null: who the system says, or SSL_CERT_FILE. A server that has one refuses
  // clients without a certificate.
  const char* ca_file = nullptr;
  const char* certificate = nullptr;  // ours, then those up to the root's
  const char* key = nullptr;          // null: in the same file
  bool dangerously_accept_any_certificate = false;  // a client's: anybody may claim to be the host
};

// For the streams of a client, or of a server: TLS 1.2 or newer. Copies are one. A client that has verified
// a host and port takes the session up again there, and serves one loop.
class Tls {
 public:
  enum Side : bool { client, server };
  Tls() noexcept = default;  // none
  // Reads the files: std::runtime_error names the one at fault, or says that the build has no TLS. The
  // protocol (ALPN): offered by a client; a server refuses those who offer others only.
  explicit Tls(Side side, const TlsOptions& options = TlsOptions(), std::string protocol = {});
  explicit operator bool() const noexcept { return context_ != nullptr; }
  // Greets. Whom a client speaks to has to prove to be `host`, a name or an address. Else: "connect
  // 127.0.0.1:443: TLS: certificate has expired: …". Has no deadline of its own; dropped, it closes.
  Future<TcpStream> secure(TcpStream stream, std::string host = {}, Own = Own());
 private:
  struct Context;
  class Ends;
  std::shared_ptr<Context> context_;
};
}  // namespace hob::inline v0::net
