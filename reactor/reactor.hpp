// SPDX-License-Identifier: MIT
//
// reactor.hpp — the front door: everything about tasks, time and the loop.
//
//   #include <reactor/reactor.hpp>
//
// Where to read on (README.md has the whole evening):
//   future.hpp      Future<T>, the coroutine type             promise.hpp   Promise<T>, ready, failed
//   then.hpp        then, recover, finally, SharedFuture      result.hpp    Result<T>
//   loop.hpp        Loop, one turn                            sleep.hpp     sleep, sleep_until
//   combine.hpp     gather, race, wait_for, as_completed      tasks.hpp     detach
//   task_group.hpp  TaskGroup                                 sync.hpp      Event, Mutex, Semaphore …
//   queue.hpp       Queue<T>                                  to_thread.hpp to_thread
//   files.hpp       read_file, write_file, list_dir           signals.hpp   signal
//   wait_fd.hpp     wait_readable, wait_writable              shards.hpp    run_shards
//   callbacks.hpp   TimerHandle                               mailbox.hpp   Remote
//   run.hpp         run                                       leaf.hpp      to write a leaf of your own
//   backend.hpp     the seam to the kernel
#pragma once

#include "callbacks.hpp"
#include "combine.hpp"
#include "files.hpp"
#include "mailbox.hpp"
#include "promise.hpp"
#include "queue.hpp"
#include "run.hpp"
#include "shards.hpp"
#include "signals.hpp"
#include "sleep.hpp"
#include "sync.hpp"
#include "task_group.hpp"
#include "then.hpp"
#include "to_thread.hpp"
#include "wait_fd.hpp"
