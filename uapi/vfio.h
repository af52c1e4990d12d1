/*
 * What user space sees of VFIO: ioctl numbers, flags and argument layouts of the container, group
 * and device files. For C11 and C++20; nothing here has logic. Layouts are those of x86-64.
 *
 * Conventions, unless a comment says otherwise:
 *  - `argsz` is in: the size in bytes that the caller offers. `size`, `offset` and `length` count
 *    bytes, `count` and `num_*` count entries.
 *  - A structure that is followed by entries ends before them. The entries start at sizeof, so C++
 *    programs may put them behind it in a structure of their own.
 *  - Enumerators that are meant to be or-ed together share one enum: C++20 frowns on mixing two.
 *
 * Source: vfio-core.md; "section" below refers to it.
 */
#pragma once

#include <stdint.h>

#include "uapi/layout.h"
#include "uapi/vfio_device.h"
#include "uapi/vfio_type1.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Section 0. Type byte and number only: no size and no direction in the command. */
enum {
  VFIO_API_VERSION = 0,
  VFIO_TYPE = ';',
  VFIO_BASE = 100,

  /* Container. The argument of the last two is a plain number. */
  VFIO_GET_API_VERSION = (VFIO_TYPE << 8) + VFIO_BASE + 0,
  VFIO_CHECK_EXTENSION = (VFIO_TYPE << 8) + VFIO_BASE + 1,
  VFIO_SET_IOMMU = (VFIO_TYPE << 8) + VFIO_BASE + 2,

  /* Group. SET_CONTAINER points to an int32_t descriptor, GET_DEVICE_FD to a string. */
  VFIO_GROUP_GET_STATUS = (VFIO_TYPE << 8) + VFIO_BASE + 3,
  VFIO_GROUP_SET_CONTAINER = (VFIO_TYPE << 8) + VFIO_BASE + 4,
  VFIO_GROUP_UNSET_CONTAINER = (VFIO_TYPE << 8) + VFIO_BASE + 5,
  VFIO_GROUP_GET_DEVICE_FD = (VFIO_TYPE << 8) + VFIO_BASE + 6,

  /* Device */
  VFIO_DEVICE_GET_INFO = (VFIO_TYPE << 8) + VFIO_BASE + 7,
  VFIO_DEVICE_GET_REGION_INFO = (VFIO_TYPE << 8) + VFIO_BASE + 8,
  VFIO_DEVICE_GET_IRQ_INFO = (VFIO_TYPE << 8) + VFIO_BASE + 9,
  VFIO_DEVICE_SET_IRQS = (VFIO_TYPE << 8) + VFIO_BASE + 10,
  VFIO_DEVICE_RESET = (VFIO_TYPE << 8) + VFIO_BASE + 11,
  VFIO_DEVICE_GET_PCI_HOT_RESET_INFO = (VFIO_TYPE << 8) + VFIO_BASE + 12,
  VFIO_DEVICE_PCI_HOT_RESET = (VFIO_TYPE << 8) + VFIO_BASE + 13,
  VFIO_DEVICE_IOEVENTFD = (VFIO_TYPE << 8) + VFIO_BASE + 16,
  VFIO_DEVICE_FEATURE = (VFIO_TYPE << 8) + VFIO_BASE + 17,
  VFIO_DEVICE_BIND_IOMMUFD = (VFIO_TYPE << 8) + VFIO_BASE + 18,
  VFIO_DEVICE_ATTACH_IOMMUFD_PT = (VFIO_TYPE << 8) + VFIO_BASE + 19,
  VFIO_DEVICE_DETACH_IOMMUFD_PT = (VFIO_TYPE << 8) + VFIO_BASE + 20,

  /* Container again, once it has an IOMMU backend: the numbers overlap those of a device. */
  VFIO_IOMMU_GET_INFO = (VFIO_TYPE << 8) + VFIO_BASE + 12,
  VFIO_IOMMU_MAP_DMA = (VFIO_TYPE << 8) + VFIO_BASE + 13,
  VFIO_IOMMU_UNMAP_DMA = (VFIO_TYPE << 8) + VFIO_BASE + 14,
  VFIO_IOMMU_DIRTY_PAGES = (VFIO_TYPE << 8) + VFIO_BASE + 17,
};
static_assert(VFIO_GET_API_VERSION == 0x3B64, "");
static_assert(VFIO_CHECK_EXTENSION == 0x3B65, "");
static_assert(VFIO_SET_IOMMU == 0x3B66, "");
static_assert(VFIO_GROUP_GET_STATUS == 0x3B67, "");
static_assert(VFIO_GROUP_SET_CONTAINER == 0x3B68, "");
static_assert(VFIO_GROUP_UNSET_CONTAINER == 0x3B69, "");
static_assert(VFIO_GROUP_GET_DEVICE_FD == 0x3B6A, "");
static_assert(VFIO_DEVICE_GET_INFO == 0x3B6B, "");
static_assert(VFIO_DEVICE_GET_REGION_INFO == 0x3B6C, "");
static_assert(VFIO_DEVICE_GET_IRQ_INFO == 0x3B6D, "");
static_assert(VFIO_DEVICE_SET_IRQS == 0x3B6E, "");
static_assert(VFIO_DEVICE_RESET == 0x3B6F, "");
static_assert(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO == 0x3B70, "");
static_assert(VFIO_DEVICE_PCI_HOT_RESET == 0x3B71, "");
static_assert(VFIO_DEVICE_IOEVENTFD == 0x3B74, "");
static_assert(VFIO_DEVICE_FEATURE == 0x3B75, "");
static_assert(VFIO_DEVICE_BIND_IOMMUFD == 0x3B76, "");
static_assert(VFIO_DEVICE_ATTACH_IOMMUFD_PT == 0x3B77, "");
static_assert(VFIO_DEVICE_DETACH_IOMMUFD_PT == 0x3B78, "");
static_assert(VFIO_IOMMU_GET_INFO == 0x3B70, "");
static_assert(VFIO_IOMMU_MAP_DMA == 0x3B71, "");
static_assert(VFIO_IOMMU_UNMAP_DMA == 0x3B72, "");
static_assert(VFIO_IOMMU_DIRTY_PAGES == 0x3B75, "");

