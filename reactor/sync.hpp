// SPDX-License-Identifier: MIT
// sync.hpp — Event, Mutex, Semaphore, Condition, Barrier, Queue: for tasks of one loop that must
// wait for each other, with asyncio's names and meaning. (Across threads there is Loop::post.)
//
// All are fair: first come, first served; a newcomer never overtakes. All their waits are leaves,
// allocate nothing, and can be dropped at any point: what a dropped waiter was given goes on to the
// next. A primitive destroyed under its waiters gives them BrokenPromise.
//   1. A Waiter is in the primitive's list exactly while it waits; to give takes it out and arms it.
//   2. A leaf destroyed between being given something and finish() returns it, for the next.
//   3. While a popper waits the Queue has no value; while a pusher waits it is full.
#pragma once
#include "leaf.hpp"

namespace hob::inline v0 {
// One coroutine that waits in a primitive's list; lives in its frame.
class Waiter : public Link {
 public:
  void begin(Runnable& task) noexcept { task_ = &task, list_.push_back(*this); }
  // It has what it waited for: out of the list, and armed.
  void give() noexcept {
    unlink();
    given_ = true;
    task_->arm();
  }
 protected:
  explicit Waiter(List<Waiter>& list) noexcept : list_(list) {}
  Waiter(Waiter&& from) noexcept : Link(), list_(from.list_) {}
  // Hands out what was given; throws if the primitive has gone.
  void settle(const char* sentence) {
    if (broken_) throw BrokenPromise(sentence);
    unlink();
    given_ = false;
  }
  bool given_ = false;
 private:
  friend class Waiters;
  List<Waiter>& list_;
  bool broken_ = false;
  Runnable* task_ = nullptr;
};

// Those who wait in a primitive, or were given something by it. When it goes they get BrokenPromise.
class Waiters : public List<Waiter> {
 public:
  ~Waiters() { break_all(); }
  void give_all() noexcept { while (!empty()) front().give(); }
  // Gives to the first what must not be lost: it is in `granted` until finish() takes it.
  bool give_first(Waiters& granted) noexcept {
    if (empty()) return false;
    Waiter& first = front();
    first.give();
    granted.push_back(first);
    return true;
  }
  // How many there were.
  std::size_t break_all() noexcept {
    std::size_t n = 0;
    for (; !empty(); ++n) {
      Waiter& waiter = pop_front();
      waiter.broken_ = true;
      // One that was given something is armed already; or it waits for something else by now (a
      // notified one for the lock), and must not be woken from that.
      if (!std::exchange(waiter.given_, false)) waiter.task_->arm();
    }
    return n;
  }
  Runnable* first() noexcept { return empty() ? nullptr : front().task_; }
};

// A flag that tasks wait for (asyncio.Event).
class Event {
 public:
  // Wakes every waiter; who comes later does not wait, until clear().
  void set() { home_.check(), fire(); }
  void clear() { home_.check(), set_ = false; }
  bool is_set() const noexcept { return set_; }

  // Returns once set() has been called, also if it is cleared again meanwhile.
  class Wait;
  Wait wait() { return Wait(*this); }
  // set() where nothing may be thrown; and the task that waits longest, may be null.
  void fire() noexcept { set_ = true, waiters_.give_all(); }
  Runnable* first() noexcept { return waiters_.first(); }

  class Wait : public Leaf<Wait>, public Waiter {
   public:
    explicit Wait(Event& event) noexcept : Waiter(event.waiters_), event_(event) {}
    bool try_now() const { return event_.home_.check(), event_.set_; }
    void finish() { settle("the Event was destroyed"); }
   private:
    Event& event_;
  };
 private:
  Home home_;
  bool set_ = false;
  Waiters waiters_;
};

class Semaphore;

// What acquire() and lock() give; gives itself back when it goes. Move-only.
class [[nodiscard("dropping a Permit gives it back")]] Permit {
 public:
  Permit() noexcept = default;
  Permit(Permit&& from) noexcept;  // from now on nobody knows whose it is; see Loop::dump_tasks
  Permit& operator=(Permit&& from) noexcept { return Permit(std::move(from)).of_.swap(of_), *this; }
  void release() noexcept { of_.reset(); }
  explicit operator bool() const noexcept { return static_cast<bool>(of_); }
 private:
  friend class Semaphore;
  friend class Condition;
  struct Return { void operator()(Semaphore* of) const noexcept; };
  explicit Permit(Semaphore* of) noexcept : of_(of) {}
  std::unique_ptr<Semaphore, Return> of_;
};

// A count of permits (asyncio.Semaphore): acquire() takes one, and waits while there is none.
class Semaphore {
 public:
  explicit Semaphore(std::size_t permits) : free_(permits) {}
  // While a permit is out, the program ends with a sentence: nobody could take it back.
  ~Semaphore() {
    out_ -= granted_.break_all();
    if (out_) fatal("a Mutex or Semaphore was destroyed while a Guard or Permit of it was held");
  }

