/* Arguments that a C program fills in, for a C++ program to look at. */
#pragma once

#include "uapi/iommufd.h"
#include "uapi/vfio.h"

#ifdef __cplusplus
extern "C" {
#endif

struct iommu_ioas_map uapi_test_map_request(uint32_t ioas_id, uint64_t user_va, uint64_t length);
struct vfio_device_bind_iommufd uapi_test_bind_request(int32_t iommufd);

#ifdef __cplusplus
}
#endif
