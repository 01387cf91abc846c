// SPDX-License-Identifier: MIT
//
// reactor.hpp — the front door: everything about tasks, time and the loop.
//
//   #include <reactor/reactor.hpp>
//
// Where to read on (README.md has the whole evening):
//   future.hpp      Future<T>, the coroutine type             error.hpp     exceptions, Result<T>
//   promise.hpp     Promise<T>; then, recover, finally, share leaf.hpp      sleep, yield; your own leaf
//   loop.hpp        Loop, one turn                            tasks.hpp     detach, TaskGroup
//   combine.hpp     gather, race, wait_for, as_completed      sync.hpp      Event, Mutex, Queue<T> …
//   files.hpp       read_file, write_file, list_dir           to_thread.hpp to_thread
//   wait_fd.hpp     wait_readable, wait_writable              signals.hpp   signal
//   callbacks.hpp   TimerHandle, Remote                       run.hpp       run, run_shards
//   backend.hpp     the seam to the kernel
#pragma once

#include "callbacks.hpp"
#include "combine.hpp"
#include "files.hpp"
#include "promise.hpp"
#include "run.hpp"
#include "signals.hpp"
#include "sync.hpp"
#include "to_thread.hpp"
#include "wait_fd.hpp"
