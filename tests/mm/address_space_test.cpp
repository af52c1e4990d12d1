// Spec: iommufd.md section 10, table "Pin condition".
#include "model/mm/address_space.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/mm/one_process.h"
#include "tests/support/result.h"

namespace noiommu::mm {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using tests::errno_of;

// A device region, which no program can pin.
class Region : public VmObject {
 public:
  Status load(uint64_t offset, std::span<std::byte> to) override {
    last_offset = offset;
    std::fill(to.begin(), to.end(), std::byte{0xaa});
    return {};
  }
  Status store(uint64_t /*offset*/, std::span<const std::byte> /*from*/) override {
    return Err(EFAULT);
  }
  Status pin(uint64_t /*first*/, uint64_t /*pages*/, std::vector<PfnRun>& /*runs*/) override {
    return Err(EFAULT);
  }
  Result<std::shared_ptr<VmObject>> fork() override { return Err(EINVAL); }
  void discard(uint64_t first, uint64_t pages) override { discarded.emplace_back(first, pages); }

  uint64_t last_offset = 0;
  std::vector<std::pair<uint64_t, uint64_t>> discarded;
};

class AddressSpaceTest : public testing::Test {
 protected:
  int pin_errno(UserPtr start, uint64_t pages, bool write) {
    std::vector<PfnRun> runs;
    const int done = errno_of(bench_.pin(start, pages, runs, write));
    if (done != 0) {
      EXPECT_THAT(runs, IsEmpty());
      EXPECT_EQ(bench_.memory.pins(), 0U) << "a pin that failed left something pinned";
    }
    bench_.unpin(runs);
    return done;
  }
  int munmap(UserPtr start, uint64_t length) {
    return errno_of(bench_.process->munmap(start, length));
  }
  int map_errno(MapRequest request) {
    request.flags |= MAP_ANONYMOUS;
    return errno_of(bench_.process->mmap(request));
  }
  // Two mappings without a gap: the lower one's address.
  UserPtr adjacent(uint64_t lower, int lower_prot, uint64_t upper, int upper_prot) {
    const UserPtr above = bench_.map(upper, upper_prot);
    const UserPtr below = bench_.map(lower, lower_prot);
    EXPECT_EQ(below + lower, above);
    return below;
  }

