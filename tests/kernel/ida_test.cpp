#include "model/kernel/ida.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace noiommu {
namespace {

TEST(Ida, CountsUpFromItsFirstId) {
  Ida ids(7);
  EXPECT_EQ(ids.alloc(), 7U);
  EXPECT_EQ(ids.alloc(), 8U);
  EXPECT_EQ(ids.alloc(), 9U);
}

TEST(Ida, GivesTheLowestFreeId) {
  Ida ids;
  for (uint32_t id = 0; id < 6; ++id) EXPECT_EQ(ids.alloc(), id);
  ids.free(4);
  ids.free(1);
  EXPECT_EQ(ids.alloc(), 1U);
  EXPECT_EQ(ids.alloc(), 4U);
  EXPECT_EQ(ids.alloc(), 6U);
}

TEST(Ida, IsFullAfterItsLastIdUntilOneIsFreed) {
  Ida ids(3, 5);
  EXPECT_EQ(ids.alloc(), 3U);
  EXPECT_EQ(ids.alloc(), 4U);
  EXPECT_EQ(ids.alloc(), 5U);
  EXPECT_EQ(ids.alloc(), std::nullopt);
  EXPECT_EQ(ids.alloc(), std::nullopt);
  ids.free(4);
  EXPECT_EQ(ids.alloc(), 4U);
  EXPECT_EQ(ids.alloc(), std::nullopt);
}

TEST(Ida, MayHoldTheHighestIdOnly) {
  Ida ids(UINT32_MAX, UINT32_MAX);
  EXPECT_EQ(ids.alloc(), UINT32_MAX);
  EXPECT_EQ(ids.alloc(), std::nullopt);
}

TEST(Ida, AgreesWithASetUnderRandomUse) {
  std::mt19937 random(1);  // NOLINT(bugprone-random-generator-seed): the same run every time
  Ida ids(1, 40);
  std::set<uint32_t> taken;
  for (int step = 0; step < 5000; ++step) {
    if (random() % 2 == 0 || taken.empty()) {
      uint32_t lowest = 1;
      while (taken.contains(lowest)) ++lowest;
      const auto id = ids.alloc();
      if (lowest > 40) {
        EXPECT_EQ(id, std::nullopt);
      } else {
        ASSERT_EQ(id, lowest);
        taken.insert(lowest);
      }
    } else {
      const auto victim = std::next(taken.begin(), static_cast<int>(random() % taken.size()));
      ids.free(*victim);
      taken.erase(victim);
    }
  }
}

}  // namespace
}  // namespace noiommu
