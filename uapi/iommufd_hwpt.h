/*
 * iommufd ioctls about hardware page tables, devices and what virtual machines build on them.
 * Conventions and command numbers: uapi/iommufd.h. Source: iommufd.md, sections 1.1 and 13.
 */
#pragma once

#include <stdint.h>

#include "uapi/layout.h"

#ifdef __cplusplus
extern "C" {
#endif

/* NOLINTBEGIN(bugprone-reserved-identifier): the kernel's names are kept. */

/* HWPT_ALLOC. pt_id is an IOAS, or a HWPT or vIOMMU to nest on; data_len bytes at data_uptr.
 * out: out_hwpt_id. __reserved2 is not looked at. The structure once ended at 24. */
struct iommu_hwpt_alloc {
  uint32_t size;
  uint32_t flags;
  uint32_t dev_id;
  uint32_t pt_id;
  uint32_t out_hwpt_id;
  uint32_t __reserved;
  uint32_t data_type;
  uint32_t data_len;
  uint64_t data_uptr;
  uint32_t fault_id;
  uint32_t __reserved2;
};
UAPI_SIZE(iommu_hwpt_alloc, 48);
UAPI_FIELD(iommu_hwpt_alloc, size, 0);
UAPI_FIELD(iommu_hwpt_alloc, flags, 4);
UAPI_FIELD(iommu_hwpt_alloc, dev_id, 8);
UAPI_FIELD(iommu_hwpt_alloc, pt_id, 12);
UAPI_FIELD(iommu_hwpt_alloc, out_hwpt_id, 16);
UAPI_FIELD(iommu_hwpt_alloc, __reserved, 20);
UAPI_FIELD(iommu_hwpt_alloc, data_type, 24);
UAPI_FIELD(iommu_hwpt_alloc, data_len, 28);
UAPI_FIELD(iommu_hwpt_alloc, data_uptr, 32);
UAPI_FIELD(iommu_hwpt_alloc, fault_id, 40);
UAPI_FIELD(iommu_hwpt_alloc, __reserved2, 44);

enum {
  IOMMU_HWPT_ALLOC_NEST_PARENT = 1 << 0,
  IOMMU_HWPT_ALLOC_DIRTY_TRACKING = 1 << 1,
  IOMMU_HWPT_FAULT_ID_VALID = 1 << 2,
  IOMMU_HWPT_ALLOC_PASID = 1 << 3,
};
enum { IOMMU_HWPT_DATA_NONE = 0 };

/* GET_HW_INFO. in/out: data_len, bytes at data_uptr; the type, in with INPUT_TYPE and always out.
 * out: the rest. __r0 names the first reserved byte. The structure once ended at 32. */
struct iommu_hw_info {
  uint32_t size;
  uint32_t flags;
  uint32_t dev_id;
  uint32_t data_len;
  uint64_t data_uptr;
  union {
    uint32_t in_data_type;
    uint32_t out_data_type;
  };
  uint8_t out_max_pasid_log2;
  union {
    uint8_t __reserved[3];
    uint8_t __r0;
  };
  uint64_t out_capabilities;
};
UAPI_SIZE(iommu_hw_info, 40);
UAPI_FIELD(iommu_hw_info, size, 0);
UAPI_FIELD(iommu_hw_info, flags, 4);
UAPI_FIELD(iommu_hw_info, dev_id, 8);
UAPI_FIELD(iommu_hw_info, data_len, 12);
UAPI_FIELD(iommu_hw_info, data_uptr, 16);
UAPI_FIELD(iommu_hw_info, in_data_type, 24);
UAPI_FIELD(iommu_hw_info, out_data_type, 24);
UAPI_FIELD(iommu_hw_info, out_max_pasid_log2, 28);
UAPI_FIELD(iommu_hw_info, __reserved, 29);
UAPI_FIELD(iommu_hw_info, __r0, 29);
UAPI_FIELD(iommu_hw_info, out_capabilities, 32);

enum { IOMMU_HW_INFO_FLAG_INPUT_TYPE = 1 << 0 };
enum { IOMMU_HW_INFO_TYPE_NONE = 0 };
enum {
  IOMMU_HW_CAP_DIRTY_TRACKING = 1 << 0,
  IOMMU_HW_CAP_PCI_PASID_EXEC = 1 << 1,
  IOMMU_HW_CAP_PCI_PASID_PRIV = 1 << 2,
};

/* HWPT_SET_DIRTY_TRACKING. Never written back. */
struct iommu_hwpt_set_dirty_tracking {
  uint32_t size;
  uint32_t flags;
  uint32_t hwpt_id;
  uint32_t __reserved;
};
UAPI_SIZE(iommu_hwpt_set_dirty_tracking, 16);
UAPI_FIELD(iommu_hwpt_set_dirty_tracking, size, 0);
UAPI_FIELD(iommu_hwpt_set_dirty_tracking, flags, 4);
UAPI_FIELD(iommu_hwpt_set_dirty_tracking, hwpt_id, 8);
UAPI_FIELD(iommu_hwpt_set_dirty_tracking, __reserved, 12);

enum { IOMMU_HWPT_DIRTY_TRACKING_ENABLE = 1 << 0 };

/* HWPT_GET_DIRTY_BITMAP. out: bits at the address `data`, one per page_size bytes of IOVA. */
struct iommu_hwpt_get_dirty_bitmap {
  uint32_t size;
  uint32_t hwpt_id;
  uint32_t flags;
  uint32_t __reserved;
  uint64_t iova;
  uint64_t length;
  uint64_t page_size;
  uint64_t data;
};
UAPI_SIZE(iommu_hwpt_get_dirty_bitmap, 48);
UAPI_FIELD(iommu_hwpt_get_dirty_bitmap, size, 0);
UAPI_FIELD(iommu_hwpt_get_dirty_bitmap, hwpt_id, 4);
UAPI_FIELD(iommu_hwpt_get_dirty_bitmap, flags, 8);
UAPI_FIELD(iommu_hwpt_get_dirty_bitmap, __reserved, 12);
UAPI_FIELD(iommu_hwpt_get_dirty_bitmap, iova, 16);
UAPI_FIELD(iommu_hwpt_get_dirty_bitmap, length, 24);
UAPI_FIELD(iommu_hwpt_get_dirty_bitmap, page_size, 32);
UAPI_FIELD(iommu_hwpt_get_dirty_bitmap, data, 40);

enum { IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR = 1 << 0 };

/* HWPT_INVALIDATE. entry_num entries of entry_len bytes at data_uptr. in/out: entry_num, on return
 * the entries that were handled, also when the call fails. */
struct iommu_hwpt_invalidate {
  uint32_t size;
  uint32_t hwpt_id;
  uint64_t data_uptr;
  uint32_t data_type;
  uint32_t entry_len;
  uint32_t entry_num;
  uint32_t __reserved;
};
UAPI_SIZE(iommu_hwpt_invalidate, 32);
UAPI_FIELD(iommu_hwpt_invalidate, size, 0);
UAPI_FIELD(iommu_hwpt_invalidate, hwpt_id, 4);
UAPI_FIELD(iommu_hwpt_invalidate, data_uptr, 8);
UAPI_FIELD(iommu_hwpt_invalidate, data_type, 16);
UAPI_FIELD(iommu_hwpt_invalidate, entry_len, 20);
UAPI_FIELD(iommu_hwpt_invalidate, entry_num, 24);
UAPI_FIELD(iommu_hwpt_invalidate, __reserved, 28);

/* FAULT_QUEUE_ALLOC. out: out_fault_id and out_fault_fd, a descriptor. */
struct iommu_fault_alloc {
  uint32_t size;
  uint32_t flags;
  uint32_t out_fault_id;
  uint32_t out_fault_fd;
};
UAPI_SIZE(iommu_fault_alloc, 16);
UAPI_FIELD(iommu_fault_alloc, size, 0);
UAPI_FIELD(iommu_fault_alloc, flags, 4);
UAPI_FIELD(iommu_fault_alloc, out_fault_id, 8);
UAPI_FIELD(iommu_fault_alloc, out_fault_fd, 12);

/* A fault as read from out_fault_fd. length is 0; cookie names the fault in the answer. */
struct iommu_hwpt_pgfault {
  uint32_t flags;
  uint32_t dev_id;
  uint32_t pasid;
  uint32_t grpid;
  uint32_t perm;
  uint32_t __reserved;
  uint64_t addr;
  uint32_t length;
  uint32_t cookie;
};
UAPI_SIZE(iommu_hwpt_pgfault, 40);
UAPI_FIELD(iommu_hwpt_pgfault, flags, 0);
UAPI_FIELD(iommu_hwpt_pgfault, dev_id, 4);
UAPI_FIELD(iommu_hwpt_pgfault, pasid, 8);
UAPI_FIELD(iommu_hwpt_pgfault, grpid, 12);
UAPI_FIELD(iommu_hwpt_pgfault, perm, 16);
UAPI_FIELD(iommu_hwpt_pgfault, __reserved, 20);
UAPI_FIELD(iommu_hwpt_pgfault, addr, 24);
UAPI_FIELD(iommu_hwpt_pgfault, length, 32);
UAPI_FIELD(iommu_hwpt_pgfault, cookie, 36);

/* The answer, written to out_fault_fd. */
struct iommu_hwpt_page_response {
  uint32_t cookie;
  uint32_t code;
};
UAPI_SIZE(iommu_hwpt_page_response, 8);
UAPI_FIELD(iommu_hwpt_page_response, cookie, 0);
UAPI_FIELD(iommu_hwpt_page_response, code, 4);

/* VIOMMU_ALLOC. data_len bytes at data_uptr. out: out_viommu_id. The structure once ended at 24. */
struct iommu_viommu_alloc {
  uint32_t size;
  uint32_t flags;
  uint32_t type;
  uint32_t dev_id;
  uint32_t hwpt_id;
  uint32_t out_viommu_id;
  uint32_t data_len;
  uint32_t __reserved;
  uint64_t data_uptr;
};
UAPI_SIZE(iommu_viommu_alloc, 40);
UAPI_FIELD(iommu_viommu_alloc, size, 0);
UAPI_FIELD(iommu_viommu_alloc, flags, 4);
UAPI_FIELD(iommu_viommu_alloc, type, 8);
UAPI_FIELD(iommu_viommu_alloc, dev_id, 12);
UAPI_FIELD(iommu_viommu_alloc, hwpt_id, 16);
UAPI_FIELD(iommu_viommu_alloc, out_viommu_id, 20);
UAPI_FIELD(iommu_viommu_alloc, data_len, 24);
UAPI_FIELD(iommu_viommu_alloc, __reserved, 28);
UAPI_FIELD(iommu_viommu_alloc, data_uptr, 32);

enum { IOMMU_VIOMMU_TYPE_DEFAULT = 0 };

/* VDEVICE_ALLOC. virt_id is the device's number in the virtual machine. out: out_vdevice_id. */
struct iommu_vdevice_alloc {
  uint32_t size;
  uint32_t viommu_id;
  uint32_t dev_id;
  uint32_t out_vdevice_id;
  uint64_t virt_id;
};
UAPI_SIZE(iommu_vdevice_alloc, 24);
UAPI_FIELD(iommu_vdevice_alloc, size, 0);
UAPI_FIELD(iommu_vdevice_alloc, viommu_id, 4);
UAPI_FIELD(iommu_vdevice_alloc, dev_id, 8);
UAPI_FIELD(iommu_vdevice_alloc, out_vdevice_id, 12);
UAPI_FIELD(iommu_vdevice_alloc, virt_id, 16);

/* VEVENTQ_ALLOC. veventq_depth counts events. out: out_veventq_id and out_veventq_fd. */
struct iommu_veventq_alloc {
  uint32_t size;
  uint32_t flags;
  uint32_t viommu_id;
  uint32_t type;
  uint32_t veventq_depth;
  uint32_t out_veventq_id;
  uint32_t out_veventq_fd;
  uint32_t __reserved;
};
UAPI_SIZE(iommu_veventq_alloc, 32);
UAPI_FIELD(iommu_veventq_alloc, size, 0);
UAPI_FIELD(iommu_veventq_alloc, flags, 4);
UAPI_FIELD(iommu_veventq_alloc, viommu_id, 8);
UAPI_FIELD(iommu_veventq_alloc, type, 12);
UAPI_FIELD(iommu_veventq_alloc, veventq_depth, 16);
UAPI_FIELD(iommu_veventq_alloc, out_veventq_id, 20);
UAPI_FIELD(iommu_veventq_alloc, out_veventq_fd, 24);
UAPI_FIELD(iommu_veventq_alloc, __reserved, 28);

/* HW_QUEUE_ALLOC. length bytes of queue at nesting_parent_iova. out: out_hw_queue_id. */
struct iommu_hw_queue_alloc {
  uint32_t size;
  uint32_t flags;
  uint32_t viommu_id;
  uint32_t type;
  uint32_t index;
  uint32_t out_hw_queue_id;
  uint64_t nesting_parent_iova;
  uint64_t length;
};
UAPI_SIZE(iommu_hw_queue_alloc, 40);
UAPI_FIELD(iommu_hw_queue_alloc, size, 0);
UAPI_FIELD(iommu_hw_queue_alloc, flags, 4);
UAPI_FIELD(iommu_hw_queue_alloc, viommu_id, 8);
UAPI_FIELD(iommu_hw_queue_alloc, type, 12);
UAPI_FIELD(iommu_hw_queue_alloc, index, 16);
UAPI_FIELD(iommu_hw_queue_alloc, out_hw_queue_id, 20);
UAPI_FIELD(iommu_hw_queue_alloc, nesting_parent_iova, 24);
UAPI_FIELD(iommu_hw_queue_alloc, length, 32);

/* NOLINTEND(bugprone-reserved-identifier) */

#ifdef __cplusplus
}
#endif
