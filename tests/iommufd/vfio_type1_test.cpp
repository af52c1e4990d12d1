// A container of the first type unmaps any pages of an area: how areas are cut. Spec: iommufd.md
// section 16, UNMAP_DMA.
#include <string>

#include "tests/iommufd/container_test.h"

namespace noiommu::tests {
namespace {

class VfioType1 : public ContainerTest {
 protected:
  void SetUp() override {
    ContainerTest::SetUp();
    choose();
    ASSERT_EQ(set_iommu(VFIO_TYPE1_IOMMU), 0);
  }
  // The page numbers in [0x10000, 0x20000), '.' for none.
  std::string pages() {
    std::string found;
    for (uint64_t iova = 0x10000; iova < 0x20000; iova += kPageSize) {
      const int64_t page = page_at(iova);
      found += page < 0 ? '.' : "0123456789abcdef"[page];
    }
    return found;
  }
};

TEST_F(VfioType1, CutsAnAreaAtBothEnds) {
  attach();
  ASSERT_EQ(map(0x10000, 0x10000), 0);
  EXPECT_EQ(unmap(0x14000, 0x2000), (Unmapped{0, 0x2000}));
  EXPECT_EQ(pages(), "0123..6789abcdef");
  EXPECT_EQ(pins(), 14U);
  EXPECT_EQ(unmap(0x10000, 0x1000), (Unmapped{0, 0x1000}));
  EXPECT_EQ(unmap(0x1f000, 0x1000), (Unmapped{0, 0x1000}));
  EXPECT_EQ(pages(), ".123..6789abcde.");
  EXPECT_EQ(unmap(0x13000, 0x4000), (Unmapped{0, 0x2000})) << "the ends of two";
  EXPECT_EQ(pages(), ".12....789abcde.");
  EXPECT_EQ(pins(), 10U);
  EXPECT_EQ(unmap(0, 0x100000), (Unmapped{0, 0xa000}));
  EXPECT_EQ(pins(), 0U);
}

TEST_F(VfioType1, CutsWhatIsPinnedLater) {
  ASSERT_EQ(map(0x10000, 0x10000), 0);
  ASSERT_EQ(unmap(0x14000, 0x2000), (Unmapped{0, 0x2000}));
  attach();
  EXPECT_EQ(pages(), "0123..6789abcdef");
  EXPECT_EQ(pins(), 14U);
  ASSERT_EQ(unmap(0x18000, 0x1000), (Unmapped{0, 0x1000}));
  program_->detach(device_);
  EXPECT_EQ(pins(), 0U);
  attach();
  EXPECT_EQ(pages(), "0123..67.9abcdef");
  EXPECT_EQ(pins(), 13U);
}

TEST_F(VfioType1, CutsInEveryPageTable) {
  const int64_t manual = program_->hwpt_alloc(program_->device_id, ioas_);
  attach();
  ASSERT_EQ(map(0x10000, 0x10000), 0);
  ASSERT_EQ(unmap(0x14000, 0x2000), (Unmapped{0, 0x2000}));
  EXPECT_EQ(pins(), 14U);
  ASSERT_EQ(program_->destroy(manual), 0);
  EXPECT_EQ(pages(), "0123..6789abcdef") << "as the second one has it";
  EXPECT_EQ(pins(), 14U);
  EXPECT_EQ(unmap(0x10000, 0x4000), (Unmapped{0, 0x4000}));
  EXPECT_EQ(pins(), 10U);
}

TEST_F(VfioType1, CutsNothingOffBehindTheFirstByte) {
  ASSERT_EQ(map(0x10000, 0x2000), 0);
  EXPECT_EQ(unmap(0x10000, 1), (Unmapped{-ENOENT, 0})) << "a cut there is none";
  EXPECT_EQ(unmap(0x10000, 2), (Unmapped{-EINVAL, 2})) << "one in the middle of a page fails";
}

TEST_F(VfioType1, LeavesCopiesWhole) {
  attach();
  ASSERT_EQ(map(0x10000, 0x10000), 0);
  ASSERT_EQ(program_->copy_to(ioas_, 0x50000, ioas_, 0x13000, 0x2000), 0);
  ASSERT_EQ(unmap(0x12000, 0x4000), (Unmapped{0, 0x4000}));
  EXPECT_EQ(page_at(0x51000), 4);
  EXPECT_EQ(pins(), 14U) << "the copy keeps two of the four";
  ASSERT_EQ(program_->unmap(ioas_, 0x50000, 0x2000), 0x2000);
  EXPECT_EQ(pins(), 12U);
}

TEST_F(VfioType1, MayBeCopiedInParts) {
  attach();
  ASSERT_EQ(map(0x10000, 0x10000), 0);
  ASSERT_EQ(unmap(0x14000, 0x1000), (Unmapped{0, 0x1000}));
  EXPECT_EQ(program_->copy(ioas_, ioas_, 0x13000, 0x3000), -ENOENT);
  ASSERT_EQ(program_->copy_to(ioas_, 0x50000, ioas_, 0x15000, 0x3000), 0);
  EXPECT_EQ(page_at(0x51000), 6);
  EXPECT_EQ(pins(), 15U);
}

TEST_F(VfioType1, GivesTheChargeBackInParts) {
  program_->process->set_capability(CAP_IPC_LOCK, false);
  attach();
  ASSERT_EQ(map(0x10000, 0x10000), 0);
  ASSERT_EQ(unmap(0x14000, 0x2000), (Unmapped{0, 0x2000}));
  EXPECT_EQ(program_->process->task()->user->locked_vm, 14U);
  ASSERT_EQ(unmap(0, 0, kUnmapAll), (Unmapped{0, 0xe000}));
  EXPECT_EQ(program_->process->task()->user->locked_vm, 0U);
}

TEST_F(VfioType1, CutsAtPagesOnly) {
  ASSERT_EQ(map(0x10000, 0x10000), 0);
  EXPECT_EQ(unmap(0x14000, 0x1001), (Unmapped{-EINVAL, 0x1001})) << "the size is as it was";
  EXPECT_EQ(unmap(0x14001, 0x0fff), (Unmapped{-EINVAL, 0x0fff}));
  EXPECT_EQ(unmap(0xf001, 0x10fff), (Unmapped{0, 0x10000})) << "odd ends where nothing is";
}

TEST_F(VfioType1, KeepsTheUpperCutWhenTheLowerFails) {
  ASSERT_EQ(map(0x10000, 0x10000), 0);
  EXPECT_EQ(unmap(0x14001, 0x1fff), (Unmapped{-EINVAL, 0x1fff}));
  EXPECT_EQ(program_->unmap(ioas_, 0x16000, 0xa000), 0xa000) << "an area of its own";
  EXPECT_EQ(program_->unmap(ioas_, 0x10000, 0x6000), 0x6000);
}

TEST_F(VfioType1, StillRefusesAnEmptyRange) {
  ASSERT_EQ(map(0x10000, 0x10000), 0);
  EXPECT_EQ(unmap(0x14000, 0), (Unmapped{-EINVAL, 0}));
  EXPECT_EQ(unmap(UINT64_MAX, 2), (Unmapped{-EOVERFLOW, 0}));
}

TEST_F(VfioType1, DoesNotCutDmaBufs) {
  const auto buffer = static_cast<int>(program_->dma_buf(device_, {{0, 0x4000}}));
  ASSERT_EQ(program_->map_file_at(ioas_, buffer, 0, 0x4000, 0x10000), 0);
  EXPECT_EQ(unmap(0x10000, 0x1000), (Unmapped{-EOPNOTSUPP, 0x1000}));
  EXPECT_EQ(unmap(0x11000, 0x3000), (Unmapped{-EOPNOTSUPP, 0x3000}));
  EXPECT_EQ(unmap(0x10000, 0x4000), (Unmapped{0, 0x4000})) << "which needs no cut";
}

TEST_F(VfioType1, DoesNotCutWithHugePages) {
  attach();
  ASSERT_EQ(program_->set_huge_pages(ioas_, true), 0);
  ASSERT_EQ(map(0x10000, 0x10000), 0);
  EXPECT_EQ(unmap(0x14000, 0x2000), (Unmapped{-ENOENT, 0}));
}

TEST_F(VfioType1, CutsFiles) {
  attach();
  const int memfd = program_->labelled_memfd(0x10000, va_.value);
  ASSERT_EQ(program_->map_file_at(ioas_, memfd, 0, 0x10000, 0x10000), 0);
  EXPECT_EQ(unmap(0x11000, 0xe000), (Unmapped{0, 0xe000}));
  EXPECT_EQ(pages(), "0..............f");
  EXPECT_EQ(pins(), 2U);
}

}  // namespace
}  // namespace noiommu::tests
