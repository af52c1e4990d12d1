// What only the driver of an IOMMU could answer. Spec: iommufd.md section 13.
#include <algorithm>
#include <span>

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

// A bound device, 1, attached to an IOAS, 2, by a page table, 3.
class HwQueries : public AttachedTest {
 protected:
  void SetUp() override { start(); }
  // The answer; `argument` is what the kernel leaves of it.
  template <class T>
  int64_t call(uint32_t command, T& argument) {
    return program_->ioctl(program_->iommufd, command, argument);
  }
  // The answer of a call that must not write anything.
  template <class T>
  int64_t refused(uint32_t command, const T& argument) {
    T after = argument;
    const int64_t answer = call(command, after);
    EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(&after, 1)),
                                   std::as_bytes(std::span(&argument, 1))))
        << "written back";
    return answer;
  }
  template <class T>
  static T request() {
    T argument{};
    argument.size = sizeof(T);
    return argument;
  }
  static constexpr uint32_t kDevice = 1;
  static constexpr uint32_t kHwpt = 3;
  static constexpr uint32_t kNobody = 99;
};

TEST_F(HwQueries, HwInfoIsNotKnown) {
  auto info = request<iommu_hw_info>();
  const auto ask = [&] { return refused(IOMMU_GET_HW_INFO, info); };
  info.dev_id = kNobody;
  EXPECT_EQ(ask(), -ENOENT);
  info.flags = 2;
  EXPECT_EQ(ask(), -EOPNOTSUPP) << "an unknown flag";
  info.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE;
  EXPECT_EQ(ask(), -ENOENT);
  for (uint8_t& byte : info.__reserved) {
    byte = 1;
    EXPECT_EQ(ask(), -EOPNOTSUPP) << "a reserved byte";
    byte = 0;
  }
  info.dev_id = static_cast<uint32_t>(ioas_);
  EXPECT_EQ(ask(), -ENOENT);
  info.dev_id = kDevice;
  EXPECT_EQ(ask(), -EOPNOTSUPP);
  info.flags = 0;
  info.data_len = 64;
  info.data_uptr = program_->memory(kPageSize).value;
  EXPECT_EQ(ask(), -EOPNOTSUPP);
  info.data_uptr = 0;
  EXPECT_EQ(ask(), -EOPNOTSUPP);
  info.size = 32;
  EXPECT_EQ(ask(), -EOPNOTSUPP) << "the short struct";
}

TEST_F(HwQueries, DirtyTrackingIsNotSupported) {
  auto set = request<iommu_hwpt_set_dirty_tracking>();
  const auto ask = [&] { return refused(IOMMU_HWPT_SET_DIRTY_TRACKING, set); };
  set.hwpt_id = kNobody;
  EXPECT_EQ(ask(), -ENOENT);
  set.flags = 2;
  EXPECT_EQ(ask(), -EOPNOTSUPP);
  set.flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE;
  set.__reserved = 1;
  EXPECT_EQ(ask(), -ENOENT) << "nobody looks at the reserved field";
  set.__reserved = 0;
  for (const uint32_t wrong : {kDevice, static_cast<uint32_t>(ioas_)}) {
    set.hwpt_id = wrong;
    EXPECT_EQ(ask(), -ENOENT);
  }
  set.hwpt_id = kHwpt;
  EXPECT_EQ(ask(), -EOPNOTSUPP);
  set.flags = 0;
  EXPECT_EQ(ask(), -EOPNOTSUPP) << "nor can it be turned off";
}

TEST_F(HwQueries, DirtyBitmapIsNotSupported) {
  auto get = request<iommu_hwpt_get_dirty_bitmap>();
  const auto ask = [&] { return refused(IOMMU_HWPT_GET_DIRTY_BITMAP, get); };
  get.hwpt_id = kNobody;
  EXPECT_EQ(ask(), -ENOENT) << "before the length is looked at";
  get.flags = 2;
  EXPECT_EQ(ask(), -EOPNOTSUPP);
  get.flags = IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR;
  get.__reserved = 1;
  EXPECT_EQ(ask(), -EOPNOTSUPP);
  get.__reserved = 0;
  get.hwpt_id = static_cast<uint32_t>(ioas_);
  EXPECT_EQ(ask(), -ENOENT);
  get.hwpt_id = kHwpt;
  EXPECT_EQ(ask(), -EINVAL) << "no length";
  get.iova = UINT64_MAX;
  get.length = 2;
  EXPECT_EQ(ask(), -EOVERFLOW);
  get.iova = 0x1000;
  get.length = kPageSize;
  for (const uint64_t wrong : {uint64_t{0}, 2 * kMiB}) {
    get.page_size = wrong;
    EXPECT_EQ(ask(), -EINVAL) << "neither end is a multiple of " << wrong;
  }
  for (const uint64_t page_size : {uint64_t{1}, kPageSize}) {
    get.page_size = page_size;
    EXPECT_EQ(ask(), -EOPNOTSUPP) << page_size;
  }
  get.length = kPageSize - 1;
  get.page_size = 1;
  EXPECT_EQ(ask(), -EINVAL) << "less than the alignment of the IOAS";
  get.iova = UINT64_MAX - kPageSize + 1;
  get.length = kPageSize;
  get.page_size = kPageSize;
  EXPECT_EQ(ask(), -EOPNOTSUPP) << "up to the last address";
}

