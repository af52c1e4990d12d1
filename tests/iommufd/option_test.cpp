// OPTION: who is charged, and the size of leaves. Spec: iommufd.md section 11; section 10 for the
// modes of accounting.
#include <cstddef>

#include "model/machine/resolve_config.h"
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

class Option : public IommufdTest {
 protected:
  void SetUp() override { program_ = &boot(); }
  int64_t call(iommu_option request) {
    return program_->ioctl(program_->iommufd, IOMMU_OPTION, request);
  }
  int64_t get_mode() { return program_->get_option(IOMMU_OPTION_RLIMIT_MODE, 0); }
  int64_t set_mode(uint64_t mode) {
    return program_->set_option(IOMMU_OPTION_RLIMIT_MODE, 0, mode);
  }
  int64_t get_huge(int64_t ioas) { return program_->get_option(IOMMU_OPTION_HUGE_PAGES, ioas); }
  int64_t set_huge(int64_t ioas, uint64_t value) {
    return program_->set_option(IOMMU_OPTION_HUGE_PAGES, ioas, value);
  }

  Client* program_ = nullptr;
};

TEST_F(Option, IsCheckedInOrder) {
  auto request = Client::option_request(2, 7, 99, 7);
  request.__reserved = 1;
  request.option_id = IOMMU_OPTION_HUGE_PAGES;
  EXPECT_EQ(call(request), -EOPNOTSUPP) << "not ENOENT";
  request.__reserved = 0;
  EXPECT_EQ(call(request), -ENOENT);
  request.option_id = 2;
  EXPECT_EQ(call(request), -EOPNOTSUPP) << "an unknown option";
}

TEST_F(Option, WritesNothingButTheValue) {
  const int64_t ioas = program_->ioas_alloc();
  constexpr uint64_t kHead = offsetof(iommu_option, val64);
  const auto request = Client::option_request(IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_GET, ioas);
  // The value at the start of a page, the rest at the end of the one below, which is read-only.
  const int memfd = program_->memfd(kPageSize);
  program_->store(program_->memory_of(memfd) + (kPageSize - kHead),
                  std::as_bytes(std::span(&request, 1)).first(kHead));
  const UserPtr value = program_->memory(kPageSize);
  const UserPtr below = program_->memory_of(memfd, PROT_READ);
  ASSERT_EQ(below + kPageSize, value);
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_OPTION, (value - kHead).value), 0);
  EXPECT_EQ(program_->peek(value), 1U);
}

TEST_F(Option, WhoseAnswerCannotBeWrittenIsSet) {
  const int64_t ioas = program_->ioas_alloc();
  const auto request = Client::option_request(IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_SET, ioas);
  const UserPtr argument = program_->read_only(request);
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_OPTION, argument.value), -EFAULT);
  EXPECT_EQ(get_huge(ioas), 0);
}

using RlimitMode = Option;

TEST_F(RlimitMode, IsOfTheWholeContext) {
  const auto mode = Client::option_request(IOMMU_OPTION_RLIMIT_MODE, IOMMU_OPTION_OP_GET, 1);
  EXPECT_EQ(call(mode), -EOPNOTSUPP);
  const auto set = Client::option_request(IOMMU_OPTION_RLIMIT_MODE, IOMMU_OPTION_OP_SET, 1);
  EXPECT_EQ(call(set), -EOPNOTSUPP);
}

TEST_F(RlimitMode, IsZeroUntilSet) {
  EXPECT_EQ(get_mode(), 0);
  EXPECT_EQ(set_mode(1), 0);
  EXPECT_EQ(get_mode(), 1);
  EXPECT_EQ(set_mode(1), 0);
  EXPECT_EQ(set_mode(0), 0);
  EXPECT_EQ(get_mode(), 0);
}

TEST_F(RlimitMode, IsSetOrReadAndNothingElse) {
  EXPECT_EQ(call(Client::option_request(IOMMU_OPTION_RLIMIT_MODE, 2, 0)), -EOPNOTSUPP);
  program_->process->set_capability(CAP_SYS_RESOURCE, false);
  EXPECT_EQ(call(Client::option_request(IOMMU_OPTION_RLIMIT_MODE, 2, 0)), -EOPNOTSUPP);
}

TEST_F(RlimitMode, NeedsACapabilityThenAnEmptyContextThenAGoodValue) {
  const int64_t ioas = program_->ioas_alloc();
  program_->process->set_capability(CAP_SYS_RESOURCE, false);
  EXPECT_EQ(set_mode(7), -EPERM);
  EXPECT_EQ(get_mode(), 0) << "anybody may look";
  program_->process->set_capability(CAP_SYS_RESOURCE, true);
  EXPECT_EQ(set_mode(7), -EBUSY);
  EXPECT_EQ(set_mode(0), -EBUSY) << "even where nothing would change";
  EXPECT_EQ(get_mode(), 0) << "at any time";
  ASSERT_EQ(program_->destroy(ioas), 0);
  EXPECT_EQ(set_mode(7), -EINVAL);
  EXPECT_EQ(set_mode(2), -EINVAL);
  EXPECT_EQ(set_mode(1), 0);
}

