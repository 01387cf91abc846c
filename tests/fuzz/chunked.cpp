// SPDX-License-Identifier: MIT
//
// Fuzzes ChunkParser: body and end are the same however the bytes are cut.
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "../../net/http_parser.hpp"

using namespace hob::http;

static std::string decode(std::string_view input, std::size_t cut) {
  Limits limits;
  limits.chunk_line = 40, limits.trailers = 200;
  ChunkParser parser(limits);
  std::string body;
  std::size_t used_in_all = 0;
  try {
    for (const auto piece : {input.substr(0, cut), input.substr(cut)}) {
      const std::unique_ptr<char[]> block(new char[piece.size()]);
      piece.copy(block.get(), piece.size());
      std::string_view left(block.get(), piece.size());
      while (!left.empty() && !parser.done()) {
        const auto [data, used] = parser.next(left);
        if (used == 0 || used > left.size() || data.size() > used) std::abort();
        body += data;
        left.remove_prefix(used), used_in_all += used;
      }
    }
  } catch (const ProtocolError& error) {
    return body + "|" + std::to_string(error.status);
  }
  return body + "|" + std::to_string(used_in_all) + (parser.done() ? "done" : "");
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (decode(input, input.size()) != decode(input, data[0] * input.size() / 256)) std::abort();
  return 0;
}
