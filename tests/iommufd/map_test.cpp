// IOAS_MAP at fixed addresses, and the order of its checks. Spec: iommufd.md section 6.
#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

class Map : public AttachedTest {
 protected:
  int64_t call(iommu_ioas_map request) const {
    return program_->ioctl(program_->iommufd, IOMMU_IOAS_MAP, request);
  }
  // An IOAS without a domain beside the attached one.
  void start_detached() {
    program_ = &boot();
    ioas_ = program_->ioas_alloc();
  }
};

// One request that is wrong in every way, put right step by step.
TEST_F(Map, IsCheckedInOrder) {
  start();
  const UserPtr va = program_->memory(kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x5000), 0);

  auto map = Client::map_request(99, {UINT64_MAX - 100}, UINT64_MAX, UINT64_MAX, 0x8);
  map.__reserved = 1;
  EXPECT_EQ(call(map), -EOPNOTSUPP) << "unknown flag";
  map.flags = kFixed;
  EXPECT_EQ(call(map), -EOPNOTSUPP) << "reserved";
  map.__reserved = 0;
  EXPECT_EQ(call(map), -EOVERFLOW) << "iova and length";
  map.iova = 0x5001;
  EXPECT_EQ(call(map), -EOVERFLOW) << "length alone";
  map.length = UINT64_MAX - 1;
  EXPECT_EQ(call(map), -EINVAL) << "neither read nor write";
  map.flags |= kReadWrite;
  EXPECT_EQ(call(map), -ENOENT) << "ioas";
  map.ioas_id = static_cast<uint32_t>(ioas_);
  EXPECT_EQ(call(map), -EOVERFLOW) << "user_va + length";
  map.user_va = 1;
  EXPECT_EQ(call(map), -EINVAL) << "length";
  map.length = UINT64_MAX - 2 * kPageSize;
  EXPECT_EQ(call(map), -EINVAL) << "alignment of length";
  map.length = UINT64_MAX - 3 * kPageSize + 1;
  EXPECT_EQ(call(map), -EINVAL) << "alignment of iova";
  map.iova = 0x5000;
  EXPECT_EQ(call(map), -EOVERFLOW) << "iova + length";
  map.length = kPageSize;
  EXPECT_EQ(call(map), -EEXIST) << "another area";
  map.iova = 0x6000;
  EXPECT_EQ(call(map), -EINVAL) << "alignment of user_va";
  map.user_va = 0;
  EXPECT_EQ(call(map), -EFAULT) << "pinning";
  map.user_va = va.value;
  EXPECT_EQ(call(map), 0);
}

TEST_F(Map, LooksAtTheIovaEvenWhenItChoosesOne) {
  start_detached();
  const UserPtr va = program_->memory(kPageSize);
  EXPECT_EQ(call(Client::map_request(ioas_, va, kPageSize, UINT64_MAX)), -EOVERFLOW);
  EXPECT_EQ(call(Client::map_request(ioas_, va, kPageSize, UINT64_MAX - 1)), 0);
}

TEST_F(Map, NeedsReadOrWrite) {
  start();
  const UserPtr va = program_->memory(kPageSize);
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, 0x1000, 0), -EINVAL);
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, 0x1000, IOMMU_IOAS_MAP_READABLE), 0);
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, 0x2000, IOMMU_IOAS_MAP_WRITEABLE), 0);
}

TEST_F(Map, RefusesEveryUnknownFlag) {
  start_detached();
  const UserPtr va = program_->memory(kPageSize);
  for (int bit = 3; bit < 32; ++bit) {
    EXPECT_EQ(program_->map(ioas_, va, kPageSize, kReadWrite | (1U << bit)), -EOPNOTSUPP) << bit;
  }
}

TEST_F(Map, RefusesMemoryThatWraps) {
  start_detached();
  const UserPtr last_page{UINT64_MAX - kPageSize + 1};
  EXPECT_EQ(program_->map_at(ioas_, last_page, kPageSize, 0x1000), -EOVERFLOW)
      << "its end cannot be named";
  EXPECT_EQ(program_->map_at(ioas_, last_page, kPageSize - 1, 0x1000), 0);
}

