// What keeps a context alive, and that nothing else does. Spec: iommufd.md section 2, "bound
// device" and "File release".
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

using Lifetime = AttachedTest;

TEST_F(Lifetime, OfAContextEndsWithItsDescriptor) {
  Client& program = boot();
  const int64_t ioas = program.ioas_alloc();
  ASSERT_EQ(program.map_at(ioas, program.memory(kPageSize), kPageSize, 0x1000), 0);
  program.close(program.iommufd);
  program.iommufd = program.open("/dev/iommu");
  EXPECT_EQ(program.ioas_alloc(), 1) << "a new context";
}

TEST_F(Lifetime, OfAContextGoesOnWhileADeviceIsBound) {
  start();
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(4 * kPageSize), 4 * kPageSize, 0x1000), 0);
  program_->close(program_->iommufd);
  EXPECT_EQ(pins(), 4U);
  EXPECT_EQ(program_->detach(device_), 0);
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(program_->attach(device_, ioas_), hwpt_) << "ids and areas are as they were";
  EXPECT_EQ(pins(), 4U);
  program_->close(device_);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(Lifetime, OfAContextGoesOnUntilTheLastDeviceLeaves) {
  start();
  const int second = program_->bind(1);
  ASSERT_EQ(program_->attach(second, ioas_), hwpt_);
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(kPageSize), kPageSize, 0x1000), 0);
  program_->close(program_->iommufd);
  program_->close(device_);
  EXPECT_EQ(pins(), 1U);
  EXPECT_EQ(program_->attach(second, ioas_), hwpt_);
  program_->close(second);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(Lifetime, OfAContextGoesOnWithADuplicate) {
  start();
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(kPageSize), kPageSize, 0x1000), 0);
  const int copy = program_->process->dup(program_->iommufd).value();
  program_->close(program_->iommufd);
  program_->close(device_);
  program_->iommufd = copy;
  EXPECT_EQ(program_->unmap(ioas_, 0x1000, kPageSize), 4096);
}

TEST_F(Lifetime, OfADeviceIdEndsWithItsFile) {
  start();
  program_->close(device_);
  const int again = program_->bind(0);
  EXPECT_EQ(program_->device_id, 1U);
  EXPECT_EQ(program_->attach(again, ioas_), 3);
}

TEST_F(Lifetime, OfADescriptorPassedOnOutlivesItsFirstOwner) {
  start();
  Client& heir = spawn();
  heir.close(heir.iommufd);
  heir.iommufd = heir.receive(*program_, program_->iommufd);
  const int device = heir.receive(*program_, device_);
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(kPageSize), kPageSize, 0x1000), 0);
  exit(*program_);
  EXPECT_EQ(heir.get_pa(ioas_, 0x1000).answer, 0);
  EXPECT_EQ(heir.destroy(ioas_), -EBUSY);
  EXPECT_EQ(heir.detach(device), 0);
  EXPECT_EQ(heir.destroy(ioas_), 0);
}

TEST_F(Lifetime, EndsInWhateverOrderDescriptorsAreClosed) {
  for (const bool device_first : {true, false}) {
    Client& program = device_first ? boot() : spawn();
    const int device = program.bind(0);
    const int64_t ioas = program.ioas_alloc();
    ASSERT_EQ(program.attach(device, ioas), 3);
    ASSERT_EQ(program.map_at(ioas, program.memory(kPageSize), kPageSize, 0x1000), 0);
    program.close(device_first ? device : program.iommufd);
    program.close(device_first ? program.iommufd : device);
    EXPECT_EQ(pins(), 0U);
  }
}

TEST_F(Lifetime, ManyContextsShareNothing) {
  Client& program = boot();
  for (int i = 0; i < 20; ++i) {
    program.iommufd = program.open("/dev/iommu");
    ASSERT_EQ(program.ioas_alloc(), 1);
    ASSERT_EQ(program.map_at(1, program.memory(kPageSize), kPageSize, 0x1000), 0);
  }
}

}  // namespace
}  // namespace noiommu::tests
