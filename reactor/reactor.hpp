// SPDX-License-Identifier: MIT
//
// reactor.hpp — the front door: everything about tasks, time and the loop.
//
//   #include <reactor/reactor.hpp>
//
// Where to read on (README.md has the whole evening):
//   future.hpp      Future<T>, the coroutine type             promise.hpp   Promise<T>, ready, failed
//   then.hpp        then, recover, finally, SharedFuture      error.hpp     exceptions, Result<T>
//   loop.hpp        Loop, one turn                            leaf.hpp      sleep, yield; your own leaf
//   combine.hpp     gather, race, wait_for, as_completed      tasks.hpp     detach, TaskGroup
//   queue.hpp       Queue<T>                                  sync.hpp      Event, Mutex, Semaphore …
//   files.hpp       read_file, write_file, list_dir           to_thread.hpp to_thread
//   wait_fd.hpp     wait_readable, wait_writable              signals.hpp   signal
//   callbacks.hpp   TimerHandle, Remote                       run.hpp       run, run_shards
//   backend.hpp     the seam to the kernel
#pragma once

#include "callbacks.hpp"
#include "combine.hpp"
#include "files.hpp"
#include "promise.hpp"
#include "queue.hpp"
#include "run.hpp"
#include "signals.hpp"
#include "sync.hpp"
#include "then.hpp"
#include "to_thread.hpp"
#include "wait_fd.hpp"
