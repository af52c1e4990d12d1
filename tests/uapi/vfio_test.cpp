#include "uapi/vfio.h"

#include <gtest/gtest.h>

#include "tests/uapi/symbol.h"

namespace noiommu::uapi_test {
namespace {

TEST(VfioHeader, AgreesWithTheSystemsHeader) {
  const auto ours = our_symbols();
  const auto systems = system_symbols();

  ASSERT_EQ(ours.size(), systems.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    SCOPED_TRACE(ours[i].name);
    ASSERT_STREQ(ours[i].name, systems[i].name);
    EXPECT_EQ(ours[i].value, systems[i].value);
  }
}

// The system's header is too old for these. Spec: vfio-core.md section 0.
TEST(VfioHeader, IommufdCommandsFollowDeviceFeature) {
  EXPECT_EQ(VFIO_DEVICE_FEATURE + 1, VFIO_DEVICE_BIND_IOMMUFD);
  EXPECT_EQ(VFIO_DEVICE_FEATURE + 2, VFIO_DEVICE_ATTACH_IOMMUFD_PT);
  EXPECT_EQ(VFIO_DEVICE_FEATURE + 3, VFIO_DEVICE_DETACH_IOMMUFD_PT);
}

TEST(VfioHeader, OlderCallersOfGrownStructuresEndAtAField) {
  EXPECT_EQ(offsetof(vfio_device_bind_iommufd, token_uuid_ptr), 16U);
  EXPECT_EQ(offsetof(vfio_device_attach_iommufd_pt, pasid), 12U);
  EXPECT_EQ(offsetof(vfio_device_detach_iommufd_pt, pasid), 8U);
  EXPECT_EQ(offsetof(vfio_device_info, cap_offset), 16U);
  EXPECT_EQ(offsetof(vfio_iommu_type1_info, cap_offset), 16U);
}

TEST(VfioHeader, EntriesFollowTheirStructureWithoutAGap) {
  struct OneEventfd {
    vfio_irq_set set;
    int32_t fd;
  };
  struct OneRange {
    vfio_device_feature feature;
    vfio_device_feature_dma_buf dma_buf;
    vfio_region_dma_range range;
  };

  EXPECT_EQ(offsetof(OneEventfd, fd), sizeof(vfio_irq_set));
  EXPECT_EQ(offsetof(OneRange, dma_buf), sizeof(vfio_device_feature));
  EXPECT_EQ(offsetof(OneRange, range), 24U);
}

TEST(VfioHeader, InterruptFlagsAreEitherDataOrAction) {
  EXPECT_EQ(VFIO_IRQ_SET_DATA_TYPE_MASK,
            VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_DATA_EVENTFD);
  EXPECT_EQ(VFIO_IRQ_SET_ACTION_TYPE_MASK,
            VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_ACTION_TRIGGER);
}

}  // namespace
}  // namespace noiommu::uapi_test
