// IOAS_CHANGE_PROCESS: another process takes over what is charged. Spec: iommufd.md section 12.
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

Credentials without_ipc_lock(uint32_t uid) {
  Credentials credentials{.uid = uid};
  credentials.effective.reset(CAP_IPC_LOCK);
  return credentials;
}

// The first program owns the device; `old_` maps and `new_` takes over.
class ChangeProcess : public AttachedTest {
 protected:
  void SetUp() override {
    start();
    old_ = &partner(1000);
    new_ = &partner(2000);
    memfd_ = old_->memfd(16 * kPageSize);
  }
  Client& partner(uint32_t uid) {
    Client& partner = spawn(without_ipc_lock(uid));
    partner.close(partner.iommufd);
    partner.iommufd = partner.receive(*program_, program_->iommufd);
    return partner;
  }
  void map(uint64_t iova, uint64_t pages) {
    ASSERT_EQ(old_->map_file_at(ioas_, memfd_, 0, pages * kPageSize, iova), 0);
  }
  static uint64_t charged(const Client& to) { return to.process->task()->user->locked_vm; }
  static uint64_t pinned_vm(const Client& of) { return of.process->memory().pinned_vm; }
  static void limit(const Client& client, uint64_t pages) {
    client.process->set_memlock(pages * kPageSize);
  }

  Client* old_ = nullptr;
  Client* new_ = nullptr;
  int memfd_ = -1;
};

TEST_F(ChangeProcess, LooksAtReservedBits) {
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(kPageSize), kPageSize, 0x10000), 0);
  iommu_ioas_change_process request{.size = sizeof(request), .__reserved = 1};
  EXPECT_EQ(program_->ioctl(program_->iommufd, IOMMU_IOAS_CHANGE_PROCESS, request), -EOPNOTSUPP);
}

TEST_F(ChangeProcess, OfNothingSucceeds) {
  EXPECT_EQ(new_->change_process(), 0);
  Client& empty = spawn();
  EXPECT_EQ(empty.change_process(), 0) << "without an IOAS too";
}

TEST_F(ChangeProcess, IsNotWrittenBack) {
  const UserPtr argument = new_->read_only(iommu_ioas_change_process{.size = 8, .__reserved = 0});
  EXPECT_EQ(new_->ioctl_value(new_->iommufd, IOMMU_IOAS_CHANGE_PROCESS, argument.value), 0);
}

TEST_F(ChangeProcess, MovesTheCharge) {
  map(0x10000, 4);
  ASSERT_EQ(charged(*old_), 4U);
  EXPECT_EQ(new_->change_process(), 0);
  EXPECT_EQ(charged(*old_), 0U);
  EXPECT_EQ(pinned_vm(*old_), 0U);
  EXPECT_EQ(charged(*new_), 4U);
  EXPECT_EQ(pinned_vm(*new_), 4U);
  EXPECT_EQ(pins(), 4U);
  EXPECT_EQ(program_->unmap_all(ioas_), 0x4000);
  EXPECT_EQ(charged(*new_), 0U) << "given back by whom it was moved to";
  EXPECT_EQ(pinned_vm(*new_), 0U);
}

TEST_F(ChangeProcess, MovesWhatIsPinnedLaterToo) {
  program_->detach(device_);
  map(0x10000, 4);
  EXPECT_EQ(new_->change_process(), 0);
  EXPECT_EQ(charged(*new_), 0U) << "nothing is pinned yet";
  limit(*new_, 3);
  EXPECT_EQ(program_->attach(device_, ioas_), -ENOMEM) << "it is the new one's limit";
  limit(*new_, 4);
  EXPECT_EQ(program_->attach(device_, ioas_), hwpt_);
  EXPECT_EQ(charged(*new_), 4U);
  EXPECT_EQ(charged(*old_), 0U);
}

TEST_F(ChangeProcess, IsOfFilesOnly) {
  map(0x10000, 4);
  const int64_t other = program_->ioas_alloc();
  ASSERT_EQ(program_->map_at(other, program_->memory(kPageSize), kPageSize, 0x10000), 0);
  EXPECT_EQ(new_->change_process(), -EINVAL) << "the memory of a process, in any IOAS";
  EXPECT_EQ(charged(*old_), 4U);
  EXPECT_EQ(charged(*new_), 0U);
  program_->unmap_all(other);
  EXPECT_EQ(new_->change_process(), 0);
}

TEST_F(ChangeProcess, IsNotOfDmaBufs) {
  const auto buffer = static_cast<int>(program_->dma_buf(device_, {{0, kPageSize}}));
  ASSERT_EQ(program_->map_file_at(ioas_, buffer, 0, kPageSize, 0x10000), 0);
  EXPECT_EQ(new_->change_process(), -EINVAL);
  program_->set_command(device_, 0);
  EXPECT_EQ(new_->change_process(), -EINVAL) << "revoked or not";
}

TEST_F(ChangeProcess, ObeysTheLimitOfTheNewProcess) {
  map(0x10000, 4);
  map(0x20000, 2);
  limit(*new_, 5);
  EXPECT_EQ(new_->change_process(), -ENOMEM);
  EXPECT_EQ(charged(*old_), 6U) << "nothing has changed";
  EXPECT_EQ(pinned_vm(*old_), 6U);
  EXPECT_EQ(charged(*new_), 0U);
  EXPECT_EQ(pinned_vm(*new_), 0U);
  limit(*new_, 6);
  EXPECT_EQ(new_->change_process(), 0);
  EXPECT_EQ(charged(*new_), 6U);
}

