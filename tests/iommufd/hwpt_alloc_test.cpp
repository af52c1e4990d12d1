// HWPT_ALLOC: page tables that are there before and after their devices. Spec: iommufd.md sections
// 13 and 14.
#include <cstring>

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

constexpr uint32_t kFault = IOMMU_HWPT_FAULT_ID_VALID;

class HwptAlloc : public BoundTest {
 protected:
  void SetUp() override {
    start();
    va_ = program_->labelled_memory(4 * kPageSize);
  }
  void area(uint64_t iova, uint64_t pages) {
    ASSERT_EQ(program_->map_at(ioas_, va_, pages * kPageSize, iova), 0);
  }
  int64_t alloc(uint32_t flags = 0, int64_t fault = 0) {
    return program_->hwpt_alloc(device_id_, ioas_, flags, fault);
  }
  iommu_hwpt_alloc request() const { return Client::hwpt_request(device_id_, ioas_); }
  int64_t call(iommu_hwpt_alloc request) {
    return program_->ioctl(program_->iommufd, IOMMU_HWPT_ALLOC, request);
  }
  int64_t answer_at(uint64_t iova) { return program_->get_pa(ioas_, iova).answer; }
  // What a failed allocation must not leave.
  void expect_nothing_left() {
    EXPECT_EQ(pins(), 0U);
    EXPECT_EQ(program_->alignment(ioas_), 1U);
    const int64_t next = program_->ioas_alloc();
    EXPECT_EQ(next, 3) << "the id is free";
    EXPECT_EQ(program_->destroy(next), 0);
  }

  UserPtr va_;
};

TEST_F(HwptAlloc, IsCheckedInOrder) {
  auto wrong = Client::hwpt_request(99, 99, UINT32_MAX, 99);
  wrong.__reserved = 1;
  wrong.data_len = 8;
  EXPECT_EQ(call(wrong), -EOPNOTSUPP) << "a reserved field";
  wrong.__reserved = 0;
  EXPECT_EQ(call(wrong), -EINVAL) << "data of no type";
  wrong.data_len = 0;
  wrong.data_type = 1;
  EXPECT_EQ(call(wrong), -EINVAL) << "a type without data";
  wrong.data_len = 8;
  EXPECT_EQ(call(wrong), -ENOENT) << "no device";
  wrong.dev_id = static_cast<uint32_t>(device_id_);
  EXPECT_EQ(call(wrong), -EINVAL) << "nothing to allocate from, unlike elsewhere";
  wrong.pt_id = static_cast<uint32_t>(ioas_);
  EXPECT_EQ(call(wrong), -EOPNOTSUPP) << "flags";
  wrong.flags = kFault;
  EXPECT_EQ(call(wrong), -EOPNOTSUPP) << "data";
  wrong.data_type = wrong.data_len = 0;
  EXPECT_EQ(call(wrong), -ENOENT) << "no fault queue";
  wrong.flags = 0;
  EXPECT_EQ(call(wrong), 0);
}

TEST_F(HwptAlloc, DoesNotLookAtItsLastField) {
  auto odd = request();
  odd.__reserved2 = UINT32_MAX;
  EXPECT_EQ(call(odd), 0);
}

TEST_F(HwptAlloc, IgnoresAFaultQueueThatIsNotValid) {
  EXPECT_GT(alloc(0, 99), 0);
}

TEST_F(HwptAlloc, WantsADevice) {
  EXPECT_EQ(program_->hwpt_alloc(ioas_, ioas_), -ENOENT);
  EXPECT_EQ(program_->hwpt_alloc(0, ioas_), -ENOENT);
}

TEST_F(HwptAlloc, WantsAnIoas) {
  const auto queue = program_->fault_queue();
  EXPECT_EQ(program_->hwpt_alloc(device_id_, device_id_), -EINVAL);
  EXPECT_EQ(program_->hwpt_alloc(device_id_, queue.id), -EINVAL);
  EXPECT_EQ(program_->hwpt_alloc(device_id_, 0), -EINVAL);
}

TEST_F(HwptAlloc, DoesNotNest) {
  const int64_t manual = alloc();
  const int64_t automatic = program_->attach(device_, ioas_);
  for (const int64_t hwpt : {manual, automatic}) {
    auto nested = Client::hwpt_request(device_id_, hwpt);
    EXPECT_EQ(call(nested), -EOPNOTSUPP);
    nested.data_type = 1;
    nested.data_len = 8;
    EXPECT_EQ(call(nested), -EOPNOTSUPP);
  }
}

TEST_F(HwptAlloc, KnowsNoneOfTheFlagsButTheFaultQueue) {
  const auto queue = program_->fault_queue();
  for (const uint32_t flag :
       {uint32_t{IOMMU_HWPT_ALLOC_NEST_PARENT}, uint32_t{IOMMU_HWPT_ALLOC_DIRTY_TRACKING},
        uint32_t{IOMMU_HWPT_ALLOC_PASID}, 0x10U, 0x80000000U}) {
    EXPECT_EQ(alloc(flag), -EOPNOTSUPP) << flag;
    EXPECT_EQ(alloc(flag | kFault, queue.id), -EOPNOTSUPP) << flag;
  }
  EXPECT_GT(alloc(kFault, queue.id), 0);
}

