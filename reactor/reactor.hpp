// SPDX-License-Identifier: MIT
// reactor.hpp — the front door: everything about tasks, time and the loop.
//   #include <reactor/reactor.hpp>
// Where to read on (README.md has the whole evening):
//   future.hpp      Future<T>, the coroutine type             error.hpp     exceptions, Result<T>
//   promise.hpp     Promise<T>; then, recover, finally, share leaf.hpp      sleep, yield; your own leaf
//   loop.hpp        Loop, one turn; run, run_shards           tasks.hpp     detach, TaskGroup
//   combine.hpp     gather, race, wait_for, as_completed      sync.hpp      Event, Mutex, Queue<T> …
//   outside.hpp     signal, wait_readable, to_thread, files   callbacks.hpp TimerHandle, Remote
//   backend.hpp     the seam to the kernel
#pragma once
#include "combine.hpp"
#include "outside.hpp"
#include "promise.hpp"
