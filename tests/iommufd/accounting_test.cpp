// RLIMIT_MEMLOCK and who is charged. Spec: iommufd.md section 10, "Accounting mode".
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

Credentials without_ipc_lock(uint32_t uid) {
  Credentials credentials{.uid = uid};
  credentials.effective.reset(CAP_IPC_LOCK);
  return credentials;
}

class Accounting : public AttachedTest {
 protected:
  void start_limited(uint64_t bytes) {
    start();
    limit(bytes);
  }
  void limit(uint64_t bytes) const {
    program_->process->set_capability(CAP_IPC_LOCK, false);
    program_->process->set_memlock(bytes);
  }
  // A process that uses the same iommufd and memory of its own.
  Client& partner(const Credentials& credentials, uint64_t memlock) {
    Client& partner = spawn(credentials);
    partner.close(partner.iommufd);
    partner.iommufd = partner.receive(*program_, program_->iommufd);
    partner.process->set_memlock(memlock);
    return partner;
  }
  static uint64_t charged(const Client& to) { return to.process->task()->user->locked_vm; }
  static uint64_t pinned_vm(const Client& of) { return of.process->memory().pinned_vm; }
};

TEST_F(Accounting, StopsAtTheLimit) {
  start_limited(64 * kKiB);
  const UserPtr va = program_->memory(kMiB);
  EXPECT_EQ(program_->map_at(ioas_, va, 32 * kKiB, 0x10000), 0);
  EXPECT_EQ(program_->map_at(ioas_, va, 32 * kKiB, 0x20000), 0) << "up to the last byte";
  EXPECT_EQ(charged(*program_), 16U);
  EXPECT_EQ(program_->map_at(ioas_, va, 4 * kKiB, 0x30000), -ENOMEM);
  EXPECT_EQ(charged(*program_), 16U);
  EXPECT_EQ(pins(), 16U);
  EXPECT_EQ(program_->get_pa(ioas_, 0x30000).answer, -ENOENT) << "no area is left";
}

TEST_F(Accounting, GivesBackWhatIsUnmapped) {
  start_limited(64 * kKiB);
  const UserPtr va = program_->memory(kMiB);
  ASSERT_EQ(program_->map_at(ioas_, va, 64 * kKiB, 0x10000), 0);
  ASSERT_EQ(program_->unmap_all(ioas_), 0x10000);
  EXPECT_EQ(charged(*program_), 0U);
  EXPECT_EQ(program_->map_at(ioas_, va, 64 * kKiB, 0x10000), 0);
}

TEST_F(Accounting, CountsWholePagesOfTheLimit) {
  start_limited(2 * kPageSize - 1);
  const UserPtr va = program_->memory(kMiB);
  EXPECT_EQ(program_->map_at(ioas_, va, 2 * kPageSize, 0x10000), -ENOMEM);
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, 0x10000), 0);
}

TEST_F(Accounting, WithoutALimitToSpeakOfAllowsNothing) {
  start_limited(0);
  EXPECT_EQ(program_->map_at(ioas_, program_->memory(kPageSize), kPageSize, 0x10000), -ENOMEM);
}

TEST_F(Accounting, IsSkippedWithTheCapability) {
  start_limited(0);
  program_->process->set_capability(CAP_IPC_LOCK, true);
  EXPECT_EQ(program_->map_at(ioas_, program_->memory(kMiB), kMiB, 0x100000), 0);
  EXPECT_EQ(charged(*program_), 0U);
  EXPECT_EQ(pinned_vm(*program_), 256U) << "but the memory is known to be pinned";
}

TEST_F(Accounting, ComesAfterPinning) {
  start_limited(0);
  EXPECT_EQ(program_->map_at(ioas_, {0x1000}, kPageSize, 0x10000), -EFAULT);
}

TEST_F(Accounting, TakesPlaceWhenThePagesArePinned) {
  start_limited(64 * kKiB);
  program_->detach(device_);
  const UserPtr va = program_->memory(kMiB);
  ASSERT_EQ(program_->map_at(ioas_, va, 128 * kKiB, 0x100000), 0);
  EXPECT_EQ(charged(*program_), 0U);
  EXPECT_EQ(program_->attach(device_, ioas_), -ENOMEM);
  program_->process->set_memlock(128 * kKiB);
  EXPECT_EQ(program_->attach(device_, ioas_), hwpt_);
  EXPECT_EQ(charged(*program_), 32U);
  program_->detach(device_);
  EXPECT_EQ(charged(*program_), 0U);
}