TEST_F(HwptAlloc, RefusesData) {
  auto typed = request();
  typed.data_type = 1;
  typed.data_len = 8;
  typed.data_uptr = va_.value;
  EXPECT_EQ(call(typed), -EOPNOTSUPP);
  expect_nothing_left();
}

TEST_F(HwptAlloc, PinsBeforeAnythingIsAttached) {
  area(0x10000, 4);
  ASSERT_EQ(alloc(), 3);
  EXPECT_EQ(pins(), 4U);
  EXPECT_EQ(program_->alignment(ioas_), 4096U);
  EXPECT_EQ(program_->dma_read(program_->get_pa(ioas_, 0x12000).phys), va_.value + 0x2000);
  area(0x20000, 2);
  EXPECT_EQ(pins(), 6U) << "and what is mapped later";
  EXPECT_EQ(program_->attach(device_, 3), 3);
  EXPECT_EQ(pins(), 6U);
}

TEST_F(HwptAlloc, StaysFilledUntilItIsDestroyed) {
  area(0x10000, 4);
  const int64_t hwpt = alloc();
  ASSERT_EQ(program_->attach(device_, hwpt), hwpt);
  EXPECT_EQ(program_->destroy(hwpt), -EBUSY) << "a device is attached";
  program_->detach(device_);
  EXPECT_EQ(answer_at(0x10000), 0);
  EXPECT_EQ(pins(), 4U);
  EXPECT_EQ(program_->destroy(ioas_), -EBUSY) << "it has a page table";
  EXPECT_EQ(program_->destroy(hwpt), 0);
  EXPECT_EQ(answer_at(0x10000), -EOPNOTSUPP);
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(program_->alignment(ioas_), 1U);
  EXPECT_EQ(program_->destroy(ioas_), 0);
}

TEST_F(HwptAlloc, OutlivesItsDevice) {
  area(0x10000, 4);
  const int64_t hwpt = alloc();
  program_->close(device_);
  EXPECT_EQ(program_->destroy(device_id_), -ENOENT);
  EXPECT_EQ(answer_at(0x10000), 0);
  EXPECT_EQ(program_->destroy(hwpt), 0);
}

TEST_F(HwptAlloc, MakesOneThatIsNotPickedByAttaching) {
  area(0x10000, 4);
  const int64_t manual = alloc();
  const int64_t automatic = program_->attach(device_, ioas_);
  EXPECT_EQ(automatic, manual + 1);
  EXPECT_EQ(pins(), 4U) << "the second takes the pages of the first";
  EXPECT_EQ(program_->destroy(manual), 0);
  EXPECT_EQ(answer_at(0x10000), 0) << "told from the other one now";
  EXPECT_EQ(pins(), 4U);
  program_->detach(device_);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(HwptAlloc, MayBeRepeated) {
  area(0x10000, 4);
  EXPECT_EQ(alloc(), 3);
  EXPECT_EQ(alloc(), 4);
  EXPECT_EQ(alloc(), 5);
  EXPECT_EQ(pins(), 4U);
  area(0x20000, 2);
  EXPECT_EQ(pins(), 6U);
  EXPECT_EQ(program_->destroy(3), 0);
  EXPECT_EQ(program_->destroy(5), 0);
  EXPECT_EQ(program_->dma_read(program_->get_pa(ioas_, 0x21000).phys), va_.value + 0x1000);
  EXPECT_EQ(pins(), 6U);
  EXPECT_EQ(program_->unmap(ioas_, 0x20000, 2 * kPageSize), 0x2000);
  EXPECT_EQ(pins(), 4U);
  EXPECT_EQ(program_->destroy(4), 0);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(HwptAlloc, IsForDevicesToMoveBetween) {
  const int second = program_->bind(1);
  const int64_t hwpt = alloc();
  const int64_t other = program_->hwpt_alloc(program_->device_id, ioas_);
  EXPECT_EQ(program_->attach(device_, hwpt), hwpt);
  EXPECT_EQ(program_->attach(second, hwpt), hwpt) << "any device, not just that it was made for";
  EXPECT_EQ(program_->attach(device_, other), other);
  EXPECT_EQ(program_->destroy(hwpt), -EBUSY);
  EXPECT_EQ(program_->attach(second, ioas_), other + 1) << "a new automatic one";
  EXPECT_EQ(program_->destroy(hwpt), 0) << "a device that leaves does not take it along";
}

TEST_F(HwptAlloc, FailsForOddAreas) {
  ASSERT_EQ(program_->map_at(ioas_, va_, 100, 0x10000), 0);
  EXPECT_EQ(alloc(), -EADDRINUSE);
  EXPECT_EQ(program_->unmap_all(ioas_), 100);
  expect_nothing_left();
}

TEST_F(HwptAlloc, FailsWhereThereIsNoMemory) {
  area(0x10000, 4);
  ASSERT_EQ(program_->map_at(ioas_, {0x1000}, kPageSize, 0x20000), 0);
  EXPECT_EQ(alloc(), -EFAULT);
  expect_nothing_left();
  EXPECT_EQ(answer_at(0x10000), -EOPNOTSUPP);
}

TEST_F(HwptAlloc, FailsBeyondTheLimit) {
  program_->process->set_capability(CAP_IPC_LOCK, false);
  program_->process->set_memlock(5 * kPageSize);
  area(0x10000, 4);
  area(0x20000, 2);
  EXPECT_EQ(alloc(), -ENOMEM);
  expect_nothing_left();
  EXPECT_EQ(program_->process->task()->user->locked_vm, 0U);
}

TEST_F(HwptAlloc, WithABadFaultQueueIsTakenBack) {
  area(0x10000, 4);
  EXPECT_EQ(alloc(kFault, 99), -ENOENT);
  EXPECT_EQ(alloc(kFault, ioas_), -ENOENT);
  expect_nothing_left();
  EXPECT_EQ(answer_at(0x10000), -EOPNOTSUPP);
}

TEST_F(HwptAlloc, WhoseAnswerCannotBeWrittenIsTakenBack) {
  area(0x10000, 4);
  const UserPtr argument = program_->read_only(request());
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_HWPT_ALLOC, argument.value), -EFAULT);
  expect_nothing_left();
}

