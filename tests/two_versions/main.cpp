// SPDX-License-Identifier: MIT
//
// main.cpp — runs both parts, and sees that each has a Loop of its own.
#include <typeinfo>

int first_sum();
int second_sum();
const std::type_info& first_loop();
const std::type_info& second_loop();

int main() {
  const bool apart = first_loop() != second_loop();
  return apart && first_sum() == 3 && second_sum() == 3 && first_sum() == 3 ? 0 : 1;
}
