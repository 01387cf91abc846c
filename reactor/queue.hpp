// SPDX-License-Identifier: MIT
//
// queue.hpp — Queue<T>: values from tasks to tasks of one loop, in order, with a bound (asyncio.Queue).
//
// Invariants
//   1. Values come out in the order in which they went in; waiters are served in the order of arrival.
//   2. A value given to a popper that is dropped before it resumes goes back to its place at the front
//      (beyond the bound, if need be): nothing is lost. A push that is dropped while it waits has not
//      happened.
//   3. While a popper waits there is no value; while a pusher waits the queue is full.
#pragma once

#include <optional>

#include "sync.hpp"

namespace hob::inline v0 {

template <class T>
class Queue {
 public:
  // At most `bound` values wait inside; 0 is std::invalid_argument.
  explicit Queue(std::size_t bound) : bound_(bound) {
    if (bound == 0) throw std::invalid_argument("Queue(0): the bound is at least 1");
  }
  // Waiters get BrokenPromise; values inside are destroyed.
  ~Queue() {
    while (!items_.empty()) delete &items_.pop_front();
  }

  class Push;
  class Pop;

  // Waits while the queue is full. hob::Closed once it has been closed; the value is lost then.
  Push push(T value) { return Push(*this, std::move(value)); }

  // The next value, waiting for one; empty once the queue is closed and drained.
  Pop pop() { return Pop(*this); }

  // No more values: waiting pushers get hob::Closed, poppers what is left and then nothing.
  void close();

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  bool full() const noexcept { return size_ >= bound_; }

 private:
  struct Item : Link, Framed {
    explicit Item(T v) : value(std::move(v)) {}
    T value;
    std::uint64_t number = 0;  // how many went in before
  };

  void enter(Item* item) noexcept;           // at the end, or to the popper who waits first
  void put_back(Item* item) noexcept;        // where it was, likewise
  void give(Item* item) noexcept;            // to the popper who waits first
  Item* take() noexcept;                     // from the front; lets the first pusher in

  Home home_;
  const std::size_t bound_;
  std::size_t size_ = 0;
  std::uint64_t entered_ = 0;
  bool closed_ = false;
  List<Item> items_;
  Waiters pushers_, poppers_, granted_;
};

// --- implementation from here on -----------------------------------------------------------------

template <class T>
class Queue<T>::Push : public Leaf<Push>, Waiter {
 public:
  Push(Queue& queue, T value) : queue_(queue), item_(new Item(std::move(value))) {}
  Push(Push&&) noexcept = default;

  bool try_now() {
    queue_.home_.check();
    if (queue_.closed_) throw Closed();
    if (queue_.full() || !queue_.pushers_.empty()) return false;
    queue_.enter(item_.release());
    return true;
  }
  void begin(Runnable& task) noexcept { wait_in(queue_.pushers_, task); }
  void finish() {
    settle("the Queue was destroyed");
    if (item_) throw Closed();
  }

 private:
  friend Queue;
  Queue& queue_;
  std::unique_ptr<Item> item_;
};

template <class T>
class Queue<T>::Pop : public Leaf<Pop, std::optional<T>>, Waiter {
 public:
  explicit Pop(Queue& queue) noexcept : queue_(queue) {}
  Pop(Pop&&) noexcept = default;
  ~Pop() {
    if (given_ && item_) unlink(), queue_.put_back(item_.release());
  }

  bool try_now() {
    queue_.home_.check();
    if (!queue_.items_.empty()) {
      item_.reset(queue_.take());
      queue_.granted_.push_back(*this);
      return given_ = true;
    }
    return queue_.closed_;
  }
  void begin(Runnable& task) noexcept { wait_in(queue_.poppers_, task); }
  std::optional<T> finish() {
    settle("the Queue was destroyed");
    std::optional<T> value;
    if (item_) value.emplace(std::move(item_->value)), item_.reset();
    return value;
  }

 private:
  friend Queue;
  Queue& queue_;
  std::unique_ptr<Item> item_;
};

template <class T>
void Queue<T>::enter(Item* item) noexcept {
  item->number = entered_++;
  if (!poppers_.empty()) return give(item);
  items_.push_back(*item), ++size_;
}

// Behind what went in earlier and has come back already; usually that is nothing.
template <class T>
void Queue<T>::put_back(Item* item) noexcept {
  if (!poppers_.empty()) return give(item);
  List<Item> earlier;
  while (!items_.empty() && items_.front().number < item->number)
    earlier.push_back(items_.pop_front());
  earlier.push_back(*item), ++size_;
  earlier.splice_back(items_);
  items_.splice_back(earlier);
}

template <class T>
void Queue<T>::give(Item* item) noexcept {
  auto& popper = static_cast<Pop&>(poppers_.front());
  popper.item_.reset(item);
  popper.give_in(granted_);
}

template <class T>
typename Queue<T>::Item* Queue<T>::take() noexcept {
  Item& item = items_.pop_front();
  --size_;
  if (!pushers_.empty() && !full()) {
    auto& pusher = static_cast<Push&>(pushers_.front());
    pusher.give();
    enter(pusher.item_.release());
  }
  return &item;
}

template <class T>
void Queue<T>::close() {
  home_.check();
  closed_ = true;
  while (!pushers_.empty()) pushers_.front().give();
  while (!poppers_.empty()) poppers_.front().give();
}

}  // namespace hob::inline v0
