// When user memory is pinned, what cannot be, and what holds it. Spec: iommufd.md section 10.
#include <sys/mman.h>

#include <ostream>

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

class Pin : public AttachedTest {
 protected:
  // A device that is not attached yet.
  void start_detached() {
    program_ = &boot();
    device_ = program_->bind(0);
    ioas_ = program_->ioas_alloc();
  }
  uint64_t label_at(uint64_t iova) const {
    const Extent at = program_->get_pa(ioas_, iova, 1);
    return at.answer == 0 ? program_->dma_read(at.phys) : 0;
  }
};

TEST_F(Pin, HappensInMapWhenThereIsADomain) {
  start();
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(4 * kPageSize), 4 * kPageSize, 0x1000), 0);
  EXPECT_EQ(pins(), 4U);
  program_->unmap_all(ioas_);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(Pin, WaitsForTheFirstAttachOtherwise) {
  start_detached();
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(4 * kPageSize), 4 * kPageSize, 0x1000), 0);
  EXPECT_EQ(pins(), 0U);
  EXPECT_GT(program_->attach(device_, ioas_), 0);
  EXPECT_EQ(pins(), 4U);
  EXPECT_EQ(program_->detach(device_), 0);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(Pin, HappensOnceForTwoDevices) {
  start();
  ASSERT_EQ(program_->map_at(ioas_, program_->memory(4 * kPageSize), 4 * kPageSize, 0x1000), 0);
  const int second = program_->bind(1);
  ASSERT_EQ(program_->attach(second, ioas_), hwpt_);
  EXPECT_EQ(pins(), 4U);
  program_->detach(device_);
  EXPECT_EQ(pins(), 4U);
  program_->detach(second);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(Pin, HappensForEachAreaOfTheSameMemory) {
  start();
  const UserPtr va = program_->memory(kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x1000), 0);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x2000), 0);
  EXPECT_EQ(pins(), 2U);
  program_->unmap(ioas_, 0x1000, kPageSize);
  EXPECT_EQ(pins(), 1U);
  EXPECT_EQ(program_->get_pa(ioas_, 0x2000).answer, 0);
}

TEST_F(Pin, CountsHugePagesInSmallOnes) {
  start();
  const UserPtr huge =
      program_->memory(2 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_HUGETLB);
  ASSERT_EQ(program_->map_at(ioas_, huge + 3 * kPageSize, 100 * kPageSize, 0x1000), 0);
  EXPECT_EQ(pins(), 100U);
}

TEST_F(Pin, SpansSeveralMappings) {
  start();
  const UserPtr second = program_->labelled_memory(2 * kPageSize);
  const UserPtr first = program_->labelled_memory(2 * kPageSize);
  ASSERT_EQ(first + 2 * kPageSize, second);
  ASSERT_EQ(program_->map_at(ioas_, first, 4 * kPageSize, 0x1000), 0);
  for (uint64_t page = 0; page < 4; ++page) {
    EXPECT_EQ(label_at(0x1000 + page * kPageSize), first.value + page * kPageSize);
  }
}

// What cannot be pinned, as memory to be mapped with these flags.
struct Unpinnable {
  const char* name;
  int prot;
  int map_flags;
  uint32_t ioas_flags;
  bool unmap = false;  // before it is mapped in the IOAS
};

void PrintTo(const Unpinnable& memory, std::ostream* out) {
  *out << memory.name;
}

class PinFault : public Pin, public testing::WithParamInterface<Unpinnable> {
 protected:
  UserPtr bad_memory() const {
    const UserPtr at = program_->memory(2 * kPageSize, GetParam().prot, GetParam().map_flags);
    if (GetParam().unmap) program_->free_memory(at, 2 * kPageSize);
    return at;
  }
};

TEST_P(PinFault, AtMap) {
  start();
  const UserPtr bad = bad_memory();
  EXPECT_EQ(program_->map_at(ioas_, bad, kPageSize, 0x1000, GetParam().ioas_flags), -EFAULT);
  EXPECT_EQ(program_->get_pa(ioas_, 0x1000).answer, -ENOENT) << "no area is left";
  EXPECT_EQ(pins(), 0U);
}

