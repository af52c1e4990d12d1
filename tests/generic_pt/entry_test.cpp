// One word of an AMDv1 table. Spec: amdv1.md sections 1, 2 and 9.
#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "model/generic_pt/amdv1_entry.h"
#include "tests/generic_pt/page_table_view.h"

namespace noiommu::generic_pt {
namespace {

constexpr uint32_t kBoth = kRead | kWrite;

struct LeafExample {
  uint64_t size;
  uint64_t pa;
  uint64_t word;
};

constexpr LeafExample kLeafExamples[] = {
    {4 * kKiB, 0x12345000, 0x7000000012345001},  {8 * kKiB, 0x12346000, 0x7000000012346E01},
    {16 * kKiB, 0x12348000, 0x7000000012349E01}, {64 * kKiB, 0x12340000, 0x7000000012347E01},
    {1 * kMiB, 0x12300000, 0x700000001237FE01},  {2 * kMiB, 0x12200000, 0x7000000012200001},
    {4 * kMiB, 0x12400000, 0x70000000125FFE01},  {1 * kGiB, 0x40000000, 0x7000000040000001},
    {2 * kGiB, 0x80000000, 0x70000000BFFFFE01},
};

TEST(AmdV1Entry, LeavesHaveTheDocumentedWords) {
  for (const LeafExample& example : kLeafExamples) {
    const int size_lg2 = std::countr_zero(example.size);
    EXPECT_EQ(encode_leaf(level_of_leaf(size_lg2), size_lg2, PhysAddr{example.pa}, kBoth),
              example.word)
        << std::hex << example.pa;
  }
}

TEST(AmdV1Entry, MappingWritesTheDocumentedWordToEveryReplica) {
  for (const LeafExample& example : kLeafExamples) {
    const int size_lg2 = std::countr_zero(example.size);
    const int level = level_of_leaf(size_lg2);
    AmdV1 table;
    ASSERT_TRUE(table.map(Iova{0}, PhysAddr{example.pa}, example.size, kBoth));
    const size_t replicas = example.size >> item_lg2(level);
    EXPECT_EQ(words_of(table, level), std::vector<uint64_t>(replicas, example.word));
  }
}

TEST(AmdV1Entry, TableLinksHaveTheDocumentedWords) {
  EXPECT_EQ(encode_table(1, 0x7FFF000), 0x6000000007FFF201);
  EXPECT_EQ(encode_table(2, 0x7FFF000), 0x6000000007FFF401);
  EXPECT_EQ(encode_table(3, 0x7FFF000), 0x6000000007FFF601);
  EXPECT_EQ(encode_table(4, 0x7FFF000), 0x6000000007FFF801);
  EXPECT_EQ(encode_table(5, 0x7FFF000), 0x6000000007FFFA01);
}

TEST(AmdV1Entry, TableLinksRoundTripAtEveryLevel) {
  for (int level = 1; level <= kMaxLevel; ++level) {
    for (const uint64_t address : {uint64_t{0}, kPageSize, pow2(51), pow2(52) - kPageSize}) {
      const uint64_t word = encode_table(level, address);
      EXPECT_EQ(kind_of(level, word), EntryKind::kTable);
      EXPECT_EQ(child_address(word), address);
    }
  }
}

TEST(AmdV1Entry, LeavesRoundTripAtEveryLevelSizeAndBoundaryAddress) {
  for (int level = 0; level < kMaxLevel; ++level) {
    for (int size_lg2 = 12; size_lg2 < 52; ++size_lg2) {
      if ((leaf_sizes(level) & pow2(size_lg2)) == 0) continue;
      for (const uint64_t pa : {uint64_t{0}, pow2(size_lg2), pow2(52) - pow2(size_lg2)}) {
        for (const uint32_t prot : {uint32_t{kRead}, uint32_t{kWrite}, kBoth}) {
          const uint64_t word = encode_leaf(level, size_lg2, PhysAddr{pa}, prot);
          EXPECT_EQ(kind_of(level, word), EntryKind::kLeaf);
          EXPECT_EQ(leaf_size(level, word), pow2(size_lg2));
          EXPECT_EQ(leaf_pa(level, word).value, pa);
          EXPECT_EQ(leaf_prot(word), prot);
          EXPECT_EQ(encode_leaf(level, size_lg2, leaf_pa(level, word), leaf_prot(word)), word);
        }
      }
    }
  }
}

TEST(AmdV1Entry, ProtectionIsTwoBitsOfItsOwn) {
  EXPECT_EQ(encode_leaf(0, 12, PhysAddr{0x1000}, kRead), 0x3000000000001001);
  EXPECT_EQ(encode_leaf(0, 12, PhysAddr{0x1000}, kWrite), 0x5000000000001001);
  constexpr uint32_t kCacheNoexecMmio = 4 | 8 | 16;
  EXPECT_EQ(encode_leaf(0, 12, PhysAddr{0x1000}, kRead | kCacheNoexecMmio), 0x3000000000001001);
}

TEST(AmdV1Entry, WithoutPresentBitNothingElseCounts) {
  for (int level = 0; level <= kMaxLevel; ++level) {
    EXPECT_EQ(kind_of(level, 0), EntryKind::kEmpty);
    EXPECT_EQ(kind_of(level, ~kPresent), EntryKind::kEmpty);
  }
}

TEST(AmdV1Entry, AtLevelZeroAnythingPresentIsALeaf) {
  for (uint64_t next = 0; next < 8; ++next) {
    EXPECT_EQ(kind_of(0, kPresent | (next << kNextLevelShift)), EntryKind::kLeaf);
  }
}

TEST(AmdV1Entry, AboveLevelZeroOnlyNextLevelsZeroAndSevenAreLeaves) {
  for (uint64_t next = 0; next < 8; ++next) {
    const bool leaf = next == 0 || next == 7;
    EXPECT_EQ(kind_of(2, kPresent | (next << kNextLevelShift)),
              leaf ? EntryKind::kLeaf : EntryKind::kTable);
  }
}

TEST(AmdV1Entry, DirtyBitDoesNotChangeWhatALeafSays) {
  constexpr uint64_t kDirty = 1 << 6;
  const uint64_t word = encode_leaf(0, 16, PhysAddr{0x12340000}, kBoth) | kDirty;
  EXPECT_EQ(kind_of(0, word), EntryKind::kLeaf);
  EXPECT_EQ(leaf_size(0, word), 64 * kKiB);
  EXPECT_EQ(leaf_pa(0, word).value, 0x12340000U);
  EXPECT_EQ(leaf_prot(word), kBoth);
}

TEST(AmdV1Geometry, LeafSizesOfEachLevelAreTheDocumentedBitmaps) {
  EXPECT_EQ(leaf_sizes(0), 0x00000000001FF000U);
  EXPECT_EQ(leaf_sizes(1), 0x000000003FE00000U);
  EXPECT_EQ(leaf_sizes(2), 0x0000007FC0000000U);
  EXPECT_EQ(leaf_sizes(3), 0x0000FF0000000000U);
  EXPECT_EQ(leaf_sizes(4), 0x000F000000000000U);
  EXPECT_EQ(leaf_sizes(5), 0U);
  EXPECT_EQ(AmdV1::kPgsizeBitmap, 0x000FFF7FFFFFF000U);
}

TEST(AmdV1Geometry, NoLeafIsSmallerThanItsItemOrAsLargeAsItsTable) {
  for (const uint64_t size : all_leaf_sizes()) {
    const int size_lg2 = std::countr_zero(size);
    const int level = level_of_leaf(size_lg2);
    EXPECT_NE(leaf_sizes(level) & size, 0U);
    EXPECT_GE(size_lg2, item_lg2(level));
    EXPECT_LT(size_lg2, item_lg2(level + 1));
  }
}

TEST(AmdV1Geometry, LevelsDecodeEveryAddressBitExactlyOnce) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 1000; ++round) {
    const uint64_t iova = random();
    uint64_t rebuilt = iova % kPageSize;
    for (int level = 0; level <= kMaxLevel; ++level) {
      rebuilt += uint64_t{index_of(level, iova)} << item_lg2(level);
    }
    EXPECT_EQ(rebuilt, iova);
  }
  EXPECT_EQ(index_of(kMaxLevel, UINT64_MAX), 127U);
}

TEST(AmdV1Geometry, SpanGrowsBy512PerLevelUpToTheWholeSpace) {
  EXPECT_EQ(last_iova(2), pow2(39) - 1);
  EXPECT_EQ(last_iova(3), pow2(48) - 1);
  EXPECT_EQ(last_iova(4), pow2(57) - 1);
  EXPECT_EQ(last_iova(5), UINT64_MAX);
}

}  // namespace
}  // namespace noiommu::generic_pt
