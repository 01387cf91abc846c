// SPDX-License-Identifier: MIT
//
// reactor.hpp — the front door: everything about tasks, time and the loop.
//
//   #include <reactor/reactor.hpp>
//
// Where to read on (README.md has the whole evening):
//   future.hpp      Future<T>, the coroutine type             promise.hpp   Promise<T>, ready, failed
//   then.hpp        then, recover, finally, SharedFuture      result.hpp    Result<T>
//   loop.hpp        Loop, one turn                            leaf.hpp      sleep, yield; your own leaf
//   combine.hpp     gather, race, wait_for, as_completed      tasks.hpp     detach
//   task_group.hpp  TaskGroup                                 sync.hpp      Event, Mutex, Semaphore …
//   queue.hpp       Queue<T>                                  run.hpp       run, run_shards
//   outside.hpp     signal, wait_readable, to_thread, files   callbacks.hpp TimerHandle, Remote
//   backend.hpp     the seam to the kernel
#pragma once

#include "callbacks.hpp"
#include "combine.hpp"
#include "outside.hpp"
#include "promise.hpp"
#include "queue.hpp"
#include "run.hpp"
#include "sync.hpp"
#include "task_group.hpp"
#include "then.hpp"
