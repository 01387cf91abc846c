// SPDX-License-Identifier: MIT
//
// backend_test.cpp — what every kernel behind Backend must do: the conformance suite.
//
// Written against Backend alone. Cases of each_kernel() run on every kernel, those of
// each_real_kernel() only where descriptors are the operating system's (see kernels.hpp). Here:
// readiness and waiting; the socket calls are in backend_sockets_test.cpp.
#include <sys/resource.h>

#include <algorithm>

#include "kernels.hpp"

namespace hob_test::backend_test {
TEST_SUITE_BEGIN("reactor");

// --- readiness -----------------------------------------------------------------------------------

TEST_CASE("what is ready when it is attached is reported by the next wait") {
  each_kernel([](Bench& bench) {
    Pair pair(bench);
    CHECK(pair.a.send("x").n == 1);
    Waiter reader, writer;
    pair.b.watch.reader = &reader;
    pair.b.watch.writer = &writer;
    pair.b.attach();
    CHECK(bench.eventually([&] { return pair.b.watch.readable && pair.b.watch.writable; }));
    CHECK(reader.armed());
    CHECK(writer.armed());
    CHECK(pair.b.watch.reader == nullptr);
    CHECK(pair.b.watch.writer == nullptr);
  });
}

TEST_CASE("an event arms the waiter of its own direction only") {
  each_kernel([](Bench& bench) {
    Pair pair(bench);
    Waiter reader, writer;
    pair.b.watch.reader = &reader;
    pair.b.watch.writer = &writer;
    pair.b.attach();
    CHECK(bench.eventually([&] { return writer.armed(); }));
    bench.settle();
    CHECK_FALSE(reader.armed());
    CHECK(pair.a.send("x").n == 1);
    CHECK(bench.eventually([&] { return reader.armed(); }));
  });
}

TEST_CASE("an event is an edge: what was reported and left unread is not reported again") {
  each_kernel([](Bench& bench) {
    Pair pair(bench);
    pair.b.attach();
    pair.a.send("x");
    CHECK(bench.eventually([&] { return pair.b.watch.readable; }));
    pair.b.watch.readable = false;
    bench.settle();
    CHECK_FALSE(pair.b.watch.readable);
  });
}

TEST_CASE("new bytes are a new event though older ones are unread") {
  each_kernel([](Bench& bench) {
    Connection tcp(bench);
    tcp.server.attach();
    for (int i = 0; i < 3; ++i) {
      tcp.client.send("x");
      CHECK(bench.eventually([&] { return tcp.server.watch.readable; }));
      tcp.server.watch.readable = false;
    }
    CHECK(tcp.server.recv() == "xxx");
  });
}

TEST_CASE("a call that answers EAGAIN is answered by an event later") {
  each_kernel([](Bench& bench) {
    Connection tcp(bench);
    tcp.server.attach();
    CHECK(tcp.server.recv() == "error " + std::to_string(EAGAIN));
    tcp.client.send("hello");
    CHECK(bench.eventually([&] { return tcp.server.watch.readable; }));
    CHECK(tcp.server.recv() == "hello");

    const std::string block(64 << 10, 'b');
    Io io;
    while ((io = tcp.server.send(block)).error == 0) continue;
    CHECK(io.error == EAGAIN);
    bench.settle();
    while ((io = tcp.server.send(block)).error == 0) continue;  // room that was made meanwhile
    CHECK(io.error == EAGAIN);
    tcp.server.watch.writable = false;
    Waiter writer;
    tcp.server.watch.writer = &writer;
    std::size_t got = 0;
    CHECK(bench.eventually([&] {
      got += std::max<std::size_t>(1, tcp.client.recv(1 << 20).size()) - 1;
      return writer.armed() && got > 0;
    }));
    CHECK(tcp.server.watch.writable);
  });
}

TEST_CASE("bytes, then the end: a half close is seen after the data, drained before or not") {
  for (const bool drained : {false, true}) {
    each_kernel([&](Bench& bench) {
      CAPTURE(drained);
      Connection tcp(bench);
      tcp.server.attach();
      tcp.client.send("last words");
      if (drained) {
        CHECK(bench.eventually([&] { return tcp.server.watch.readable; }));
        CHECK(tcp.server.recv() == "last words");
        CHECK(tcp.server.recv() == "error " + std::to_string(EAGAIN));
        tcp.server.watch.readable = false;
      }
      CHECK(bench->shutdown_write(tcp.client.fd) == 0);
      CHECK(bench.eventually([&] { return tcp.server.watch.read_hangup; }));
      CHECK(tcp.server.watch.readable);
      if (!drained) CHECK(tcp.server.recv() == "last words");
      CHECK(tcp.server.recv() == "");
      // The other direction is open still.
      CHECK(tcp.server.send("answer").n == 6);
      tcp.client.attach();
      CHECK(bench.eventually([&] { return tcp.client.watch.readable; }));
      CHECK(tcp.client.recv() == "answer");
    });
  }
}

TEST_CASE("a reset by the peer arms both directions, and the calls say so") {
  each_kernel([](Bench& bench) {
    Connection tcp(bench);
    Waiter reader, writer;
    tcp.server.attach();
    bench.settle();
    tcp.server.watch.writable = false;
    tcp.server.watch.reader = &reader;
    tcp.server.watch.writer = &writer;
    CHECK(bench->set_option(tcp.client.fd, Option::abort_on_close, 1) == 0);
    bench->close(std::exchange(tcp.client.fd, -1));
    CHECK(bench.eventually([&] { return reader.armed() && writer.armed(); }));
    const bool in_event = tcp.server.watch.error == ECONNRESET;
    const bool in_call = tcp.server.recv() == "error " + std::to_string(ECONNRESET);
    CHECK((in_event || in_call));
    CHECK(tcp.server.send("x").error == EPIPE);  // and no SIGPIPE: we are still here
  });
}

TEST_CASE("200 descriptors ready at once are all reported") {
  each_kernel([](Bench& bench) {
    rlimit limit;  // macOS begins with 256
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 1024);
    if (before < limit.rlim_cur) REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    std::deque<Pair> pairs;
    for (int i = 0; i < 100; ++i) {
      Pair& pair = pairs.emplace_back(bench);
      pair.a.attach();
      pair.b.attach();
      pair.a.send("x");
      pair.b.send("y");
    }
    CHECK(bench.eventually([&] {
      return std::all_of(pairs.begin(), pairs.end(), [](Pair& pair) {
        return pair.a.watch.readable && pair.a.watch.writable && pair.b.watch.readable &&
               pair.b.watch.writable;
      });
    }));
  });
}

