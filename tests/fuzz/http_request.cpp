// SPDX-License-Identifier: MIT
//
// Fuzzes HeadParser::request().
#include "heads.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  hob_fuzz::cut_anywhere<hob::http::Request>(data, size, [](auto& parser, auto bytes, auto& into) {
    return parser.request(bytes, into);
  });
  return 0;
}
