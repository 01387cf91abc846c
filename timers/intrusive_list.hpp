// SPDX-License-Identifier: MIT
// A doubly linked list threaded through its members: it allocates nothing and owns nobody.
//
// The wheel keeps its timers in such lists, the loop what is ready to run. Calls nobody.
//   1. A Link is in at most one list; in none, both its pointers are null.
//   2. A list is a ring with itself between last and first: no operation asks whether it is at an end.
//   3. Whoever dies first lets go: ~Link leaves its list, ~List unlinks its members. Nobody is left
//      pointing at the dead. This is what makes "to drop is to cancel" cheap.
#pragma once
#include <cassert>

namespace hob::inline v0 {
template <class T> class List;

// What a class derives from to be a member of a List. It is its address, so it never moves.
class Link {
 public:
  Link() noexcept = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { unlink(); }
  bool linked() const noexcept { return next_ != nullptr; }
  // Leaves the list it is in, if any. O(1), and the list need not be at hand.
  void unlink() noexcept {
    if (!linked()) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }
 private:
  template <class T> friend class List;
  Link* prev_ = nullptr;
  Link* next_ = nullptr;
};

// First in, first out. T derives from Link: publicly, or privately with List<T> for a friend.
// Every operation is O(1) but clear() and the destructor, which visit each member.
template <class T> class List : private Link {
 public:
  List() noexcept { prev_ = next_ = this; }
  ~List() { clear(); }
  bool empty() const noexcept { return next_ == this; }
  // These three need a member to be there.
  T& front() noexcept { return assert(!empty()), static_cast<T&>(*next_); }
  T& back() noexcept { return assert(!empty()), static_cast<T&>(*prev_); }
  T& pop_front() noexcept {
    T& member = front();
    static_cast<Link&>(member).unlink();
    return member;
  }

  // The newcomer must be in no list.
  void push_back(T& member) noexcept { insert(*prev_, member, *this); }
  void push_front(T& member) noexcept { insert(*this, member, *next_); }
  // Moves all members of `other` behind our own, in their order.
  void splice_back(List& other) noexcept {
    if (other.empty()) return;
    prev_->next_ = other.next_;
    other.next_->prev_ = prev_;
    prev_ = other.prev_;
    prev_->next_ = this;
    other.prev_ = other.next_ = &other;
  }

  void clear() noexcept { while (!empty()) pop_front(); }
  // The list whose only member this is; null if it has company, or is in none.
  static List* held_alone(T& member) noexcept {
    Link& link = member;
    return link.next_ == link.prev_ ? static_cast<List*>(link.next_) : nullptr;
  }

  // Just enough for a range-for. The member it stands at must not leave meanwhile.
  class Iterator {
   public:
    explicit Iterator(Link* at) noexcept : at_(at) {}
    T& operator*() const noexcept { return static_cast<T&>(*at_); }
    Iterator& operator++() noexcept { return at_ = at_->next_, *this; }
    bool operator==(const Iterator&) const noexcept = default;
   private:
    Link* at_;
  };
  Iterator begin() noexcept { return Iterator(next_); }
  Iterator end() noexcept { return Iterator(this); }
 private:
  static void insert(Link& before, Link& link, Link& after) noexcept {
    assert(!link.linked());
    before.next_ = &link;
    link.prev_ = &before;
    after.prev_ = &link;
    link.next_ = &after;
  }
};
}  // namespace hob::inline v0
