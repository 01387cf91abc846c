// SPDX-License-Identifier: MIT
//
// heads.hpp — what the two fuzz targets of heads share: a head comes to the same however it is cut.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "../../net/http_parser.hpp"

namespace hob_fuzz {

using namespace hob::http;

inline void require(bool held) {
  if (!held) std::abort();
}

// Feeds prefixes of these sizes, from blocks of exactly their size; says what came of it.
inline std::string first_line(const Request& request) { return request.method + '|' + request.target; }
inline std::string first_line(const Response& response) {
  return std::to_string(response.status) + '|' + response.reason;
}

template <class Message, class Parse>
std::string outcome(std::string_view input, std::initializer_list<std::size_t> prefixes, Parse parse) {
  Limits limits;
  limits.line = 200, limits.head = 1000, limits.fields = 10;
  HeadParser parser(limits);
  Message message;
  try {
    for (const std::size_t prefix : prefixes) {
      const std::unique_ptr<char[]> block(new char[prefix]);
      input.copy(block.get(), prefix);
      const std::size_t size = parse(parser, std::string_view(block.get(), prefix), message);
      if (size == 0) continue;
      require(size <= prefix);
      const Head& head = parser.head();
      const std::string said = std::to_string(size) + ' ' + std::to_string(head.minor) +
                               std::to_string(static_cast<int>(head.body)) + std::to_string(head.length) +
                               (head.keep_alive ? "k" : "") + (head.expect_continue ? "e" : "");
      Headers checked;
      for (auto& [name, value] : message.headers) checked.add(name, value);  // throws if the parser let pass too much
      require(checked.wire() == message.headers.wire() && checked.size() <= limits.fields);
      return said + first_line(message) + '|' + std::string(checked.wire());
    }
  } catch (const ProtocolError& error) {
    return std::to_string(error.status) + error.what();
  }
  return "incomplete";
}

// The first byte says where to cut.
template <class Message, class Parse>
void cut_anywhere(const unsigned char* data, std::size_t size, Parse parse) {
  if (size == 0) return;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = input.empty() ? 0 : data[0] * input.size() / 256;
  require(outcome<Message>(input, {input.size()}, parse) ==
          outcome<Message>(input, {cut, cut + (input.size() - cut) / 2, input.size()}, parse));
}

}  // namespace hob_fuzz
