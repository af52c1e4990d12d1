// Attaching, replacing and detaching. Spec: iommufd.md section 14.
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

class Attach : public BoundTest {
 protected:
  void SetUp() override { start(); }
  int64_t attach(int64_t pt_id) { return program_->attach(device_, pt_id); }
  // The argument of an attach where the kernel cannot write the answer.
  int64_t attach_read_only(int64_t pt_id) {
    vfio_device_attach_iommufd_pt request{};
    request.argsz = sizeof(request);
    request.pt_id = static_cast<uint32_t>(pt_id);
    const UserPtr at = program_->read_only(request);
    return program_->ioctl_value(device_, VFIO_DEVICE_ATTACH_IOMMUFD_PT, at.value);
  }
  // Leaves pt_id as it was: the request after a call that fails.
  uint32_t pt_id_after_failure(int64_t pt_id, int64_t expected) {
    vfio_device_attach_iommufd_pt request{};
    request.argsz = sizeof(request);
    request.pt_id = static_cast<uint32_t>(pt_id);
    EXPECT_EQ(program_->ioctl(device_, VFIO_DEVICE_ATTACH_IOMMUFD_PT, request), expected);
    return request.pt_id;
  }
};

TEST_F(Attach, ToAnIoasMakesAPageTableAndNamesIt) {
  EXPECT_EQ(attach(ioas_), 3);
  EXPECT_EQ(program_->destroy(3), -EBUSY);
}

TEST_F(Attach, ToAPageTableKeepsItsId) {
  const int second = program_->bind(1);
  const int64_t hwpt = attach(ioas_);
  EXPECT_EQ(program_->attach(second, hwpt), hwpt);
  program_->detach(device_);
  EXPECT_EQ(program_->destroy(hwpt), -EBUSY) << "the second device uses it";
  program_->detach(second);
  EXPECT_EQ(program_->destroy(hwpt), -ENOENT);
}

TEST_F(Attach, AnswersEnoentForAnUnknownId) {
  EXPECT_EQ(attach(0), -ENOENT);
  EXPECT_EQ(attach(99), -ENOENT);
  EXPECT_EQ(attach(UINT32_MAX), -ENOENT);
}

TEST_F(Attach, AnswersEinvalForAnotherType) {
  EXPECT_EQ(attach(device_id_), -EINVAL);
  ASSERT_EQ(attach(ioas_), 3);
  EXPECT_EQ(attach(device_id_), -EINVAL);
  EXPECT_EQ(program_->destroy(3), -EBUSY) << "still attached";
}

TEST_F(Attach, OfTwoDevicesSharesThePageTable) {
  const int second = program_->bind(1);
  const int64_t hwpt = attach(ioas_);
  EXPECT_EQ(program_->attach(second, ioas_), hwpt);
  EXPECT_EQ(program_->detach(device_), 0);
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(kPageSize), kPageSize, 0x1000), 0);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1000).answer, 0);
  EXPECT_EQ(program_->detach(second), 0);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1000).answer, -EOPNOTSUPP);
}

TEST_F(Attach, OfTwoDevicesToTwoIoasesKeepsThemApart) {
  const int64_t other = program_->ioas_alloc();
  const int second = program_->bind(1);
  const int64_t hwpt = attach(ioas_);
  EXPECT_NE(program_->attach(second, other), hwpt);
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(kPageSize), kPageSize, 0x1000), 0);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1000).answer, 0);
  EXPECT_EQ(program_->get_pa(other, 0x1000).answer, -ENOENT);
}

TEST_F(Attach, ToTheSameIoasAgainChangesNothing) {
  const UserPtr va = program_->labelled_memory(kPageSize);
  ASSERT_EQ(attach(ioas_), 3);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x1000), 0);
  program_->free_memory(va, kPageSize);
  EXPECT_EQ(attach(ioas_), 3);
  EXPECT_EQ(attach(3), 3) << "by its page table";
  EXPECT_EQ(program_->dma_read(program_->get_pa(ioas_, 0x1000).phys), va.value)
      << "the pages were not let go, for they could not be pinned again";
  program_->detach(device_);
  EXPECT_EQ(program_->destroy(3), -ENOENT) << "it was counted once";
}

TEST_F(Attach, ToAnotherIoasReplaces) {
  const int64_t other = program_->ioas_alloc();
  const UserPtr va = program_->memory(4 * kPageSize);
  ASSERT_EQ(attach(ioas_), 4);
  ASSERT_EQ(program_->map_at(ioas_, va, 4 * kPageSize, 0x10000), 0);
  ASSERT_EQ(program_->map_at(other, va, 2 * kPageSize, 0x20000), 0);
  EXPECT_EQ(program_->get_pa(other, 0x20000).answer, -EOPNOTSUPP);

  EXPECT_EQ(attach(other), 5) << "the new one is made before the old one goes";
  EXPECT_EQ(pins(), 2U);
  EXPECT_EQ(program_->get_pa(ioas_, 0x10000).answer, -EOPNOTSUPP);
  EXPECT_EQ(program_->get_pa(other, 0x20000).answer, 0);
  EXPECT_EQ(program_->destroy(4), -ENOENT);
  EXPECT_EQ(program_->destroy(ioas_), 0);
}

