// SPDX-License-Identifier: MIT
//
// blocking.cpp — the article's mistake: a blocking call inside a coroutine stops everybody. Run it
// with HOB_DEBUG=1, and the loop says how long it was blocked, and where.
#include <reactor/reactor.hpp>

#include <iostream>
#include <thread>

using namespace std::chrono_literals;

hob::Future<> download_file(std::string file) {
  co_await hob::sleep(1ms);
  std::this_thread::sleep_for(200ms);  // the mistake: nothing else runs meanwhile
  co_await hob::sleep(1ms);
  std::cout << "Finished downloading " << file << std::endl;
}

hob::Future<> amain() {
  co_await hob::gather(download_file("file1.pdf"), download_file("file2.pdf"));
}

int main() try {
  hob::run(amain);
} catch (const hob::Interrupted&) {
  return 130;
}
