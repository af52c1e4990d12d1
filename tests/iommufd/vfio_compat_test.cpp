// The ioctls of a VFIO container on an iommufd. Spec: iommufd.md section 16.
#include <array>
#include <cstddef>

#include "model/iommufd/context.h"
#include "model/machine/resolve_config.h"
#include "tests/iommufd/container_test.h"

namespace noiommu::tests {
namespace {

constexpr uint32_t kRead = VFIO_DMA_MAP_FLAG_READ;
constexpr uint32_t kWrite = VFIO_DMA_MAP_FLAG_WRITE;

class VfioCompat : public ContainerTest {
 protected:
  // As a group without an IOMMU makes it, for good.
  bool enter_no_iommu_mode() {
    const FileRef file = program_->process->file(program_->iommufd).value();
    return dynamic_cast<iommufd::Context&>(*file).set_no_iommu_mode().has_value();
  }
};

TEST_F(VfioCompat, HasTheVersionOfVfio) {
  EXPECT_EQ(call_value(VFIO_GET_API_VERSION, 0), 0);
  EXPECT_EQ(call_value(VFIO_GET_API_VERSION, 77), 0);
}

TEST_F(VfioCompat, KnowsNoOtherCommands) {
  EXPECT_EQ(call_value(VFIO_IOMMU_DIRTY_PAGES, 0), -ENOTTY);
  for (const uint32_t number : {0x00U, 0x63U, 0x67U, 0x6aU, 0x73U, 0x7fU}) {
    EXPECT_EQ(call_value(0x3b00 + number, 0), -ENOTTY) << number;
  }
  EXPECT_EQ(call_value(VFIO_GET_API_VERSION | 0x80000000U, 0), -ENOTTY) << "another direction";
}

TEST_F(VfioCompat, HasTheExtensionsOfType1) {
  for (const bool chosen : {false, true}) {
    if (chosen) choose();
    EXPECT_EQ(extension(VFIO_TYPE1_IOMMU), 1);
    EXPECT_EQ(extension(VFIO_TYPE1v2_IOMMU), 1);
    EXPECT_EQ(extension(VFIO_UNMAP_ALL), 1);
    EXPECT_EQ(extension(VFIO_NOIOMMU_IOMMU), 1);
    for (const uint64_t absent : {0ULL, 2ULL, 5ULL, uint64_t{VFIO_TYPE1_NESTING_IOMMU} + 0ULL, 7ULL,
                                  uint64_t{VFIO_UPDATE_VADDR} + 0ULL, 11ULL, ~0ULL}) {
      EXPECT_EQ(extension(absent), 0) << absent;
    }
  }
}

TEST_F(VfioCompat, HasNoNoiommuWhereVfioHasNot) {
  MachineConfig config = two_devices();
  config.config = resolve_config({{"VFIO_NOIOMMU", "n"}}).value().config;
  program_ = &boot(config);
  EXPECT_EQ(extension(VFIO_NOIOMMU_IOMMU), 0);
}

TEST_F(VfioCompat, IsCoherentUnlessANoiommuPageTableIsThere) {
  EXPECT_EQ(extension(VFIO_DMA_CC_IOMMU), -ENODEV) << "no IOAS";
  choose();
  EXPECT_EQ(extension(VFIO_DMA_CC_IOMMU), 1);
  attach();
  EXPECT_EQ(extension(VFIO_DMA_CC_IOMMU), 0);
  program_->detach(device_);
  EXPECT_EQ(extension(VFIO_DMA_CC_IOMMU), 1);
}

TEST_F(VfioCompat, NeedsAnIoasForAnIommu) {
  EXPECT_EQ(set_iommu(VFIO_TYPE1_IOMMU), -ENODEV);
  EXPECT_EQ(set_iommu(VFIO_TYPE1v2_IOMMU), -ENODEV);
  for (const uint64_t wrong : {0ULL, 2ULL, 4ULL, 6ULL, 7ULL, 8ULL, 9ULL, ~0ULL}) {
    EXPECT_EQ(set_iommu(wrong), -EINVAL) << wrong;
  }
  choose();
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(set_iommu(VFIO_TYPE1v2_IOMMU), 0);
    EXPECT_EQ(set_iommu(VFIO_TYPE1_IOMMU), 0);
  }
  EXPECT_EQ(set_iommu(VFIO_NOIOMMU_IOMMU), -EINVAL);
}

TEST_F(VfioCompat, OfTheFirstTypeHasNoHugePages) {
  choose();
  ASSERT_EQ(set_iommu(VFIO_TYPE1v2_IOMMU), 0);
  EXPECT_EQ(program_->get_option(IOMMU_OPTION_HUGE_PAGES, ioas_), 1);
  ASSERT_EQ(set_iommu(VFIO_TYPE1_IOMMU), 0);
  EXPECT_EQ(program_->get_option(IOMMU_OPTION_HUGE_PAGES, ioas_), 0);
  ASSERT_EQ(set_iommu(VFIO_TYPE1v2_IOMMU), 0);
  EXPECT_EQ(program_->get_option(IOMMU_OPTION_HUGE_PAGES, ioas_), 0) << "they do not come back";
}

TEST_F(VfioCompat, OfTheFirstTypeMustSuitWhatIsMapped) {
  choose();
  ASSERT_EQ(map(0x10000, 100), 0);
  EXPECT_EQ(set_iommu(VFIO_TYPE1_IOMMU), -EADDRINUSE);
  program_->unmap_all(ioas_);
  attach();
  ASSERT_EQ(map(0x10000, kPageSize), 0);
  EXPECT_EQ(set_iommu(VFIO_TYPE1_IOMMU), -EINVAL);
  EXPECT_EQ(set_iommu(VFIO_TYPE1v2_IOMMU), 0);
}

struct Info {
  vfio_iommu_type1_info info;
  struct {
    vfio_iommu_type1_info_dma_avail avail;
    uint32_t pad;
  } avail;
  vfio_iommu_type1_info_cap_iova_range ranges;
  std::array<vfio_iova_range, 1> range;
};
constexpr uint32_t kInfoSize = 72;
static_assert(sizeof(Info) == kInfoSize);

TEST_F(VfioCompat, InfoIsCheckedInOrder) {
  EXPECT_EQ(call_value(VFIO_IOMMU_GET_INFO, 0), -EFAULT);
  EXPECT_EQ(call_value(VFIO_IOMMU_GET_INFO, program_->scratch(15).value), -EFAULT);
  Info info{};
  info.info.argsz = 15;
  EXPECT_EQ(call(VFIO_IOMMU_GET_INFO, info), -EINVAL);
  info.info.argsz = 16;
  EXPECT_EQ(call(VFIO_IOMMU_GET_INFO, info), -ENODEV);
  choose();
  EXPECT_EQ(call(VFIO_IOMMU_GET_INFO, info), 0);
}

TEST_F(VfioCompat, InfoTellsEverythingWhereThereIsRoom) {
  choose();
  for (const uint32_t room : {kInfoSize, kInfoSize + 100}) {
    Info info{};
    info.info.argsz = room;
    ASSERT_EQ(call(VFIO_IOMMU_GET_INFO, info), 0);
    EXPECT_EQ(info.info.argsz, kInfoSize);
    EXPECT_EQ(info.info.flags, uint32_t{VFIO_IOMMU_INFO_PGSIZES} | VFIO_IOMMU_INFO_CAPS);
    EXPECT_EQ(info.info.iova_pgsizes, 0xfffffffffffff000U);
    EXPECT_EQ(info.info.cap_offset, 24U);
    EXPECT_EQ(info.avail.avail.header.id, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
    EXPECT_EQ(info.avail.avail.header.version, 1);
    EXPECT_EQ(info.avail.avail.header.next, 40U);
    EXPECT_EQ(info.avail.avail.avail, UINT32_MAX);
    EXPECT_EQ(info.ranges.header.id, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
    EXPECT_EQ(info.ranges.header.version, 1);
    EXPECT_EQ(info.ranges.header.next, 0U);
    EXPECT_EQ(info.ranges.nr_iovas, 1U);
    EXPECT_EQ(info.range[0].start, 0U);
    EXPECT_EQ(info.range[0].end, UINT64_MAX);
  }
}

TEST_F(VfioCompat, InfoTellsWhatItWouldNeed) {
  choose();
  for (const uint32_t room : {24U, 32U, 36U, 40U, kInfoSize - 1}) {
    Info info{};
    info.info.argsz = room;
    info.info.cap_offset = 77;
    info.range[0].end = 77;
    info.avail.avail.header.next = 77;
    ASSERT_EQ(call(VFIO_IOMMU_GET_INFO, info), 0);
    // The capability is told as a whole, and what follows it once that may be told too.
    const uint32_t next = room < 36 ? 77 : room < 40 ? 0 : 40;
    EXPECT_EQ(info.avail.avail.header.next, next) << room;
    EXPECT_EQ(info.info.argsz, kInfoSize);
    EXPECT_EQ(info.info.flags, 3U);
    EXPECT_EQ(info.info.cap_offset, 0U);
    EXPECT_EQ(info.range[0].end, 77U) << "no range";
  }
}

TEST_F(VfioCompat, InfoStaysInsideASmallStruct) {
  choose();
  vfio_iommu_type1_info info{};
  info.argsz = offsetof(vfio_iommu_type1_info, cap_offset);
  info.cap_offset = 77;
  EXPECT_EQ(call(VFIO_IOMMU_GET_INFO, info), 0);
  EXPECT_EQ(info.argsz, kInfoSize);
  EXPECT_EQ(info.iova_pgsizes, 0xfffffffffffff000U);
  EXPECT_EQ(info.cap_offset, 77U);
}

TEST_F(VfioCompat, InfoHasThePageSizesOfThePageTables) {
  choose();
  attach();
  vfio_iommu_type1_info info{};
  info.argsz = sizeof(info);
  EXPECT_EQ(call(VFIO_IOMMU_GET_INFO, info), 0);
  EXPECT_EQ(info.iova_pgsizes, 0x000fff7ffffff000U);
}

TEST_F(VfioCompat, InfoFaultsWhereItCannotBeWritten) {
  choose();
  vfio_iommu_type1_info info{};
  info.argsz = sizeof(info);
  EXPECT_EQ(call_value(VFIO_IOMMU_GET_INFO, program_->read_only(info).value), -EFAULT);
}

TEST_F(VfioCompat, MapIsCheckedInOrder) {
  EXPECT_EQ(call_value(VFIO_IOMMU_MAP_DMA, 0), -EFAULT);
  EXPECT_EQ(call_value(VFIO_IOMMU_MAP_DMA, program_->scratch(31).value), -EFAULT);
  auto request = map_request({UINT64_MAX}, 0x10001, 0);
  request.argsz = 31;
  EXPECT_EQ(call(VFIO_IOMMU_MAP_DMA, request), -EINVAL);
  request.argsz = 32;
  for (const uint32_t flag : {uint32_t{VFIO_DMA_MAP_FLAG_VADDR}, 8U, 0x80000000U}) {
    request.flags = kRead | flag;
    EXPECT_EQ(call(VFIO_IOMMU_MAP_DMA, request), -EINVAL) << flag;
  }
  request.flags = kRead;
  EXPECT_EQ(call(VFIO_IOMMU_MAP_DMA, request), -ENODEV);
  choose();
  request.size = 1;
  EXPECT_EQ(call(VFIO_IOMMU_MAP_DMA, request), -EOVERFLOW) << "the memory wraps";
  request.vaddr = va_.value;
  request.size = 0;
  EXPECT_EQ(call(VFIO_IOMMU_MAP_DMA, request), -EINVAL);
  attach();
  request.size = kPageSize;
  EXPECT_EQ(call(VFIO_IOMMU_MAP_DMA, request), -EINVAL) << "the address is odd";
  request.size = 2 * kPageSize;
  request.iova = UINT64_MAX - 0xfff;
  EXPECT_EQ(call(VFIO_IOMMU_MAP_DMA, request), -EOVERFLOW) << "the range wraps";
  request.iova = 0x10000;
  request.argsz = 100;
  EXPECT_EQ(call(VFIO_IOMMU_MAP_DMA, request), 0);
  EXPECT_EQ(call(VFIO_IOMMU_MAP_DMA, request), -EEXIST);
}

TEST_F(VfioCompat, MapIsAtTheAddressOfTheProgram) {
  choose();
  attach();
  EXPECT_EQ(map(0, 2 * kPageSize), 0) << "even 0";
  EXPECT_EQ(map(0x10000, 4 * kPageSize), 0);
  EXPECT_EQ(page_at(0x12000), 2);
  EXPECT_EQ(page_at(0), 0);
  EXPECT_EQ(pins(), 6U);
}

TEST_F(VfioCompat, MapIsNotWrittenBack) {
  choose();
  const UserPtr argument = program_->read_only(map_request(va_, 0x10000, kPageSize));
  EXPECT_EQ(call_value(VFIO_IOMMU_MAP_DMA, argument.value), 0);
}

TEST_F(VfioCompat, MapPinsForWritingOnlyWithTheFlag) {
  choose();
  attach();
  va_ = program_->memory(kPageSize, PROT_READ);
  EXPECT_EQ(map(0x10000, kPageSize, kRead | kWrite), -EFAULT);
  EXPECT_EQ(map(0x10000, kPageSize, kWrite), -EFAULT);
  EXPECT_EQ(map(0x10000, kPageSize, kRead), 0);
}

TEST_F(VfioCompat, MapForNothingIsFoundOutByAPageTable) {
  choose();
  EXPECT_EQ(map(0x10000, kPageSize, 0), 0);
  EXPECT_EQ(program_->attach(device_, ioas_), -EINVAL);
  EXPECT_EQ(pins(), 0U);
  program_->unmap_all(ioas_);
  attach();
  EXPECT_EQ(map(0x10000, kPageSize, 0), -EINVAL);
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(page_at(0x10000), -ENOENT);
}

TEST_F(VfioCompat, MapAndIoasMapShareTheAddresses) {
  choose();
  ASSERT_EQ(map(0x10000, kPageSize), 0);
  EXPECT_EQ(program_->map_at(ioas_, va_, kPageSize, 0x10000), -EEXIST);
  EXPECT_EQ(program_->unmap(ioas_, 0x10000, kPageSize), 4096);
  ASSERT_EQ(program_->map_at(ioas_, va_, kPageSize, 0x20000), 0);
  EXPECT_EQ(unmap(0x20000, kPageSize), (Unmapped{0, 0x1000}));
}

TEST_F(VfioCompat, UnmapIsCheckedInOrder) {
  EXPECT_EQ(call_value(VFIO_IOMMU_UNMAP_DMA, 0), -EFAULT);
  EXPECT_EQ(call_value(VFIO_IOMMU_UNMAP_DMA, program_->scratch(23).value), -EFAULT);
  auto request = unmap_request(1, 1, kUnmapAll);
  request.argsz = 23;
  EXPECT_EQ(call(VFIO_IOMMU_UNMAP_DMA, request), -EINVAL);
  for (const uint32_t flag : {uint32_t{VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP},
                              uint32_t{VFIO_DMA_UNMAP_FLAG_VADDR}, 8U, 0x80000000U}) {
    EXPECT_EQ(unmap(1, 1, kUnmapAll | flag), (Unmapped{-EINVAL, 1})) << flag;
  }
  EXPECT_EQ(unmap(1, 1, kUnmapAll), (Unmapped{-ENODEV, 1}));
  choose();
  EXPECT_EQ(unmap(1, 1, kUnmapAll), (Unmapped{-EINVAL, 1}));
  EXPECT_EQ(unmap(1, 0, kUnmapAll), (Unmapped{-EINVAL, 0}));
  EXPECT_EQ(unmap(0, 1, kUnmapAll), (Unmapped{-EINVAL, 1}));
}

TEST_F(VfioCompat, UnmapOfAllNeverFailsTheFirstTime) {
  choose();
  EXPECT_EQ(unmap(0, 0, kUnmapAll), (Unmapped{0, 0}));
  ASSERT_EQ(map(0, 0x2000), 0);
  ASSERT_EQ(map(0x10000, 0x4000), 0);
  auto request = unmap_request(0, 0, kUnmapAll);
  EXPECT_EQ(call(VFIO_IOMMU_UNMAP_DMA, request), 0);
  EXPECT_EQ(request.size, 0x6000U);
  EXPECT_EQ(call(VFIO_IOMMU_UNMAP_DMA, request), -EINVAL) << "the size is in the way now";
}

TEST_F(VfioCompat, UnmapTellsTheBytesRemoved) {
  choose();
  ASSERT_EQ(map(0x10000, 0x2000), 0);
  ASSERT_EQ(map(0x14000, 0x1000), 0);
  EXPECT_EQ(unmap(0xf000, 0x10000), (Unmapped{0, 0x3000}));
  EXPECT_EQ(unmap(0xf000, 0x10000), (Unmapped{0, 0})) << "nothing is no error here";
}

TEST_F(VfioCompat, UnmapFailsWithNothingRemoved) {
  choose();
  EXPECT_EQ(unmap(0x10000, 0), (Unmapped{-EINVAL, 0}));
  EXPECT_EQ(unmap(UINT64_MAX, 2), (Unmapped{-EOVERFLOW, 0}));
  EXPECT_EQ(unmap(1, UINT64_MAX), (Unmapped{0, 0})) << "up to the last byte";
  EXPECT_EQ(unmap(0, UINT64_MAX), (Unmapped{0, 0})) << "and this is not ALL";
}

TEST_F(VfioCompat, UnmapByTheSecondTypeTakesWholeAreas) {
  choose();
  ASSERT_EQ(set_iommu(VFIO_TYPE1v2_IOMMU), 0);
  ASSERT_EQ(map(0x10000, 0x2000), 0);
  ASSERT_EQ(map(0x12000, 0x2000), 0);
  EXPECT_EQ(unmap(0x11000, 0x1000), (Unmapped{-ENOENT, 0}));
  EXPECT_EQ(unmap(0x10000, 0x3000), (Unmapped{-ENOENT, 0x2000})) << "and how far it got";
  EXPECT_EQ(unmap(0x12000, 0x2000), (Unmapped{0, 0x2000}));
}

TEST_F(VfioCompat, UnmapThatCannotTellHasUnmapped) {
  choose();
  ASSERT_EQ(map(0x10000, 0x2000), 0);
  const UserPtr argument = program_->read_only(unmap_request(0x10000, 0x2000));
  EXPECT_EQ(call_value(VFIO_IOMMU_UNMAP_DMA, argument.value), -EFAULT);
  EXPECT_EQ(program_->unmap_all(ioas_), 0);
}

TEST_F(VfioCompat, NothingIsMappedOnceTheIoasIsGone) {
  choose();
  ASSERT_EQ(map(0x10000, 0x1000), 0);
  ASSERT_EQ(program_->destroy(ioas_), 0);
  EXPECT_EQ(map(0x10000, 0x1000), -ENODEV);
  EXPECT_EQ(unmap(0x10000, 0x1000), (Unmapped{-ENODEV, 0x1000}));
}

TEST_F(VfioCompat, InNoIommuModeMapsNothing) {
  ASSERT_TRUE(enter_no_iommu_mode());
  EXPECT_EQ(extension(VFIO_TYPE1_IOMMU), 0);
  EXPECT_EQ(extension(VFIO_TYPE1v2_IOMMU), 0);
  EXPECT_EQ(extension(VFIO_UNMAP_ALL), 0);
  EXPECT_EQ(extension(VFIO_NOIOMMU_IOMMU), 1);
  EXPECT_EQ(extension(VFIO_DMA_CC_IOMMU), -ENODEV);
  EXPECT_EQ(set_iommu(VFIO_TYPE1_IOMMU), -EINVAL);
  EXPECT_EQ(set_iommu(VFIO_TYPE1v2_IOMMU), -EINVAL);
  EXPECT_EQ(set_iommu(VFIO_NOIOMMU_IOMMU), 0);
  EXPECT_EQ(set_iommu(VFIO_NOIOMMU_IOMMU), 0) << "again";
  program_->process->set_capability(CAP_SYS_RAWIO, false);
  EXPECT_EQ(set_iommu(VFIO_NOIOMMU_IOMMU), -EPERM);
  EXPECT_EQ(set_iommu(2), -EINVAL);
  EXPECT_EQ(map(0x10000, kPageSize), -ENODEV);
  EXPECT_EQ(unmap(0, 0, kUnmapAll).answer, -ENODEV);
}

TEST_F(VfioCompat, NoIommuModeAndAnIoasExcludeEachOther) {
  choose();
  EXPECT_FALSE(enter_no_iommu_mode());
  EXPECT_EQ(extension(VFIO_TYPE1_IOMMU), 1);
  ASSERT_EQ(program_->clear_vfio_ioas(), 0);
  EXPECT_TRUE(enter_no_iommu_mode());
}

}  // namespace
}  // namespace noiommu::tests
