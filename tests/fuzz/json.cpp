// SPDX-License-Identifier: MIT
//
// Whatever json::parse() accepts can be written, and reads back as the same.
#include "../../net/json.hpp"

#include <cstdlib>

using namespace hob;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const json::Value value = json::parse(text);
    const std::string compact = value.dump();
    const json::Value again = json::parse(compact), pretty = json::parse(value.dump(1));
    if (!(again == value) || !(pretty == value) || again.dump() != compact) std::abort();
  } catch (const json::ParseError& error) {
    if (error.offset() > size) std::abort();
  }
  return 0;
}