// --- attach and detach ---------------------------------------------------------------------------

TEST_CASE("after detach nothing is reported, though a duplicate keeps the file open") {
  each_real_kernel([](Bench& bench) {
    Pair pair(bench);
    pair.b.attach();
    bench.settle();
    const Handle duplicate(bench, ::dup(pair.b.fd));
    bench->detach(pair.b.watch);
    CHECK(pair.b.watch.interest == 0);
    bench->close(std::exchange(pair.b.fd, -1));
    pair.b.watch.readable = pair.b.watch.writable = false;
    pair.a.send("x");
    bench.settle();
    CHECK_FALSE(pair.b.watch.readable);
    CHECK_FALSE(pair.b.watch.writable);
  });
}

TEST_CASE("a descriptor number used again is not deaf") {
  each_real_kernel([](Bench& bench) {
    for (int i = 0; i < 20; ++i) {
      Pair pair(bench);
      Handle numbered(bench, ::dup2(pair.b.fd, 200));
      numbered.attach();
      pair.a.send("x");
      CHECK(bench.eventually([&] { return numbered.watch.readable; }));
    }
  });
}

TEST_CASE("detach of what is not attached does nothing, and a watch can be attached again") {
  each_kernel([](Bench& bench) {
    Pair pair(bench);
    bench->detach(pair.b.watch);
    pair.a.send("x");
    for (int i = 0; i < 3; ++i) {
      pair.b.attach();
      CHECK(pair.b.watch.interest == kReadWrite);
      CHECK(bench.eventually([&] { return pair.b.watch.readable && pair.b.watch.writable; }));
      bench->detach(pair.b.watch);
      bench->detach(pair.b.watch);
      CHECK(pair.b.watch.interest == 0);
    }
  });
}

TEST_CASE("a number that is attached already is refused, and stays whose it was") {
  each_kernel([](Bench& bench) {
    Pair pair(bench);
    pair.b.attach();
    bench.settle(5ms);
    pair.b.watch.readable = false;
    Watch second;
    CHECK(bench->attach(pair.b.fd, second, kRead) == EEXIST);
    CHECK(second.interest == 0);
    bench->detach(second);
    pair.a.send("x");
    CHECK(bench.eventually([&] { return pair.b.watch.readable; }));
  });
}

TEST_CASE("one direction alone can be asked for") {
  each_kernel([](Bench& bench) {
    Pair pair(bench);
    pair.b.attach(kRead);
    bench.settle();
    CHECK_FALSE(pair.b.watch.writable);
    pair.a.attach(kWrite);
    CHECK(bench.eventually([&] { return pair.a.watch.writable; }));
    pair.a.send("x");
    CHECK(bench.eventually([&] { return pair.b.watch.readable; }));
    pair.b.send("y");
    bench.settle();
    CHECK_FALSE(pair.a.watch.readable);
  });
}

