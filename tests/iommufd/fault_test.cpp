// FAULT_QUEUE_ALLOC, its descriptor, and who uses a queue. Spec: iommufd.md sections 1 and 2.
#include <ostream>

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

class Fault : public BoundTest {
 protected:
  void SetUp() override {
    start();
    queue_ = program_->fault_queue();
    ASSERT_EQ(queue_.id, 3);
  }
  int64_t hwpt() {
    return program_->hwpt_alloc(device_id_, ioas_, IOMMU_HWPT_FAULT_ID_VALID, queue_.id);
  }
  int64_t read(uint64_t length) {
    const UserPtr to = program_->memory(kPageSize);
    return Client::answer(program_->process->read(queue_.fd, to, length));
  }
  int64_t write(UserPtr from, uint64_t length) {
    return Client::answer(program_->process->write(queue_.fd, from, length));
  }

  Client::FaultQueue queue_;
};

TEST_F(Fault, QueueHasAnIdAndADescriptor) {
  const auto second = program_->fault_queue();
  EXPECT_EQ(second.id, 4);
  EXPECT_EQ(second.fd, queue_.fd + 1) << "the lowest that is free";
}

TEST_F(Fault, QueueHasNoFlags) {
  for (const uint32_t flags : {1U, 0x80000000U}) {
    iommu_fault_alloc alloc{
        .size = sizeof(alloc), .flags = flags, .out_fault_id = 77, .out_fault_fd = 78};
    EXPECT_EQ(program_->ioctl(program_->iommufd, IOMMU_FAULT_QUEUE_ALLOC, alloc), -EOPNOTSUPP);
    EXPECT_EQ(alloc.out_fault_id, 77U);
    EXPECT_EQ(alloc.out_fault_fd, 78U);
  }
}

TEST_F(Fault, QueueThatTheProgramIsNotToldOfIsTakenBack) {
  const UserPtr argument = program_->read_only(
      iommu_fault_alloc{.size = 16, .flags = 0, .out_fault_id = 0, .out_fault_fd = 0});
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_FAULT_QUEUE_ALLOC, argument.value),
            -EFAULT);
  EXPECT_EQ(program_->destroy(4), -ENOENT);
  const auto next = program_->fault_queue();
  EXPECT_EQ(next.id, 4);
  const auto after = program_->fault_queue();
  EXPECT_EQ(after.fd, next.fd + 1) << "no descriptor was left in between";
}

TEST_F(Fault, QueueNeedsADescriptor) {
  program_->process->set_nofile(static_cast<uint32_t>(queue_.fd) + 1);
  EXPECT_EQ(program_->fault_queue().id, -EMFILE);
  EXPECT_EQ(program_->ioas_alloc(), 4) << "its id is free";
}

TEST_F(Fault, QueueIsInUseWhileItsDescriptorIsOpen) {
  EXPECT_EQ(program_->destroy(queue_.id), -EBUSY);
  const int copy = program_->process->dup(queue_.fd).value();
  program_->close(queue_.fd);
  EXPECT_EQ(program_->destroy(queue_.id), -EBUSY);
  program_->close(copy);
  EXPECT_EQ(program_->destroy(queue_.id), 0);
  EXPECT_EQ(program_->destroy(queue_.id), -ENOENT);
}

TEST_F(Fault, QueueIsInUseByAPageTable) {
  const int64_t hwpt = this->hwpt();
  ASSERT_GT(hwpt, 0);
  program_->close(queue_.fd);
  EXPECT_EQ(program_->destroy(queue_.id), -EBUSY);
  EXPECT_EQ(program_->attach(device_, hwpt), hwpt) << "which is like any other";
  EXPECT_EQ(program_->destroy(queue_.id), -EBUSY);
  program_->detach(device_);
  EXPECT_EQ(program_->destroy(hwpt), 0);
  EXPECT_EQ(program_->destroy(queue_.id), 0);
}

TEST_F(Fault, QueueIsInUseByADescriptorAfterItsPageTable) {
  const int64_t hwpt = this->hwpt();
  EXPECT_EQ(program_->destroy(hwpt), 0);
  EXPECT_EQ(program_->destroy(queue_.id), -EBUSY);
  program_->close(queue_.fd);
  EXPECT_EQ(program_->destroy(queue_.id), 0);
}

TEST_F(Fault, QueueMayServeSeveralPageTables) {
  const int64_t first = hwpt();
  const int64_t second = hwpt();
  program_->close(queue_.fd);
  EXPECT_EQ(program_->destroy(first), 0);
  EXPECT_EQ(program_->destroy(queue_.id), -EBUSY);
  EXPECT_EQ(program_->destroy(second), 0);
  EXPECT_EQ(program_->destroy(queue_.id), 0);
}

TEST_F(Fault, QueueIsNothingToAttachToOrMapIn) {
  EXPECT_EQ(program_->attach(device_, queue_.id), -EINVAL);
  EXPECT_EQ(program_->map(queue_.id, {0x1000}, kPageSize), -ENOENT);
}

TEST_F(Fault, DescriptorOutlivesTheContextsOwn) {
  program_->close(device_);
  program_->close(program_->iommufd);
  EXPECT_EQ(read(40), 0);
  EXPECT_EQ(program_->close(queue_.fd), 0);
}

TEST_F(Fault, DescriptorMayOutliveEverythingElse) {
  ASSERT_GT(hwpt(), 0);
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(kPageSize), kPageSize, 0x10000), 0);
  program_->close(device_);
  program_->close(program_->iommufd);
  EXPECT_EQ(pins(), 1U) << "the context is still there";
  EXPECT_EQ(program_->close(queue_.fd), 0);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(Fault, ReadsOfTheQueueFindNothing) {
  EXPECT_EQ(read(sizeof(iommu_hwpt_pgfault)), 0);
  EXPECT_EQ(read(3 * sizeof(iommu_hwpt_pgfault)), 0);
  EXPECT_EQ(read(0), 0);
  EXPECT_EQ(read(1), -ESPIPE);
  EXPECT_EQ(read(sizeof(iommu_hwpt_pgfault) + 8), -ESPIPE) << "no multiple of a record";
}

TEST_F(Fault, WritesToTheQueueAnswerNoFault) {
  const UserPtr from = program_->memory(kPageSize);
  EXPECT_EQ(write(from, sizeof(iommu_hwpt_page_response)), -EINVAL);
  EXPECT_EQ(write(from, 0), 0);
  EXPECT_EQ(write(from, 4), -ESPIPE);
  EXPECT_EQ(write({0x1000}, sizeof(iommu_hwpt_page_response)), -EFAULT);
}

TEST_F(Fault, DescriptorHasNothingElse) {
  EXPECT_EQ(program_->ioctl_value(queue_.fd, IOMMU_DESTROY, 0), -ENOTTY);
  const UserPtr page = program_->memory(kPageSize);
  EXPECT_EQ(Client::answer(program_->process->pread(queue_.fd, page, 40, 0)), -ESPIPE);
  EXPECT_EQ(Client::answer(program_->process->pwrite(queue_.fd, page, 8, 0)), -ESPIPE);
}

}  // namespace
}  // namespace noiommu::tests
