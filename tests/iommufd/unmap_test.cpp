// IOAS_UNMAP. Spec: iommufd.md section 9.
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

class Unmap : public IommufdTest {
 protected:
  void SetUp() override {
    program_ = &boot();
    ioas_ = program_->ioas_alloc();
  }
  void area(uint64_t iova, uint64_t length) {
    ASSERT_EQ(program_->map_at(ioas_, {0x100000}, length, iova), 0);
  }
  int64_t unmap(uint64_t iova, uint64_t length) { return program_->unmap(ioas_, iova, length); }

  Client* program_ = nullptr;
  int64_t ioas_ = 0;
};

TEST_F(Unmap, IsCheckedInOrder) {
  EXPECT_EQ(program_->unmap(99, UINT64_MAX, UINT64_MAX), -ENOENT);
  EXPECT_EQ(program_->unmap(99, 0, UINT64_MAX), -ENOENT) << "everything of nothing";
  EXPECT_EQ(unmap(UINT64_MAX, 0), -EOVERFLOW);
  EXPECT_EQ(unmap(1, UINT64_MAX), -EOVERFLOW);
  EXPECT_EQ(unmap(0x1000, 0), -EINVAL);
  EXPECT_EQ(unmap(UINT64_MAX - 1, 3), -EOVERFLOW);
  EXPECT_EQ(unmap(UINT64_MAX - 1, 2), -ENOENT);
  EXPECT_EQ(unmap(0, UINT64_MAX - 1), -ENOENT);
}

TEST_F(Unmap, TakesAWholeArea) {
  area(0x10000, 0x4000);
  EXPECT_EQ(unmap(0x10000, 0x4000), 0x4000);
  EXPECT_EQ(unmap(0x10000, 0x4000), -ENOENT);
}

TEST_F(Unmap, NeverSplits) {
  area(0x10000, 0x4000);
  EXPECT_EQ(unmap(0x10000, 0x1000), -ENOENT) << "its start";
  EXPECT_EQ(unmap(0x13000, 0x1000), -ENOENT) << "its end";
  EXPECT_EQ(unmap(0x11000, 0x1000), -ENOENT) << "its middle";
  EXPECT_EQ(unmap(0xf000, 0x2000), -ENOENT) << "from below into it";
  EXPECT_EQ(unmap(0x11000, 0x4000), -ENOENT) << "from it to above";
  EXPECT_EQ(unmap(0x10000, 0x3fff), -ENOENT) << "all but a byte";
  EXPECT_EQ(unmap(0x10000, 0x4000), 0x4000);
}

TEST_F(Unmap, AnswersTheBytesRemovedNotThoseAskedFor) {
  area(0x10000, 0x4000);
  area(0x20000, 0x64);
  EXPECT_EQ(unmap(0, 0x1000000), 0x4064);
}

TEST_F(Unmap, NeedNotBeAligned) {
  area(0x10000, 0x1000);
  EXPECT_EQ(unmap(0xfff1, 0x1010), 0x1000);
}

TEST_F(Unmap, KeepsWhatItDidBeforeItFailed) {
  area(0x10000, 0x1000);
  area(0x11000, 0x1000);
  area(0x12000, 0x4000);
  area(0x20000, 0x1000);
  EXPECT_EQ(unmap(0x10000, 0x3000), -ENOENT);
  EXPECT_EQ(unmap(0x10000, 0x1000), -ENOENT) << "gone already";
  EXPECT_EQ(unmap(0x12000, 0x4000), 0x4000) << "the one that stuck out is whole";
  EXPECT_EQ(unmap(0x20000, 0x1000), 0x1000);
}

TEST_F(Unmap, DoesNotWriteTheLengthBackWhenItFails) {
  area(0x10000, 0x1000);
  area(0x11000, 0x1000);
  iommu_ioas_unmap unmap{.size = sizeof(unmap),
                         .ioas_id = static_cast<uint32_t>(ioas_),
                         .iova = 0x10000,
                         .length = 0x1800};
  EXPECT_EQ(program_->ioctl(program_->iommufd, IOMMU_IOAS_UNMAP, unmap), -ENOENT);
  EXPECT_EQ(unmap.length, 0x1800U);
}

TEST_F(Unmap, StopsAtAnAreaThatSticksOutBelow) {
  area(0x10000, 0x4000);
  area(0x20000, 0x1000);
  EXPECT_EQ(unmap(0x12000, 0x10000), -ENOENT);
  EXPECT_EQ(unmap(0x20000, 0x1000), 0x1000) << "what lies above has not been reached";
}

TEST_F(Unmap, OfEverythingNeverFails) {
  EXPECT_EQ(program_->unmap_all(ioas_), 0);
  area(0, 0x1000);
  area(0x500000000, 0x4000);
  area(UINT64_MAX - 0xffff, 0x10000);
  EXPECT_EQ(program_->unmap_all(ioas_), 0x15000);
  EXPECT_EQ(program_->unmap_all(ioas_), 0);
}

TEST_F(Unmap, ReachesTheLastByte) {
  area(UINT64_MAX - 0xfff, 0x1000);
  EXPECT_EQ(unmap(UINT64_MAX - 0xfff, 0x1000), 0x1000);
  area(UINT64_MAX - 0x1fff, 0x1000);
  area(UINT64_MAX - 0xfff, 0x1000);
  EXPECT_EQ(unmap(2, UINT64_MAX - 1), 0x2000);
}

TEST_F(Unmap, LeavesRoomForANewArea) {
  area(0x10000, 0x1000);
  ASSERT_EQ(unmap(0x10000, 0x1000), 0x1000);
  EXPECT_EQ(program_->map_at(ioas_, {0x100000}, 0x2000, 0xf800), 0);
}

TEST_F(Unmap, OfPinnedMemoryLetsItGo) {
  const int device = program_->bind(0);
  ASSERT_GT(program_->attach(device, ioas_), 0);
  const UserPtr va = program_->memory(8 * kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, 8 * kPageSize, 0x10000), 0);
  ASSERT_EQ(program_->map_at(ioas_, va, 2 * kPageSize, 0x18000), 0);
  ASSERT_EQ(pins(), 10U);
  EXPECT_EQ(unmap(0x10000, 0x9000), -ENOENT) << "half of the second area";
  EXPECT_EQ(pins(), 2U);
  EXPECT_EQ(program_->get_pa(ioas_, 0x10000).answer, -ENOENT);
  EXPECT_EQ(program_->get_pa(ioas_, 0x18000).answer, 0);
  EXPECT_EQ(program_->unmap_all(ioas_), 0x2000);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(Unmap, ConcernsOneIoas) {
  const int64_t other = program_->ioas_alloc();
  area(0x10000, 0x1000);
  EXPECT_EQ(program_->unmap(other, 0x10000, 0x1000), -ENOENT);
  EXPECT_EQ(program_->unmap_all(other), 0);
  EXPECT_EQ(unmap(0x10000, 0x1000), 0x1000);
}

}  // namespace
}  // namespace noiommu::tests
