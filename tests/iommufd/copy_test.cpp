// IOAS_COPY: what it takes, where it puts it, and what it leaves behind. What copies share is in
// shared_pages_test.cpp. Spec: iommufd.md section 8.
#include <cstring>

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

class Copy : public IommufdTest {
 protected:
  void SetUp() override {
    program_ = &boot();
    device_ = program_->bind(0);
    source_ = program_->ioas_alloc();
    target_ = program_->ioas_alloc();
    va_ = program_->labelled_memory(16 * kPageSize);
  }
  void attach(int64_t ioas) { ASSERT_GT(program_->attach(device_, ioas), 0); }
  // Maps some of the labelled pages in the source.
  void area(uint64_t iova, uint64_t pages, uint64_t first_page = 0, uint32_t flags = kReadWrite) {
    ASSERT_EQ(
        program_->map_at(source_, va_ + first_page * kPageSize, pages * kPageSize, iova, flags), 0);
  }
  int64_t copy_to(uint64_t to, uint64_t from, uint64_t length, uint32_t flags = kReadWrite) {
    return program_->copy_to(target_, to, source_, from, length, flags);
  }
  int64_t call(iommu_ioas_copy request) {
    return program_->ioctl(program_->iommufd, IOMMU_IOAS_COPY, request);
  }
  // Which of the labelled pages a device would find, or the failure.
  int64_t page_at(int64_t ioas, uint64_t iova) {
    const Extent at = program_->get_pa(ioas, iova, 1);
    if (at.answer != 0) return at.answer;
    return static_cast<int64_t>((program_->dma_read(at.phys) - va_.value) / kPageSize);
  }

  Client* program_ = nullptr;
  int device_ = -1;
  int64_t source_ = 0;
  int64_t target_ = 0;
  UserPtr va_;
};

TEST_F(Copy, IsCheckedInOrder) {
  area(0x10000, 1);
  auto request = Client::copy_request(99, 99, UINT64_MAX, UINT64_MAX, UINT64_MAX, 8);
  EXPECT_EQ(call(request), -EOPNOTSUPP) << "an unknown flag";
  request.flags = kFixed;
  EXPECT_EQ(call(request), -EOVERFLOW);
  request.length = 0;
  EXPECT_EQ(call(request), -EOVERFLOW);
  request.src_iova = 0;
  EXPECT_EQ(call(request), -EOVERFLOW);
  request.dst_iova = 1;
  EXPECT_EQ(call(request), -EINVAL) << "neither readable nor writeable";
  request.flags = kReadWrite | kFixed;
  EXPECT_EQ(call(request), -ENOENT) << "no source";
  request.src_ioas_id = static_cast<uint32_t>(source_);
  EXPECT_EQ(call(request), -EINVAL) << "no length";
  request.src_iova = UINT64_MAX - 1;
  request.length = 3;
  EXPECT_EQ(call(request), -EOVERFLOW) << "the source wraps";
  request.src_iova = 0x10000;
  request.length = 0x2000;
  request.dst_ioas_id = static_cast<uint32_t>(target_);
  request.dst_iova = UINT64_MAX - 1;
  EXPECT_EQ(call(request), -ENOENT) << "a hole in the source before the wrap in the target";
  request.length = 0x1000;
  request.dst_ioas_id = 99;
  EXPECT_EQ(call(request), -ENOENT) << "no target";
  request.dst_ioas_id = static_cast<uint32_t>(target_);
  EXPECT_EQ(call(request), -EOVERFLOW) << "the target wraps";
  request.dst_iova = 0x1000;
  EXPECT_EQ(call(request), 0);
}

TEST_F(Copy, NeedsAnAddressThatExistsEvenWhereItIsNotUsed) {
  area(0x10000, 1);
  EXPECT_EQ(call(Client::copy_request(target_, source_, 0x10000, kPageSize, UINT64_MAX)),
            -EOVERFLOW);
}

