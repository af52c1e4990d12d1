// iova_to_phys and translate. Spec: amdv1.md section 6, iommufd.md section 15.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/generic_pt/page_table_view.h"

namespace noiommu::generic_pt {
namespace {

constexpr uint32_t kBoth = kRead | kWrite;

// The rule itself: page after page, as long as each is mapped and follows the one before.
PhysRun translate_page_by_page(const AmdV1& table, Iova iova, uint64_t max_bytes) {
  const PhysAddr start = table.iova_to_phys(iova);
  if (start.value == 0 || max_bytes == 0) return {};
  uint64_t bytes = kPageSize - iova.value % kPageSize;
  while (bytes < max_bytes && iova + bytes > iova) {
    const PhysAddr next = table.iova_to_phys(iova + bytes);
    if (next.value == 0 || next != start + bytes) break;
    bytes += kPageSize;
  }
  return {start, std::min(bytes, max_bytes)};
}

TEST(IovaToPhys, EmptyAtAnyLevelIsZero) {
  AmdV1 table;
  EXPECT_EQ(table.iova_to_phys(Iova{0}), PhysAddr{0});
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{0x1000}, 4 * kKiB, kBoth));
  EXPECT_EQ(table.iova_to_phys(Iova{4 * kKiB}), PhysAddr{0});
  EXPECT_EQ(table.iova_to_phys(Iova{2 * kMiB}), PhysAddr{0});
  EXPECT_EQ(table.iova_to_phys(Iova{kGiB}), PhysAddr{0});
}

TEST(IovaToPhys, BeyondTheTopIsZero) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{0x1000}, 4 * kKiB, kBoth));
  for (const uint64_t multiple : {pow2(39), pow2(48), pow2(57), pow2(63)}) {
    EXPECT_EQ(table.iova_to_phys(Iova{multiple}), PhysAddr{0});
  }
  EXPECT_EQ(table.iova_to_phys(Iova{UINT64_MAX}), PhysAddr{0});
}

TEST(IovaToPhys, AnyByteTranslates) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{64 * kKiB}, PhysAddr{0x12340000}, 64 * kKiB, kBoth));
  EXPECT_EQ(table.iova_to_phys(Iova{64 * kKiB + 0x5678}), PhysAddr{0x12345678});
  EXPECT_EQ(table.iova_to_phys(Iova{128 * kKiB - 1}), PhysAddr{0x1234FFFF});
}

TEST(IovaToPhys, MappingOfPhysicalZeroLooksUnmapped) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0x1000}, PhysAddr{0}, 8 * kKiB, kBoth));
  EXPECT_EQ(table.iova_to_phys(Iova{0x1000}), PhysAddr{0});
  EXPECT_EQ(table.iova_to_phys(Iova{0x1001}), PhysAddr{1});
}

TEST(Translate, UnmappedHasNoBytes) {
  AmdV1 table;
  EXPECT_EQ(table.translate(Iova{0}, UINT64_MAX).bytes, 0U);
  EXPECT_EQ(table.translate(Iova{UINT64_MAX}, UINT64_MAX).bytes, 0U);
}

TEST(Translate, MappingOfPhysicalZeroHasBytes) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0x1000}, PhysAddr{0}, 8 * kKiB, kBoth));
  EXPECT_EQ(table.translate(Iova{0x1000}, UINT64_MAX), (PhysRun{PhysAddr{0}, 8 * kKiB}));
}

TEST(Translate, RequestCapsTheRun) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{2 * kMiB}, 4 * kMiB, kBoth));
  EXPECT_EQ(table.translate(Iova{0}, 0).bytes, 0U);
  EXPECT_EQ(table.translate(Iova{0x80}, 0x80), (PhysRun{PhysAddr{2 * kMiB + 0x80}, 0x80}));
  EXPECT_EQ(table.translate(Iova{0}, 0x1001).bytes, 0x1001U);
  EXPECT_EQ(table.translate(Iova{0xFFF}, UINT64_MAX).bytes, 4 * kMiB - 0xFFF);
}

