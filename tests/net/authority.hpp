// SPDX-License-Identifier: MIT
//
// authority.hpp — what TLS is tested with: an authority that signs whatever a case wants, in files of a
// folder of its own, and a peer that is OpenSSL and nothing of hob's but a plain stream.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "../../net/net.hpp"

namespace hob_test {

constexpr std::int64_t year(int number) { return (number - 1970) * std::int64_t{31'556'952}; }

// What a certificate says. The years are those of no simulated run and of no real one.
struct Says {
  std::string names = "DNS:localhost,IP:127.0.0.1";
  std::int64_t from = year(1990), until = year(2050);
  const char* usage = "serverAuth";
  bool self_signed = false;
};

// Its keys are Ed25519's, whose signatures have all one length.
class Authority {
 public:
  explicit Authority(const std::string& name = "authority") {
    char folder[] = "/tmp/hob-tls-XXXXXX";
    if (!::mkdtemp(folder)) throw std::runtime_error("mkdtemp");
    folder_ = folder;
    key_ = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    own_ = certificate(name, key_, Says());
    add(own_, NID_basic_constraints, "critical,CA:TRUE");
    sign(own_);
    ca = write(own_, nullptr);
  }
  Authority(const Authority&) = delete;
  ~Authority() {
    X509_free(own_);
    EVP_PKEY_free(key_);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  // A file with a certificate and its key.
  std::string issue(const Says& says = Says()) {
    EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    X509* const made = certificate("leaf", key, says);
    if (!says.names.empty()) add(made, NID_subject_alt_name, says.names.c_str());
    if (says.usage) add(made, NID_ext_key_usage, says.usage);
    if (says.self_signed) {
      X509_set_issuer_name(made, X509_get_subject_name(made));
      X509_sign(made, key, nullptr);
    } else {
      sign(made);
    }
    const std::string file = write(made, key);
    X509_free(made);
    EVP_PKEY_free(key);
    return file;
  }
  std::string path(const std::string& name) const { return folder_ + '/' + name; }

  std::string ca;  // the file with its own

 private:
  X509* certificate(const std::string& name, EVP_PKEY* key, const Says& says) {
    X509* const made = X509_new();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial_);
    ASN1_TIME_set(X509_getm_notBefore(made), static_cast<time_t>(says.from));
    ASN1_TIME_set(X509_getm_notAfter(made), static_cast<time_t>(says.until));
    const auto text = reinterpret_cast<const unsigned char*>(name.c_str());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC, text, -1, -1, 0);
    X509_set_pubkey(made, key);
    return made;
  }
  static void add(X509* to, int kind, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
    if (!extension) throw std::runtime_error(value);
    X509_add_ext(to, extension, -1);
    X509_EXTENSION_free(extension);
  }
  void sign(X509* what) {
    X509_set_issuer_name(what, X509_get_subject_name(own_));
    X509_sign(what, key_, nullptr);
  }
  std::string write(X509* what, EVP_PKEY* key) {
    const std::string file = path(std::to_string(serial_) + ".pem");
    std::FILE* const to = std::fopen(file.c_str(), "w");
    if (!to) throw std::runtime_error(file);
    PEM_write_X509(to, what);
    if (key) PEM_write_PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(to);
    return file;
  }

  std::string folder_;
  EVP_PKEY* key_ = nullptr;
  X509* own_ = nullptr;
  long serial_ = 0;
};

// Settings of a Foreign's.
class ForeignContext {
 public:
  // Of a server, if it has a file with a certificate and key.
  explicit ForeignContext(const std::string& file = "")
      : ctx(SSL_CTX_new(file.empty() ? TLS_client_method() : TLS_server_method())) {
    if (file.empty()) return;
    SSL_CTX_use_certificate_chain_file(ctx, file.c_str());
    SSL_CTX_use_PrivateKey_file(ctx, file.c_str(), SSL_FILETYPE_PEM);
  }
  ForeignContext(const ForeignContext&) = delete;
  ~ForeignContext() { SSL_CTX_free(ctx); }
  // Speaks no newer one, which takes leave to be weak.
  void at_most(int version) {
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, version);
  }

  SSL_CTX* const ctx;
};

class Foreign {
 public:
  Foreign(hob::net::TcpStream over, const ForeignContext& with)
      : stream(std::move(over)), ssl(SSL_new(with.ctx)), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
    SSL_set_bio(ssl, in_, out_);
    if (SSL_is_server(ssl)) SSL_set_accept_state(ssl);
    else SSL_set_connect_state(ssl);
  }
  Foreign(const Foreign&) = delete;
  ~Foreign() { SSL_free(ssl); }

  hob::Future<bool> greet() {
    return pump([this] { return SSL_do_handshake(ssl); });
  }
  // Until so much has come, or the end.
  hob::Future<std::string> hear(std::string until) {
    std::string heard;
    while (heard.find(until) == heard.npos) {
      char bytes[4096];
      int n = 0;
      const bool came = co_await pump([&] { return n = SSL_read(ssl, bytes, sizeof bytes); });
      if (!came) break;
      heard.append(bytes, static_cast<std::size_t>(n));
    }
    co_return heard;
  }
  hob::Future<bool> say(std::string text) {
    co_return co_await pump([&] { return SSL_write(ssl, text.data(), static_cast<int>(text.size())); });
  }
  hob::Future<bool> end() {
    return pump([this] { return SSL_shutdown(ssl) < 0 ? -1 : 1; });
  }
  std::string protocol() const {  // that was agreed upon
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &name, &size);
    return std::string(reinterpret_cast<const char*>(name), size);
  }

  hob::net::TcpStream stream;
  SSL* const ssl;
  std::string complaint;  // why something was false

 private:
  template <class Step>
  hob::Future<bool> pump(Step step) {
    for (;;) {
      ERR_clear_error();
      const int n = step();
      const int error = SSL_get_error(ssl, n);
      const char* const reason = ERR_reason_error_string(ERR_peek_error());
      char* data = nullptr;
      const long size = BIO_get_mem_data(out_, &data);
      if (size > 0) {
        const std::string flight(data, static_cast<std::size_t>(size));
        static_cast<void>(BIO_reset(out_));
        static_cast<void>(co_await as_result(stream.write_all(flight)));
      }
      if (n > 0) co_return true;
      complaint = reason ? reason : "";
      if (error != SSL_ERROR_WANT_READ) co_return false;
      char bytes[4096];
      const auto came = co_await as_result(stream.read_some(std::span(bytes)));
      if (!came.has_value() || came.value() == 0) co_return false;
      BIO_write(in_, bytes, static_cast<int>(came.value()));
    }
  }

  BIO* in_;
  BIO* out_;
};

}  // namespace hob_test
