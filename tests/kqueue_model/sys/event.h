// SPDX-License-Identifier: MIT
//
// sys/event.h — kqueue as macOS declares it, for Linux: the struct, the numbers, the two calls.
//
// backend_kqueue.cpp includes it when -Itests/kqueue_model is given; kqueue_model.cpp implements it.
// Only what hob uses is there. The layout is macOS's, packing included: a reference bound to a
// member of the struct does not compile here either.
#pragma once
#pragma GCC system_header  // as the real one is: its macros are not ours to be warned of

#include <stdint.h>
#include <time.h>

#pragma pack(push, 4)
struct kevent {
  uintptr_t ident;
  int16_t filter;
  uint16_t flags;
  uint32_t fflags;
  intptr_t data;
  void* udata;
};
#pragma pack(pop)

#define EV_SET(event, a, b, c, d, e, f) \
  do {                                  \
    struct kevent* set_ = (event);      \
    set_->ident = (a);                  \
    set_->filter = (b);                 \
    set_->flags = (c);                  \
    set_->fflags = (d);                 \
    set_->data = (e);                   \
    set_->udata = (f);                  \
  } while (0)

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_USER (-10)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_CLEAR 0x0020
#define EV_RECEIPT 0x0040
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

#define NOTE_TRIGGER 0x01000000

extern "C" int kqueue(void);
extern "C" int kevent(int kq, const struct kevent* changes, int nchanges, struct kevent* events,
                      int nevents, const struct timespec* timeout);
