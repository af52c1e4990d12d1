// What map accepts, refuses and writes. Spec: amdv1.md sections 4 and 9.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "tests/generic_pt/page_table_view.h"

namespace noiommu::generic_pt {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

constexpr uint32_t kBoth = kRead | kWrite;
constexpr uint64_t kPhysEnd = pow2(52);

Errno error_of(const Status& status) {
  return status ? Errno{0} : status.error();
}

// ---- refusals, in the order of the checks: each call breaks its own rule and later ones

class Refusal : public testing::Test {
 protected:
  Refusal() { EXPECT_TRUE(table_.map(Iova{0x10000}, PhysAddr{0x50000}, 4 * kKiB, kBoth)); }

  // The errno of a map that must not change anything.
  Errno refused(uint64_t iova, uint64_t pa, uint64_t len, uint32_t prot) {
    const auto before = translations_of(table_);
    const Errno error = error_of(table_.map(Iova{iova}, PhysAddr{pa}, len, prot));
    EXPECT_EQ(translations_of(table_), before);
    return error;
  }

  AmdV1 table_;
};

TEST_F(Refusal, NeitherReadNorWriteIsEinval) {
  EXPECT_EQ(refused(0x10000, kPhysEnd, 4 * kKiB, 0), Errno{EINVAL});
  EXPECT_EQ(refused(0x20000, 0x50000, 4 * kKiB, 4), Errno{EINVAL});
}

TEST_F(Refusal, PhysicalStartBeyond52BitsIsErange) {
  EXPECT_EQ(refused(0x10000, kPhysEnd, 0, kBoth), Errno{ERANGE});
  EXPECT_EQ(refused(0x20000, UINT64_MAX, 4 * kKiB, kBoth), Errno{ERANGE});
}

TEST_F(Refusal, EmptyRangeIsEinval) {
  EXPECT_EQ(refused(UINT64_MAX, 0x50001, 0, kBoth), Errno{EINVAL});
  EXPECT_EQ(refused(0, 0, 0, kRead), Errno{EINVAL});
}

TEST_F(Refusal, RangePastTheEndOfTheSpaceIsEoverflow) {
  EXPECT_EQ(refused(UINT64_MAX, 0x50001, 2, kBoth), Errno{EOVERFLOW});
  EXPECT_EQ(refused(UINT64_MAX - 0xFFF, 0x50000, 8 * kKiB, kBoth), Errno{EOVERFLOW});
}

TEST_F(Refusal, MisalignmentIsEnxio) {
  EXPECT_EQ(refused(0x10001, 0x50000, 4 * kKiB, kBoth), Errno{ENXIO});
  EXPECT_EQ(refused(0x10000, 0x50800, 4 * kKiB, kBoth), Errno{ENXIO});
  EXPECT_EQ(refused(0x10200, 0x50000, 2 * kMiB, kBoth), Errno{ENXIO});
  EXPECT_EQ(refused(0x10000, 0x50200, 2 * kMiB, kBoth), Errno{ENXIO});
  EXPECT_EQ(refused(0x10000, 0x50000, 4 * kKiB - 1, kBoth), Errno{ENXIO});
}

TEST_F(Refusal, MisalignmentIsFoundBeforeTheTopGrows) {
  EXPECT_EQ(refused(pow2(57) + 1, 0x50000, 4 * kKiB, kBoth), Errno{ENXIO});
  EXPECT_EQ(table_.top_level(), 2);
}

TEST_F(Refusal, LengthThatEndsInsideAPageIsEnxioAfterUndoing) {
  EXPECT_EQ(refused(0x20000, 0x50000, 4 * kKiB + 1, kBoth), Errno{ENXIO});
}

TEST_F(Refusal, SameMappingAgainIsEaddrinuse) {
  EXPECT_EQ(refused(0x10000, 0x50000, 4 * kKiB, kBoth), Errno{EADDRINUSE});
}

TEST_F(Refusal, SmallLeafInsideALargerOneIsEaddrinuse) {
  ASSERT_TRUE(table_.map(Iova{kGiB}, PhysAddr{kGiB}, kGiB, kBoth));
  EXPECT_EQ(refused(kGiB + 0x3000, 0x50000, 4 * kKiB, kBoth), Errno{EADDRINUSE});
  EXPECT_EQ(refused(2 * kGiB - 2 * kMiB, 2 * kMiB, 2 * kMiB, kBoth), Errno{EADDRINUSE});
}

TEST_F(Refusal, LargeLeafOverASmallOneIsEaddrinuse) {
  EXPECT_EQ(refused(0, 2 * kMiB, 2 * kMiB, kBoth), Errno{EADDRINUSE});
  EXPECT_EQ(refused(0, kGiB, kGiB, kBoth), Errno{EADDRINUSE});
  EXPECT_EQ(refused(0, kTiB, kTiB, kBoth), Errno{EADDRINUSE});
}

TEST_F(Refusal, ContiguousLeafOverOneOfItsItemsIsEaddrinuse) {
  EXPECT_EQ(refused(0, 0x100000, 128 * kKiB, kBoth), Errno{EADDRINUSE});
}

TEST_F(Refusal, CollisionAtTheEndTakesBackEverythingBeforeIt) {
  EXPECT_EQ(refused(0x4000, 0x1000, 0x20000, kBoth), Errno{EADDRINUSE});
  ASSERT_TRUE(table_.map(Iova{kGiB + 0x7000}, PhysAddr{0x9000}, 4 * kKiB, kBoth));
  EXPECT_EQ(refused(2 * kMiB, 2 * kMiB, kGiB, kBoth), Errno{EADDRINUSE});
}

TEST_F(Refusal, CollisionFarAwayKeepsTheHigherTop) {
  ASSERT_TRUE(table_.map(Iova{pow2(57)}, PhysAddr{0}, 4 * kKiB, kBoth));
  EXPECT_EQ(refused(pow2(57) - 4 * kKiB, 0x9000, 8 * kKiB, kBoth), Errno{EADDRINUSE});
  EXPECT_EQ(table_.top_level(), 5);
}

// ---- the leaves of a range

TEST(Map, SizesClimbWithTheAlignmentOfBothAddresses) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0x1000}, PhysAddr{0x1000}, 2 * kMiB - 0x1000, kBoth));
  EXPECT_THAT(leaf_sizes_of(table), ElementsAre(4 * kKiB, 8 * kKiB, 16 * kKiB, 32 * kKiB, 64 * kKiB,
                                                128 * kKiB, 256 * kKiB, 512 * kKiB, 1 * kMiB));
}

