// Ids, reference counts and DESTROY. Spec: iommufd.md sections 2, 2.1 and 3.
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

using Ids = IommufdTest;

TEST_F(Ids, StartAtOneAndAreAlwaysTheLowestFree) {
  Client& program = boot();
  EXPECT_EQ(program.ioas_alloc(), 1);
  EXPECT_EQ(program.ioas_alloc(), 2);
  EXPECT_EQ(program.ioas_alloc(), 3);
  EXPECT_EQ(program.destroy(2), 0);
  EXPECT_EQ(program.destroy(1), 0);
  EXPECT_EQ(program.ioas_alloc(), 1);
  EXPECT_EQ(program.ioas_alloc(), 2);
  EXPECT_EQ(program.ioas_alloc(), 4);
}

TEST_F(Ids, AreSharedByAllTypes) {
  Client& program = boot();
  const int device = program.bind(0);
  EXPECT_EQ(program.device_id, 1U);
  EXPECT_EQ(program.ioas_alloc(), 2);
  EXPECT_EQ(program.attach(device, 2), 3);
  EXPECT_EQ(program.ioas_alloc(), 4);
  program.bind(1);
  EXPECT_EQ(program.device_id, 5U);
}

TEST_F(Ids, BelongToOneContext) {
  Client& program = boot();
  Client& other = spawn();
  EXPECT_EQ(program.ioas_alloc(), 1);
  EXPECT_EQ(program.ioas_alloc(), 2);
  EXPECT_EQ(other.ioas_alloc(), 1);
  EXPECT_EQ(other.destroy(2), -ENOENT);
  EXPECT_EQ(program.destroy(2), 0);
}

TEST_F(Ids, OfAFailedAttachAreFreeAgain) {
  Client& program = boot();
  const int device = program.bind(0);
  const int64_t ioas = program.ioas_alloc();
  ASSERT_EQ(program.map_at(ioas, {0x1000}, kPageSize, 0x10000), 0);
  EXPECT_EQ(program.attach(device, ioas), -EFAULT);
  EXPECT_EQ(program.destroy(3), -ENOENT);
  EXPECT_EQ(program.ioas_alloc(), 3);
}

TEST_F(Ids, ManyObjectsComeAndGo) {
  Client& program = boot();
  for (int64_t id = 1; id <= 500; ++id) ASSERT_EQ(program.ioas_alloc(), id);
  for (int64_t id = 1; id <= 500; id += 2) ASSERT_EQ(program.destroy(id), 0);
  for (int64_t id = 1; id <= 500; id += 2) ASSERT_EQ(program.ioas_alloc(), id);
  EXPECT_EQ(program.ioas_alloc(), 501);
}

TEST_F(Ids, IoasAllocRefusesFlags) {
  Client& program = boot();
  iommu_ioas_alloc alloc{.size = sizeof(alloc), .flags = 1, .out_ioas_id = 0};
  EXPECT_EQ(program.ioctl(program.iommufd, IOMMU_IOAS_ALLOC, alloc), -EOPNOTSUPP);
  EXPECT_EQ(program.ioas_alloc(), 1) << "no id was used";
}

using Destroy = IommufdTest;

TEST_F(Destroy, OfAnUnknownIdAnswersEnoent) {
  Client& program = boot();
  for (const int64_t id : {int64_t{0}, int64_t{1}, int64_t{77}, int64_t{UINT32_MAX}}) {
    EXPECT_EQ(program.destroy(id), -ENOENT) << id;
  }
}

TEST_F(Destroy, WorksOnce) {
  Client& program = boot();
  const int64_t ioas = program.ioas_alloc();
  EXPECT_EQ(program.destroy(ioas), 0);
  EXPECT_EQ(program.destroy(ioas), -ENOENT);
}

TEST_F(Destroy, RemovesTheAreasOfAnIoas) {
  Client& program = boot();
  const int64_t ioas = program.ioas_alloc();
  ASSERT_EQ(program.map_at(ioas, program.memory(kPageSize), kPageSize, 0x1000), 0);
  EXPECT_EQ(program.destroy(ioas), 0);
  ASSERT_EQ(program.ioas_alloc(), ioas);
  EXPECT_EQ(program.unmap(ioas, 0x1000, kPageSize), -ENOENT);
}

TEST_F(Destroy, IsRefusedForEverythingThatIsInUse) {
  Client& program = boot();
  const int device = program.bind(0);
  const int64_t ioas = program.ioas_alloc();
  const int64_t hwpt = program.attach(device, ioas);
  EXPECT_EQ(program.destroy(program.device_id), -EBUSY);
  EXPECT_EQ(program.destroy(ioas), -EBUSY);
  EXPECT_EQ(program.destroy(hwpt), -EBUSY);
}

TEST_F(Destroy, OfABoundDeviceIsAlwaysRefused) {
  Client& program = boot();
  const int device = program.bind(0);
  const int64_t device_id = program.device_id;
  EXPECT_EQ(program.destroy(device_id), -EBUSY);
  program.close(device);
  EXPECT_EQ(program.destroy(device_id), -ENOENT);
}

TEST_F(Destroy, OfAnIoasWaitsForItsLastDevice) {
  Client& program = boot();
  const int first = program.bind(0);
  const int second = program.bind(1);
  const int64_t ioas = program.ioas_alloc();
  const int64_t hwpt = program.attach(first, ioas);
  ASSERT_EQ(program.attach(second, ioas), hwpt);
  EXPECT_EQ(program.detach(first), 0);
  EXPECT_EQ(program.destroy(hwpt), -EBUSY);
  EXPECT_EQ(program.destroy(ioas), -EBUSY);
  EXPECT_EQ(program.detach(second), 0);
  EXPECT_EQ(program.destroy(hwpt), -ENOENT) << "an automatic page table goes by itself";
  EXPECT_EQ(program.destroy(ioas), 0);
}

TEST_F(Destroy, OfOneIoasLeavesTheOthers) {
  Client& program = boot();
  const int64_t gone = program.ioas_alloc();
  const int64_t stays = program.ioas_alloc();
  ASSERT_EQ(program.map_at(stays, program.memory(kPageSize), kPageSize, 0x1000), 0);
  EXPECT_EQ(program.destroy(gone), 0);
  EXPECT_EQ(program.unmap(stays, 0x1000, kPageSize), 4096);
}

class WrongType : public AttachedTest {};

TEST_F(WrongType, IsEnoentForEveryCommandOnAnIoas) {
  start();
  const UserPtr va = program_->memory(kPageSize);
  for (const int64_t id : {int64_t{program_->device_id}, hwpt_}) {
    iommu_ioas_iova_ranges ranges{};
    ranges.size = sizeof(ranges);
    ranges.ioas_id = static_cast<uint32_t>(id);
    EXPECT_EQ(program_->ioctl(program_->iommufd, IOMMU_IOAS_IOVA_RANGES, ranges), -ENOENT);
    EXPECT_EQ(program_->map(id, va, kPageSize), -ENOENT);
    EXPECT_EQ(program_->unmap(id, 0x1000, kPageSize), -ENOENT);
    EXPECT_EQ(program_->unmap_all(id), -ENOENT);
    EXPECT_EQ(program_->get_pa(id, 0x1000).answer, -ENOENT);
  }
}

}  // namespace
}  // namespace noiommu::tests
