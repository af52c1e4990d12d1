// What unmap removes and what it says. Spec: amdv1.md section 5.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/generic_pt/page_table_view.h"

namespace noiommu::generic_pt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint32_t kBoth = kRead | kWrite;

class Unmap : public testing::Test {
 protected:
  void map(uint64_t iova, uint64_t pa, uint64_t len) {
    ASSERT_TRUE(table_.map(Iova{iova}, PhysAddr{pa}, len, kBoth));
  }
  uint64_t unmap(uint64_t iova, uint64_t len) { return table_.unmap(Iova{iova}, len); }

  AmdV1 table_;
};

TEST_F(Unmap, NothingIsAskedOfAnEmptyRange) {
  map(0, 0x1000, 4 * kKiB);
  EXPECT_EQ(unmap(0, 0), 0U);
  EXPECT_THAT(leaf_sizes_of(table_), ElementsAre(4 * kKiB));
}

TEST_F(Unmap, WrappingRangeRemovesNothing) {
  map(UINT64_MAX - 0xFFF, 0x1000, 4 * kKiB);
  EXPECT_EQ(unmap(UINT64_MAX - 0xFFF, 8 * kKiB), 0U);
  EXPECT_EQ(unmap(UINT64_MAX - 0xFFF, 4 * kKiB), 4 * kKiB);
}

TEST_F(Unmap, RangeThatLeavesTheSpanOfTheTopRemovesNothing) {
  map(pow2(39) - 4 * kKiB, 0x1000, 4 * kKiB);
  EXPECT_EQ(unmap(pow2(39) - 4 * kKiB, 8 * kKiB), 0U);
  EXPECT_EQ(unmap(pow2(39), 4 * kKiB), 0U);
  map(pow2(40), 0x1000, 4 * kKiB);  // grows the top: the same range is inside now
  EXPECT_EQ(unmap(pow2(39) - 4 * kKiB, 8 * kKiB), 4 * kKiB);
}

TEST_F(Unmap, HoleIsZero) {
  EXPECT_EQ(unmap(0, 4 * kKiB), 0U);
  map(0, 0x1000, 4 * kKiB);
  EXPECT_EQ(unmap(4 * kKiB, 4 * kKiB), 0U);
  EXPECT_EQ(unmap(8 * kMiB, kGiB), 0U);
}

TEST_F(Unmap, StopsAtTheFirstHoleAndKeepsWhatLiesBeyond) {
  map(0, 0x10000, 8 * kKiB);
  map(16 * kKiB, 0x20000, 4 * kKiB);
  EXPECT_EQ(unmap(0, 64 * kKiB), 8 * kKiB);
  EXPECT_EQ(table_.iova_to_phys(Iova{0}), PhysAddr{0});
  EXPECT_EQ(table_.iova_to_phys(Iova{16 * kKiB}), PhysAddr{0x20000});
}

TEST_F(Unmap, MiddleOfALeafIsLeftAlone) {
  map(0, 2 * kMiB, 2 * kMiB);
  map(2 * kMiB, 64 * kKiB, 64 * kKiB);
  EXPECT_EQ(unmap(kMiB, kMiB), 0U);
  EXPECT_EQ(unmap(kMiB, 4 * kMiB), 0U);
  EXPECT_EQ(unmap(2 * kMiB + 4 * kKiB, 4 * kKiB), 0U);  // a replica of the 64 KiB leaf
  EXPECT_EQ(unmap(1, 2 * kMiB), 0U);
  EXPECT_THAT(leaf_sizes_of(table_), ElementsAre(2 * kMiB, 64 * kKiB));
}

TEST_F(Unmap, SmallPieceAtTheStartTakesTheWholeLeaf) {
  for (const uint64_t size : all_leaf_sizes()) {
    AmdV1 table;
    ASSERT_TRUE(table.map(Iova{size}, PhysAddr{0}, size, kBoth));
    ASSERT_TRUE(table.map(Iova{2 * size}, PhysAddr{0}, size, kBoth));
    EXPECT_EQ(table.unmap(Iova{size}, 4 * kKiB), size);
    EXPECT_THAT(leaf_sizes_of(table), ElementsAre(size)) << "went into the next leaf";
    EXPECT_EQ(table.unmap(Iova{2 * size}, size), size);
  }
}

TEST_F(Unmap, LastLeafPastTheRangeGoesAsAWhole) {
  map(2 * kMiB - 4 * kKiB, 2 * kMiB - 4 * kKiB, 2 * kMiB + 4 * kKiB);
  ASSERT_THAT(leaf_sizes_of(table_), ElementsAre(4 * kKiB, 2 * kMiB));
  EXPECT_EQ(unmap(2 * kMiB - 4 * kKiB, 8 * kKiB), 2 * kMiB + 4 * kKiB);
  EXPECT_THAT(leaf_sizes_of(table_), IsEmpty());
}

TEST_F(Unmap, OneByteOfTheNextLeafTakesItToo) {
  map(0, 0x1000, 12 * kKiB);
  EXPECT_EQ(unmap(0, 4 * kKiB + 1), 8 * kKiB);
  EXPECT_THAT(leaf_sizes_of(table_), ElementsAre(4 * kKiB));
}

