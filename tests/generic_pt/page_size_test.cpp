// How a range is cut into leaves. Spec: amdv1.md sections 4 and 9.
#include "model/generic_pt/page_size.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/generic_pt/page_table_view.h"

namespace noiommu::generic_pt {
namespace {

using Wide = unsigned __int128;  // a length may be 2^64

uint64_t best_by_trying_all(uint64_t bitmap, uint64_t iova, uint64_t last, uint64_t pa) {
  uint64_t best = 0;
  for (int lg2 = 0; lg2 < 64; ++lg2) {
    const uint64_t size = pow2(lg2);
    const bool allowed = (bitmap & size) != 0;
    const bool aligned = iova % size == 0 && pa % size == 0;
    if (allowed && aligned && Wide{size} <= Wide{last} - iova + 1) best = size;
  }
  return best;
}

TEST(BestPgsize, AgreesWithTryingEverySize) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 200000; ++round) {
    const uint64_t iova = random() << (random() % 64);
    const uint64_t pa = random() << (random() % 64);
    const uint64_t last = iova + (random() >> (random() % 64)) % (UINT64_MAX - iova + (iova != 0));
    const uint64_t bitmap = random() % 2 == 0 ? AmdV1::kPgsizeBitmap : random();
    ASSERT_EQ(best_pgsize(bitmap, Iova{iova}, Iova{last}, PhysAddr{pa}),
              best_by_trying_all(bitmap, iova, last, pa))
        << std::hex << bitmap << ' ' << iova << ' ' << last << ' ' << pa;
  }
}

TEST(BestPgsize, NoSizesMeanNone) {
  EXPECT_EQ(best_pgsize(0, Iova{0}, Iova{UINT64_MAX}, PhysAddr{0}), 0U);
}

TEST(BestPgsize, WholeSpaceTakesTheTopmostSize) {
  EXPECT_EQ(best_pgsize(UINT64_MAX, Iova{0}, Iova{UINT64_MAX}, PhysAddr{0}), pow2(63));
  EXPECT_EQ(best_pgsize(AmdV1::kPgsizeBitmap, Iova{0}, Iova{UINT64_MAX}, PhysAddr{0}), pow2(51));
}

TEST(BestPgsize, LastPageOfTheSpaceIsOnePage) {
  EXPECT_EQ(best_pgsize(AmdV1::kPgsizeBitmap, Iova{UINT64_MAX - 0xFFF}, Iova{UINT64_MAX},
                        PhysAddr{pow2(51)}),
            4 * kKiB);
}

TEST(PgsizeCount, WithOneSizeItIsTheWholeLength) {
  EXPECT_EQ(pgsize_count(4 * kKiB, Iova{0}, Iova{kGiB - 1}, PhysAddr{0}, 4 * kKiB), 262144U);
}

TEST(PgsizeCount, StopsWhereALargerSizeCanTakeOver) {
  EXPECT_EQ(pgsize_count(4 * kKiB | 2 * kMiB, Iova{4 * kKiB}, Iova{kGiB - 1}, PhysAddr{4 * kKiB},
                         4 * kKiB),
            511U);
}

TEST(PgsizeCount, DoesNotStopWhereTheAddressesDisagree) {
  EXPECT_EQ(pgsize_count(4 * kKiB | 2 * kMiB, Iova{4 * kKiB}, Iova{kGiB - 1}, PhysAddr{8 * kKiB},
                         4 * kKiB),
            262143U);
}

TEST(PgsizeCount, NeverPassesTheEndOfTheSpace) {
  constexpr uint64_t kIova = UINT64_MAX - (3 * kMiB - 1);
  EXPECT_EQ(pgsize_count(AmdV1::kPgsizeBitmap, Iova{kIova}, Iova{UINT64_MAX}, PhysAddr{kMiB}, kMiB),
            1U);
  EXPECT_EQ(pgsize_count(AmdV1::kPgsizeBitmap, Iova{kIova + kMiB}, Iova{UINT64_MAX},
                         PhysAddr{2 * kMiB}, 2 * kMiB),
            1U);
}

}  // namespace
}  // namespace noiommu::generic_pt