TEST_CASE("a regular file and a directory cannot be attached: EPERM") {
  each_real_kernel([](Bench& bench) {
    char name[] = "/tmp/hob-backend-XXXXXX";
    const Handle file(bench, ::mkstemp(name));
    REQUIRE(file.fd != -1);
    ::unlink(name);
    Watch watch;
    CHECK(bench->attach(file.fd, watch) == EPERM);
    CHECK(watch.interest == 0);
    const Handle directory(bench, ::open("/", O_RDONLY));
    CHECK(bench->attach(directory.fd, watch, kRead) == EPERM);
    CHECK(bench->attach(-1, watch) == EBADF);
    CHECK(watch.interest == 0);
  });
}

TEST_CASE("a pipe whose other end is gone wakes its reader or its writer") {
  each_real_kernel([](Bench& bench) {
    for (const int variant : {0, 1, 2, 3}) {
      const bool reader_stays = variant & 1;
      const bool gone_before = variant & 2;
      CAPTURE(reader_stays);
      CAPTURE(gone_before);
      int ends[2];
      REQUIRE(::pipe(ends) == 0);
      Handle kept(bench, reader_stays ? ends[0] : ends[1]);
      Handle other(bench, reader_stays ? ends[1] : ends[0]);
      if (gone_before) bench->close(std::exchange(other.fd, -1));
      kept.attach(reader_stays ? kRead : kWrite);
      if (!gone_before) {
        // Full, so that it is the other end's going, and nothing else, that ends the wait.
        REQUIRE(::fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
        while (!reader_stays && ::write(ends[1], "x", 1) == 1) continue;
        bench.settle(5ms);
        kept.watch.readable = kept.watch.writable = false;
        bench->close(std::exchange(other.fd, -1));
      }
      CHECK(bench.eventually(
          [&] { return reader_stays ? kept.watch.readable : kept.watch.writable; }));
    }
  });
}

// --- waiting -------------------------------------------------------------------------------------

TEST_CASE("wait never returns early, nor late by whole milliseconds") {
  each_kernel([](Bench& bench) {
    bench.settle(1ms);
    for (const Duration span : std::initializer_list<Duration>{150us, 999us, 1001us, 3ms}) {
      CAPTURE(span.count());
      for (int i = 0; i < 30 && bench.kind().calm; ++i) {
        const TimePoint until = bench->now() + span;
        bench->wait(until);
        CHECK(bench->now() >= until);
      }
      CHECK(waits_exactly(*bench, span));
    }
  });
}

TEST_CASE("a wait for the past does not sleep, and still fetches what is ready") {
  each_kernel([](Bench& bench) {
    const TimePoint past[] = {bench->now(), bench->now() - 1s, TimePoint::min()};
    for (const TimePoint until : past) bench->wait(until);  // a sleep would have no end
    Pair pair(bench);
    pair.b.attach();
    pair.a.send("x");
    for (int i = 0; i < 100 && !pair.b.watch.readable; ++i) bench->wait(past[i % 3]);
    CHECK(pair.b.watch.readable);
  });
}

TEST_CASE("the clock never goes backwards") {
  each_kernel([](Bench& bench) {
    TimePoint last = bench->now();
    for (int i = 0; i < 10000; ++i) {
      const TimePoint present = bench->now();
      if (present < last) CHECK(present >= last);
      last = present;
    }
  });
}

TEST_CASE("a wake before the wait is not lost, and several are one") {
  each_kernel([](Bench& bench) {
    bench.settle(1ms);
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 100; ++i) bench->wake();
      const TimePoint end = bench->now() + kPatience;
      bench->wait(end);
      CHECK(bench->now() < end);
      if (bench.kind().calm) {
        const TimePoint until = bench->now() + 10ms;
        bench->wait(until);
        CHECK(bench->now() >= until);
      }
    }
  });
}

TEST_CASE("a wake from another thread ends a wait for ever, for years, and past a day") {
  each_real_kernel([](Bench& bench) {
    for (const TimePoint until :
         {kNever, kNever - 1ns, bench->now() + 24h * 365 * 30, bench->now() + 24h * 25}) {
      std::atomic<bool> woken = false;
      const TimePoint begin = bench->now();
      std::thread other([&] {
        std::this_thread::sleep_for(20ms);
        woken = true;
        bench->wake();
      });
      while (!woken) bench->wait(until);
      CHECK(bench->now() - begin >= 20ms);
      other.join();
      bench->wait(TimePoint::min());
    }
  });
}

TEST_CASE("no wake is lost between two threads that take turns") {
  each_real_kernel([](Bench& bench) {
    std::atomic<int> asked = 0, seen = 0;
    std::thread other([&] {
      for (int i = 1; i <= 2000; ++i) {
        asked = i;
        bench->wake();
        while (seen.load() < i) std::this_thread::yield();
      }
    });
    bool lost = false;
    while (seen < 2000 && !lost) {
      const TimePoint end = bench->now() + kPatience;
      if (seen == asked) bench->wait(end);
      lost = bench->now() >= end;
      seen = asked.load();
    }
    CHECK_FALSE(lost);
    seen = 2000;
    other.join();
  });
}

TEST_SUITE_END();
}  // namespace hob_test::backend_test
