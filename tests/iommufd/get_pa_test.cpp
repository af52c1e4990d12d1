// IOAS_NOIOMMU_GET_PA: the order of its checks and the run that it answers. Spec: iommufd.md
// section 15.
#include <ostream>
#include <random>

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

class GetPa : public AttachedTest {
 protected:
  int64_t call(iommu_ioas_noiommu_get_pa request) const {
    return program_->ioctl(program_->iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, request);
  }
  void map_huge(uint64_t iova, uint64_t length) {
    huge_ = program_->labelled_memory(length, MAP_PRIVATE | MAP_HUGETLB);
    ASSERT_EQ(program_->map_at(ioas_, huge_, length, iova), 0);
  }

  UserPtr huge_;
};

TEST_F(GetPa, IsCheckedInOrder) {
  start();
  const int64_t detached = program_->ioas_alloc();
  ASSERT_EQ(program_->map_at(detached, {0x1000}, kPageSize, 0x200000), 0);

  auto request = Client::get_pa_request(99, UINT64_MAX, 0);
  request.flags = 1;
  request.__reserved = 1;
  program_->process->set_capability(CAP_SYS_RAWIO, false);
  EXPECT_EQ(call(request), -EPERM);
  program_->process->set_capability(CAP_SYS_RAWIO, true);
  EXPECT_EQ(call(request), -EOPNOTSUPP) << "flags";
  request.flags = 0;
  EXPECT_EQ(call(request), -EOPNOTSUPP) << "reserved";
  request.__reserved = 0;
  EXPECT_EQ(call(request), -EINVAL) << "length";
  request.length = 1;
  EXPECT_EQ(call(request), -EOVERFLOW) << "iova";
  request.iova = 0x100000;
  EXPECT_EQ(call(request), -ENOENT) << "ioas";
  request.ioas_id = static_cast<uint32_t>(detached);
  EXPECT_EQ(call(request), -ENOENT) << "no area";
  request.iova = 0x200000;
  EXPECT_EQ(call(request), -EOPNOTSUPP) << "no domain";
}

TEST_F(GetPa, WithoutTheCapabilityIsRefusedWhateverItAsks) {
  start();
  map_huge(0x200000, 2 * kMiB);
  program_->process->set_capability(CAP_SYS_RAWIO, false);
  EXPECT_EQ(program_->get_pa(ioas_, 0x200000).answer, -EPERM);
  EXPECT_EQ(program_->get_pa(ioas_, 0x200000, 0).answer, -EPERM);
  EXPECT_EQ(program_->get_pa(99, 0x200000).answer, -EPERM);
  EXPECT_EQ(program_->map_at(ioas_, huge_, kPageSize, 0x1000), 0) << "the rest works";
}

TEST_F(GetPa, IsUnsupportedInAKernelWithoutNoiommu) {
  auto config = two_devices();
  config.config.vfio_device_cdev = false;
  config.config.iommufd_noiommu = false;
  Client& program = boot(config);
  const int64_t ioas = program.ioas_alloc();
  EXPECT_EQ(program.get_pa(ioas, 0x1000).answer, -EOPNOTSUPP);
  EXPECT_EQ(program.get_pa(ioas, 0x1000, 0).answer, -EOPNOTSUPP) << "before any other check";
  EXPECT_EQ(program.get_pa(99, UINT64_MAX).answer, -EOPNOTSUPP);
  program.process->set_capability(CAP_SYS_RAWIO, false);
  EXPECT_EQ(program.get_pa(ioas, 0x1000).answer, -EOPNOTSUPP);
  auto small = Client::get_pa_request(ioas, 0x1000, 1);
  small.size = 39;
  EXPECT_EQ(program.ioctl(program.iommufd, IOMMU_IOAS_NOIOMMU_GET_PA, small), -EINVAL)
      << "but after the envelope";
}

TEST_F(GetPa, NeedsAnAreaAtTheFirstByteOnly) {
  start();
  map_huge(0x200000, 2 * kMiB);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1fffff).answer, -ENOENT);
  EXPECT_EQ(program_->get_pa(ioas_, 0x400000).answer, -ENOENT);
  EXPECT_EQ(program_->get_pa(ioas_, 0x3fffff).length, 1U);
  EXPECT_EQ(program_->get_pa(ioas_, 0x3ff000, UINT64_MAX - 1).length, 0x1000U);
}

