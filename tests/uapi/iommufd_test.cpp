#include "uapi/iommufd.h"

#include <gtest/gtest.h>
#include <linux/ioctl.h>

namespace noiommu::uapi_test {
namespace {

struct Layout {
  const char* name;
  uint32_t command;
  uint32_t number;
  size_t our_size;
  size_t size;
};

void PrintTo(const Layout& layout, std::ostream* out) {
  *out << layout.name;
}

class IommufdCommand : public testing::TestWithParam<Layout> {};

TEST_P(IommufdCommand, IsABareNumberOfTheIommufdType) {
  EXPECT_EQ(GetParam().command, _IO(';', GetParam().number));
}

TEST_P(IommufdCommand, TakesAStructureOfTheSpecifiedSize) {
  EXPECT_EQ(GetParam().our_size, GetParam().size);
}

// Spec: iommufd.md section 1.1.
INSTANTIATE_TEST_SUITE_P(
    Spec, IommufdCommand,
    testing::Values(
        Layout{"DESTROY", IOMMU_DESTROY, 0x80, sizeof(iommu_destroy), 8},
        Layout{"IOAS_ALLOC", IOMMU_IOAS_ALLOC, 0x81, sizeof(iommu_ioas_alloc), 12},
        Layout{"IOAS_ALLOW_IOVAS", IOMMU_IOAS_ALLOW_IOVAS, 0x82, sizeof(iommu_ioas_allow_iovas),
               24},
        Layout{"IOAS_COPY", IOMMU_IOAS_COPY, 0x83, sizeof(iommu_ioas_copy), 40},
        Layout{"IOAS_IOVA_RANGES", IOMMU_IOAS_IOVA_RANGES, 0x84, sizeof(iommu_ioas_iova_ranges),
               32},
        Layout{"IOAS_MAP", IOMMU_IOAS_MAP, 0x85, sizeof(iommu_ioas_map), 40},
        Layout{"IOAS_UNMAP", IOMMU_IOAS_UNMAP, 0x86, sizeof(iommu_ioas_unmap), 24},
        Layout{"OPTION", IOMMU_OPTION, 0x87, sizeof(iommu_option), 24},
        Layout{"VFIO_IOAS", IOMMU_VFIO_IOAS, 0x88, sizeof(iommu_vfio_ioas), 12},
        Layout{"HWPT_ALLOC", IOMMU_HWPT_ALLOC, 0x89, sizeof(iommu_hwpt_alloc), 48},
        Layout{"GET_HW_INFO", IOMMU_GET_HW_INFO, 0x8a, sizeof(iommu_hw_info), 40},
        Layout{"HWPT_SET_DIRTY_TRACKING", IOMMU_HWPT_SET_DIRTY_TRACKING, 0x8b,
               sizeof(iommu_hwpt_set_dirty_tracking), 16},
        Layout{"HWPT_GET_DIRTY_BITMAP", IOMMU_HWPT_GET_DIRTY_BITMAP, 0x8c,
               sizeof(iommu_hwpt_get_dirty_bitmap), 48},
        Layout{"HWPT_INVALIDATE", IOMMU_HWPT_INVALIDATE, 0x8d, sizeof(iommu_hwpt_invalidate), 32},
        Layout{"FAULT_QUEUE_ALLOC", IOMMU_FAULT_QUEUE_ALLOC, 0x8e, sizeof(iommu_fault_alloc), 16},
        Layout{"IOAS_MAP_FILE", IOMMU_IOAS_MAP_FILE, 0x8f, sizeof(iommu_ioas_map_file), 40},
        Layout{"IOAS_CHANGE_PROCESS", IOMMU_IOAS_CHANGE_PROCESS, 0x92,
               sizeof(iommu_ioas_change_process), 8},
        Layout{"IOAS_NOIOMMU_GET_PA", IOMMU_IOAS_NOIOMMU_GET_PA, 0x95,
               sizeof(iommu_ioas_noiommu_get_pa), 40},
        Layout{"IOAS_GET_PA", IOMMU_IOAS_GET_PA, 0x95, sizeof(iommu_ioas_get_pa), 40}),
    [](const auto& info) { return info.param.name; });

// Spec: iommufd.md section 15.1. One slot, one layout; only what offset 24 means has changed.
TEST(IommufdHeader, BothFormsOfGetPaShareTheirLayout) {
  EXPECT_EQ(offsetof(iommu_ioas_get_pa, out_length), 24U);
  EXPECT_EQ(offsetof(iommu_ioas_noiommu_get_pa, length), 24U);
  EXPECT_EQ(offsetof(iommu_ioas_get_pa, out_phys), offsetof(iommu_ioas_noiommu_get_pa, out_phys));
}

TEST(IommufdHeader, OlderCallersOfGrownStructuresEndAtAField) {
  EXPECT_EQ(offsetof(iommu_hwpt_alloc, data_type), 24U);
  EXPECT_EQ(offsetof(iommu_hw_info, out_capabilities), 32U);
}

TEST(IommufdHeader, FirstReservedByteOfHwInfoHasAShortName) {
  iommu_hw_info info{};
  info.__r0 = 1;

  EXPECT_EQ(info.__reserved[0], 1);
  EXPECT_EQ(offsetof(iommu_hw_info, __r0), 29U);
}

}  // namespace
}  // namespace noiommu::uapi_test
