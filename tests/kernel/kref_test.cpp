#include "model/kernel/kref.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>
#include <vector>

namespace noiommu {
namespace {

struct Base : Kref {
  virtual ~Base() = default;
};

// Says when it goes.
struct Object : Base {
  explicit Object(int& deleted) : deleted_(deleted) {}
  ~Object() override { ++deleted_; }
  int plain = 0;

 private:
  int& deleted_;
};

TEST(Kref, TheLastToGoDeletes) {
  int deleted = 0;
  KrefPtr<Object> one = make_kref<Object>(deleted);
  KrefPtr<Object> two = one;
  EXPECT_EQ(one->kept(), 2U);
  EXPECT_EQ(one, two);
  one = nullptr;
  EXPECT_EQ(two->kept(), 1U);
  const KrefPtr<Object> three = std::move(two);
  EXPECT_EQ(deleted, 0);
  EXPECT_EQ(three->kept(), 1U);
  two = three;
  two = KrefPtr<Object>();
  EXPECT_EQ(deleted, 0);
}

TEST(Kref, DeletesADerivedObjectAsWhatItIs) {
  int deleted = 0;
  { const KrefPtr<Base> base = make_kref<Object>(deleted); }
  EXPECT_EQ(deleted, 1);
}

TEST(Kref, WhatOthersDidIsSeenBeforeTheObjectGoes) {
  int deleted = 0;
  for (int round = 0; round < 200; ++round) {
    auto object = make_kref<Object>(deleted);
    std::jthread other([mine = object]() mutable {
      mine->plain = 1;  // a race with the delete, if that does not wait
      mine = nullptr;
    });
    object = nullptr;
  }
  EXPECT_EQ(deleted, 200);
}

}  // namespace
}  // namespace noiommu