TEST_F(RlimitMode, IsFixedByAnyObject) {
  const int device = program_->bind(0);
  EXPECT_EQ(set_mode(1), -EBUSY);
  program_->close(device);
  const auto queue = program_->fault_queue();
  ASSERT_GT(queue.id, 0);
  EXPECT_EQ(set_mode(1), -EBUSY);
  program_->close(queue.fd);
  EXPECT_EQ(set_mode(1), -EBUSY);
  ASSERT_EQ(program_->destroy(queue.id), 0);
  EXPECT_EQ(set_mode(1), 0);
}

TEST_F(RlimitMode, OneChargesTheAddressSpaceInsteadOfTheUser) {
  ASSERT_EQ(set_mode(1), 0);
  program_->process->set_capability(CAP_IPC_LOCK, false);
  program_->process->set_memlock(4 * kPageSize);
  const int64_t ioas = program_->ioas_alloc();
  const int device = program_->bind(0);
  ASSERT_GT(program_->attach(device, ioas), 0);
  const UserPtr va = program_->memory(8 * kPageSize);
  const auto& task = *program_->process->task();
  EXPECT_EQ(program_->map_at(ioas, va, 5 * kPageSize, 0x10000), -ENOMEM);
  EXPECT_EQ(task.memory->locked_vm, 0U);
  EXPECT_EQ(program_->map_at(ioas, va, 4 * kPageSize, 0x10000), 0);
  EXPECT_EQ(task.memory->locked_vm, 4U);
  EXPECT_EQ(task.memory->pinned_vm, 4U);
  EXPECT_EQ(task.user->locked_vm, 0U);
  EXPECT_EQ(program_->copy_to(ioas, 0x20000, ioas, 0x10000, 4 * kPageSize), 0);
  EXPECT_EQ(task.memory->locked_vm, 4U) << "once";
  EXPECT_EQ(program_->map_at(ioas, va, kPageSize, 0x30000), -ENOMEM);
  program_->unmap(ioas, 0x10000, 4 * kPageSize);
  EXPECT_EQ(task.memory->locked_vm, 4U);
  program_->detach(device);
  EXPECT_EQ(task.memory->locked_vm, 0U);
  EXPECT_EQ(task.memory->pinned_vm, 0U);
}

TEST_F(RlimitMode, OneCountsEachProcessOfAUserByItself) {
  ASSERT_EQ(set_mode(1), 0);
  const int64_t ioas = program_->ioas_alloc();
  ASSERT_GT(program_->attach(program_->bind(0), ioas), 0);
  Credentials user{.uid = 1000};
  user.effective.reset(CAP_IPC_LOCK);
  for (uint64_t iova = 0x10000; iova <= 0x20000; iova += 0x10000) {
    Client& partner = spawn(user);
    partner.close(partner.iommufd);
    partner.iommufd = partner.receive(*program_, program_->iommufd);
    partner.process->set_memlock(4 * kPageSize);
    EXPECT_EQ(partner.map_at(ioas, partner.memory(4 * kPageSize), 4 * kPageSize, iova), 0);
    EXPECT_EQ(partner.process->task()->memory->locked_vm, 4U);
    EXPECT_EQ(partner.process->task()->user->locked_vm, 0U);
  }
}

TEST_F(RlimitMode, OneStillSparesTheCapable) {
  ASSERT_EQ(set_mode(1), 0);
  program_->process->set_memlock(0);
  const int64_t ioas = program_->ioas_alloc();
  ASSERT_GT(program_->attach(program_->bind(0), ioas), 0);
  EXPECT_EQ(program_->map_at(ioas, program_->memory(kPageSize), kPageSize, 0x10000), 0);
  EXPECT_EQ(program_->process->task()->memory->locked_vm, 0U);
  EXPECT_EQ(program_->process->task()->memory->pinned_vm, 1U);
}

TEST_F(RlimitMode, OneIsWhatAContainerStartsWith) {
  MachineConfig config = two_devices();
  config.config =
      resolve_config({{"VFIO_CONTAINER", "n"}, {"IOMMUFD_VFIO_CONTAINER", "y"}}).value().config;
  program_ = &boot(config);
  EXPECT_EQ(get_mode(), 0) << "/dev/iommu";
  program_->iommufd = program_->open("/dev/vfio/vfio");
  ASSERT_GE(program_->iommufd, 0);
  EXPECT_EQ(get_mode(), 1);
}

class HugePages : public Option {
 protected:
  void SetUp() override {
    Option::SetUp();
    device_ = program_->bind(0);
    ioas_ = program_->ioas_alloc();
  }
  void attach() { ASSERT_GT(program_->attach(device_, ioas_), 0); }
  int64_t set(uint64_t value) { return set_huge(ioas_, value); }
  int64_t get() { return get_huge(ioas_); }

  int device_ = -1;
  int64_t ioas_ = 0;
};