TEST(Translate, RunCrossesLeafSizesAndTables) {
  AmdV1 table;
  constexpr uint64_t kStart = kGiB - 12 * kKiB;
  ASSERT_TRUE(table.map(Iova{kStart}, PhysAddr{kStart}, 2 * kGiB, kBoth));
  EXPECT_EQ(table.translate(Iova{kStart + 1}, UINT64_MAX),
            (PhysRun{PhysAddr{kStart + 1}, 2 * kGiB - 1}));
}

TEST(Translate, RunGoesOnInANeighbouringMapping) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{0x10000}, 4 * kKiB, kBoth));
  ASSERT_TRUE(table.map(Iova{4 * kKiB}, PhysAddr{0x11000}, 4 * kKiB, kRead));
  ASSERT_TRUE(table.map(Iova{8 * kKiB}, PhysAddr{0x10000}, 4 * kKiB, kBoth));
  EXPECT_EQ(table.translate(Iova{0}, UINT64_MAX).bytes, 8 * kKiB);
}

TEST(Translate, RunEndsWithTheTopAndWithTheSpace) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{pow2(39) - 4 * kKiB}, PhysAddr{0x1000}, 4 * kKiB, kBoth));
  EXPECT_EQ(table.translate(Iova{pow2(39) - 4 * kKiB}, UINT64_MAX).bytes, 4 * kKiB);
  ASSERT_TRUE(table.map(Iova{UINT64_MAX - 0x1FFF}, PhysAddr{0x1000}, 8 * kKiB, kBoth));
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{0x3000}, 4 * kKiB, kBoth));  // would follow on a wrap
  EXPECT_EQ(table.translate(Iova{UINT64_MAX - 0x1FFF}, UINT64_MAX),
            (PhysRun{PhysAddr{0x1000}, 8 * kKiB}));
  EXPECT_EQ(table.translate(Iova{UINT64_MAX}, UINT64_MAX), (PhysRun{PhysAddr{0x2FFF}, 1}));
}

TEST(Translate, RunEndsWithItsTableThoughTheTablesFirstPageWouldFollow) {
  AmdV1 table;
  ASSERT_TRUE(table.map(Iova{2 * kMiB - 4 * kKiB}, PhysAddr{0x10000}, 4 * kKiB, kBoth));
  ASSERT_TRUE(table.map(Iova{0}, PhysAddr{0x11000}, 4 * kKiB, kBoth));
  EXPECT_EQ(table.translate(Iova{2 * kMiB - 4 * kKiB}, UINT64_MAX).bytes, 4 * kKiB);
}

TEST(Translate, AgreesWithThePageByPageRuleOnRandomLayouts) {
  constexpr uint64_t kWindow = 16 * kMiB;
  std::mt19937_64 random(3);
  for (int layout = 0; layout < 20; ++layout) {
    AmdV1 table;
    const uint64_t base = layout % 2 == 0 ? 0 : pow2(48) - kWindow / 2;
    uint64_t pa = kGiB;
    for (uint64_t at = 0; at < kWindow;) {
      const uint64_t most = std::min(kWindow - at, pow2(12 + static_cast<int>(random() % 11)));
      const uint64_t len = kPageSize * (1 + random() % (most / kPageSize));
      const uint64_t fate = random() % 8;
      if (fate == 0) pa = (1 + random() % 4096) * kPageSize;  // elsewhere
      if (fate == 1) pa = base + at + kGiB - base % kGiB;     // as aligned as the IOVA
      if (fate != 2) {                                        // else a hole
        ASSERT_TRUE(table.map(Iova{base + at}, PhysAddr{pa}, len, kBoth));
      }
      at += len;
      pa += len;
    }
    for (int probe = 0; probe < 300; ++probe) {
      const Iova iova{base + random() % kWindow};
      const uint64_t max_bytes = random() >> (random() % 64);
      ASSERT_EQ(table.translate(iova, max_bytes), translate_page_by_page(table, iova, max_bytes))
          << std::hex << iova.value << ' ' << max_bytes;
    }
  }
}

}  // namespace
}  // namespace noiommu::generic_pt
