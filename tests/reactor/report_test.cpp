// SPDX-License-Identifier: MIT
//
// report_test.cpp — what is told when nobody listens: errors that nobody took, and debug mode.
#include <algorithm>
#include <cstdlib>

#include "on_sim.hpp"
#include "stderr.hpp"

namespace hob_test::report_test {
TEST_SUITE_BEGIN("reactor");

// --- what nobody took -----------------------------------------------------------------------------

TEST_CASE("errors that nobody took go to on_unhandled: a dropped one, a detached one, a callback's") {
  Sim sim;
  sim.loop.run([](Sim& s) -> Future<> {
    { const Future<> dropped = failed(error("dropped")); }
    CHECK(s.unhandled.empty());
    detach(fails(1ms, "detached"));
    s.loop.call_soon([] { throw std::runtime_error("callback"); });
    s.loop.post([] { throw std::runtime_error("post"); });
    co_await sleep(2ms);
  }(sim));
  auto told = sim.unhandled;
  std::sort(told.begin(), told.end());
  CHECK(told == Log{"callback", "detached", "dropped", "post"});
}

TEST_CASE("on_unhandled is called from the turn, never from a destructor") {
  std::vector<std::string> told;
  Stderr lines;
  {
    sim::World world(1);
    Loop loop(world.backend());
    loop.on_unhandled([&](std::exception_ptr e) { told.push_back(what(e)); });
    { const Future<> dropped = failed(error("in the turn")); }
    CHECK(told.empty());
    loop.poll();
    CHECK(told == Log{"in the turn"});
    { const Future<> dropped = failed(error("after the last turn")); }
  }
  CHECK(told.size() == 1);
  CHECK(lines.text().find("after the last turn") != std::string::npos);
}

TEST_CASE("a handler that throws is told of on stderr, and does not stop the loop") {
  Stderr lines;
  Sim sim;
  int called = 0;
  sim.loop.on_unhandled([&](std::exception_ptr) {
    ++called;
    throw std::runtime_error("from the handler");
  });
  { const Future<> a = failed(error("a")); }
  { const Future<> b = failed(error("b")); }
  sim.settle();
  CHECK(called == 2);
  CHECK(lines.text().find("from the handler") != std::string::npos);
}

TEST_CASE("errors that a handler leaves behind go to stderr, not round in circles") {
  Stderr lines;
  Sim sim;
  int called = 0;
  sim.loop.on_unhandled([&](std::exception_ptr) {
    ++called;
    const Future<> another = failed(error("left behind"));
  });
  { const Future<> first = failed(error("first")); }
  sim.loop.run(sleep(1ms));
  CHECK(called == 1);
  CHECK(lines.text().find("left behind") != std::string::npos);
}

TEST_CASE("a handler may replace itself") {
  Sim sim;
  Log log;
  sim.loop.on_unhandled([&, long_enough = std::string(100, 'x')](std::exception_ptr e) {
    sim.loop.on_unhandled([&](std::exception_ptr later_one) { log.push_back("new " + what(later_one)); });
    log.push_back("old " + what(e) + std::to_string(long_enough.size()));
  });
  { const Future<> a = failed(error("a")); }
  sim.settle();
  { const Future<> b = failed(error("b")); }
  sim.settle();
  CHECK(log == Log{"old a100", "new b"});
}

TEST_CASE("without a handler, one line on stderr names the file and line of the last await") {
  Stderr lines;
  sim::World world(1);
  Loop loop(world.backend());
  unsigned direct = 0, inner = 0, callback = 0;
  detach([](unsigned& at) -> Future<> {
    at = std::source_location::current().line() + 1;
    co_await sleep(1ms);
    throw std::runtime_error("direct");
  }, std::ref(direct));
  auto child = [](unsigned& at) -> Future<> {
    at = std::source_location::current().line() + 1;
    co_await sleep(1ms);
    throw std::runtime_error("inner");
  };
  detach([](auto f, unsigned& at) -> Future<> {
    co_await yield();
    co_await f(at);
  }, child, std::ref(inner));
  detach([]() -> Future<> {
    throw std::runtime_error("at once");
    co_return;
  });
  callback = std::source_location::current().line() + 1;
  loop.call_soon([] { throw std::runtime_error("from a callback"); });
  loop.run(sleep(2ms));
  const std::string text = lines.text();
  const std::string file = std::source_location::current().file_name();
  INFO(text);
  auto says = [&](const std::string& error, unsigned line) {
    return text.find("nobody took this error: " + error + "; last at: " + file + ":" +
                     std::to_string(line) + "\n") != std::string::npos;
  };
  CHECK(says("direct", direct));
  CHECK(says("inner", inner));
  CHECK(says("from a callback", callback));
  CHECK(text.find("at once; last at: before its first await\n") != std::string::npos);
  CHECK(text.find("tasks.hpp") == std::string::npos);
}

TEST_CASE("the place that is named is the user's, also where a part of hob lay between") {
  Stderr lines;
  sim::World world(1);
  Loop loop(world.backend());
  std::vector<std::pair<std::string, unsigned>> expected;
  const auto here_is = [&](const char* error, unsigned line) { expected.emplace_back(error, line); };
  const auto next_line = [](std::source_location at = std::source_location::current()) {
    return at.line() + 1;
  };
  unsigned bad_line = 0;
  const auto bad = [&]() -> Future<> {
    bad_line = next_line();
    co_await sleep(2ms);
    throw std::runtime_error("bad");
  };
  const auto limited = [&]() -> Future<> {
    here_is("timed out", next_line());
    co_await wait_for(sleep(1s), 1ms);
  };
  const auto on_pool = [&]() -> Future<> {
    here_is("from the pool", next_line());
    co_await to_thread([] { throw std::runtime_error("from the pool"); });
  };
  const auto gathers = [&]() -> Future<> { co_await gather(bad(), sleep(1s)); };
  const auto races = [&]() -> Future<> { co_await race(bad(), sleep(1s)); };
  const auto groups = [&]() -> Future<> {
    TaskGroup group;
    group.start(bad);
    co_await group.join();
  };
  const auto follows = [&]() -> Future<> { co_await bad().then([] {}).finally([] {}); };
  here_is("nobody awaits", next_line());
  detach(to_thread([] { throw std::runtime_error("nobody awaits"); }));
  detach(limited);
  detach(on_pool);
  for (const auto& part : {std::function<Future<>()>(gathers), std::function<Future<>()>(races),
                           std::function<Future<>()>(groups), std::function<Future<>()>(follows)})
    detach(part);
  loop.run(sleep(10ms));
  for (int i = 0; i < 4; ++i) here_is("bad", bad_line);
  std::string text = lines.text();
  INFO(text);
  const std::string file = std::source_location::current().file_name();
  for (const auto& [error, line] : expected) {
    const std::string told = "nobody took this error: " + error + "; last at: " + file + ":" +
                             std::to_string(line) + "\n";
    const std::size_t at = text.find(told);
    INFO(told);
    CHECK(at != std::string::npos);
    if (at != std::string::npos) text.erase(at, told.size());
  }
  CHECK(text.find("last at") == std::string::npos);
}

// --- debug mode -----------------------------------------------------------------------------------

TEST_CASE("native: in debug mode a resumption over the limit is reported with its file and line") {
  Stderr lines;
  Loop loop;
  loop.set_debug(true);
  loop.slow_after(5ms);
  unsigned line = 0;
  loop.run([](Loop& l, unsigned& at) -> Future<> {
    at = std::source_location::current().line() + 1;
    co_await yield();
    const TimePoint end = l.clock() + 8ms;
    while (l.clock() < end) {
    }
    co_await yield();
  }(loop, line));
  const std::string text = lines.text();
  INFO(text);
  CHECK(text.find("the loop was blocked for ") != std::string::npos);
  CHECK(text.find("report_test.cpp:" + std::to_string(line) + "\n") != std::string::npos);
}

TEST_CASE("native: in debug mode a function that was posted is reported too") {
  Stderr lines;
  Loop loop;
  loop.set_debug(true);
  loop.slow_after(5ms);
  loop.post([&] {
    const TimePoint end = loop.clock() + 8ms;
    while (loop.clock() < end) {
    }
  });
  loop.poll();
  CHECK(lines.text().find(" ms, by a function that was posted\n") != std::string::npos);
}

TEST_CASE("a posted function that turns debug mode on is not itself reported") {
  Stderr lines;
  {
    sim::World world(1);
    Loop loop(world.backend());
    loop.post([&] { loop.set_debug(true); });
    loop.poll();
  }
  CHECK(lines.text() == "");
}

TEST_CASE("in debug mode a loop that ends lists what is still detached, and where it waits") {
  Stderr lines;
  unsigned line = 0;
  {
    sim::World world(1);
    Loop loop(world.backend());
    loop.set_debug(true);
    detach([](unsigned& at) -> Future<> {
      co_await yield();
      at = std::source_location::current().line() + 1;
      co_await sleep(1h);
    }, std::ref(line));
    loop.run(sleep(1ms));
  }
  const std::string text = lines.text();
  INFO(text);
  CHECK(text.find("still detached, waiting at") != std::string::npos);
  CHECK(text.find("report_test.cpp:" + std::to_string(line) + "\n") != std::string::npos);
}

TEST_CASE("a task that went on after a child is listed where it waits now") {
  Stderr lines;
  unsigned line = 0;
  {
    sim::World world(1);
    Loop loop(world.backend());
    loop.set_debug(true);
    detach([](unsigned& at) -> Future<> {
      co_await later(1ms, 1);
      at = std::source_location::current().line() + 1;
      co_await sleep(1h);
    }, std::ref(line));
    loop.run(sleep(5ms));
  }
  CHECK(lines.text().find("report_test.cpp:" + std::to_string(line) + "\n") != std::string::npos);
}

TEST_CASE("HOB_DEBUG=1 in the environment is debug mode, and 0 is not") {
  for (const char* value : {"1", "0", ""}) {
    INFO(std::string(value));
    Stderr lines;
    ::setenv("HOB_DEBUG", value, 1);
    {
      sim::World world(1);
      Loop loop(world.backend());
      detach([]() -> Future<> { co_await sleep(1h); });
    }
    ::unsetenv("HOB_DEBUG");
    CHECK((lines.text().find("still detached") != std::string::npos) == (value[0] == '1'));
  }
}

TEST_CASE("in debug mode a loop that ends lists what is attached, and what is on the pool") {
  Stderr lines;
  {
    sim::World world(1);
    Loop loop(world.backend());
    loop.set_debug(true);
    int fds[2];
    loop.backend().pair(fds);
    detach([](int fd) -> Future<> {
      co_await yield();
      co_await wait_readable(fd);
    }, fds[0]);
    detach([]() -> Future<> {
      co_await yield();
      co_await to_thread([] {});
    });
    loop.poll();
  }
  const std::string text = lines.text();
  INFO(text);
  CHECK(text.find("still attached: descriptor 3, from") != std::string::npos);
  CHECK(text.find("still on the pool, awaited at") != std::string::npos);
}

TEST_CASE("what is left is listed by the user's lines, not by hob's") {
  Stderr lines;
  unsigned line = 0;
  {
    sim::World world(1);
    Loop loop(world.backend());
    loop.set_debug(true);
    int fds[2];
    loop.backend().pair(fds);
    line = std::source_location::current().line() + 1;
    detach(sleep(1h)), detach(wait_readable(fds[0]));
    loop.poll();
  }
  const std::string text = lines.text();
  INFO(text);
  const std::string place = "report_test.cpp:" + std::to_string(line);
  CHECK(text.find("still detached, made at ") != std::string::npos);
  CHECK(text.find(place + ", waiting") != std::string::npos);
  CHECK(text.find("still attached: descriptor 3, from: ") != std::string::npos);
  CHECK(text.find(place + "\n") != std::string::npos);
  CHECK(text.find(".hpp") == std::string::npos);
}

TEST_CASE("without debug mode nothing is said") {
  Stderr lines;
  {
    sim::World world(1);
    Loop loop(world.backend());
    detach([]() -> Future<> { co_await sleep(1h); });
    loop.run(sleep(1ms));
  }
  CHECK(lines.text() == "");
}

TEST_SUITE_END();
}  // namespace hob_test::report_test