TEST(Map, AddressesThatDisagreeInBit12GiveOnlyPages) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{2 * kMiB}, PhysAddr{0x1000}, 2 * kMiB, kBoth));
  EXPECT_EQ(leaf_sizes_of(table), std::vector<uint64_t>(512, 4 * kKiB));
}

TEST(Map, SixMegabytesAtTwoAreTwoLeaves) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{2 * kMiB}, PhysAddr{2 * kMiB}, 6 * kMiB, kBoth));
  EXPECT_THAT(leaf_sizes_of(table), ElementsAre(2 * kMiB, 4 * kMiB));
}

// The kernel's own case has only 4 KiB, 2 MiB and 1 GiB pages: 20 leaves. With every size there are
// fewer, still from the same boundaries.
TEST(Map, MixedSizesClimbToTheGigabytesAndDescend) {
  constexpr uint64_t kStart = 0x3FE400000;
  constexpr uint64_t kEnd = 0x4C0600000;
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{kStart}, PhysAddr{kStart}, kEnd - kStart, kBoth));
  EXPECT_THAT(leaf_sizes_of(table),
              ElementsAre(4 * kMiB, 8 * kMiB, 16 * kMiB, 2 * kGiB, kGiB, 4 * kMiB, 2 * kMiB));
}

TEST(Map, RangeAcrossAGroupBoundaryOfTheLargestSizeMaps) {
  constexpr uint64_t kIova = 0xFEF80000;
  constexpr uint64_t kPa = 0x208B95D000;
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{kIova}, PhysAddr{kPa}, 0x20000, kBoth));
  for (uint64_t offset = 0; offset < 0x20000; offset += kPageSize) {
    EXPECT_EQ(table.iova_to_phys(Iova{kIova + offset}), PhysAddr{kPa + offset});
  }
}

TEST(Map, HalfATebibyteIsTwoLeavesForWantOfASize) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{pow2(39)}, PhysAddr{pow2(39)}, pow2(39), kBoth));
  EXPECT_THAT(leaf_sizes_of(table), ElementsAre(pow2(38), pow2(38)));
}

