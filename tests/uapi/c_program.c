#include "tests/uapi/c_program.h"

struct iommu_ioas_map uapi_test_map_request(uint32_t ioas_id, uint64_t user_va, uint64_t length) {
  struct iommu_ioas_map map = {
      .size = sizeof(map),
      .flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
      .ioas_id = ioas_id,
      .user_va = user_va,
      .length = length,
  };
  return map;
}

struct vfio_device_bind_iommufd uapi_test_bind_request(int32_t iommufd) {
  struct vfio_device_bind_iommufd bind = {
      .argsz = sizeof(bind),
      .iommufd = iommufd,
  };
  return bind;
}
