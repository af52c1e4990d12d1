// Many runs of frames in one call give what a call for each gives.
#include <gtest/gtest.h>

#include <random>

#include "tests/generic_pt/page_table_view.h"
#include "tests/support/result.h"

namespace noiommu::generic_pt {
namespace {

using tests::errno_of;

constexpr uint32_t kBoth = kRead | kWrite;

// Some of them single pages, some with larger leaves in them.
std::vector<PfnRun> random_runs(std::mt19937_64& random) {
  std::vector<PfnRun> runs;
  for (uint64_t i = 0; i < 1 + random() % 40; ++i) {
    const uint64_t count = random() % 3 == 0 ? 1 + random() % 2000 : 1;
    const uint64_t alignment = random() % 2 == 0 ? 1 : 512;
    runs.push_back({Pfn{(random() % (1U << 30)) / alignment * alignment}, count});
  }
  return runs;
}

TEST(Runs, GiveWhatACallEachGives) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 200; ++round) {
    const std::vector<PfnRun> runs = random_runs(random);
    const Iova start{random() % (1ULL << 40) & kPageMask};
    AmdV1 at_once;
    ASSERT_TRUE(at_once.map(start, runs, kBoth));
    AmdV1 one_by_one;
    uint64_t at = start.value;
    for (const PfnRun& run : runs) {
      ASSERT_TRUE(one_by_one.map({at}, to_phys(run.first), run.count * kPageSize, kBoth));
      at += run.count * kPageSize;
    }
    ASSERT_EQ(translations_of(at_once), translations_of(one_by_one)) << "round " << round;
    EXPECT_EQ(at_once.top_level(), one_by_one.top_level());
    EXPECT_EQ(at_once.table_count(), one_by_one.table_count());
    EXPECT_EQ(at_once.unmap(start, at - start.value), at - start.value);
    EXPECT_TRUE(translations_of(at_once).empty());
  }
}

TEST(Runs, ACollisionTakesBackEverythingBeforeIt) {
  AmdV1 table;
  ASSERT_TRUE(table.map({kMiB}, {kGiB}, kPageSize, kRead));
  const auto before = translations_of(table);
  const std::vector<PfnRun> runs{{Pfn{1}, 1}, {Pfn{7}, 254}, {Pfn{9}, 1}, {Pfn{3}, 2}};
  EXPECT_EQ(errno_of(table.map({0}, runs, kBoth)), EADDRINUSE);
  EXPECT_EQ(translations_of(table), before);
}

TEST(Runs, AreRefusedAsOneRangeIs) {
  AmdV1 table;
  const std::vector<PfnRun> runs{{Pfn{1}, 1}, {Pfn{7}, 2}};
  EXPECT_EQ(errno_of(table.map({0}, runs, 0)), EINVAL);
  EXPECT_EQ(errno_of(table.map({0x10}, runs, kBoth)), ENXIO);
  EXPECT_EQ(errno_of(table.map({0}, std::vector<PfnRun>(), kBoth)), EINVAL);
  EXPECT_EQ(errno_of(table.map({UINT64_MAX - 2 * kPageSize + 1}, runs, kBoth)), EOVERFLOW);
  EXPECT_TRUE(table.map({UINT64_MAX - 3 * kPageSize + 1}, runs, kBoth)) << "up to the last page";
}

// A leaf of 256 TiB hangs a level higher than its range would need.
TEST(Runs, OfHugeLeavesGrowTheTopForThem) {
  AmdV1 table;
  const std::vector<PfnRun> runs{{Pfn{0}, pow2(48) / kPageSize}};
  ASSERT_TRUE(table.map({0}, runs, kBoth));
  AmdV1 other;
  ASSERT_TRUE(other.map({0}, {0}, pow2(48), kBoth));
  EXPECT_EQ(table.top_level(), other.top_level());
}

// Unmapping a table of pages as a whole does not look at its items; others must be seen.
TEST(Runs, TablesThatAreNotFullOfPagesAreUnmappedToo) {
  AmdV1 table;
  ASSERT_TRUE(table.map({0}, {0}, 2 * kMiB - 64 * kKiB, kBoth)) << "large leaves and small ones";
  ASSERT_TRUE(table.map({2 * kMiB - 64 * kKiB}, {kPageSize}, 64 * kKiB, kBoth));
  EXPECT_EQ(table.unmap({0}, 2 * kMiB), 2 * kMiB);
  ASSERT_TRUE(table.map({0}, {kPageSize}, 2 * kMiB, kBoth));
  ASSERT_EQ(table.unmap({kMiB}, kPageSize), kPageSize);
  EXPECT_EQ(table.unmap({0}, 2 * kMiB), kMiB) << "up to the hole";
  EXPECT_EQ(table.unmap({kMiB + kPageSize}, kMiB), kMiB - kPageSize);
  EXPECT_TRUE(translations_of(table).empty());
}

}  // namespace
}  // namespace noiommu::generic_pt
