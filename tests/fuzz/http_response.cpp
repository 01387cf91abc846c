// SPDX-License-Identifier: MIT
//
// Fuzzes HeadParser::response().
#include "heads.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const bool asked_head = size % 2 == 1;
  hob_fuzz::cut_anywhere<hob::http::Response>(data, size, [=](auto& parser, auto bytes, auto& into) {
    return parser.response(bytes, into, asked_head ? "HEAD" : "GET");
  });
  return 0;
}