TEST(Map, EverySizeMapsAsOneLeafAndTranslatesThroughout) {
  for (const uint64_t size : all_leaf_sizes()) {
    AmdV1 table;
    const Iova iova{size};
    const PhysAddr pa{size == pow2(51) ? size : 2 * size};
    ASSERT_TRUE(table.map(iova, pa, size, kBoth));
    EXPECT_THAT(leaf_sizes_of(table), ElementsAre(size));
    const uint64_t step = size <= 2 * kGiB ? kPageSize : size / 4096;
    for (uint64_t offset = 0; offset < size; offset += step) {
      ASSERT_EQ(table.iova_to_phys(iova + offset), pa + offset) << size << '+' << offset;
    }
    EXPECT_EQ(table.iova_to_phys(iova + (size - 1)), pa + (size - 1));
    EXPECT_EQ(table.iova_to_phys(iova - 1), PhysAddr{0});
    EXPECT_EQ(table.iova_to_phys(iova + size), PhysAddr{0});
    EXPECT_EQ(table.unmap(iova, size), size);
    EXPECT_THAT(leaf_sizes_of(table), SizeIs(0));
  }
}

TEST(Map, OnlyTheStartOfThePhysicalRangeIsChecked) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{kPhysEnd - kPageSize}, 8 * kKiB, kBoth));
  EXPECT_EQ(table.iova_to_phys(Iova{0}), PhysAddr{kPhysEnd - kPageSize});
  EXPECT_EQ(leaf_sizes_of(table).size(), 2U);
}

TEST(Map, ReadOnlyAndWriteOnlyReachTheEntries) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{0x1000}, 4 * kKiB, kRead));
  ASSERT_TRUE(table.map(Iova{0x1000}, PhysAddr{0x1000}, 4 * kKiB, kWrite));
  EXPECT_THAT(words_of(table, 0), ElementsAre(0x3000000000001001, 0x5000000000001001));
}

// ---- a larger leaf over the empty tables of smaller ones

TEST(Collapse, EmptyTablesBelowALargerLeafAreFreed) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0x3000}, PhysAddr{0x1000}, 4 * kKiB, kBoth));
  ASSERT_TRUE(table.map(Iova{6 * kMiB}, PhysAddr{0x1000}, 4 * kKiB, kBoth));
  ASSERT_EQ(table.unmap(Iova{0x3000}, 4 * kKiB), 4 * kKiB);
  ASSERT_EQ(table.unmap(Iova{6 * kMiB}, 4 * kKiB), 4 * kKiB);
  ASSERT_EQ(table.table_count(), 4U);  // two leftovers of level 0, one of level 1, the top
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{kGiB}, kGiB, kBoth));
  EXPECT_EQ(table.table_count(), 1U);
  EXPECT_EQ(table.iova_to_phys(Iova{6 * kMiB + 5}), PhysAddr{kGiB + 6 * kMiB + 5});
}

TEST(Collapse, FailureAfterwardsLosesNoTranslation) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{0x1000}, 4 * kKiB, kBoth));
  ASSERT_TRUE(table.map(Iova{2 * kMiB}, PhysAddr{0x7000}, 4 * kKiB, kBoth));
  ASSERT_EQ(table.unmap(Iova{0}, 4 * kKiB), 4 * kKiB);
  const auto before = translations_of(table);
  EXPECT_EQ(error_of(table.map(Iova{0}, PhysAddr{4 * kMiB}, 4 * kMiB, kBoth)), Errno{EADDRINUSE});
  EXPECT_EQ(translations_of(table), before);
  EXPECT_EQ(table.table_count(), tables_of(table).size());
}

TEST(Collapse, EverySizeMapsOverTheLeftoversOfEverySmallerOne) {
  const std::vector<uint64_t> sizes = all_leaf_sizes();
  for (const uint64_t large : sizes) {
    for (const uint64_t small : sizes) {
      if (small >= large) break;
      AmdV1 table;
      const bool all_of_them = large / small <= 512;
      const uint64_t step = all_of_them ? small : large - small;
      std::vector<uint64_t> offsets;
      for (uint64_t at = 0; at < large; at += step) offsets.push_back(at);
      for (const uint64_t at : offsets) {
        ASSERT_TRUE(table.map(Iova{large + at}, PhysAddr{small}, small, kBoth));
      }
      ASSERT_EQ(leaf_sizes_of(table), std::vector<uint64_t>(offsets.size(), small));
      for (const uint64_t at : offsets) {
        ASSERT_EQ(table.unmap(Iova{large + at}, small), small);
      }

      ASSERT_TRUE(table.map(Iova{large}, PhysAddr{0}, large, kBoth));
      EXPECT_THAT(leaf_sizes_of(table), ElementsAre(large));
      EXPECT_EQ(table.table_count(), tables_of(table).size());
    }
  }
}