TEST_P(PinFault, AtAttach) {
  start_detached();
  const UserPtr bad = bad_memory();
  ASSERT_EQ(program_->map_at(ioas_, bad, kPageSize, 0x1000, GetParam().ioas_flags), 0);
  EXPECT_EQ(program_->attach(device_, ioas_), -EFAULT);
  EXPECT_EQ(program_->unmap(ioas_, 0x1000, kPageSize), 4096) << "the area is still there";
}

INSTANTIATE_TEST_SUITE_P(
    Iommufd, PinFault,
    testing::Values(
        Unpinnable{"Unmapped", PROT_READ | PROT_WRITE, MAP_PRIVATE, kReadWrite, true},
        Unpinnable{"Inaccessible", PROT_NONE, MAP_PRIVATE, IOMMU_IOAS_MAP_READABLE},
        Unpinnable{"WriteToReadOnlyPrivate", PROT_READ, MAP_PRIVATE, kReadWrite},
        Unpinnable{"WriteToReadOnlyShared", PROT_READ, MAP_SHARED, IOMMU_IOAS_MAP_WRITEABLE},
        Unpinnable{"ReadOfWriteOnly", PROT_WRITE, MAP_PRIVATE, IOMMU_IOAS_MAP_READABLE}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(Pin, OfReadOnlyMemoryWorksForReading) {
  start();
  const UserPtr va = program_->memory(kPageSize, PROT_READ);
  EXPECT_EQ(program_->map_at(ioas_, va, kPageSize, 0x1000, IOMMU_IOAS_MAP_READABLE), 0);
}

TEST_F(Pin, OfADeviceRegionFaults) {
  start();
  const UserPtr bar = program_->memory_of(device_);
  EXPECT_EQ(program_->map_at(ioas_, bar, kPageSize, 0x1000), -EFAULT);
}

TEST_F(Pin, BeyondUserAddressesFaults) {
  start();
  EXPECT_EQ(program_->map_at(ioas_, {0xffff800000000000}, kPageSize, 0x1000), -EFAULT);
}

TEST_F(Pin, OfHalfBadMemoryIsUndone) {
  start();
  const UserPtr va = program_->memory(16 * kPageSize);
  program_->free_memory(va + 8 * kPageSize, 8 * kPageSize);
  EXPECT_EQ(program_->map_at(ioas_, va, 16 * kPageSize, 0x100000), -EFAULT);
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(program_->map_at(ioas_, va, 8 * kPageSize, 0x100000), 0);
  EXPECT_EQ(pins(), 8U);
}

TEST_F(Pin, OfMoreThanThereIsAnswersEnomem) {
  auto config = two_devices();
  config.memory.size = kGiB;
  start(config);
  const UserPtr va = program_->memory(2 * kGiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_HUGETLB);
  EXPECT_EQ(program_->map_at(ioas_, va, 2 * kGiB, 0x200000), -ENOMEM);
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(program_->map_at(ioas_, va, 2 * kMiB, 0x200000), 0);
}

TEST_F(Pin, FaultsUntouchedMemoryIn) {
  start();
  const UserPtr va = program_->memory(4 * kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, 4 * kPageSize, 0x4000), 0);
  program_->poke(va + 3 * kPageSize, 77);
  EXPECT_EQ(label_at(0x7000), 77U) << "what the program writes later is in the pinned page";
}

TEST_F(Pin, ForReadingIsOfTheProgramsOwnPage) {
  start();
  const UserPtr va = program_->memory(kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x4000, IOMMU_IOAS_MAP_READABLE), 0);
  program_->poke(va, 77);
  EXPECT_EQ(label_at(0x4000), 77U);
}

TEST_F(Pin, OfSharedMemoryIsOfTheOnePageThatAllSee) {
  start();
  const int memfd = program_->machine->memfd(*program_->process, kPageSize).value();
  const UserPtr one = program_->memory_of(memfd);
  const UserPtr other = program_->memory_of(memfd);
  ASSERT_EQ(program_->map_at(ioas_, one, kPageSize, 0x4000), 0);
  ASSERT_EQ(program_->map_at(ioas_, other, kPageSize, 0x8000), 0);
  program_->poke(one, 77);
  EXPECT_EQ(label_at(0x8000), 77U);
  EXPECT_EQ(program_->get_pa(ioas_, 0x4000).phys, program_->get_pa(ioas_, 0x8000).phys);
}

