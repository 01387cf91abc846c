// SPDX-License-Identifier: MIT
//
// get_hob.cpp — an HTTP client as hob's users write it: one Session, a task for each that asks.
#include "../../../net/http.hpp"
#include "client.hpp"

namespace {
hob::Future<> ask(hob::http::Session& session, Tally& tally) {
  for (bool more = true; more;) {
    const hob::http::Response response = co_await session.get(tally.url);
    more = tally.another(response.status, response.body.size());
  }
}

hob::Future<> ask_all(Tally& tally) {
  hob::http::Session session;
  hob::TaskGroup tasks;
  for (std::size_t i = 0; i < tally.concurrency; ++i) tasks.start(ask, std::ref(session), std::ref(tally));
  co_await tasks.join();
}
}  // namespace

int main(int argc, char** argv) {
  Tally tally(argc, argv);
  hob::run(ask_all, std::ref(tally));
}
