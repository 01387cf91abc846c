// SPDX-License-Identifier: MIT
#include "../../timers/intrusive_list.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace hob_test::intrusive_list_test {
using namespace hob;

namespace {

struct Member : Link {
  explicit Member(char n) : name(n) {}
  char name;
};

// A class in two lists at once: each list has a Link of its own to hold on to.
struct Reader : Link {};
struct Writer : Link {};
struct Both : Reader, Writer {};

class Discreet : private Link {
  friend class List<Discreet>;
};

std::string names(List<Member>& list) {
  std::string all;
  for (const Member& member : list) all += member.name;
  return all;
}

}  // namespace

TEST_SUITE("timers") {
  TEST_CASE("a list gives its members back in the order they came") {
    Member a('a'), b('b'), c('c');
    List<Member> list;
    CHECK(list.empty());
    list.push_back(b);
    list.push_back(c);
    list.push_front(a);
    CHECK(names(list) == "abc");
    CHECK(&list.front() == &a);
    CHECK(&list.back() == &c);

    CHECK(&list.pop_front() == &a);
    CHECK_FALSE(a.linked());
    CHECK(&list.pop_front() == &b);
    CHECK(&list.pop_front() == &c);
    CHECK(list.empty());
  }

  TEST_CASE("a member leaves from anywhere, without the list at hand") {
    Member a('a'), b('b'), c('c'), d('d');
    List<Member> list;
    for (Member* member : {&a, &b, &c, &d}) list.push_back(*member);

    c.unlink();
    CHECK(names(list) == "abd");
    a.unlink();
    CHECK(names(list) == "bd");
    d.unlink();
    CHECK(names(list) == "b");
    b.unlink();
    CHECK(list.empty());
  }

  TEST_CASE("unlinking what is in no list does nothing") {
    Member a('a');
    CHECK_FALSE(a.linked());
    a.unlink();
    CHECK_FALSE(a.linked());
  }

  TEST_CASE("a member that dies leaves the list") {
    Member a('a'), c('c');
    List<Member> list;
    list.push_back(a);
    {
      Member b('b');
      list.push_back(b);
      list.push_back(c);
      CHECK(names(list) == "abc");
    }
    CHECK(names(list) == "ac");
  }

  TEST_CASE("members that outlive their list are in none") {
    Member a('a'), b('b');
    {
      List<Member> list;
      list.push_back(a);
      list.push_back(b);
    }
    CHECK_FALSE(a.linked());
    CHECK_FALSE(b.linked());
    List<Member> another;
    another.push_back(b);
    CHECK(names(another) == "b");
  }

  TEST_CASE("clear unlinks all, and the list goes on") {
    Member a('a'), b('b');
    List<Member> list;
    list.push_back(a);
    list.push_back(b);
    list.clear();
    CHECK(list.empty());
    CHECK_FALSE(a.linked());
    list.push_back(a);
    CHECK(names(list) == "a");
  }

  TEST_CASE("splice_back moves all, in order, and leaves the other list empty and usable") {
    Member a('a'), b('b'), c('c'), d('d');
    List<Member> list, other;

    list.splice_back(other);
    CHECK(list.empty());

    other.push_back(a);
    other.push_back(b);
    list.splice_back(other);
    CHECK(names(list) == "ab");
    CHECK(other.empty());

    other.push_back(c);
    list.splice_back(other);
    CHECK(names(list) == "abc");

    list.splice_back(other);
    CHECK(names(list) == "abc");

    other.push_back(d);
    CHECK(names(other) == "d");
    c.unlink();
    CHECK(names(list) == "ab");
  }

  TEST_CASE("held_alone names the list whose only member this is") {
    Member a('a'), b('b');
    List<Member> list;
    CHECK(List<Member>::held_alone(a) == nullptr);
    list.push_back(a);
    CHECK(List<Member>::held_alone(a) == &list);
    list.push_back(b);
    CHECK(List<Member>::held_alone(a) == nullptr);
    CHECK(List<Member>::held_alone(b) == nullptr);
    a.unlink();
    CHECK(List<Member>::held_alone(b) == &list);
  }

  TEST_CASE("an object can be in two lists, one for each Link it derives from") {
    List<Reader> readers;
    List<Writer> writers;
    {
      Both both;
      readers.push_back(both);
      writers.push_back(both);
      CHECK(&static_cast<Both&>(readers.front()) == &both);
      CHECK(&static_cast<Both&>(writers.front()) == &both);
      readers.pop_front();
      CHECK(readers.empty());
      CHECK_FALSE(writers.empty());
    }
    CHECK(writers.empty());
  }

  TEST_CASE("a class may keep its Link to itself and its lists") {
    List<Discreet> list;
    const auto discreet = std::make_unique<Discreet>();
    list.push_back(*discreet);
    CHECK(&list.pop_front() == discreet.get());
    CHECK(list.empty());
  }
}
}  // namespace hob_test::intrusive_list_test
