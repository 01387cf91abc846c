// SPDX-License-Identifier: MIT
//
// url.hpp — http and https URLs (RFC 3986): taken apart, resolved, put together; percent-encoding.
//
// The client asks it where to connect and what to ask for. Whatever two parsers might read in two
// ways is refused: control bytes, blanks, '\', bytes above 0x7f, half an escape, a second '@', an
// escape or odd byte in a host, and a host that looks like an IPv4 address without being one. All
// errors are ProtocolError.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "message.hpp"

namespace hob::inline v0::http {

struct Url {
  // Takes an absolute URL apart. Dot segments are resolved, the fragment is dropped.
  static Url parse(std::string_view text);
  // What a reference in a document, or in Location, means here (RFC 3986, 5.2).
  Url resolve(std::string_view reference) const;

  std::string scheme;       // "http" or "https"
  std::string userinfo;     // as it came; see credentials()
  std::string host;         // in lower case; an IPv6 address without its brackets
  unsigned short port = 0;  // never 0 once parsed
  std::string target;       // path and query, as a request line has them: "/" at least

  // "user:password", decoded, as Basic authentication wants it; empty if there is no userinfo.
  std::string credentials() const;
  // "example.com", or "example.com:8080" where the port is not the scheme's own.
  std::string host_header() const;
  // "http://example.com:80", always with the port: one key for one server.
  std::string origin() const;
  // The whole, but for the userinfo, which is not for logs.
  std::string to_string() const;

  bool operator==(const Url&) const = default;
};

// Escapes all but letters, digits and "-._~".
std::string encode_component(std::string_view text);
// Undoes escapes; a '+' stays one. Half an escape is a ProtocolError.
std::string decode(std::string_view text);

// "a=1&b=two+words": a query, or the body of a form (application/x-www-form-urlencoded); and a name or
// value of one, decoded.
std::string encode_form(std::initializer_list<Field> fields);
std::string decode_form(std::string_view text);

}  // namespace hob::inline v0::http
