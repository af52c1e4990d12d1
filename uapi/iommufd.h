/*
 * What user space sees of iommufd: ioctl numbers, flags and argument layouts of /dev/iommu. For C11
 * and C++20; nothing here has logic. Layouts are those of x86-64.
 *
 * Conventions, unless a comment says otherwise:
 *  - `size` is in: the bytes that the caller offers. Fields not named in a comment are in.
 *  - Ids are object numbers of this iommufd. `length` and addresses count bytes.
 *  - `__reserved` must be 0. `*_uptr` and `allowed_iovas` are addresses in the calling process.
 *  - Enumerators that are meant to be or-ed together share one enum: C++20 frowns on mixing two.
 *
 * Source: iommufd.md, section 1.1 for all layouts; "section" below refers to it.
 */
#pragma once

#include <stdint.h>

#include "uapi/iommufd_hwpt.h"
#include "uapi/layout.h"

#ifdef __cplusplus
extern "C" {
#endif

/* NOLINTBEGIN(bugprone-reserved-identifier): the kernel's names are kept. */

/* Section 1.1. Type byte and number only: no size and no direction in the command. */
enum {
  IOMMUFD_TYPE = ';',
  IOMMUFD_CMD_BASE = 0x80,

  IOMMU_DESTROY = (IOMMUFD_TYPE << 8) + 0x80,
  IOMMU_IOAS_ALLOC = (IOMMUFD_TYPE << 8) + 0x81,
  IOMMU_IOAS_ALLOW_IOVAS = (IOMMUFD_TYPE << 8) + 0x82,
  IOMMU_IOAS_COPY = (IOMMUFD_TYPE << 8) + 0x83,
  IOMMU_IOAS_IOVA_RANGES = (IOMMUFD_TYPE << 8) + 0x84,
  IOMMU_IOAS_MAP = (IOMMUFD_TYPE << 8) + 0x85,
  IOMMU_IOAS_UNMAP = (IOMMUFD_TYPE << 8) + 0x86,
  IOMMU_OPTION = (IOMMUFD_TYPE << 8) + 0x87,
  IOMMU_VFIO_IOAS = (IOMMUFD_TYPE << 8) + 0x88,
  IOMMU_HWPT_ALLOC = (IOMMUFD_TYPE << 8) + 0x89,
  IOMMU_GET_HW_INFO = (IOMMUFD_TYPE << 8) + 0x8a,
  IOMMU_HWPT_SET_DIRTY_TRACKING = (IOMMUFD_TYPE << 8) + 0x8b,
  IOMMU_HWPT_GET_DIRTY_BITMAP = (IOMMUFD_TYPE << 8) + 0x8c,
  IOMMU_HWPT_INVALIDATE = (IOMMUFD_TYPE << 8) + 0x8d,
  IOMMU_FAULT_QUEUE_ALLOC = (IOMMUFD_TYPE << 8) + 0x8e,
  IOMMU_IOAS_MAP_FILE = (IOMMUFD_TYPE << 8) + 0x8f,
  IOMMU_VIOMMU_ALLOC = (IOMMUFD_TYPE << 8) + 0x90,
  IOMMU_VDEVICE_ALLOC = (IOMMUFD_TYPE << 8) + 0x91,
  IOMMU_IOAS_CHANGE_PROCESS = (IOMMUFD_TYPE << 8) + 0x92,
  IOMMU_VEVENTQ_ALLOC = (IOMMUFD_TYPE << 8) + 0x93,
  IOMMU_HW_QUEUE_ALLOC = (IOMMUFD_TYPE << 8) + 0x94,
  IOMMU_IOAS_NOIOMMU_GET_PA = (IOMMUFD_TYPE << 8) + 0x95,
  IOMMU_IOAS_GET_PA = (IOMMUFD_TYPE << 8) + 0x95, /* the same slot in v4, section 15.1 */
};
static_assert(IOMMU_DESTROY == 0x3b80, "");
static_assert(IOMMU_IOAS_ALLOC == 0x3b81, "");
static_assert(IOMMU_IOAS_ALLOW_IOVAS == 0x3b82, "");
static_assert(IOMMU_IOAS_COPY == 0x3b83, "");
static_assert(IOMMU_IOAS_IOVA_RANGES == 0x3b84, "");
static_assert(IOMMU_IOAS_MAP == 0x3b85, "");
static_assert(IOMMU_IOAS_UNMAP == 0x3b86, "");
static_assert(IOMMU_OPTION == 0x3b87, "");
static_assert(IOMMU_VFIO_IOAS == 0x3b88, "");
static_assert(IOMMU_HWPT_ALLOC == 0x3b89, "");
static_assert(IOMMU_GET_HW_INFO == 0x3b8a, "");
static_assert(IOMMU_HWPT_SET_DIRTY_TRACKING == 0x3b8b, "");
static_assert(IOMMU_HWPT_GET_DIRTY_BITMAP == 0x3b8c, "");
static_assert(IOMMU_HWPT_INVALIDATE == 0x3b8d, "");
static_assert(IOMMU_FAULT_QUEUE_ALLOC == 0x3b8e, "");
static_assert(IOMMU_IOAS_MAP_FILE == 0x3b8f, "");
static_assert(IOMMU_VIOMMU_ALLOC == 0x3b90, "");
static_assert(IOMMU_VDEVICE_ALLOC == 0x3b91, "");
static_assert(IOMMU_IOAS_CHANGE_PROCESS == 0x3b92, "");
static_assert(IOMMU_VEVENTQ_ALLOC == 0x3b93, "");
static_assert(IOMMU_HW_QUEUE_ALLOC == 0x3b94, "");
static_assert(IOMMU_IOAS_NOIOMMU_GET_PA == 0x3b95, "");
static_assert(IOMMU_IOAS_GET_PA == 0x3b95, "");

/* Section 2.1. Never written back. */
struct iommu_destroy {
  uint32_t size;
  uint32_t id;
};
UAPI_SIZE(iommu_destroy, 8);
UAPI_FIELD(iommu_destroy, size, 0);
UAPI_FIELD(iommu_destroy, id, 4);

/* Section 3. out: out_ioas_id. */
struct iommu_ioas_alloc {
  uint32_t size;
  uint32_t flags;
  uint32_t out_ioas_id;
};
UAPI_SIZE(iommu_ioas_alloc, 12);
UAPI_FIELD(iommu_ioas_alloc, size, 0);
UAPI_FIELD(iommu_ioas_alloc, flags, 4);
UAPI_FIELD(iommu_ioas_alloc, out_ioas_id, 8);

/* Usable addresses; both ends are included. */
struct iommu_iova_range {
  uint64_t start;
  uint64_t last;
};
UAPI_SIZE(iommu_iova_range, 16);
UAPI_FIELD(iommu_iova_range, start, 0);
UAPI_FIELD(iommu_iova_range, last, 8);

/* Section 4. in/out: num_iovas, entries offered and entries that exist. out: an array of
 * iommu_iova_range at allowed_iovas, and out_iova_alignment in bytes. */
struct iommu_ioas_iova_ranges {
  uint32_t size;
  uint32_t ioas_id;
  uint32_t num_iovas;
  uint32_t __reserved;
  uint64_t allowed_iovas;
  uint64_t out_iova_alignment;
};
UAPI_SIZE(iommu_ioas_iova_ranges, 32);
UAPI_FIELD(iommu_ioas_iova_ranges, size, 0);
UAPI_FIELD(iommu_ioas_iova_ranges, ioas_id, 4);
UAPI_FIELD(iommu_ioas_iova_ranges, num_iovas, 8);
UAPI_FIELD(iommu_ioas_iova_ranges, __reserved, 12);
UAPI_FIELD(iommu_ioas_iova_ranges, allowed_iovas, 16);
UAPI_FIELD(iommu_ioas_iova_ranges, out_iova_alignment, 24);

/* Section 5. num_iovas entries of iommu_iova_range at allowed_iovas. Never written back. */
struct iommu_ioas_allow_iovas {
  uint32_t size;
  uint32_t ioas_id;
  uint32_t num_iovas;
  uint32_t __reserved;
  uint64_t allowed_iovas;
};
UAPI_SIZE(iommu_ioas_allow_iovas, 24);
UAPI_FIELD(iommu_ioas_allow_iovas, size, 0);
UAPI_FIELD(iommu_ioas_allow_iovas, ioas_id, 4);
UAPI_FIELD(iommu_ioas_allow_iovas, num_iovas, 8);
UAPI_FIELD(iommu_ioas_allow_iovas, __reserved, 12);
UAPI_FIELD(iommu_ioas_allow_iovas, allowed_iovas, 16);

/* Sections 6 to 8: flags of MAP, MAP_FILE and COPY. */
enum {
  IOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0,
  IOMMU_IOAS_MAP_WRITEABLE = 1 << 1,
  IOMMU_IOAS_MAP_READABLE = 1 << 2,
};

/* Section 6. in/out: iova, read with FIXED_IOVA, else chosen. */
struct iommu_ioas_map {
  uint32_t size;
  uint32_t flags;
  uint32_t ioas_id;
  uint32_t __reserved;
  uint64_t user_va;
  uint64_t length;
  uint64_t iova;
};
UAPI_SIZE(iommu_ioas_map, 40);
UAPI_FIELD(iommu_ioas_map, size, 0);
UAPI_FIELD(iommu_ioas_map, flags, 4);
UAPI_FIELD(iommu_ioas_map, ioas_id, 8);
UAPI_FIELD(iommu_ioas_map, __reserved, 12);
UAPI_FIELD(iommu_ioas_map, user_va, 16);
UAPI_FIELD(iommu_ioas_map, length, 24);
UAPI_FIELD(iommu_ioas_map, iova, 32);

/* Section 7. start: bytes from the beginning of the file or dma-buf. in/out: iova as in MAP. */
struct iommu_ioas_map_file {
  uint32_t size;
  uint32_t flags;
  uint32_t ioas_id;
  int32_t fd;
  uint64_t start;
  uint64_t length;
  uint64_t iova;
};
UAPI_SIZE(iommu_ioas_map_file, 40);
UAPI_FIELD(iommu_ioas_map_file, size, 0);
UAPI_FIELD(iommu_ioas_map_file, flags, 4);
UAPI_FIELD(iommu_ioas_map_file, ioas_id, 8);
UAPI_FIELD(iommu_ioas_map_file, fd, 12);
UAPI_FIELD(iommu_ioas_map_file, start, 16);
UAPI_FIELD(iommu_ioas_map_file, length, 24);
UAPI_FIELD(iommu_ioas_map_file, iova, 32);

/* Section 8. in/out: dst_iova, read with FIXED_IOVA, else chosen. */
struct iommu_ioas_copy {
  uint32_t size;
  uint32_t flags;
  uint32_t dst_ioas_id;
  uint32_t src_ioas_id;
  uint64_t length;
  uint64_t dst_iova;
  uint64_t src_iova;
};
UAPI_SIZE(iommu_ioas_copy, 40);
UAPI_FIELD(iommu_ioas_copy, size, 0);
UAPI_FIELD(iommu_ioas_copy, flags, 4);
UAPI_FIELD(iommu_ioas_copy, dst_ioas_id, 8);
UAPI_FIELD(iommu_ioas_copy, src_ioas_id, 12);
UAPI_FIELD(iommu_ioas_copy, length, 16);
UAPI_FIELD(iommu_ioas_copy, dst_iova, 24);
UAPI_FIELD(iommu_ioas_copy, src_iova, 32);

/* Section 9. in/out: length, on return the bytes that were removed. */
struct iommu_ioas_unmap {
  uint32_t size;
  uint32_t ioas_id;
  uint64_t iova;
  uint64_t length;
};
UAPI_SIZE(iommu_ioas_unmap, 24);
UAPI_FIELD(iommu_ioas_unmap, size, 0);
UAPI_FIELD(iommu_ioas_unmap, ioas_id, 4);
UAPI_FIELD(iommu_ioas_unmap, iova, 8);
UAPI_FIELD(iommu_ioas_unmap, length, 16);

/* Section 11. val64: in for SET, out for GET; the only field that is written back. */
struct iommu_option {
  uint32_t size;
  uint32_t option_id;
  uint16_t op;
  uint16_t __reserved;
  uint32_t object_id;
  uint64_t val64;
};
UAPI_SIZE(iommu_option, 24);
UAPI_FIELD(iommu_option, size, 0);
UAPI_FIELD(iommu_option, option_id, 4);
UAPI_FIELD(iommu_option, op, 8);
UAPI_FIELD(iommu_option, __reserved, 10);
UAPI_FIELD(iommu_option, object_id, 12);
UAPI_FIELD(iommu_option, val64, 16);

enum {
  IOMMU_OPTION_RLIMIT_MODE = 0,
  IOMMU_OPTION_HUGE_PAGES = 1,
};
enum {
  IOMMU_OPTION_OP_SET = 0,
  IOMMU_OPTION_OP_GET = 1,
};

/* Section 12. ioas_id: in for SET, out for GET, ignored by CLEAR. */
struct iommu_vfio_ioas {
  uint32_t size;
  uint32_t ioas_id;
  uint16_t op;
  uint16_t __reserved;
};
UAPI_SIZE(iommu_vfio_ioas, 12);
UAPI_FIELD(iommu_vfio_ioas, size, 0);
UAPI_FIELD(iommu_vfio_ioas, ioas_id, 4);
UAPI_FIELD(iommu_vfio_ioas, op, 8);
UAPI_FIELD(iommu_vfio_ioas, __reserved, 10);

enum {
  IOMMU_VFIO_IOAS_GET = 0,
  IOMMU_VFIO_IOAS_SET = 1,
  IOMMU_VFIO_IOAS_CLEAR = 2,
};

/* Section 12. Never written back. */
struct iommu_ioas_change_process {
  uint32_t size;
  uint32_t __reserved;
};
UAPI_SIZE(iommu_ioas_change_process, 8);
UAPI_FIELD(iommu_ioas_change_process, size, 0);
UAPI_FIELD(iommu_ioas_change_process, __reserved, 4);

/* Section 15. in/out: length, on return the bytes that are physically contiguous from iova on, at
 * most as many as asked for. out: out_phys, a physical address. */
struct iommu_ioas_noiommu_get_pa {
  uint32_t size;
  uint32_t flags;
  uint32_t ioas_id;
  uint32_t __reserved;
  uint64_t iova;
  uint64_t length;
  uint64_t out_phys;
};
UAPI_SIZE(iommu_ioas_noiommu_get_pa, 40);
UAPI_FIELD(iommu_ioas_noiommu_get_pa, size, 0);
UAPI_FIELD(iommu_ioas_noiommu_get_pa, flags, 4);
UAPI_FIELD(iommu_ioas_noiommu_get_pa, ioas_id, 8);
UAPI_FIELD(iommu_ioas_noiommu_get_pa, __reserved, 12);
UAPI_FIELD(iommu_ioas_noiommu_get_pa, iova, 16);
UAPI_FIELD(iommu_ioas_noiommu_get_pa, length, 24);
UAPI_FIELD(iommu_ioas_noiommu_get_pa, out_phys, 32);

/* Section 15.1, the form of v4: out_length is out only, so nothing limits the run. */
struct iommu_ioas_get_pa {
  uint32_t size;
  uint32_t flags;
  uint32_t ioas_id;
  uint32_t __reserved;
  uint64_t iova;
  uint64_t out_length;
  uint64_t out_phys;
};
UAPI_SIZE(iommu_ioas_get_pa, 40);
UAPI_FIELD(iommu_ioas_get_pa, size, 0);
UAPI_FIELD(iommu_ioas_get_pa, flags, 4);
UAPI_FIELD(iommu_ioas_get_pa, ioas_id, 8);
UAPI_FIELD(iommu_ioas_get_pa, __reserved, 12);
UAPI_FIELD(iommu_ioas_get_pa, iova, 16);
UAPI_FIELD(iommu_ioas_get_pa, out_length, 24);
UAPI_FIELD(iommu_ioas_get_pa, out_phys, 32);

/* NOLINTEND(bugprone-reserved-identifier) */

#ifdef __cplusplus
}
#endif