/* Section 6: what CHECK_EXTENSION asks about. 1, 3, 8 and the TCE kinds are also for SET_IOMMU. */
enum {
  VFIO_TYPE1_IOMMU = 1,
  VFIO_SPAPR_TCE_IOMMU = 2,
  VFIO_TYPE1v2_IOMMU = 3,
  VFIO_DMA_CC_IOMMU = 4,
  VFIO_EEH = 5,
  VFIO_TYPE1_NESTING_IOMMU = 6,
  VFIO_SPAPR_TCE_v2_IOMMU = 7,
  VFIO_NOIOMMU_IOMMU = 8,
  VFIO_UNMAP_ALL = 9,
  VFIO_UPDATE_VADDR = 10,
};

/* Section 5.2, GROUP_GET_STATUS. out: flags. */
struct vfio_group_status {
  uint32_t argsz;
  uint32_t flags;
};
UAPI_SIZE(vfio_group_status, 8);
UAPI_FIELD(vfio_group_status, argsz, 0);
UAPI_FIELD(vfio_group_status, flags, 4);

enum {
  VFIO_GROUP_FLAGS_VIABLE = 1 << 0,
  VFIO_GROUP_FLAGS_CONTAINER_SET = 1 << 1,
};

/* Section 8, BIND_IOMMUFD. in: iommufd (descriptor), token_uuid_ptr (16 bytes, with the flag).
 * out: out_devid. The structure once ended at 16. */
struct vfio_device_bind_iommufd {
  uint32_t argsz;
  uint32_t flags;
  int32_t iommufd;
  uint32_t out_devid;
  uint64_t token_uuid_ptr;
};
UAPI_SIZE(vfio_device_bind_iommufd, 24);
UAPI_FIELD(vfio_device_bind_iommufd, argsz, 0);
UAPI_FIELD(vfio_device_bind_iommufd, flags, 4);
UAPI_FIELD(vfio_device_bind_iommufd, iommufd, 8);
UAPI_FIELD(vfio_device_bind_iommufd, out_devid, 12);
UAPI_FIELD(vfio_device_bind_iommufd, token_uuid_ptr, 16);

enum { VFIO_DEVICE_BIND_FLAG_TOKEN = 1 << 0 };

/* Section 9, ATTACH_IOMMUFD_PT. in: pasid (with the flag). in/out: pt_id, an IOAS or HWPT in, the
 * HWPT out. The structure once ended at 12. */
struct vfio_device_attach_iommufd_pt {
  uint32_t argsz;
  uint32_t flags;
  uint32_t pt_id;
  uint32_t pasid;
};
UAPI_SIZE(vfio_device_attach_iommufd_pt, 16);
UAPI_FIELD(vfio_device_attach_iommufd_pt, argsz, 0);
UAPI_FIELD(vfio_device_attach_iommufd_pt, flags, 4);
UAPI_FIELD(vfio_device_attach_iommufd_pt, pt_id, 8);
UAPI_FIELD(vfio_device_attach_iommufd_pt, pasid, 12);

enum { VFIO_DEVICE_ATTACH_PASID = 1 << 0 };

/* Section 9, DETACH_IOMMUFD_PT. All in; pasid with the flag. The structure once ended at 8. */
struct vfio_device_detach_iommufd_pt {
  uint32_t argsz;
  uint32_t flags;
  uint32_t pasid;
};
UAPI_SIZE(vfio_device_detach_iommufd_pt, 12);
UAPI_FIELD(vfio_device_detach_iommufd_pt, argsz, 0);
UAPI_FIELD(vfio_device_detach_iommufd_pt, flags, 4);
UAPI_FIELD(vfio_device_detach_iommufd_pt, pasid, 8);

enum { VFIO_DEVICE_DETACH_PASID = 1 << 0 };

#ifdef __cplusplus
}
#endif
