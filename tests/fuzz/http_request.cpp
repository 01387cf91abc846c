// SPDX-License-Identifier: MIT
//
// Fuzzes HeadParser::request().
#include "heads.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  hob_fuzz::cut_anywhere(data, size, [](auto& parser, auto bytes, auto& head) { return parser.request(bytes, head); });
  return 0;
}