TEST_F(Unmap, HalvesOfTwoLeavesAreExact) {
  for (const uint64_t size : all_leaf_sizes()) {
    AmdV1 table;
    ASSERT_TRUE(table.map(Iova{size}, PhysAddr{0}, size, kBoth));
    ASSERT_TRUE(table.map(Iova{2 * size}, PhysAddr{0}, size, kBoth));
    EXPECT_EQ(table.unmap(Iova{size}, size), size);
    EXPECT_EQ(table.unmap(Iova{2 * size}, size), size);
    EXPECT_THAT(leaf_sizes_of(table), IsEmpty());
  }
}

TEST_F(Unmap, EveryReplicaIsCleared) {
  map(0, kMiB, kMiB);
  ASSERT_EQ(words_of(table_, 0).size(), 256U);
  EXPECT_EQ(unmap(0, kMiB), kMiB);
  EXPECT_THAT(words_of(table_, 0), IsEmpty());
}

TEST_F(Unmap, TableWhoseItemIsCoveredGoesWithItsLeaves) {
  map(0, 0x1000, 2 * kMiB);
  ASSERT_EQ(table_.table_count(), 3U);
  EXPECT_EQ(unmap(0, 2 * kMiB), 2 * kMiB);
  EXPECT_EQ(table_.table_count(), 2U);  // the level-1 table spans 1 GiB: not covered
}

TEST_F(Unmap, TableOfAPartlyCoveredItemStaysEvenIfEmpty) {
  map(0, 0x1000, 2 * kMiB - 4 * kKiB);
  EXPECT_EQ(unmap(0, 2 * kMiB - 4 * kKiB), 2 * kMiB - 4 * kKiB);
  EXPECT_EQ(table_.table_count(), 3U);
}

TEST_F(Unmap, CoveredTableWithAHoleStays) {
  map(0, 0x1000, 2 * kMiB - 4 * kKiB);
  EXPECT_EQ(unmap(0, kGiB), 2 * kMiB - 4 * kKiB);
  EXPECT_EQ(table_.table_count(), 3U);
}

TEST_F(Unmap, LeafThatEndsAtTheEndOfItsTableFreesOnlyWhatTheRangeCovers) {
  map(0, 0x1000, kMiB);
  map(kMiB, kMiB, kMiB);
  EXPECT_EQ(unmap(0, kMiB + 4 * kKiB), 2 * kMiB);
  EXPECT_EQ(table_.table_count(), 3U);
}

TEST_F(Unmap, RangesAcrossManyTablesLeaveOnlyTheOnesAtTheEdges) {
  map(kMiB, 0x1000, 4 * kGiB);
  EXPECT_EQ(unmap(kMiB, 4 * kGiB), 4 * kGiB);
  EXPECT_THAT(leaf_sizes_of(table_), IsEmpty());
  EXPECT_EQ(tables_of(table_), (TableSet{{2, 0}, {1, 0}, {0, 0}, {1, 4 * kGiB}, {0, 4 * kGiB}}));
  EXPECT_EQ(table_.table_count(), 5U);
}

TEST_F(Unmap, TopNeverShrinks) {
  map(pow2(63), 0x1000, 4 * kKiB);
  EXPECT_EQ(unmap(pow2(63), 4 * kKiB), 4 * kKiB);
  EXPECT_EQ(table_.top_level(), 5);
}

TEST_F(Unmap, FreedTablesAreUsedAgainEmpty) {
  for (int round = 0; round < 3; ++round) {
    map(0, 0x1000, 4 * kMiB);
    EXPECT_EQ(unmap(0, 4 * kMiB), 4 * kMiB);
    map(0x5000, 0x9000, 4 * kKiB);
    EXPECT_THAT(leaf_sizes_of(table_), ElementsAre(4 * kKiB));
    EXPECT_EQ(unmap(0x5000, 4 * kKiB), 4 * kKiB);
  }
}

TEST_F(Unmap, RunsAreTheMemoryRemovedJoinedWhereContiguous) {
  map(0, 0x10000, 16 * kKiB);
  map(16 * kKiB, 0x14000, 8 * kKiB);
  map(24 * kKiB, 0x90000, 4 * kKiB);
  map(28 * kKiB, 0x8F000, 4 * kKiB);
  std::vector<PhysRun> runs;
  EXPECT_EQ(table_.unmap(Iova{0}, 32 * kKiB, &runs), 32 * kKiB);
  EXPECT_THAT(
      runs, ElementsAre(PhysRun{PhysAddr{0x10000}, 24 * kKiB}, PhysRun{PhysAddr{0x90000}, 4 * kKiB},
                        PhysRun{PhysAddr{0x8F000}, 4 * kKiB}));
}

TEST_F(Unmap, RunsHaveTheWholeLastLeafAndNothingOfAHole) {
  map(0, 2 * kMiB, 2 * kMiB);
  std::vector<PhysRun> runs;
  EXPECT_EQ(table_.unmap(Iova{0}, 4 * kKiB, &runs), 2 * kMiB);
  EXPECT_EQ(table_.unmap(Iova{0}, 4 * kKiB, &runs), 0U);
  EXPECT_THAT(runs, ElementsAre(PhysRun{PhysAddr{2 * kMiB}, 2 * kMiB}));
}

}  // namespace
}  // namespace noiommu::generic_pt
