// SPDX-License-Identifier: MIT
//
// Fuzzes Url: what is printed parses to the same, a reference gives a URL that parses, and what is
// encoded decodes.
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "../../net/message.hpp"

using namespace hob::http;

static void require(bool held) {
  if (!held) std::abort();
}

static void is_stable(Url url) {
  const std::string printed = url.to_string();
  (void)url.credentials();
  url.userinfo.clear();
  require(Url::parse(printed) == url && Url::parse(printed).to_string() == printed);
  require(Url::parse(url.origin()).origin() == url.origin());
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::unique_ptr<char[]> block(new char[size]);
  const std::string_view input(block.get(), size);
  for (std::size_t i = 0; i < size; ++i) block[i] = static_cast<char>(data[i]);
  require(decode(encode_component(input)) == input);
  try {
    is_stable(Url::parse(input));
  } catch (const ProtocolError&) {
  }
  try {
    is_stable(Url::parse("https://u:p@example.com:8/a/b/../c;d?e").resolve(input));
  } catch (const ProtocolError&) {
  }
  return 0;
}