TEST_F(Attach, ThatCannotReplaceLeavesTheOldOne) {
  const int64_t unpinnable = program_->ioas_alloc();
  const int64_t unaligned = program_->ioas_alloc();
  ASSERT_EQ(program_->map_at(unpinnable, {0x1000}, kPageSize, 0x20000), 0);
  ASSERT_EQ(program_->map_at(unaligned, {0x1000}, 100, 0x20000), 0);
  const int64_t hwpt = attach(ioas_);
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(kPageSize), kPageSize, 0x10000), 0);

  EXPECT_EQ(pt_id_after_failure(unpinnable, -EFAULT), unpinnable);
  EXPECT_EQ(pt_id_after_failure(unaligned, -EADDRINUSE), unaligned);
  EXPECT_EQ(pt_id_after_failure(99, -ENOENT), 99U);
  EXPECT_EQ(program_->get_pa(ioas_, 0x10000).answer, 0);
  EXPECT_EQ(program_->destroy(hwpt), -EBUSY);
  EXPECT_EQ(program_->destroy(ioas_), -EBUSY);
  EXPECT_EQ(program_->destroy(unpinnable), 0) << "nothing holds it";
  EXPECT_EQ(program_->destroy(unaligned), 0);
}

TEST_F(Attach, FailsForAnAreaThatIsNotAligned) {
  const UserPtr va = program_->memory(kPageSize);
  const struct {
    UserPtr va;
    uint64_t length;
    uint64_t iova;
  } areas[] = {{va, 100, 0x10000},
               {va, kPageSize, 0x10001},
               {va + 1, kPageSize, 0x10000},
               {va, 0x1001, 0x10000}};
  for (const auto& area : areas) {
    ASSERT_EQ(program_->map_at(ioas_, area.va, area.length, area.iova), 0);
    EXPECT_EQ(attach(ioas_), -EADDRINUSE);
    EXPECT_EQ(program_->alignment(ioas_), 1U);
    program_->unmap_all(ioas_);
  }
  EXPECT_EQ(attach(ioas_), 3);
}

TEST_F(Attach, LooksAtTheAlignmentOfAllAreasBeforePinningAny) {
  ASSERT_EQ(program_->map_at(ioas_, {0x1000}, kPageSize, 0x10000), 0);
  ASSERT_EQ(program_->map_at(ioas_, {0x1000}, 100, 0x20000), 0);
  EXPECT_EQ(attach(ioas_), -EADDRINUSE);
}

TEST_F(Attach, ThatFaultsLeavesTheDeviceUnattached) {
  const UserPtr va = program_->memory(kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x10000), 0);
  ASSERT_EQ(program_->map_at(ioas_, {0x1000}, kPageSize, 0x20000), 0);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x30000), 0);
  EXPECT_EQ(pt_id_after_failure(ioas_, -EFAULT), ioas_);
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(program_->get_pa(ioas_, 0x10000).answer, -EOPNOTSUPP);
  EXPECT_EQ(program_->alignment(ioas_), 1U);
  EXPECT_EQ(program_->unmap(ioas_, 0x20000, kPageSize), 4096);
  EXPECT_EQ(attach(ioas_), 3);
  EXPECT_EQ(pins(), 2U);
}

TEST_F(Attach, WhoseAnswerCannotBeWrittenIsTakenBack) {
  EXPECT_EQ(attach_read_only(ioas_), -EFAULT);
  EXPECT_EQ(program_->destroy(ioas_), 0) << "not attached";
}

TEST_F(Attach, WhoseAnswerCannotBeWrittenDoesNotGoBackToTheOldOne) {
  const int64_t other = program_->ioas_alloc();
  ASSERT_EQ(attach(ioas_), 4);
  EXPECT_EQ(attach_read_only(other), -EFAULT);
  EXPECT_EQ(program_->destroy(ioas_), 0);
  EXPECT_EQ(program_->destroy(other), 0);
}

using Detach = Attach;

TEST_F(Detach, OfADeviceThatIsNotAttachedDoesNothing) {
  EXPECT_EQ(program_->detach(device_), 0);
  ASSERT_EQ(attach(ioas_), 3);
  EXPECT_EQ(program_->detach(device_), 0);
  EXPECT_EQ(program_->detach(device_), 0);
  EXPECT_EQ(program_->destroy(device_id_), -EBUSY) << "and it is still bound";
}

TEST_F(Detach, LeavesTheAreas) {
  ASSERT_EQ(attach(ioas_), 3);
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(kPageSize), kPageSize, 0x1000), 0);
  program_->detach(device_);
  EXPECT_EQ(program_->map_at(ioas_, {0x1000}, 1, 0x1fff), -EEXIST);
  EXPECT_EQ(program_->unmap(ioas_, 0x1000, kPageSize), 4096);
}

TEST_F(Detach, IsImpliedByClosingTheDevice) {
  ASSERT_EQ(attach(ioas_), 3);
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(kPageSize), kPageSize, 0x1000), 0);
  program_->close(device_);
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(program_->destroy(3), -ENOENT);
  EXPECT_EQ(program_->destroy(device_id_), -ENOENT);
  EXPECT_EQ(program_->destroy(ioas_), 0);
}

TEST_F(Detach, AndAttachMayBeRepeated) {
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(64 * kPageSize), 64 * kPageSize, 0x1000), 0);
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(attach(ioas_), 3);
    EXPECT_EQ(pins(), 64U);
    ASSERT_EQ(program_->detach(device_), 0);
    EXPECT_EQ(pins(), 0U);
  }
}

}  // namespace
}  // namespace noiommu::tests