TEST_F(Map, HasALongestLength) {
  start_detached();
  EXPECT_EQ(program_->map_at(ioas_, {0}, UINT64_MAX - kPageSize + 1, 0), -EINVAL);
  EXPECT_EQ(program_->map_at(ioas_, {0}, UINT64_MAX - kPageSize, 0), 0);
  EXPECT_EQ(program_->unmap_all(ioas_), static_cast<int64_t>(UINT64_MAX - kPageSize));
}

TEST_F(Map, TakesTheFirstAndTheLastPage) {
  start();
  const UserPtr va = program_->memory(2 * kPageSize);
  constexpr uint64_t kLastPage = UINT64_MAX - kPageSize + 1;
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, 0), 0);
  EXPECT_EQ(program_->map_at(ioas_, va, 2 * kPageSize, kLastPage), -EOVERFLOW);
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, kLastPage), 0);
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, kLastPage), -EEXIST);
  EXPECT_EQ(program_->get_pa(ioas_, UINT64_MAX - 1).length, 2U);
  EXPECT_EQ(program_->unmap(ioas_, kLastPage, kPageSize), 4096);
  EXPECT_EQ(program_->unmap(ioas_, 0, kPageSize), 4096);
}

TEST_F(Map, DoesNotOverlapAnything) {
  start_detached();
  const UserPtr va = program_->memory(16 * kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, 4 * kPageSize, 0x10000), 0);
  EXPECT_EQ(program_->map_at(ioas_, va, 4 * kPageSize, 0x10000), -EEXIST) << "the same";
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, 0x11000), -EEXIST) << "inside";
  EXPECT_EQ(program_->map_at(ioas_, va, 16 * kPageSize, 0xf000), -EEXIST) << "around";
  EXPECT_EQ(program_->map_at(ioas_, va, 0x1001, 0xf000), -EEXIST) << "one byte at its start";
  EXPECT_EQ(program_->map_at(ioas_, va, 1, 0x13fff), -EEXIST) << "its last byte";
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, 0xf000), 0) << "right below";
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, 0x14000), 0) << "right above";
}

TEST_F(Map, IsByteGranularWithoutADomain) {
  start_detached();
  const UserPtr va = program_->memory(kPageSize);
  EXPECT_EQ(program_->map_at(ioas_, va, 1, 1), 0);
  EXPECT_EQ(program_->map_at(ioas_, va + 1, 1, 2), 0);
  EXPECT_EQ(program_->map_at(ioas_, va + 5, 0x64, 0x10), 0);
  EXPECT_EQ(program_->map_at(ioas_, va, 0x64, 0x50), -EEXIST);
  EXPECT_EQ(program_->map_at(ioas_, va, 0x64, 0x74), 0);
  EXPECT_EQ(program_->unmap_all(ioas_), 1 + 1 + 0x64 + 0x64);
}

TEST_F(Map, IsPageGranularWithADomain) {
  start();
  const UserPtr va = program_->memory(4 * kPageSize);
  EXPECT_EQ(program_->map_at(ioas_, va, 1, 0x1000), -EINVAL);
  EXPECT_EQ(program_->map_at(ioas_, va, 0x1800, 0x1000), -EINVAL);
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, 0x1001), -EINVAL);
  EXPECT_EQ(program_->map_at(ioas_, va + 1, kPageSize, 0x1000), -EINVAL);
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, 0x1000), 0);
}

TEST_F(Map, IsByteGranularAgainAfterTheLastDetach) {
  start();
  const UserPtr va = program_->memory(kPageSize);
  program_->detach(device_);
  EXPECT_EQ(program_->map_at(ioas_, va + 3, 5, 0x1001), 0);
}

