// SPDX-License-Identifier: MIT
//
// Fuzzes Address: what is printed parses to the same, and a host that is numeric stays one.
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "../../net/address.hpp"

using hob::net::Address;

static void require(bool held) {
  if (!held) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::unique_ptr<char[]> block(new char[size]);
  const std::string_view input(block.get(), size);
  for (std::size_t i = 0; i < size; ++i) block[i] = static_cast<char>(data[i]);
  try {
    const Address address = Address::parse(input);
    require(address.family() != 0);
    require(Address::parse(address.to_string()) == address);
    require(address.with_port(address.port()) == address);
    if (!address.is_unix()) require(Address::of(address.host(), address.port()) == address);
  } catch (const std::invalid_argument& e) {
    require(std::string_view(e.what()).size() < 1000);
  }
  if (const auto address = Address::numeric(input, 7)) {
    require(Address::numeric(address->host(), 7) == address);
  }
  return 0;
}