  OneProcess bench_;
};

TEST_F(AddressSpaceTest, AFreshMappingIsZeroAndKeepsWhatIsWritten) {
  const UserPtr at = bench_.map(2 * kPageSize);
  EXPECT_EQ(bench_.read(at, 4), std::string(4, '\0'));
  EXPECT_TRUE(bench_.write(at + 4094, "text"));
  EXPECT_EQ(bench_.read(at + 4094, 4), "text");
}

TEST_F(AddressSpaceTest, MmapRefusesWhatTheKernelRefuses) {
  EXPECT_EQ(map_errno({.length = 0, .flags = MAP_PRIVATE}), EINVAL);
  EXPECT_EQ(map_errno({.length = 0, .flags = 0}), EINVAL);
  EXPECT_EQ(map_errno({.length = UINT64_MAX, .flags = 0}), ENOMEM);
  EXPECT_EQ(map_errno({.length = 1ULL << 63, .flags = MAP_PRIVATE}), ENOMEM);
  EXPECT_EQ(map_errno({.length = kTaskSize, .flags = MAP_PRIVATE}), ENOMEM);
  EXPECT_EQ(map_errno({.length = 1, .flags = 0}), EINVAL);
  EXPECT_EQ(map_errno({.length = 1, .flags = MAP_SHARED_VALIDATE}), EINVAL);
  EXPECT_EQ(map_errno({.length = 1, .flags = MAP_SHARED}), 0);
}

TEST_F(AddressSpaceTest, OnlyTheSizesOfX86AreHugePages) {
  constexpr int kHuge = MAP_PRIVATE | MAP_HUGETLB;
  for (const int size : {22, 29, 31, 63}) {
    EXPECT_EQ(map_errno({.length = 1, .flags = kHuge | size << MAP_HUGE_SHIFT}), EINVAL) << size;
  }
  EXPECT_EQ(bench_.map(1, kReadWrite, kHuge).value % (2 * kMiB), 0U);
  EXPECT_EQ(bench_.map_huge(1, MAP_HUGE_2MB).value % (2 * kMiB), 0U);
  EXPECT_EQ(bench_.map_huge(1, MAP_HUGE_1GB).value % kGiB, 0U);
}

TEST_F(AddressSpaceTest, AMappingMayBeLargerThanMemory) {
  const UserPtr at = bench_.map(100ULL << 40, PROT_READ);
  EXPECT_EQ(bench_.read(at + (100ULL << 40) - 1, 1), std::string(1, '\0'));
  EXPECT_TRUE(bench_.process->fork());
  EXPECT_EQ(map_errno({.length = 100ULL << 40, .flags = MAP_PRIVATE}), ENOMEM);
  EXPECT_EQ(munmap(at, 100ULL << 40), 0);
}

TEST_F(AddressSpaceTest, AnUnmappedGapIsUsedAgain) {
  bench_.map(kPageSize);
  const UserPtr gap = bench_.map(3 * kPageSize);
  bench_.map(kPageSize);
  EXPECT_EQ(munmap(gap, 3 * kPageSize), 0);
  EXPECT_EQ(bench_.map(2 * kPageSize), gap + kPageSize);
  EXPECT_EQ(bench_.map(kPageSize), gap);
}

TEST_F(AddressSpaceTest, ReadAndWriteCrossAdjacentMappings) {
  const UserPtr at = adjacent(kPageSize, kReadWrite, kPageSize, kReadWrite);
  EXPECT_TRUE(bench_.write(at + kPageSize - 3, "across"));
  EXPECT_EQ(bench_.read(at + kPageSize - 3, 6), "across");
}

TEST_F(AddressSpaceTest, AFaultHalfwayKeepsTheFirstHalf) {
  const UserPtr at = adjacent(kPageSize, kReadWrite, kPageSize, PROT_READ);
  EXPECT_EQ(errno_of(bench_.write(at + kPageSize - 3, "across")), EFAULT);
  EXPECT_EQ(bench_.read(at + kPageSize - 3, 6), std::string("acr\0\0\0", 6));

  const UserPtr last = bench_.map(kPageSize);
  bench_.map(kPageSize);
  EXPECT_EQ(munmap(last - kPageSize, kPageSize), 0);
  EXPECT_EQ(bench_.read(last - 1, 2), "fault");
}

TEST_F(AddressSpaceTest, ProtectionDecidesWhoMayLoadAndStore) {
  struct Case {
    int prot;
    bool load, store;
  };
  // On x86-64 what may be written or executed may be read.
  for (const Case& c : std::vector<Case>{{PROT_NONE, false, false},
                                         {PROT_READ, true, false},
                                         {PROT_WRITE, true, true},
                                         {PROT_EXEC, true, false},
                                         {kReadWrite, true, true}}) {
    const UserPtr at = bench_.map(kPageSize, c.prot);
    EXPECT_EQ(bench_.read(at, 1) != "fault", c.load) << c.prot;
    EXPECT_EQ(errno_of(bench_.write(at, "x")), c.store ? 0 : EFAULT) << c.prot;
  }
}

TEST_F(AddressSpaceTest, HostilePointersFault) {
  bench_.map(kPageSize);
  for (const uint64_t at : {uint64_t{0}, uint64_t{1}, kTaskSize - 1, kTaskSize, uint64_t{1} << 63,
                            UINT64_MAX - 7, UINT64_MAX}) {
    EXPECT_EQ(bench_.read({at}, 8), "fault") << at;
    EXPECT_EQ(errno_of(bench_.write({at}, "12345678")), EFAULT) << at;
    EXPECT_EQ(pin_errno({at & kPageMask}, 1, false), EFAULT) << at;
    EXPECT_EQ(pin_errno({at & kPageMask}, UINT64_MAX, true), EFAULT) << at;
  }
  EXPECT_EQ(bench_.read({UINT64_MAX}, 0), "");
}

TEST_F(AddressSpaceTest, PinFollowsTheProtection) {
  struct Case {
    int prot;
    int read, write;
  };
  for (const int sharing : {MAP_PRIVATE, MAP_SHARED}) {
    for (const Case& c : std::vector<Case>{{PROT_NONE, EFAULT, EFAULT},
                                           {PROT_READ, 0, EFAULT},
                                           {PROT_WRITE, EFAULT, 0},
                                           {PROT_EXEC, EFAULT, EFAULT},
                                           {kReadWrite, 0, 0}}) {
      const UserPtr at = bench_.map(kPageSize, c.prot, sharing);
      EXPECT_EQ(pin_errno(at, 1, false), c.read) << c.prot;
      EXPECT_EQ(pin_errno(at, 1, true), c.write) << c.prot;
    }
  }
}

TEST_F(AddressSpaceTest, ARegionCannotBePinned) {
  auto region = std::make_shared<Region>();
  const UserPtr at = *bench_.process->memory().map_object(
      {.length = 2 * kPageSize, .prot = kReadWrite, .offset = 5 * kPageSize}, region, nullptr);
  EXPECT_EQ(pin_errno(at, 1, false), EFAULT);
  EXPECT_EQ(pin_errno(at, 1, true), EFAULT);
  EXPECT_EQ(bench_.read(at + kPageSize + 7, 1), "\xaa");
  EXPECT_EQ(region->last_offset, 6 * kPageSize + 7);
}

TEST_F(AddressSpaceTest, AHalfBadRangeLeavesNothingPinned) {
  const UserPtr read_only = adjacent(2 * kPageSize, kReadWrite, 2 * kPageSize, PROT_READ);
  EXPECT_EQ(pin_errno(read_only, 4, true), EFAULT);
  EXPECT_EQ(pin_errno(read_only, 4, false), 0);
  const UserPtr none = adjacent(2 * kPageSize, kReadWrite, kPageSize, PROT_NONE);
  EXPECT_EQ(pin_errno(none, 3, false), EFAULT);
  const UserPtr lowest = bench_.map(2 * kPageSize);
  EXPECT_EQ(munmap(lowest, kPageSize), 0);
  EXPECT_EQ(pin_errno(lowest, 2, true), EFAULT);
  EXPECT_EQ(pin_errno(lowest + kPageSize, uint64_t{1} << 52, true), EFAULT);
  EXPECT_EQ(pin_errno(lowest + kPageSize, UINT64_MAX, true), EFAULT);
}

TEST_F(AddressSpaceTest, AFailedPinLeavesTheRunsOfTheCallerAlone) {
  const UserPtr at = bench_.map(kPageSize);
  std::vector<PfnRun> runs = bench_.pin(at, 1);
  EXPECT_EQ(errno_of(bench_.pin(at, 1ULL << 40, runs)), EFAULT);
  EXPECT_THAT(runs, SizeIs(1));
  EXPECT_EQ(bench_.memory.pins(), 1U);
  bench_.unpin(runs);
}

TEST_F(AddressSpaceTest, PinnedFramesAreThoseOfTheMappingInOrder) {
  const UserPtr at = bench_.map(8 * kPageSize);
  for (uint64_t i = 0; i < 8; ++i) {
    EXPECT_TRUE(bench_.write(at + i * kPageSize, "page" + std::to_string(i)));
  }
  const auto runs = bench_.pin(at, 8);
  const auto pfns = frames(runs);
  ASSERT_THAT(pfns, SizeIs(8));
  for (uint64_t i = 0; i < 8; ++i) {
    EXPECT_EQ(bench_.device_read({pfns[i]}, 5), "page" + std::to_string(i));
  }
  bench_.unpin(runs);
}

TEST(AddressSpacePlacement, ScatteredPagesAreARunEach) {
  OneProcess bench({.placement = MemoryConfig::Placement::kScattered});
  const auto runs = bench.pin(bench.map(kMiB), 256);
  EXPECT_THAT(runs, SizeIs(256));
  bench.unpin(runs);
}

TEST(AddressSpacePlacement, ContiguousPagesAreOneRunAcrossMappingsAndCalls) {
  OneProcess bench({.placement = MemoryConfig::Placement::kContiguous});
  const UserPtr above = bench.map(4 * kPageSize);
  const UserPtr at = bench.map(4 * kPageSize);
  ASSERT_EQ(at + 4 * kPageSize, above);
  std::vector<PfnRun> runs;
  EXPECT_TRUE(bench.pin(at, 6, runs));
  EXPECT_THAT(runs, SizeIs(1));
  EXPECT_TRUE(bench.pin(at + 6 * kPageSize, 2, runs));
  ASSERT_THAT(runs, SizeIs(1));
  EXPECT_EQ(runs[0].count, 8U);
  bench.unpin(runs);
  EXPECT_EQ(bench.memory.pins(), 0U);
}

TEST_F(AddressSpaceTest, AHugePageIsOneRun) {
  for (const auto& [size, pages] :
       std::vector<std::pair<int, uint64_t>>{{MAP_HUGE_2MB, 512}, {MAP_HUGE_1GB, 1 << 18}}) {
    const auto runs = bench_.pin(bench_.map_huge(kPageSize, size), pages);
    ASSERT_THAT(runs, SizeIs(1));
    EXPECT_EQ(runs[0].count, pages);
    EXPECT_EQ(runs[0].first.value % pages, 0U);
    bench_.unpin(runs);
  }
}

TEST_F(AddressSpaceTest, HugeMappingsAreRoundedUpToTheirPages) {
  const UserPtr at = bench_.map_huge(2 * kMiB + 1);
  EXPECT_TRUE(bench_.write(at + 4 * kMiB - 1, "x"));
  EXPECT_EQ(errno_of(bench_.write(at + 4 * kMiB, "x")), EFAULT);
}

TEST(AddressSpaceThp, LargeAnonymousMemoryUsesLargeFolios) {
  OneProcess bench({.transparent_huge_pages = true});
  const UserPtr at = bench.map(4 * kMiB + 2 * kPageSize);
  EXPECT_EQ(at.value % (2 * kMiB), 0U);
  const auto runs = bench.pin(at, 1024);
  EXPECT_LE(runs.size(), 2U);
  EXPECT_EQ(frames(runs)[0] % 512, 0U);
  EXPECT_EQ(bench.memory.held_frames(), 1024U);
  bench.unpin(runs);
  EXPECT_EQ(bench.pin(bench.map(kMiB), 256).size(), 256U) << "below 2 MiB there is no folio";
}

TEST(AddressSpaceThp, ASizeWithoutHugetlbIsIgnored) {
  OneProcess bench({.transparent_huge_pages = true});
  const UserPtr at = bench.map(2 * kGiB, kReadWrite, MAP_PRIVATE | MAP_HUGE_1GB);
  EXPECT_TRUE(bench.write(at, "x"));
  EXPECT_EQ(bench.memory.held_frames(), 512U);
}

TEST(AddressSpaceThp, MunmapMayCutALargeFolio) {
  OneProcess bench({.transparent_huge_pages = true});
  const UserPtr at = bench.map(4 * kMiB);
  EXPECT_TRUE(bench.write(at, std::string(4 * kMiB, 'x')));
  EXPECT_TRUE(bench.process->munmap(at + kMiB, 2 * kMiB));
  EXPECT_EQ(bench.read(at + kMiB - 1, 1), "x");
  EXPECT_EQ(bench.read(at + kMiB, 1), "fault");
  EXPECT_EQ(bench.read(at + 3 * kMiB, 1), "x");
}

TEST_F(AddressSpaceTest, MunmapSplits) {
  const UserPtr at = bench_.map(5 * kPageSize);
  for (uint64_t i = 0; i < 5; ++i) {
    EXPECT_TRUE(bench_.write(at + i * kPageSize, std::to_string(i)));
  }
  EXPECT_EQ(munmap(at + 2 * kPageSize, 1), 0);
  EXPECT_EQ(bench_.memory.held_frames(), 4U);
  EXPECT_EQ(bench_.read(at + 2 * kPageSize, 1), "fault");
  for (const uint64_t i : {0, 1, 3, 4}) {
    EXPECT_EQ(bench_.read(at + i * kPageSize, 1), std::to_string(i));
  }
  EXPECT_EQ(munmap(at, kPageSize), 0);
  EXPECT_EQ(munmap(at + 4 * kPageSize, kPageSize), 0);
  EXPECT_EQ(bench_.memory.held_frames(), 2U);
  EXPECT_EQ(bench_.read(at + kPageSize, 1), "1");
  EXPECT_EQ(bench_.read(at + 3 * kPageSize, 1), "3");
}

TEST_F(AddressSpaceTest, MunmapCoversManyMappingsAndHoles) {
  const UserPtr top = bench_.map(3 * kPageSize);
  const UserPtr hole = bench_.map(kPageSize);
  const UserPtr low = bench_.map(3 * kPageSize);
  for (const UserPtr at : {top, low}) EXPECT_TRUE(bench_.write(at, std::string(12288, 'x')));
  EXPECT_EQ(munmap(hole, kPageSize), 0);
  EXPECT_EQ(munmap(low + kPageSize, 5 * kPageSize), 0);
  EXPECT_EQ(bench_.memory.held_frames(), 2U);
  EXPECT_EQ(bench_.read(low, 1), "x");
  EXPECT_EQ(bench_.read(low + kPageSize, 1), "fault");
  EXPECT_EQ(bench_.read(top + kPageSize, 1), "fault");
  EXPECT_EQ(bench_.read(top + 2 * kPageSize, 1), "x");
}

TEST_F(AddressSpaceTest, MunmapOfNothingIsFine) {
  EXPECT_EQ(munmap({0}, kPageSize), 0);
  EXPECT_EQ(munmap({kTaskSize - kPageSize}, kPageSize), 0);
  EXPECT_EQ(munmap({kTaskSize - kPageSize}, 100), 0);
  EXPECT_EQ(munmap({0}, kTaskSize), 0);
}

TEST_F(AddressSpaceTest, MunmapOfBadRangesIsEINVAL) {
  const UserPtr at = bench_.map(kPageSize);
  EXPECT_EQ(munmap(at, 0), EINVAL);
  EXPECT_EQ(munmap(at + 1, kPageSize), EINVAL);
  EXPECT_EQ(munmap({kTaskSize}, kPageSize), EINVAL);
  EXPECT_EQ(munmap({kTaskSize - kPageSize}, kPageSize + 1), EINVAL);
  EXPECT_EQ(munmap({UINT64_MAX & kPageMask}, kPageSize), EINVAL);
  EXPECT_EQ(munmap(at, UINT64_MAX), EINVAL);
  EXPECT_EQ(munmap(at, UINT64_MAX - at.value + 1), EINVAL);
  EXPECT_EQ(munmap({0}, UINT64_MAX & kPageMask), EINVAL);
  EXPECT_TRUE(bench_.write(at, "x"));
}

TEST_F(AddressSpaceTest, MunmapOfPartOfAHugePageIsEINVALAndUnmapsNothing) {
  const UserPtr huge = bench_.map_huge(4 * kMiB);
  const UserPtr below = bench_.map(kPageSize);
  EXPECT_TRUE(bench_.write(below, "small"));
  EXPECT_EQ(munmap(huge, kPageSize), EINVAL);
  EXPECT_EQ(munmap(huge + kPageSize, 2 * kMiB - kPageSize), EINVAL);
  EXPECT_EQ(munmap(below, huge + kMiB - below), EINVAL);
  EXPECT_EQ(bench_.read(below, 5), "small");
  EXPECT_TRUE(bench_.write(huge, "huge"));
  EXPECT_EQ(munmap(huge + 2 * kMiB, 2 * kMiB), 0);
  EXPECT_EQ(bench_.read(huge, 4), "huge");
  EXPECT_EQ(errno_of(bench_.write(huge + 2 * kMiB, "x")), EFAULT);
}

TEST_F(AddressSpaceTest, MunmapOfHugePagesGivesTheirMemoryBack) {
  const UserPtr at = bench_.map_huge(6 * kMiB);
  EXPECT_TRUE(bench_.write(at, std::string(6 * kMiB, 'x')));
  EXPECT_EQ(bench_.memory.held_frames(), 3U * 512);
  EXPECT_EQ(munmap(at + 2 * kMiB, 2 * kMiB), 0);
  EXPECT_EQ(bench_.memory.held_frames(), 2U * 512);
  EXPECT_EQ(bench_.read(at + 4 * kMiB, 1), "x");
}

TEST_F(AddressSpaceTest, MunmapTellsTheObjectWhichOfItsPagesWent) {
  auto region = std::make_shared<Region>();
  const UserPtr at = *bench_.process->memory().map_object(
      {.length = 8 * kPageSize, .prot = PROT_READ, .offset = 100 * kPageSize}, region, nullptr);
  EXPECT_EQ(munmap(at + 3 * kPageSize, 2 * kPageSize), 0);
  EXPECT_EQ(munmap(at + 6 * kPageSize, kPageSize), 0);
  EXPECT_THAT(region->discarded,
              testing::ElementsAre(testing::Pair(103U, 2U), testing::Pair(106U, 1U)));
  EXPECT_EQ(bench_.read(at + 7 * kPageSize, 1), "\xaa");
  EXPECT_EQ(region->last_offset, 107 * kPageSize);
}

TEST_F(AddressSpaceTest, PinsOutliveTheMapping) {
  const UserPtr at = bench_.map(2 * kPageSize);
  EXPECT_TRUE(bench_.write(at, "pinned"));
  const auto runs = bench_.pin(at, 1);
  EXPECT_TRUE(bench_.write(at + kPageSize, "not"));
  EXPECT_EQ(munmap(at, 2 * kPageSize), 0);
  EXPECT_EQ(bench_.memory.held_frames(), 1U);
  EXPECT_EQ(bench_.device_read(runs[0].first, 6), "pinned");
  std::vector<PfnRun> none;
  EXPECT_EQ(errno_of(bench_.pin(at, 1, none)), EFAULT);
  bench_.unpin(runs);
  EXPECT_EQ(bench_.memory.held_frames(), 0U);
}

TEST_F(AddressSpaceTest, WithoutMemoryPinIsENOMEM) {
  OneProcess small({.size = kGiB});
  const UserPtr at = small.map(kGiB + kPageSize);
  std::vector<PfnRun> runs;
  EXPECT_EQ(errno_of(small.pin(at, kGiB / kPageSize + 1, runs)), ENOMEM);
  EXPECT_THAT(runs, IsEmpty());
  EXPECT_EQ(small.memory.pins(), 0U);
  small.process.reset();
  EXPECT_EQ(small.memory.held_frames(), 0U);
}

}  // namespace
}  // namespace noiommu::mm
