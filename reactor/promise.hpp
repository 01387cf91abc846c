// SPDX-License-Identifier: MIT
//
// promise.hpp — the writing end of a Future, for adapting callbacks.
//
//   hob::Promise<int> promise;
//   library_call([p = std::move(promise)](int n) mutable { p.set_value(n); });
//
// Invariants
//   1. A Pair lives until both its Promise and its Future are gone.
//   2. A Promise destroyed unset gives its reader BrokenPromise: an error, never a hang.
#pragma once

#include "future.hpp"

namespace hob::inline v0 {

// The other kind of Work: what a Promise writes and its Future reads.
template <class T>
class Pair final : public Outcome<T>, public Framed {
 public:
  int ends = 1;        // how many of the two are there; the Promise at first
  bool given = false;  // the Promise has handed out the Future

  Pair() noexcept : Outcome<T>(&leave, 0) {}
  static void leave(Runnable& self) noexcept {
    auto& pair = static_cast<Pair&>(self);
    if (--pair.ends == 0) delete &pair;
  }
  bool abandoned() const noexcept { return given && ends == 1; }  // asked by the Promise
  bool at_home() const noexcept { return this->loop_id_ == here.id || this->loop_id_ == 0; }
};

template <class T>
class Promise {
 public:
  Promise() : pair_(new Pair<T>) {}
  Promise(Promise&& from) noexcept : pair_(std::exchange(from.pair_, nullptr)) {}
  Promise& operator=(Promise&& from) noexcept {
    Promise old(std::move(from));  // takes what this one held, and breaks it
    std::swap(pair_, old.pair_);
    return *this;
  }
  ~Promise() {
    if (!pair_) return;
    if (!pair_->settled() && !pair_->abandoned()) {
      if (pair_->given && !pair_->at_home())
        fatal("a Promise was destroyed unset on a thread that is not its Loop's: its Future waits there");
      pair_->hush();  // if nobody reads it, nobody is told
      pair_->set_error(std::make_exception_ptr(BrokenPromise()));
      pair_->settle();
    }
    Pair<T>::leave(*pair_);
  }

  // The reading end; it has one owner, so a second call is std::logic_error.
  Future<T> future() {
    check_thread();
    if (std::exchange(pair_->given, true)) misuse("Promise::future() was called before: one reader only");
    ++pair_->ends;
    return Future<T>(pair_);
  }

  // Settles the Future; its reader goes through the ready queue. Abandoned: does nothing. A second
  // time, or from a thread that is not the loop's: std::logic_error.
  template <class V = T>
    requires std::constructible_from<T, V&&>
  void set_value(V&& value) {
    if (!settling()) return;
    pair_->emplace(std::forward<V>(value));
    pair_->settle();
  }
  void set_value()
    requires std::is_void_v<T>
  {
    if (settling()) pair_->settle();
  }
  void set_error(std::exception_ptr error) {
    if (!error) misuse("set_error of no error");
    if (!settling()) return;
    pair_->set_error(std::move(error));
    pair_->settle();
  }

  // Whether the Future was dropped: nobody waits any more, so the work can stop.
  bool abandoned() const { return held().abandoned(); }

 private:
  Pair<T>& held() const {
    if (!pair_) misuse("this Promise was moved from");
    return *pair_;
  }
  void check_thread() const {
    if (!held().at_home())
      misuse("a Promise belongs to the thread of its Loop; from another one use Loop::post");
  }
  bool settling() {
    if (held().settled()) misuse("this Promise was set before");
    if (pair_->abandoned()) return false;
    check_thread();
    return true;
  }

  Pair<T>* pair_;
};

// A Future that has its value already.
template <class T>
Future<T> ready(T value) {
  co_return std::move(value);
}
inline Future<> ready() { co_return; }

// A Future that has failed already. Dropped unread, it is reported.
template <class T = void>
Future<T> failed(std::exception_ptr error) {
  Promise<T> promise;
  promise.set_error(std::move(error));
  return promise.future();
}

}  // namespace hob::inline v0