TEST_F(HwptAlloc, WhoseAnswerCannotBeWrittenLetsTheFaultQueueGo) {
  const auto queue = program_->fault_queue();
  program_->close(queue.fd);
  const UserPtr argument =
      program_->read_only(Client::hwpt_request(device_id_, ioas_, kFault, queue.id));
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_HWPT_ALLOC, argument.value), -EFAULT);
  EXPECT_EQ(program_->destroy(queue.id), 0);
}

// The struct once ended before the type of the data.
TEST_F(HwptAlloc, TakesTheShortStruct) {
  struct {
    iommu_hwpt_alloc alloc;
  } argument{request()};
  argument.alloc.size = 24;
  argument.alloc.data_type = 1;
  argument.alloc.data_uptr = 77;
  argument.alloc.fault_id = 99;
  EXPECT_EQ(program_->ioctl(program_->iommufd, IOMMU_HWPT_ALLOC, argument), 0);
  EXPECT_EQ(argument.alloc.out_hwpt_id, 3U);
  EXPECT_EQ(argument.alloc.data_uptr, 77U) << "not its business";
  EXPECT_EQ(argument.alloc.fault_id, 99U);
}

TEST_F(HwptAlloc, LeavesItsArgumentAloneOnFailure) {
  auto wrong = request();
  wrong.pt_id = 99;
  wrong.out_hwpt_id = 77;
  const auto before = wrong;
  EXPECT_EQ(program_->ioctl(program_->iommufd, IOMMU_HWPT_ALLOC, wrong), -EINVAL);
  EXPECT_EQ(std::memcmp(&wrong, &before, sizeof(wrong)), 0);
}

// A device without an IOMMU, noiommu-vfio0, and one behind an IOMMU, vfio1.
class MixedHwptAlloc : public HwptAlloc {
 protected:
  void SetUp() override {
    MachineConfig config;
    config.devices = {{.bdf = "0000:00:04.0"}, {.bdf = "0000:00:05.0", .has_iommu = true}};
    program_ = &boot(config);
    device_ = program_->bind(0);
    device_id_ = program_->device_id;
    real_ = program_->bind("vfio1");
    real_id_ = program_->device_id;
    ioas_ = program_->ioas_alloc();
    va_ = program_->labelled_memory(4 * kPageSize);
    area(0x10000, 4);
  }
  int real_ = -1;
  int64_t real_id_ = 0;
};

TEST_F(MixedHwptAlloc, TheDeviceDecidesOnTheKind) {
  const int64_t hard = program_->hwpt_alloc(real_id_, ioas_);
  EXPECT_EQ(answer_at(0x10000), -EOPNOTSUPP);
  const int64_t soft = alloc();
  EXPECT_EQ(answer_at(0x10000), -EOPNOTSUPP) << "the first one is asked";
  EXPECT_EQ(program_->attach(real_, soft), -EINVAL);
  EXPECT_EQ(program_->destroy(hard), 0);
  EXPECT_EQ(answer_at(0x10000), 0) << "the soft one is the first now";
  EXPECT_EQ(pins(), 4U);
}

TEST_F(MixedHwptAlloc, ADeviceWithoutIommuTakesAnyKind) {
  const int64_t hard = program_->hwpt_alloc(real_id_, ioas_);
  EXPECT_EQ(program_->attach(device_, hard), hard);
  EXPECT_EQ(answer_at(0x10000), -EOPNOTSUPP);
  EXPECT_EQ(program_->attach(device_, ioas_), hard + 1) << "but not by itself";
}

}  // namespace
}  // namespace noiommu::tests