TEST_F(GetPa, FollowsTheDomain) {
  start();
  program_->detach(device_);
  const UserPtr va = program_->memory(kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x1000), 0);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1000).answer, -EOPNOTSUPP) << "before attach";
  program_->attach(device_, ioas_);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1000).answer, 0);
  program_->detach(device_);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1000).answer, -EOPNOTSUPP) << "after detach";
  EXPECT_EQ(program_->get_pa(ioas_, 0x2000).answer, -ENOENT) << "a gap is noticed first";
}

TEST_F(GetPa, AnswersTheRunCappedByTheRequest) {
  start();
  map_huge(0x200000, 2 * kMiB);
  const PhysAddr start = program_->get_pa(ioas_, 0x200000).phys;
  EXPECT_EQ(start.value % (2 * kMiB), 0U);
  const struct {
    uint64_t offset;
    uint64_t asked;
    uint64_t answered;
  } cases[] = {
      {0, kEverything, 0x200000},
      {0, 1, 1},
      {0, 0x1000, 0x1000},
      {0, 0x1001, 0x1001},
      {0x80, kEverything, 0x1fff80},
      {0x80, 0x80, 0x80},
      {0xfffff, kEverything, 0x100001},
      {0x1ff000, kEverything, 0x1000},
      {0x1fffff, kEverything, 1},
      {0, 0x200000, 0x200000},
      {0, 0x200001, 0x200000},
      {0x1000, 0x200000, 0x1ff000},
  };
  for (const auto& c : cases) {
    const Extent run = program_->get_pa(ioas_, 0x200000 + c.offset, c.asked);
    EXPECT_EQ(run.answer, 0);
    EXPECT_EQ(run.length, c.answered) << std::hex << c.offset << " " << c.asked;
    EXPECT_EQ(run.phys, start + c.offset);
  }
}

TEST_F(GetPa, StaysInsideTheArea) {
  start();
  const UserPtr huge = program_->labelled_memory(2 * kMiB, MAP_PRIVATE | MAP_HUGETLB);
  ASSERT_EQ(program_->map_at(ioas_, huge, 32 * kKiB, 0x1000000), 0);
  ASSERT_EQ(program_->map_at(ioas_, huge + 32 * kKiB, 32 * kKiB, 0x1008000), 0);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1001234).length, 0x6dccU);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1009234).length, 0x6dccU);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1000000).phys + 32 * kKiB,
            program_->get_pa(ioas_, 0x1008000).phys)
      << "although the memory goes on";
}

TEST_F(GetPa, FollowsPhysicalOrder) {
  start();
  const UserPtr huge = program_->labelled_memory(2 * kMiB, MAP_PRIVATE | MAP_HUGETLB);
  ASSERT_EQ(program_->map_at(ioas_, huge + kPageSize, kPageSize, 0x200000), 0);
  ASSERT_EQ(program_->map_at(ioas_, huge, kPageSize, 0x201000), 0);
  EXPECT_EQ(program_->get_pa(ioas_, 0x200000).length, 0x1000U);
  EXPECT_EQ(program_->get_pa(ioas_, 0x201000).length, 0x1000U);
}

TEST_F(GetPa, IgnoresThePermissionsOfTheMapping) {
  start();
  const UserPtr huge = program_->labelled_memory(2 * kMiB, MAP_PRIVATE | MAP_HUGETLB);
  ASSERT_EQ(program_->map_at(ioas_, huge, 2 * kMiB, 0x200000, IOMMU_IOAS_MAP_READABLE), 0);
  ASSERT_EQ(program_->map_at(ioas_, huge, 2 * kMiB, 0x400000, IOMMU_IOAS_MAP_WRITEABLE), 0);
  EXPECT_EQ(program_->get_pa(ioas_, 0x200000).length, 2 * kMiB);
  EXPECT_EQ(program_->get_pa(ioas_, 0x400000).length, 2 * kMiB);
}

TEST_F(GetPa, AnswersForAnyIoasOfTheContext) {
  start();
  const int64_t other = program_->ioas_alloc();
  const UserPtr va = program_->labelled_memory(kPageSize);
  ASSERT_EQ(program_->map_at(other, va, kPageSize, 0x1000), 0);
  ASSERT_EQ(program_->attach(program_->bind(1), other), 6);
  EXPECT_EQ(program_->dma_read(program_->get_pa(other, 0x1000).phys), va.value);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1000).answer, -ENOENT);
}