TEST_F(Accounting, OfAFailedAttachIsUndoneForAllAreas) {
  start_limited(64 * kKiB);
  program_->detach(device_);
  const UserPtr va = program_->memory(kMiB);
  for (uint64_t iova = 0x10000; iova <= 0x50000; iova += 0x10000) {
    ASSERT_EQ(program_->map_at(ioas_, va, 16 * kKiB, iova), 0);
  }
  EXPECT_EQ(program_->attach(device_, ioas_), -ENOMEM) << "the fifth is too much";
  EXPECT_EQ(charged(*program_), 0U);
  EXPECT_EQ(pinned_vm(*program_), 0U);
  EXPECT_EQ(pins(), 0U);
  ASSERT_EQ(program_->unmap(ioas_, 0x30000, 16 * kKiB), 0x4000);
  EXPECT_EQ(program_->attach(device_, ioas_), hwpt_);
}

TEST_F(Accounting, RemembersTheCapabilityFromTheMap) {
  start();
  program_->detach(device_);
  const UserPtr va = program_->memory(kMiB);
  ASSERT_EQ(program_->map_at(ioas_, va, kMiB, 0x100000), 0);
  limit(0);
  EXPECT_EQ(program_->attach(device_, ioas_), hwpt_) << "mapped while it was held";
  program_->detach(device_);
  program_->unmap_all(ioas_);
  ASSERT_EQ(program_->map_at(ioas_, va, kMiB, 0x100000), 0);
  program_->process->set_capability(CAP_IPC_LOCK, true);
  EXPECT_EQ(program_->attach(device_, ioas_), -ENOMEM) << "mapped while it was not";
}

TEST_F(Accounting, ChargesTheSameMemoryForEachArea) {
  start_limited(64 * kKiB);
  const UserPtr va = program_->memory(kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x1000), 0);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x2000), 0);
  EXPECT_EQ(charged(*program_), 2U);
  EXPECT_EQ(pinned_vm(*program_), 2U);
}

TEST_F(Accounting, ChargesOnceForTwoDevices) {
  start_limited(64 * kKiB);
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(kPageSize), kPageSize, 0x1000), 0);
  ASSERT_EQ(program_->attach(program_->bind(1), ioas_), hwpt_);
  EXPECT_EQ(charged(*program_), 1U);
}

TEST_F(Accounting, ChargesWhoMappedAndNotWhoAttaches) {
  start();
  program_->detach(device_);
  Client& mapper = partner(without_ipc_lock(1000), 8 * kPageSize);
  ASSERT_EQ(mapper.map_at(ioas_, mapper.memory(kMiB), 8 * kPageSize, 0x10000), 0);
  EXPECT_EQ(program_->attach(device_, ioas_), hwpt_);
  EXPECT_EQ(charged(mapper), 8U);
  EXPECT_EQ(charged(*program_), 0U);
  EXPECT_EQ(pinned_vm(mapper), 8U);
  EXPECT_EQ(pinned_vm(*program_), 0U);
}

TEST_F(Accounting, IsSharedByTheProcessesOfAUser) {
  start();
  Client& first = partner(without_ipc_lock(1000), 8 * kPageSize);
  Client& second = partner(without_ipc_lock(1000), 8 * kPageSize);
  Client& stranger = partner(without_ipc_lock(1001), 8 * kPageSize);
  ASSERT_EQ(first.map_at(ioas_, first.memory(kMiB), 5 * kPageSize, 0x10000), 0);
  EXPECT_EQ(second.map_at(ioas_, second.memory(kMiB), 4 * kPageSize, 0x20000), -ENOMEM);
  EXPECT_EQ(second.map_at(ioas_, second.memory(kMiB), 3 * kPageSize, 0x20000), 0);
  EXPECT_EQ(stranger.map_at(ioas_, stranger.memory(kMiB), 8 * kPageSize, 0x30000), 0);
  EXPECT_EQ(charged(first), 8U);
  EXPECT_EQ(charged(stranger), 8U);
}

TEST_F(Accounting, StaysAfterMunmapAndExit) {
  start();
  Client& mapper = partner(without_ipc_lock(1000), kMiB);
  const UserPtr va = mapper.memory(8 * kPageSize);
  ASSERT_EQ(mapper.map_at(ioas_, va, 8 * kPageSize, 0x10000), 0);
  const auto task = mapper.process->task();
  mapper.free_memory(va, 8 * kPageSize);
  EXPECT_EQ(task->user->locked_vm, 8U);
  exit(mapper);
  EXPECT_EQ(task->user->locked_vm, 8U);
  program_->unmap_all(ioas_);
  EXPECT_EQ(task->user->locked_vm, 0U);
  EXPECT_EQ(task->memory->pinned_vm, 0U);
}

}  // namespace
}  // namespace noiommu::tests