TEST_F(Map, DoesNotLookAtTheMemoryWithoutADomain) {
  start_detached();
  EXPECT_EQ(program_->map_at(ioas_, {0}, kPageSize, 0x1000), 0);
  EXPECT_EQ(program_->map_at(ioas_, {0x1000}, kGiB, 0x100000), 0);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(Map, MayShowTheSameMemoryManyTimes) {
  start();
  const UserPtr va = program_->labelled_memory(kPageSize);
  for (uint64_t iova = 0x1000; iova < 0x11000; iova += kPageSize) {
    ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, iova), 0);
    EXPECT_EQ(program_->dma_read(program_->get_pa(ioas_, iova).phys), va.value);
  }
  EXPECT_EQ(pins(), 16U);
}

// Two pages astride what a page table of the present height reaches.
TEST_F(Map, GoesWhereverTheAddressSpaceGoes) {
  start();
  const UserPtr va = program_->labelled_memory(2 * kPageSize);
  for (const int lg2 : {21, 30, 39, 48, 57, 63}) {
    const uint64_t iova = (uint64_t{1} << lg2) - kPageSize;
    ASSERT_EQ(program_->map_at(ioas_, va, 2 * kPageSize, iova), 0) << lg2;
    EXPECT_EQ(program_->dma_read(program_->get_pa(ioas_, iova).phys), va.value);
    EXPECT_EQ(program_->dma_read(program_->get_pa(ioas_, iova + kPageSize).phys),
              va.value + kPageSize);
    EXPECT_EQ(program_->unmap(ioas_, iova, 2 * kPageSize), 8192);
    EXPECT_EQ(program_->get_pa(ioas_, iova).answer, -ENOENT);
  }
}

// The first of several runs is given everything up to the end of the address space, the second
// nothing, which the page table refuses. Spec: section 18.
class MapToTheEnd : public Map {
 protected:
  static constexpr uint64_t kLastTwoPages = UINT64_MAX - 2 * kPageSize + 1;
};

TEST_F(MapToTheEnd, FailsWhenTheMemoryIsScattered) {
  start();
  const UserPtr va = program_->memory(2 * kPageSize);
  EXPECT_EQ(program_->map_at(ioas_, va, 2 * kPageSize, kLastTwoPages), -EINVAL);
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(program_->get_pa(ioas_, kLastTwoPages).answer, -ENOENT);
  EXPECT_EQ(program_->map_at(ioas_, va, 2 * kPageSize, kLastTwoPages - kPageSize), 0)
      << "a page lower works";
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, kLastTwoPages + kPageSize), 0)
      << "nothing of the failed one is left in the page table";
}

TEST_F(MapToTheEnd, FailsTheAttachAsWell) {
  start_detached();
  device_ = program_->bind(0);
  const UserPtr va = program_->memory(2 * kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x1000), 0);
  ASSERT_EQ(program_->map_at(ioas_, va, 2 * kPageSize, kLastTwoPages), 0);
  EXPECT_EQ(program_->attach(device_, ioas_), -EINVAL);
  EXPECT_EQ(pins(), 0U) << "areas before it are undone";
  EXPECT_EQ(program_->get_pa(ioas_, 0x1000).answer, -EOPNOTSUPP);
}

TEST_F(MapToTheEnd, WorksForOneRun) {
  start();
  const UserPtr huge = program_->labelled_memory(2 * kMiB, MAP_PRIVATE | MAP_HUGETLB);
  EXPECT_EQ(program_->map_at(ioas_, huge, 2 * kMiB, UINT64_MAX - 2 * kMiB + 1), 0);
  const Extent run = program_->get_pa(ioas_, UINT64_MAX - 2 * kMiB + 1);
  EXPECT_EQ(run.length, 2 * kMiB);
  EXPECT_EQ(program_->dma_read(run.phys + 5 * kPageSize), huge.value + 5 * kPageSize);
  EXPECT_EQ(program_->unmap(ioas_, UINT64_MAX - 2 * kMiB + 1, 2 * kMiB), 2 * 1024 * 1024);
}

}  // namespace
}  // namespace noiommu::tests