TEST_F(HugePages, AreOfOneIoas) {
  const auto device = static_cast<int64_t>(program_->device_id);
  for (const int64_t wrong : {int64_t{0}, device, int64_t{99}}) {
    EXPECT_EQ(set_huge(wrong, 0), -ENOENT);
    EXPECT_EQ(get_huge(wrong), -ENOENT);
    EXPECT_EQ(call(Client::option_request(IOMMU_OPTION_HUGE_PAGES, 9, wrong)), -ENOENT);
  }
  const int64_t other = program_->ioas_alloc();
  ASSERT_EQ(set(0), 0);
  EXPECT_EQ(get_huge(other), 1);
}

TEST_F(HugePages, AreOnUntilSet) {
  EXPECT_EQ(get(), 1);
  EXPECT_EQ(set(1), 0);
  EXPECT_EQ(set(0), 0);
  EXPECT_EQ(get(), 0);
  EXPECT_EQ(set(0), 0);
  EXPECT_EQ(set(1), 0);
  EXPECT_EQ(get(), 1);
}

TEST_F(HugePages, AreSetOrReadAndNothingElse) {
  EXPECT_EQ(set(2), -EINVAL);
  EXPECT_EQ(set(UINT64_MAX), -EINVAL);
  EXPECT_EQ(call(Client::option_request(IOMMU_OPTION_HUGE_PAGES, 2, ioas_, 7)), -EOPNOTSUPP);
}

TEST_F(HugePages, NeedNoCapability) {
  program_->process->set_capability(CAP_SYS_RESOURCE, false);
  EXPECT_EQ(set(0), 0);
}

TEST_F(HugePages, CannotBeTurnedOffUnderADomainWithAreas) {
  attach();
  EXPECT_EQ(set(0), 0) << "a domain alone is fine";
  EXPECT_EQ(set(1), 0);
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(kPageSize), kPageSize, 0x10000), 0);
  EXPECT_EQ(set(0), -EINVAL);
  EXPECT_EQ(get(), 1);
  program_->detach(device_);
  EXPECT_EQ(set(0), 0) << "areas alone are fine";
  attach();
  EXPECT_EQ(set(0), 0) << "off already";
  EXPECT_EQ(set(1), 0) << "on at any time";
  EXPECT_EQ(set(0), -EINVAL);
}

TEST_F(HugePages, CannotBeTurnedOffOverOddAreas) {
  for (const auto& [iova, length, va] : {std::array<uint64_t, 3>{0x10001, kPageSize, 0x100000},
                                         std::array<uint64_t, 3>{0x10000, 0x1001, 0x100000},
                                         std::array<uint64_t, 3>{0x10000, kPageSize, 0x100001}}) {
    ASSERT_EQ(program_->map_at(ioas_, {va}, length, iova), 0);
    EXPECT_EQ(set(0), -EADDRINUSE);
    EXPECT_EQ(get(), 1);
    EXPECT_EQ(program_->alignment(ioas_), 1U);
    program_->unmap_all(ioas_);
  }
  EXPECT_EQ(set(0), 0);
}

TEST_F(HugePages, AreWhatBytesNeed) {
  ASSERT_EQ(set(0), 0);
  EXPECT_EQ(program_->alignment(ioas_), 4096U);
  EXPECT_EQ(program_->map_at(ioas_, {0x100000}, 100, 0x10000), -EINVAL);
  attach();
  EXPECT_EQ(set(1), 0);
  EXPECT_EQ(program_->alignment(ioas_), 4096U) << "because of the domain";
  program_->detach(device_);
  EXPECT_EQ(program_->alignment(ioas_), 1U);
  EXPECT_EQ(program_->map_at(ioas_, {0x100000}, 100, 0x10000), 0);
}

TEST_F(HugePages, StayOffAfterTheLastDomain) {
  ASSERT_EQ(set(0), 0);
  attach();
  program_->detach(device_);
  EXPECT_EQ(program_->alignment(ioas_), 4096U);
}

TEST_F(HugePages, DoNotMatterToAddresses) {
  ASSERT_EQ(set(0), 0);
  attach();
  const UserPtr huge =
      program_->memory(2 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_HUGETLB);
  ASSERT_EQ(program_->map(ioas_, huge, 2 * kMiB), 0x200000);
  EXPECT_EQ(program_->get_pa(ioas_, 0x201000).length, 2 * kMiB - kPageSize) << "a run is a run";
}

// With one map for each page there is none that gets nothing.
TEST_F(HugePages, AreWhyScatteredPagesCannotEndTheAddressSpace) {
  attach();
  const UserPtr va = program_->memory(2 * kPageSize);
  constexpr uint64_t kLast = UINT64_MAX - 2 * kPageSize + 1;
  EXPECT_EQ(program_->map_at(ioas_, va, 2 * kPageSize, kLast), -EINVAL);
  ASSERT_EQ(set(0), 0);
  EXPECT_EQ(program_->map_at(ioas_, va, 2 * kPageSize, kLast), 0);
}

}  // namespace
}  // namespace noiommu::tests