TEST_F(Pin, OutlivesTheMapping) {
  start();
  const UserPtr va = program_->labelled_memory(4 * kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, 4 * kPageSize, 0x4000), 0);
  const PhysAddr before = program_->get_pa(ioas_, 0x6000).phys;
  program_->free_memory(va, 4 * kPageSize);
  program_->labelled_memory(16 * kPageSize);  // would take the frames, were they free
  EXPECT_EQ(program_->get_pa(ioas_, 0x6000).phys, before);
  EXPECT_EQ(label_at(0x6000), va.value + 2 * kPageSize);
  EXPECT_EQ(program_->unmap(ioas_, 0x4000, 4 * kPageSize), 0x4000);
  EXPECT_EQ(pins(), 0U);
}

TEST_F(Pin, OutlivesTheProcessThatMapped) {
  start();
  Client& mapper = spawn();
  mapper.close(mapper.iommufd);
  mapper.iommufd = mapper.receive(*program_, program_->iommufd);
  const UserPtr va = mapper.labelled_memory(2 * kPageSize);
  ASSERT_EQ(mapper.map_at(ioas_, va, 2 * kPageSize, 0x4000), 0);
  const PhysAddr before = program_->get_pa(ioas_, 0x5000).phys;
  exit(mapper);
  EXPECT_EQ(pins(), 2U);
  EXPECT_EQ(program_->get_pa(ioas_, 0x5000).phys, before);
  EXPECT_EQ(label_at(0x5000), va.value + kPageSize);
}

TEST_F(Pin, IsAlwaysOfTheMemoryOfWhoMapped) {
  start_detached();
  Client& mapper = spawn();
  mapper.close(mapper.iommufd);
  mapper.iommufd = mapper.receive(*program_, program_->iommufd);
  program_->memory(kMiB);  // so that addresses differ
  const UserPtr va = mapper.labelled_memory(kPageSize);
  ASSERT_EQ(mapper.map_at(ioas_, va, kPageSize, 0x4000), 0);
  EXPECT_GT(program_->attach(device_, ioas_), 0) << "somebody else attaches";
  EXPECT_EQ(label_at(0x4000), va.value);
  program_->detach(device_);
  exit(mapper);
  EXPECT_EQ(program_->attach(device_, ioas_), -EFAULT) << "there is nothing to pin any more";
}

TEST_F(Pin, IsAnewAfterTheLastDetach) {
  start();
  const UserPtr va = program_->labelled_memory(kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x4000), 0);
  const PhysAddr before = program_->get_pa(ioas_, 0x4000).phys;
  program_->free_memory(va, kPageSize);
  ASSERT_EQ(program_->memory(kPageSize), va);
  program_->poke(va, 77);
  EXPECT_EQ(label_at(0x4000), va.value) << "still the old page";
  program_->detach(device_);
  ASSERT_GT(program_->attach(device_, ioas_), 0);
  EXPECT_EQ(label_at(0x4000), 77U);
  EXPECT_NE(program_->get_pa(ioas_, 0x4000).phys, before);
  program_->detach(device_);
  program_->free_memory(va, kPageSize);
  EXPECT_EQ(program_->attach(device_, ioas_), -EFAULT);
}

TEST_F(Pin, StaysWithTheParentOfAFork) {
  start();
  const UserPtr va = program_->labelled_memory(kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x4000), 0);
  const auto child = program_->process->fork().value();
  program_->poke(va, 77);
  EXPECT_EQ(label_at(0x4000), 77U);
  uint64_t seen_by_child = 0;
  ASSERT_TRUE(read_user(child->memory(), va, seen_by_child));
  EXPECT_EQ(seen_by_child, va.value);
}

}  // namespace
}  // namespace noiommu::tests