TEST_F(Copy, LooksForTheSourceBeforeTheLength) {
  EXPECT_EQ(call(Client::copy_request(target_, 99, 0x10000, 0)), -ENOENT);
}

TEST_F(Copy, IsBetweenAddressSpaces) {
  const auto device = static_cast<int64_t>(program_->device_id);
  area(0x10000, 1);
  EXPECT_EQ(program_->copy(target_, device, 0x10000, kPageSize), -ENOENT);
  EXPECT_EQ(program_->copy(device, source_, 0x10000, kPageSize), -ENOENT);
}

TEST_F(Copy, TakesAnyPartThatIsCovered) {
  area(0x10000, 4);
  area(0x14000, 2, 8);
  area(0x17000, 1);
  attach(target_);
  EXPECT_EQ(copy_to(0x20000, 0x10000, 0x4000), 0) << "an area";
  EXPECT_EQ(copy_to(0x30000, 0x11000, 0x2000), 0) << "the middle of one";
  EXPECT_EQ(copy_to(0x40000, 0x13000, 0x2000), 0) << "the ends of two";
  EXPECT_EQ(copy_to(0x50000, 0x10000, 0x6000), 0) << "two";
  EXPECT_EQ(page_at(target_, 0x20000), 0);
  EXPECT_EQ(page_at(target_, 0x31000), 2);
  EXPECT_EQ(page_at(target_, 0x40000), 3);
  EXPECT_EQ(page_at(target_, 0x41000), 8);
  EXPECT_EQ(page_at(target_, 0x55000), 9);

  EXPECT_EQ(copy_to(0x60000, 0xf000, 0x1000), -ENOENT) << "nothing";
  EXPECT_EQ(copy_to(0x60000, 0xf000, 0x2000), -ENOENT) << "a hole before it";
  EXPECT_EQ(copy_to(0x60000, 0x15000, 0x2000), -ENOENT) << "a hole behind it";
  EXPECT_EQ(copy_to(0x60000, 0x15000, 0x3000), -ENOENT) << "a hole inside";
  EXPECT_EQ(copy_to(0x60000, 0x17000, 0x2000), -ENOENT) << "beyond the last";
  EXPECT_EQ(page_at(target_, 0x60000), -ENOENT);
}

TEST_F(Copy, MakesAnAreaOfEachPartOfTheSource) {
  area(0x10000, 2);
  area(0x12000, 2, 4);
  area(0x14000, 2, 8);
  ASSERT_EQ(copy_to(0x20000, 0x11000, 0x4000), 0);
  EXPECT_EQ(program_->unmap(target_, 0x20000, 0x2000), -ENOENT) << "half of the second";
  EXPECT_EQ(program_->unmap(target_, 0x20000, 0x1000), -ENOENT) << "the first is gone by now";
  EXPECT_EQ(program_->unmap(target_, 0x21000, 0x2000), 0x2000);
  EXPECT_EQ(program_->unmap(target_, 0x23000, 0x1000), 0x1000);
}

TEST_F(Copy, TakesBytesWhereNoDeviceIs) {
  ASSERT_EQ(program_->map_at(source_, {0x100010}, 0x123, 0x10007), 0);
  EXPECT_EQ(copy_to(0x20001, 0x10010, 0x11), 0);
  EXPECT_EQ(program_->unmap(target_, 0x20001, 0x11), 0x11);
  EXPECT_EQ(copy_to(0x20001, 0x10006, 0x11), -ENOENT) << "one byte too low";
  EXPECT_EQ(copy_to(0x20001, 0x10008, 0x123), -ENOENT) << "one byte too far";
}

TEST_F(Copy, ReachesTheLastByteOfBoth) {
  ASSERT_EQ(program_->map_at(source_, va_, kPageSize, UINT64_MAX - 0xfff), 0);
  EXPECT_EQ(copy_to(UINT64_MAX - 0xfff, UINT64_MAX - 0xfff, kPageSize), 0);
  EXPECT_EQ(copy_to(UINT64_MAX - 0x1ffe, UINT64_MAX - 0xfff, kPageSize), -EEXIST);
  EXPECT_EQ(copy_to(UINT64_MAX - 0x1fff, UINT64_MAX - 0xfff, kPageSize), 0);
}