// ---- growth of the top, and how many tables a mapping needs

TEST(Growth, OnePageJustPastTheTopAddsOneLevel) {
  AmdV1 table;
  EXPECT_EQ(table.table_count(), 1U);
  size_t tables = 1;
  for (int level = kStartLevel; level < kMaxLevel; ++level) {
    ASSERT_EQ(table.top_level(), level);
    const Iova past{last_iova(level) + 1};
    ASSERT_TRUE(table.map(past, PhysAddr{0x5000}, 4 * kKiB, kBoth));
    EXPECT_EQ(table.top_level(), level + 1);
    EXPECT_EQ(table.iova_to_phys(past + 7), PhysAddr{0x5007});
    tables += 1 + level + 1;  // the new top, and a path below it down to level 0
    EXPECT_EQ(table.table_count(), tables);
  }
}

TEST(Growth, FromTheSmallestToTheLastPageInOneStep) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{0x1000}, 4 * kKiB, kBoth));
  const Iova last_page{UINT64_MAX - 0xFFF};
  ASSERT_TRUE(table.map(last_page, PhysAddr{0x2000}, 4 * kKiB, kBoth));
  EXPECT_EQ(table.top_level(), 5);
  EXPECT_EQ(table.table_count(), 3U + 3 + 5);  // as before, three tops, the new path
  EXPECT_EQ(table.iova_to_phys(Iova{UINT64_MAX}), PhysAddr{0x2FFF});
  EXPECT_EQ(table.iova_to_phys(Iova{0}), PhysAddr{0x1000});
}

TEST(Growth, PagesAstrideEveryBoundaryMapAndTranslate) {
  AmdV1 table;
  for (const uint64_t boundary : {pow2(39), pow2(48), pow2(57), pow2(63)}) {
    const Iova iova{boundary - kPageSize};
    ASSERT_TRUE(table.map(iova, PhysAddr{0x6000}, 8 * kKiB, kBoth));
    EXPECT_EQ(table.translate(iova, UINT64_MAX), (PhysRun{PhysAddr{0x6000}, 8 * kKiB}));
    EXPECT_EQ(table.unmap(iova, 8 * kKiB), 8 * kKiB);
  }
}

TEST(Growth, LeafOfTheTopsWholeSpanNeedsALevelMore) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{0}, kTiB, kBoth));
  EXPECT_EQ(table.top_level(), 3);
  ASSERT_EQ(table.unmap(Iova{0}, kTiB), kTiB);
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{0}, pow2(48), kBoth));
  EXPECT_EQ(table.top_level(), 4);
  EXPECT_THAT(leaf_sizes_of(table), ElementsAre(pow2(48)));
  EXPECT_EQ(table.table_count(), 1U);  // the former tops were empty and gave way
}

TEST(Growth, HalfTheSpaceUpToItsEndMaps) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{pow2(63)}, PhysAddr{0}, pow2(63), kBoth));
  EXPECT_EQ(leaf_sizes_of(table), std::vector<uint64_t>(pow2(63) / pow2(51), pow2(51)));
  EXPECT_EQ(table.unmap(Iova{pow2(63)}, pow2(63)), pow2(63));
  EXPECT_THAT(leaf_sizes_of(table), SizeIs(0));
}

TEST(TableCount, GigabyteOfPagesNeeds514) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{0x1000}, kGiB, kBoth));
  EXPECT_EQ(table.table_count(), 1U + 1 + 512);
  EXPECT_EQ(table.unmap(Iova{0}, kGiB), kGiB);
  EXPECT_EQ(table.table_count(), 1U);
}

TEST(TableCount, LargerLeavesNeedFewer) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{2 * kMiB}, kGiB, kBoth));
  EXPECT_EQ(table.table_count(), 2U);
  ASSERT_TRUE(table.map(Iova{kGiB}, PhysAddr{kGiB}, kGiB, kBoth));
  EXPECT_EQ(table.table_count(), 2U);
}

TEST(TableCount, RefusedPageLeavesNoMoreThanItsPath) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{2 * kMiB}, PhysAddr{0}, 2 * kMiB, kBoth));
  ASSERT_EQ(table.table_count(), 2U);
  EXPECT_EQ(error_of(table.map(Iova{2 * kMiB - 4 * kKiB}, PhysAddr{0x1000}, 8 * kKiB, kBoth)),
            Errno{EADDRINUSE});
  EXPECT_EQ(table.table_count(), 3U);
}

}  // namespace
}  // namespace noiommu::generic_pt