  // Gives a Permit, which gives itself back. Dropped: nothing is taken.
  class Acquire;
  [[nodiscard]] Acquire acquire() { return Acquire(*this); }
  // Whether acquire() would wait.
  bool locked() const noexcept { return free_ == 0 || !waiters_.empty(); }

  class Acquire : public Leaf<Acquire, Permit>, public Waiter, public Several {
   public:
    explicit Acquire(Semaphore& of) noexcept : Waiter(of.waiters_), semaphore_(of) {}
    Acquire(Acquire&&) noexcept = default;
    void awaited_by(Work& self) noexcept { self_ = &self; }
    void each(const Look&) const override {}
    const Work* holder() const override { return semaphore_.out_ == 1 ? semaphore_.holder_ : nullptr; }
    ~Acquire() { if (given_) semaphore_.give_back(); }
    bool try_now() {
      semaphore_.home_.check();
      if (semaphore_.locked()) return false;
      --semaphore_.free_, ++semaphore_.out_;
      semaphore_.granted_.push_back(*this);
      return given_ = true;
    }
    Permit finish() {
      settle("the Mutex or Semaphore was destroyed");
      semaphore_.holder_ = self_;
      return Permit(&semaphore_);
    }
   private:
    Semaphore& semaphore_;
    Work* self_ = nullptr;
  };
 private:
  friend class Permit;
  friend class Condition;
  void give_back() noexcept {
    if (home_.foreign()) fatal("a Guard or Permit was dropped on a thread that is not its Loop's");
    holder_ = nullptr;
    // Handed over, if somebody waits: never free for a newcomer in between.
    if (!waiters_.give_first(granted_)) ++free_, --out_;
  }

  Home home_;
  std::size_t free_;
  std::size_t out_ = 0;      // permits held, or granted and not yet seen
  const Work* holder_ = nullptr;  // the coroutine that took the last one, while that stays where it is
  Waiters waiters_, granted_;
  List<Link> returns_;  // of a Condition's waiters, who will want their permits back
};
inline void Permit::Return::operator()(Semaphore* of) const noexcept { of->give_back(); }
inline Permit::Permit(Permit&& from) noexcept : of_(std::move(from.of_)) { if (of_) of_->holder_ = nullptr; }

// One at a time (asyncio.Lock).
//   auto guard = co_await mutex.lock();
class Mutex {
 public:
  using Guard = Permit;
  [[nodiscard]] Semaphore::Acquire lock() { return one_.acquire(); }
  bool locked() const noexcept { return one_.locked(); }
 private:
  Semaphore one_{1};
};

// Waits for something to become true that a Mutex protects (asyncio.Condition).
//   auto guard = co_await mutex.lock();
//   while (!ready) co_await condition.wait(guard);
class Condition {
 public:
  // Releases the guard, waits to be notified, takes the lock again. Dropped: the guard stays empty,
  // and a notification that had come goes on to the next waiter.
  Future<> wait(Permit& guard, Own = Own()) {
    home_.check();
    if (!guard) misuse("Condition::wait needs a guard that holds its Mutex");
    Semaphore& mutex = *guard.of_;
    Notified notified(*this);
    Link back;
    mutex.returns_.push_back(back);
    guard.release();
    co_await static_cast<Notified&&>(notified);
    if (!back.linked()) throw BrokenPromise("the Mutex was destroyed");
    back.unlink();
    guard = co_await mutex.acquire();
    notified.used();
  }
  void notify_one() { home_.check(), waiters_.give_first(granted_); }
  void notify_all() {
    home_.check();
    while (waiters_.give_first(granted_)) {}
  }
 private:
  // Waits for a notification; one that was given and not used goes on to the next waiter.
  class Notified : public Leaf<Notified>, public Waiter {
   public:
    explicit Notified(Condition& of) noexcept : Waiter(of.waiters_), condition_(of) {}
    ~Notified() { if (given_) condition_.waiters_.give_first(condition_.granted_); }
    bool try_now() const noexcept { return false; }
    void finish() { if (!given_) used(); }  // else still granted, until the lock is held again
    void used() { settle("the Condition was destroyed"); }
   private:
    Condition& condition_;
  };

  Home home_;
  Waiters waiters_, granted_;
};

// Lets n tasks meet (asyncio.Barrier); may be used again and again.
class Barrier {
 public:
  explicit Barrier(std::size_t n) : n_(n) {
    if (n == 0) throw std::invalid_argument("Barrier(0): a barrier is for at least one task");
  }

  // Waits until n tasks are here; gives each its number, by arrival, from 0. Dropped: not here any more.
  class Wait;
  Wait wait() { return Wait(*this); }