TEST_F(Copy, WithinOneIoasIsFine) {
  area(0x10000, 4);
  attach(source_);
  EXPECT_EQ(program_->copy_to(source_, 0x20000, source_, 0x11000, 0x2000), 0);
  EXPECT_EQ(page_at(source_, 0x21000), 2);
  EXPECT_EQ(program_->copy_to(source_, 0x12000, source_, 0x10000, 0x1000), -EEXIST);
  EXPECT_EQ(program_->copy_to(source_, 0x30000, source_, 0x20000, 0x2000), 0) << "of a copy";
  EXPECT_EQ(page_at(source_, 0x30000), 1);
}

TEST_F(Copy, ChoosesAnAddressLikeMapDoes) {
  const UserPtr huge = program_->memory(2 * kMiB, PROT_READ, MAP_PRIVATE | MAP_HUGETLB);
  ASSERT_EQ(program_->map_at(source_, huge, 64 * kKiB, 0x11000), 0);
  EXPECT_EQ(program_->copy(target_, source_, 0x11000, 64 * kKiB), 0x10000)
      << "aligned like the memory, not like the source's address";
  EXPECT_EQ(program_->copy(target_, source_, 0x12000, 0x2000), 0x1000)
      << "like the first page that is copied";
  EXPECT_EQ(program_->copy(target_, source_, 0x12000, 0x2000), 0x3000);
  EXPECT_EQ(program_->copy(target_, source_, 0x13000, 0x2000), 0x6000);
}

TEST_F(Copy, ChoosesAnAddressThatIsAllowed) {
  area(0x10000, 2);
  ASSERT_EQ(program_->allow_iovas(target_, {{0x50000, 0x51fff}}), 0);
  EXPECT_EQ(program_->copy(target_, source_, 0x10000, 0x1000), 0x50000);
  EXPECT_EQ(program_->copy(target_, source_, 0x10000, 0x2000), -ENOSPC);
  EXPECT_EQ(program_->copy(target_, source_, 0x10000, 0x1000), 0x51000);
  EXPECT_EQ(program_->copy(target_, source_, 0x10000, 0x1000), -ENOSPC);
}

TEST_F(Copy, ObeysTheAlignmentOfTheTarget) {
  ASSERT_EQ(program_->map_at(source_, va_, 0x1100, 0x10000), 0);
  ASSERT_EQ(program_->map_at(source_, va_ + 0x100, 0x1000, 0x20000), 0);
  attach(target_);
  EXPECT_EQ(copy_to(0x30000, 0x10000, 0x100), -EINVAL) << "the length";
  EXPECT_EQ(copy_to(0x30100, 0x10000, 0x1000), -EINVAL) << "the address";
  EXPECT_EQ(copy_to(0x30000, 0x10100, 0x1000), -EINVAL) << "the offset in the page";
  EXPECT_EQ(copy_to(0x30000, 0x20000, 0x1000), -EINVAL) << "the offset in the page";
  EXPECT_EQ(program_->copy(target_, source_, 0x20000, 0x1000), -EINVAL) << "no address will do";
  EXPECT_EQ(copy_to(0x30000, 0x10000, 0x1000), 0);
  EXPECT_EQ(pins(), 1U);
}

TEST_F(Copy, LooksAtTheAddressBeforeThePermissionBeforeTheOffset) {
  ASSERT_EQ(program_->map_at(source_, va_ + 0x100, 0x1000, 0x10000, IOMMU_IOAS_MAP_READABLE), 0);
  attach(target_);
  ASSERT_EQ(program_->map_at(target_, va_, kPageSize, 0x20000), 0);
  EXPECT_EQ(copy_to(0x20000, 0x10000, 0x1000), -EEXIST);
  EXPECT_EQ(copy_to(0x21000, 0x10000, 0x1000), -EPERM);
  EXPECT_EQ(copy_to(0x21000, 0x10000, 0x1000, IOMMU_IOAS_MAP_READABLE), -EINVAL);
}