// The kernel asks for every page whether it follows the one before; the answer has to be that of
// whoever does so, for any placement of memory.
struct Memory {
  const char* name;
  mm::MemoryConfig::Placement placement;
  bool transparent_huge_pages;
  int flags;
};

void PrintTo(const Memory& memory, std::ostream* out) {
  *out << memory.name;
}

class GetPaOfMemory : public AttachedTest, public testing::WithParamInterface<Memory> {
 protected:
  static constexpr uint64_t kIova = 0x7ffffe000;  // astride a table of every level up to 1 GiB
  static constexpr uint64_t kLength = 6 * kMiB;

  void SetUp() override {
    auto config = two_devices();
    config.memory.placement = GetParam().placement;
    config.memory.transparent_huge_pages = GetParam().transparent_huge_pages;
    start(config);
    va_ = program_->labelled_memory(kLength, GetParam().flags);
    ASSERT_EQ(program_->map_at(ioas_, va_, kLength, kIova), 0);
  }
  uint64_t naive_length(uint64_t offset, uint64_t asked) const {
    uint64_t collected = std::min(kPageSize - offset % kPageSize, kLength - offset);
    while (collected < asked && offset + collected < kLength &&
           phys(offset + collected) == phys(offset) + collected) {
      collected += kPageSize;
    }
    return std::min(collected, asked);
  }
  PhysAddr phys(uint64_t offset) const { return program_->get_pa(ioas_, kIova + offset, 1).phys; }

  UserPtr va_;
};

TEST_P(GetPaOfMemory, FindsEveryPageOfTheProgram) {
  for (uint64_t offset = 0; offset < kLength; offset += kPageSize) {
    const Extent byte = program_->get_pa(ioas_, kIova + offset, 1);
    ASSERT_EQ(byte.length, 1U);
    ASSERT_EQ(program_->dma_read(byte.phys), va_.value + offset);
    ASSERT_EQ(program_->get_pa(ioas_, kIova + offset + 0xabc, 1).phys, byte.phys + 0xabc);
  }
}

TEST_P(GetPaOfMemory, AnswersWhatAskingForEveryPageDoes) {
  std::mt19937_64 random(15);
  for (int round = 0; round < 60; ++round) {
    const uint64_t offset = random() % kLength;
    const uint64_t asked = round % 3 == 0 ? kEverything : 1 + random() % (kLength / 4);
    const Extent run = program_->get_pa(ioas_, kIova + offset, asked);
    ASSERT_EQ(run.phys, phys(offset));
    ASSERT_EQ(run.length, naive_length(offset, asked)) << std::hex << offset << " " << asked;
  }
}

TEST_P(GetPaOfMemory, CoversTheAreaRunByRun) {
  uint64_t runs = 0;
  for (uint64_t offset = 0; offset < kLength; ++runs) {
    const Extent run = program_->get_pa(ioas_, kIova + offset);
    ASSERT_EQ(run.answer, 0);
    ASSERT_EQ((offset + run.length) % kPageSize, 0U);
    offset += run.length;
    if (offset < kLength) {
      ASSERT_NE(phys(offset), run.phys + run.length) << "runs are maximal";
    }
  }
  const bool every_page = GetParam().placement == mm::MemoryConfig::Placement::kScattered &&
                          !GetParam().transparent_huge_pages &&
                          (GetParam().flags & MAP_HUGETLB) == 0;
  if (every_page) {
    EXPECT_EQ(runs, kLength / kPageSize);
  }
}

constexpr auto kScattered = mm::MemoryConfig::Placement::kScattered;
constexpr auto kContiguous = mm::MemoryConfig::Placement::kContiguous;

INSTANTIATE_TEST_SUITE_P(Iommufd, GetPaOfMemory,
                         testing::Values(Memory{"Scattered", kScattered, false, MAP_PRIVATE},
                                         Memory{"Contiguous", kContiguous, false, MAP_PRIVATE},
                                         Memory{"Shared", kContiguous, false, MAP_SHARED},
                                         Memory{"TransparentHuge", kScattered, true, MAP_PRIVATE},
                                         Memory{"Hugetlb", kScattered, false,
                                                MAP_PRIVATE | MAP_HUGETLB}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace noiommu::tests