  class Wait : public Leaf<Wait, std::size_t>, public Waiter {
   public:
    explicit Wait(Barrier& barrier) noexcept : Waiter(barrier.waiters_), barrier_(barrier) {}
    Wait(Wait&&) noexcept = default;
    ~Wait() { if (linked()) --barrier_.here_; }
    bool try_now() {
      barrier_.home_.check();
      if (++barrier_.here_ < barrier_.n_) return false;
      barrier_.here_ = 0;
      while (!barrier_.waiters_.empty()) {
        auto& waiter = static_cast<Wait&>(barrier_.waiters_.front());
        waiter.number_ = number_++;
        waiter.give();
      }
      return true;
    }
    std::size_t finish() { return settle("the Barrier was destroyed"), number_; }
   private:
    Barrier& barrier_;
    std::size_t number_ = 0;
  };
 private:
  const std::size_t n_;
  Home home_;
  std::size_t here_ = 0;
  Waiters waiters_;
};

// Values from tasks to tasks, in order, bounded (asyncio.Queue). A value given to a popper that
// is dropped before it resumes goes back to its place at the front (beyond the bound, if need be):
// nothing is lost. A push that is dropped while it waits has not happened.
template <class T> class Queue {
 public:
  // At most `bound` values wait inside; 0 is std::invalid_argument.
  explicit Queue(std::size_t bound) : bound_(bound) {
    if (bound == 0) throw std::invalid_argument("Queue(0): the bound is at least 1");
  }
  // Waiters get BrokenPromise; values inside are destroyed.
  ~Queue() { while (!items_.empty()) delete &items_.pop_front(); }

  // Waits while the queue is full. hob::Closed once it has been closed; the value is lost then.
  class Push;
  Push push(T value) { return Push(*this, std::move(value)); }
  // The next value, waiting for one; empty once the queue is closed and drained.
  class Pop;
  Pop pop() { return Pop(*this); }
  // No more values: waiting pushers get hob::Closed, poppers what is left and then nothing.
  void close() { home_.check(), closed_ = true, pushers_.give_all(), poppers_.give_all(); }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  bool full() const noexcept { return size_ >= bound_; }
 private:
  struct Item : Link, Framed {
    explicit Item(T v) : value(std::move(v)) {}
    T value;
    std::uint64_t number = 0;  // how many went in before
  };

  // At the end, or to the popper who waits first.
  void enter(Item* item) noexcept {
    item->number = entered_++;
    if (!poppers_.empty()) return give(item);
    items_.push_back(*item), ++size_;
  }
  // Where it was, likewise: behind what went in earlier and has come back already, usually nothing.
  void put_back(Item* item) noexcept {
    if (!poppers_.empty()) return give(item);
    List<Item> earlier;
    while (!items_.empty() && items_.front().number < item->number)
      earlier.push_back(items_.pop_front());
    earlier.push_back(*item), ++size_;
    earlier.splice_back(items_);
    items_.splice_back(earlier);
  }
  void give(Item* item) noexcept {
    static_cast<Pop&>(poppers_.front()).item_.reset(item);
    poppers_.give_first(granted_);
  }
  // From the front; lets the first pusher in.
  Item* take() noexcept {
    Item& item = items_.pop_front();
    --size_;
    if (!pushers_.empty() && !full()) {
      auto& pusher = static_cast<Push&>(pushers_.front());
      pusher.give();
      enter(pusher.item_.release());
    }
    return &item;
  }

  Home home_;
  const std::size_t bound_;
  std::size_t size_ = 0;
  std::uint64_t entered_ = 0;
  bool closed_ = false;
  List<Item> items_;
  Waiters pushers_, poppers_, granted_;
 public:
  class Push : public Leaf<Push>, public Waiter {
   public:
    Push(Queue& queue, T value)
        : Waiter(queue.pushers_), queue_(queue), item_(new Item(std::move(value))) {}
    bool try_now() {
      queue_.home_.check();
      if (queue_.closed_) throw Closed();
      if (queue_.full() || !queue_.pushers_.empty()) return false;
      queue_.enter(item_.release());
      return true;
    }
    void finish() {
      settle("the Queue was destroyed");
      if (item_) throw Closed();
    }
   private:
    friend Queue;
    Queue& queue_;
    std::unique_ptr<Item> item_;
  };

  class Pop : public Leaf<Pop, std::optional<T>>, public Waiter {
   public:
    explicit Pop(Queue& queue) noexcept : Waiter(queue.poppers_), queue_(queue) {}
    Pop(Pop&&) noexcept = default;
    ~Pop() { if (given_ && item_) unlink(), queue_.put_back(item_.release()); }
    bool try_now() {
      queue_.home_.check();
      if (queue_.items_.empty()) return queue_.closed_;
      item_.reset(queue_.take());
      queue_.granted_.push_back(*this);
      return given_ = true;
    }
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
};
}  // namespace hob::inline v0