TEST_F(Copy, MayNotWriteWhatWasMappedForReading) {
  area(0x10000, 2, 0, IOMMU_IOAS_MAP_READABLE);
  area(0x12000, 2);
  EXPECT_EQ(copy_to(0x20000, 0x10000, 0x1000), -EPERM);
  EXPECT_EQ(copy_to(0x20000, 0x10000, 0x1000, IOMMU_IOAS_MAP_WRITEABLE), -EPERM);
  EXPECT_EQ(copy_to(0x20000, 0x11000, 0x2000), -EPERM) << "the first of two";
  EXPECT_EQ(program_->copy(target_, source_, 0x10000, 0x1000), -EPERM);
  EXPECT_EQ(program_->unmap_all(target_), 0) << "nothing was left";
  EXPECT_EQ(copy_to(0x20000, 0x10000, 0x1000, IOMMU_IOAS_MAP_READABLE), 0);
}

TEST_F(Copy, ForReadingMayBeCopiedForWriting) {
  area(0x10000, 1);
  ASSERT_EQ(copy_to(0x20000, 0x10000, 0x1000, IOMMU_IOAS_MAP_READABLE), 0);
  EXPECT_EQ(program_->copy_to(target_, 0x30000, target_, 0x20000, 0x1000), 0)
      << "what counts is how the memory was mapped first";
}

TEST_F(Copy, OutlivesItsSource) {
  area(0x10000, 4);
  ASSERT_EQ(copy_to(0x20000, 0x12000, 0x1000), 0);
  ASSERT_EQ(program_->destroy(source_), 0);
  attach(target_);
  EXPECT_EQ(page_at(target_, 0x20000), 2);
  EXPECT_EQ(pins(), 1U) << "only what is copied";
}

TEST_F(Copy, ThatFaultsLeavesNothing) {
  area(0x10000, 1);
  area(0x11000, 1);
  ASSERT_EQ(program_->map_at(source_, {0x1000}, kPageSize, 0x12000), 0);
  attach(target_);
  EXPECT_EQ(copy_to(0x20000, 0x10000, 0x3000), -EFAULT) << "the third part has no memory";
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(page_at(target_, 0x20000), -ENOENT);
  EXPECT_EQ(copy_to(0x20000, 0x10000, 0x2000), 0) << "the place is free";
  EXPECT_EQ(pins(), 2U);
}

TEST_F(Copy, IsChargedLikeAMap) {
  program_->process->set_capability(CAP_IPC_LOCK, false);
  program_->process->set_memlock(2 * kPageSize);
  area(0x10000, 4);
  attach(target_);
  EXPECT_EQ(copy_to(0x20000, 0x10000, 0x3000), -ENOMEM);
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(copy_to(0x20000, 0x10000, 0x2000), 0);
  EXPECT_EQ(program_->process->task()->user->locked_vm, 2U);
}

TEST_F(Copy, WhoseAnswerCannotBeWrittenStays) {
  area(0x10000, 2);
  attach(target_);
  const UserPtr argument = program_->read_only(
      Client::copy_request(target_, source_, 0x10000, 0x2000, 0x20000, kReadWrite | kFixed));
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_IOAS_COPY, argument.value), -EFAULT);
  EXPECT_EQ(page_at(target_, 0x20000), 0);
  EXPECT_EQ(program_->unmap(target_, 0x20000, 0x2000), 0x2000);
}

TEST_F(Copy, LeavesItsArgumentAloneOnFailure) {
  auto request = Client::copy_request(target_, source_, 0x10000, 0x1000, 0x77);
  const auto before = request;
  EXPECT_EQ(program_->ioctl(program_->iommufd, IOMMU_IOAS_COPY, request), -ENOENT);
  EXPECT_EQ(std::memcmp(&request, &before, sizeof(request)), 0);
}

}  // namespace
}  // namespace noiommu::tests