TEST_F(ChangeProcess, CountsCopiesOnce) {
  const int64_t other = program_->ioas_alloc();
  ASSERT_GT(program_->attach(program_->bind(1), other), 0);
  map(0x10000, 4);
  ASSERT_EQ(program_->copy_to(other, 0x10000, ioas_, 0x10000, 0x4000), 0);
  ASSERT_EQ(program_->copy_to(ioas_, 0x20000, ioas_, 0x11000, 0x2000), 0);
  limit(*new_, 4);
  EXPECT_EQ(new_->change_process(), 0);
  EXPECT_EQ(charged(*new_), 4U);
  program_->unmap_all(ioas_);
  EXPECT_EQ(charged(*new_), 4U);
  program_->unmap_all(other);
  EXPECT_EQ(charged(*new_), 0U);
}

TEST_F(ChangeProcess, TakesFromSeveral) {
  Client& third = partner(3000);
  map(0x10000, 4);
  ASSERT_EQ(third.map_file_at(ioas_, third.memfd(kPageSize), 0, kPageSize, 0x20000), 0);
  ASSERT_EQ(new_->map_file_at(ioas_, new_->memfd(2 * kPageSize), 0, 2 * kPageSize, 0x30000), 0);
  limit(*new_, 7);
  EXPECT_EQ(new_->change_process(), 0) << "what it has already is not charged again";
  EXPECT_EQ(charged(*new_), 7U);
  EXPECT_EQ(charged(*old_), 0U);
  EXPECT_EQ(charged(third), 0U);
}

TEST_F(ChangeProcess, ToTheSameChangesNothing) {
  limit(*old_, 4);
  map(0x10000, 4);
  EXPECT_EQ(old_->change_process(), 0);
  EXPECT_EQ(old_->change_process(), 0);
  EXPECT_EQ(charged(*old_), 4U);
  EXPECT_EQ(pinned_vm(*old_), 4U);
}

TEST_F(ChangeProcess, WithinAUserMovesWhatIsOfTheProcess) {
  Client& sibling = partner(1000);
  map(0x10000, 4);
  EXPECT_EQ(sibling.change_process(), 0);
  EXPECT_EQ(charged(*old_), 4U);
  EXPECT_EQ(pinned_vm(*old_), 0U);
  EXPECT_EQ(pinned_vm(sibling), 4U);
}

TEST_F(ChangeProcess, MayComeAfterTheExitOfTheOld) {
  map(0x10000, 4);
  const auto task = old_->process->task();
  exit(*old_);
  EXPECT_EQ(task->user->locked_vm, 4U);
  EXPECT_EQ(new_->change_process(), 0);
  EXPECT_EQ(task->user->locked_vm, 0U);
  EXPECT_EQ(task->memory->pinned_vm, 0U);
  EXPECT_EQ(charged(*new_), 4U);
}

TEST_F(ChangeProcess, DoesNotChargeWhatWasNeverCharged) {
  ASSERT_EQ(program_->map_file_at(ioas_, program_->memfd(kPageSize), 0, kPageSize, 0x10000), 0);
  limit(*new_, 0);
  EXPECT_EQ(new_->change_process(), 0) << "it was mapped with CAP_IPC_LOCK";
  EXPECT_EQ(charged(*new_), 0U);
}

TEST_F(ChangeProcess, OfCopiesThatAreLeftMovesThemToo) {
  map(0x10000, 4);
  ASSERT_EQ(program_->copy_to(ioas_, 0x20000, ioas_, 0x12000, 0x1000), 0);
  program_->unmap(ioas_, 0x10000, 0x4000);
  ASSERT_EQ(charged(*old_), 1U);
  EXPECT_EQ(new_->change_process(), 0);
  EXPECT_EQ(charged(*old_), 0U);
  EXPECT_EQ(charged(*new_), 1U);
}

// With RLIMIT_MODE 1 it is the address space that is charged.
TEST_F(ChangeProcess, MovesTheChargeOfAnAddressSpace) {
  program_->iommufd = program_->open("/dev/iommu");
  ASSERT_EQ(program_->set_option(IOMMU_OPTION_RLIMIT_MODE, 0, 1), 0);
  const int device = program_->bind(1);
  const int64_t ioas = program_->ioas_alloc();
  ASSERT_GT(program_->attach(device, ioas), 0);
  Client& first = partner(1000);
  Client& second = partner(1000);
  ASSERT_EQ(first.map_file_at(ioas, first.memfd(4 * kPageSize), 0, 4 * kPageSize, 0x10000), 0);
  ASSERT_EQ(first.process->task()->memory->locked_vm, 4U);
  limit(second, 3);
  EXPECT_EQ(second.change_process(), -ENOMEM);
  EXPECT_EQ(first.process->task()->memory->locked_vm, 4U);
  limit(second, 4);
  EXPECT_EQ(second.change_process(), 0);
  EXPECT_EQ(first.process->task()->memory->locked_vm, 0U);
  EXPECT_EQ(second.process->task()->memory->locked_vm, 4U);
}

}  // namespace
}  // namespace noiommu::tests
