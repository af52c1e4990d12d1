#include "tests/uapi/c_program.h"

#include <gtest/gtest.h>

namespace noiommu::uapi_test {
namespace {

TEST(CProgram, FillsInAMapRequestThatCppReads) {
  const iommu_ioas_map map = uapi_test_map_request(7, 0x7f0000000000, 0x200000);

  EXPECT_EQ(map.size, sizeof(iommu_ioas_map));
  EXPECT_EQ(map.flags, IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE);
  EXPECT_EQ(map.ioas_id, 7U);
  EXPECT_EQ(map.user_va, 0x7f0000000000U);
  EXPECT_EQ(map.length, 0x200000U);
  EXPECT_EQ(map.iova, 0U);
}

TEST(CProgram, FillsInABindRequestThatCppReads) {
  const vfio_device_bind_iommufd bind = uapi_test_bind_request(-1);

  EXPECT_EQ(bind.argsz, sizeof(vfio_device_bind_iommufd));
  EXPECT_EQ(bind.iommufd, -1);
  EXPECT_EQ(bind.token_uuid_ptr, 0U);
}

}  // namespace
}  // namespace noiommu::uapi_test