class Invalidate : public HwQueries {
 protected:
  Invalidate() : request_(request<iommu_hwpt_invalidate>()) {
    request_.entry_num = 5;
    request_.entry_len = 8;
    request_.data_uptr = 0x1000;
  }
  // The answer of a call that must say that it did nothing, whatever the outcome.
  int64_t ask() {
    auto after = request_;
    const int64_t answer = call(IOMMU_HWPT_INVALIDATE, after);
    EXPECT_EQ(after.entry_num, 0U);
    return answer;
  }
  iommu_hwpt_invalidate request_;
};

TEST_F(Invalidate, NeedsANestedPageTable) {
  request_.hwpt_id = kNobody;
  EXPECT_EQ(ask(), -ENOENT);
  request_.hwpt_id = kHwpt;
  EXPECT_EQ(ask(), -EINVAL);
  request_.entry_num = 0;
  EXPECT_EQ(ask(), -EINVAL);
}

TEST_F(Invalidate, LooksAtItsArgumentFirst) {
  request_.hwpt_id = kNobody;
  request_.__reserved = 1;
  EXPECT_EQ(ask(), -EOPNOTSUPP);
  request_.__reserved = 0;
  request_.data_uptr = 0;
  EXPECT_EQ(ask(), -EINVAL) << "entries nowhere";
  request_.data_uptr = 0x1000;
  request_.entry_len = 0;
  EXPECT_EQ(ask(), -EINVAL) << "entries of nothing";
  request_.entry_len = kPageSize + 1;
  EXPECT_EQ(ask(), -EINVAL) << "entries of more than a page";
  request_.entry_len = kPageSize;
  EXPECT_EQ(ask(), -ENOENT);
  request_.entry_num = 0x80001;
  EXPECT_EQ(ask(), -EINVAL) << "too many";
  request_.entry_num = 0x80000;
  EXPECT_EQ(ask(), -ENOENT);
}

TEST_F(Invalidate, FaultsWhereTheCountCannotBeWritten) {
  request_.hwpt_id = kHwpt;
  const UserPtr argument = program_->read_only(request_);
  EXPECT_EQ(program_->ioctl_value(program_->iommufd, IOMMU_HWPT_INVALIDATE, argument.value),
            -EFAULT);
}

TEST_F(HwQueries, ThereAreNoVirtualIommus) {
  auto alloc = request<iommu_viommu_alloc>();
  const auto ask = [&] { return refused(IOMMU_VIOMMU_ALLOC, alloc); };
  alloc.dev_id = kNobody;
  alloc.hwpt_id = kHwpt;
  EXPECT_EQ(ask(), -EOPNOTSUPP) << "the default type";
  alloc.type = 1;
  alloc.flags = 1;
  EXPECT_EQ(ask(), -EOPNOTSUPP);
  alloc.flags = 0;
  EXPECT_EQ(ask(), -ENOENT);
  alloc.dev_id = kDevice;
  EXPECT_EQ(ask(), -EOPNOTSUPP);
}

TEST_F(HwQueries, SoThereIsNothingThatCouldBelongToOne) {
  auto device = request<iommu_vdevice_alloc>();
  device.dev_id = kDevice;
  auto events = request<iommu_veventq_alloc>();
  events.type = 1;
  events.veventq_depth = 16;
  auto queue = request<iommu_hw_queue_alloc>();
  queue.type = 1;
  queue.length = kPageSize;
  for (const uint32_t no_viommu : {0U, kDevice, static_cast<uint32_t>(ioas_), kHwpt, kNobody}) {
    device.viommu_id = events.viommu_id = queue.viommu_id = no_viommu;
    EXPECT_EQ(refused(IOMMU_VDEVICE_ALLOC, device), -ENOENT);
    EXPECT_EQ(refused(IOMMU_VEVENTQ_ALLOC, events), -ENOENT);
    EXPECT_EQ(refused(IOMMU_HW_QUEUE_ALLOC, queue), -ENOENT);
  }
}

TEST_F(HwQueries, AQueueOfEventsIsNeitherEmptyNorHuge) {
  auto events = request<iommu_veventq_alloc>();
  events.type = 1;
  events.viommu_id = kNobody;
  for (const uint32_t wrong : {0U, 0x80001U}) {
    events.veventq_depth = wrong;
    EXPECT_EQ(refused(IOMMU_VEVENTQ_ALLOC, events), -EINVAL) << wrong;
  }
  events.veventq_depth = 0x80000;
  EXPECT_EQ(refused(IOMMU_VEVENTQ_ALLOC, events), -ENOENT);
}

// Queues of hardware would be mapped there, and no device of the model has any.
TEST_F(HwQueries, ThereIsNothingToMap) {
  const auto map = [&](int prot, int flags) {
    const auto done = program_->process->mmap({.length = kPageSize, .prot = prot, .flags = flags},
                                              program_->iommufd);
    return done ? 0 : -static_cast<int>(done.error());
  };
  EXPECT_EQ(map(PROT_READ | PROT_WRITE, MAP_SHARED), -ENXIO);
  EXPECT_EQ(map(PROT_READ | PROT_EXEC, MAP_SHARED), -EPERM);
  EXPECT_EQ(map(PROT_READ | PROT_EXEC, MAP_PRIVATE), -EINVAL);
}

TEST_F(HwQueries, WhatIsRefusedTakesNoId) {
  auto viommu = request<iommu_viommu_alloc>();
  viommu.type = 1;
  viommu.dev_id = kDevice;
  viommu.hwpt_id = kHwpt;
  ASSERT_EQ(refused(IOMMU_VIOMMU_ALLOC, viommu), -EOPNOTSUPP);
  EXPECT_EQ(program_->ioas_alloc(), 4);
}

}  // namespace
}  // namespace noiommu::tests
