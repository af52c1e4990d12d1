// Where IOAS_MAP puts an area when it may choose. Spec: iommufd.md section 6.1.
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

// Nothing is pinned without a domain, so any number will do for an address.
constexpr UserPtr kAligned{0x7f0000000000};  // 2 MiB and much more

class AutomaticIova : public IommufdTest {
 protected:
  void SetUp() override {
    program_ = &boot();
    ioas_ = program_->ioas_alloc();
  }
  int64_t map(UserPtr va, uint64_t length) { return program_->map(ioas_, va, length); }
  void occupy(uint64_t iova, uint64_t length) {
    ASSERT_EQ(program_->map_at(ioas_, {0}, length, iova), 0);
  }

  Client* program_ = nullptr;
  int64_t ioas_ = 0;
};

TEST_F(AutomaticIova, IsTheLowestButNeverZero) {
  EXPECT_EQ(map(kAligned, kPageSize), 0x1000);
  EXPECT_EQ(map(kAligned, kPageSize), 0x2000);
  EXPECT_EQ(map(kAligned, 8 * kKiB), 0x4000);
  EXPECT_EQ(map(kAligned, kPageSize), 0x3000);
  EXPECT_EQ(map(kAligned, 64 * kKiB), 0x10000);
  EXPECT_EQ(map(kAligned, kPageSize), 0x6000);
  EXPECT_EQ(map(kAligned, 2 * kMiB), 0x200000);
  EXPECT_EQ(map(kAligned, kPageSize), 0x7000);
  EXPECT_EQ(map(kAligned, 0x5000), 0x8000);
  EXPECT_EQ(map(kAligned, 2 * kMiB), 0x400000);
}

TEST_F(AutomaticIova, IsAlignedToTheNextPowerOfTwo) {
  EXPECT_EQ(map(kAligned, 0x5000), 0x8000);
  EXPECT_EQ(map({0}, 0x3000), 0x4000) << "address 0 is aligned to everything";
}

TEST_F(AutomaticIova, IsAlignedToTwoMebibytesAtMost) {
  EXPECT_EQ(map(kAligned, kGiB), 0x200000);
}

TEST_F(AutomaticIova, IsAlignedNoMoreThanTheMemory) {
  EXPECT_EQ(map(kAligned + 0x1000, 64 * kKiB), 0x1000);
  EXPECT_EQ(map(kAligned + 0x8000, 64 * kKiB), 0x18000);
  EXPECT_EQ(map(kAligned + 0x10000, 64 * kKiB), 0x30000);
}

TEST_F(AutomaticIova, KeepsTheOffsetInThePage) {
  EXPECT_EQ(map(kAligned + 1, 0xa), 0x1001);
  EXPECT_EQ(map(kAligned + 0x1800, kPageSize), 0x1800);
  EXPECT_EQ(map(kAligned + 1, 0xa), 0x100b) << "but need not, with memory aligned to a byte";
}

// The offset is put on the start of the whole span before holes are looked for: the hole at 0x1400
// begins below 0x1a00, and is taken from there.
TEST_F(AutomaticIova, PutsTheOffsetOnTheSpanFirst) {
  occupy(0x1000, 0x400);
  EXPECT_EQ(map(kAligned + 0xa00, 0x200), 0x1a00);
}

// In a hole of its own the offset is or-ed to wherever the hole, rounded up, begins.
TEST_F(AutomaticIova, PutsTheOffsetOnEachHole) {
  occupy(0x1000, 0x1400);
  EXPECT_EQ(map(kAligned + 0xa00, 0x200), 0x2e00);
}

TEST_F(AutomaticIova, UsesHolesAgainFirstFit) {
  for (const int64_t iova : {0x1000, 0x2000, 0x3000, 0x4000}) {
    ASSERT_EQ(map(kAligned, kPageSize), iova);
  }
  ASSERT_EQ(program_->unmap(ioas_, 0x2000, kPageSize), 4096);
  EXPECT_EQ(map(kAligned, 8 * kKiB), 0x6000);
  EXPECT_EQ(map(kAligned, kPageSize), 0x2000);
  EXPECT_EQ(map(kAligned, kPageSize), 0x5000);
}

TEST_F(AutomaticIova, FitsAHoleExactly) {
  occupy(0x1000, 0x1000);
  occupy(0x5000, 0x1000);
  EXPECT_EQ(map(kAligned + 0x1000, 0x3001), 0x6000);
  EXPECT_EQ(map(kAligned + 0x1000, 0x3000), 0x2000);
}

TEST_F(AutomaticIova, DoesNotUseAHoleOfOneByte) {
  occupy(0x1000, 0xfff);
  occupy(0x2000, 0x1000);
  EXPECT_EQ(map({1}, 1), 0x3001);
  EXPECT_EQ(map(kAligned + 0x1fff, 1), 0x3fff) << "not 0x1fff, the last byte of its hole";
}

TEST_F(AutomaticIova, HasAreasBelowTheFirstPageOutOfTheWay) {
  occupy(0, 0x1000);
  EXPECT_EQ(map(kAligned, kPageSize), 0x1000);
  ASSERT_EQ(program_->unmap_all(ioas_), 0x2000);
  occupy(0x800, 0x1000);
  EXPECT_EQ(map(kAligned, kPageSize), 0x2000) << "one that reaches into the first page";
}

TEST_F(AutomaticIova, HasALongestLength) {
  constexpr uint64_t kHalf = UINT64_MAX / 2;
  EXPECT_EQ(map(kAligned, kHalf), -EOVERFLOW);
  EXPECT_EQ(map({0}, kHalf + 1), -EOVERFLOW);
  EXPECT_EQ(map(kAligned, kHalf - kPageSize + 1), 0x200000);
  EXPECT_EQ(map(kAligned, uint64_t{1} << 62), static_cast<int64_t>(0x8000000000200000));
  EXPECT_EQ(map({0x1000}, 0x3000000000000000), static_cast<int64_t>(0xc000000000200000));
  EXPECT_EQ(map({0x1000}, 0x3000000000000000), -ENOSPC);
}

TEST_F(AutomaticIova, LeavesTheLastPageOut) {
  constexpr uint64_t kLastPage = UINT64_MAX - kPageSize + 1;
  occupy(0x1000, kLastPage - 0x2000);
  EXPECT_EQ(map(kAligned, kPageSize), static_cast<int64_t>(kLastPage - 0x1000));
  EXPECT_EQ(map(kAligned, kPageSize), -ENOSPC);
  EXPECT_EQ(program_->map_at(ioas_, kAligned, kPageSize, kLastPage), 0) << "but it is free";
}

TEST_F(AutomaticIova, AnswersEnospcWhenEverythingIsTaken) {
  occupy(0, UINT64_MAX - kPageSize);
  EXPECT_EQ(map(kAligned, 1), -ENOSPC);
}

TEST_F(AutomaticIova, NeedsTheAlignmentOfTheDomain) {
  const int device = program_->bind(0);
  ASSERT_GT(program_->attach(device, ioas_), 0);
  const UserPtr va = program_->memory(16 * kPageSize);
  EXPECT_EQ(map(va + 0x800, kPageSize), -EINVAL);
  EXPECT_EQ(map(va, 0x1234), -EINVAL);
  EXPECT_EQ(map({0}, kPageSize), -EFAULT);
  EXPECT_EQ(map(va, kPageSize), 0x1000);
}

}  // namespace
}  // namespace noiommu::tests
