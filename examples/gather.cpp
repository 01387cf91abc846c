// SPDX-License-Identifier: MIT
//
// gather.cpp — the article's second program: three downloads at once take two seconds, not six.
#include <reactor/reactor.hpp>

#include <iostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;

hob::Future<> download_file(std::string file) {
  std::cout << "Starting download for " << file << std::endl;
  co_await hob::sleep(2s);  // simulate download time
  std::cout << "Finished downloading " << file << std::endl;
}

hob::Future<> amain() {
  std::vector<hob::Future<>> tasks;
  for (const char* file : {"file1.pdf", "file2.pdf", "file3.pdf"}) tasks.push_back(download_file(file));
  co_await hob::gather(std::move(tasks));
}

int main() try {
  hob::run(amain);
} catch (const hob::Interrupted&) {
  return 130;
}
