/*
 * Arguments of the ioctls on a VFIO device file that describe and drive the device. Conventions and
 * command numbers: uapi/vfio.h. Source: vfio-core.md.
 */
#pragma once

#include <stdint.h>

#include "uapi/layout.h"
#include "uapi/vfio_info_cap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Section 11.2, DEVICE_GET_INFO. All out, and argsz is raised if capabilities need more.
 * cap_offset is 0 without any; cap_offset and pad are absent for a caller that offers 16 bytes. */
struct vfio_device_info {
  uint32_t argsz;
  uint32_t flags;
  uint32_t num_regions;
  uint32_t num_irqs;
  uint32_t cap_offset;
  uint32_t pad;
};
UAPI_SIZE(vfio_device_info, 24);
UAPI_FIELD(vfio_device_info, argsz, 0);
UAPI_FIELD(vfio_device_info, flags, 4);
UAPI_FIELD(vfio_device_info, num_regions, 8);
UAPI_FIELD(vfio_device_info, num_irqs, 12);
UAPI_FIELD(vfio_device_info, cap_offset, 16);
UAPI_FIELD(vfio_device_info, pad, 20);

enum {
  VFIO_DEVICE_FLAGS_RESET = 1 << 0,
  VFIO_DEVICE_FLAGS_PCI = 1 << 1,
  VFIO_DEVICE_FLAGS_PLATFORM = 1 << 2,
  VFIO_DEVICE_FLAGS_AMBA = 1 << 3,
  VFIO_DEVICE_FLAGS_CCW = 1 << 4,
  VFIO_DEVICE_FLAGS_AP = 1 << 5,
  VFIO_DEVICE_FLAGS_FSL_MC = 1 << 6,
  VFIO_DEVICE_FLAGS_CAPS = 1 << 7,
};

/* Section 11.3, DEVICE_GET_REGION_INFO. in: index. out: the rest; offset is where pread, pwrite
 * and mmap on the device find the region. */
struct vfio_region_info {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t cap_offset;
  uint64_t size;
  uint64_t offset;
};
UAPI_SIZE(vfio_region_info, 32);
UAPI_FIELD(vfio_region_info, argsz, 0);
UAPI_FIELD(vfio_region_info, flags, 4);
UAPI_FIELD(vfio_region_info, index, 8);
UAPI_FIELD(vfio_region_info, cap_offset, 12);
UAPI_FIELD(vfio_region_info, size, 16);
UAPI_FIELD(vfio_region_info, offset, 24);

enum {
  VFIO_REGION_INFO_FLAG_READ = 1 << 0,
  VFIO_REGION_INFO_FLAG_WRITE = 1 << 1,
  VFIO_REGION_INFO_FLAG_MMAP = 1 << 2,
  VFIO_REGION_INFO_FLAG_CAPS = 1 << 3,
};

/* Capability ids of a region. The last one is a bare header: the MSI-X table may be mapped. */
enum {
  VFIO_REGION_INFO_CAP_SPARSE_MMAP = 1,
  VFIO_REGION_INFO_CAP_TYPE = 2,
  VFIO_REGION_INFO_CAP_MSIX_MAPPABLE = 3,
};

/* One mappable piece of a region, in bytes from the start of the region. */
struct vfio_region_sparse_mmap_area {
  uint64_t offset;
  uint64_t size;
};
UAPI_SIZE(vfio_region_sparse_mmap_area, 16);
UAPI_FIELD(vfio_region_sparse_mmap_area, offset, 0);
UAPI_FIELD(vfio_region_sparse_mmap_area, size, 8);

/* Section 11.3. All out; nr_areas entries of vfio_region_sparse_mmap_area follow. */
struct vfio_region_info_cap_sparse_mmap {
  struct vfio_info_cap_header header;
  uint32_t nr_areas;
  uint32_t reserved;
};
UAPI_SIZE(vfio_region_info_cap_sparse_mmap, 16);
UAPI_FIELD(vfio_region_info_cap_sparse_mmap, header, 0);
UAPI_FIELD(vfio_region_info_cap_sparse_mmap, nr_areas, 8);
UAPI_FIELD(vfio_region_info_cap_sparse_mmap, reserved, 12);

/* Section 11.3: names a device-specific region. All out. */
struct vfio_region_info_cap_type {
  struct vfio_info_cap_header header;
  uint32_t type;
  uint32_t subtype;
};
UAPI_SIZE(vfio_region_info_cap_type, 16);
UAPI_FIELD(vfio_region_info_cap_type, header, 0);
UAPI_FIELD(vfio_region_info_cap_type, type, 8);
UAPI_FIELD(vfio_region_info_cap_type, subtype, 12);

/* Section 11.3: region numbers of vfio-pci. Device-specific ones start at NUM_REGIONS. */
enum {
  VFIO_PCI_BAR0_REGION_INDEX = 0,
  VFIO_PCI_BAR1_REGION_INDEX = 1,
  VFIO_PCI_BAR2_REGION_INDEX = 2,
  VFIO_PCI_BAR3_REGION_INDEX = 3,
  VFIO_PCI_BAR4_REGION_INDEX = 4,
  VFIO_PCI_BAR5_REGION_INDEX = 5,
  VFIO_PCI_ROM_REGION_INDEX = 6,
  VFIO_PCI_CONFIG_REGION_INDEX = 7,
  VFIO_PCI_VGA_REGION_INDEX = 8,
  VFIO_PCI_NUM_REGIONS = 9,
};

/* Section 11.4: interrupt numbers of vfio-pci. */
enum {
  VFIO_PCI_INTX_IRQ_INDEX = 0,
  VFIO_PCI_MSI_IRQ_INDEX = 1,
  VFIO_PCI_MSIX_IRQ_INDEX = 2,
  VFIO_PCI_ERR_IRQ_INDEX = 3,
  VFIO_PCI_REQ_IRQ_INDEX = 4,
  VFIO_PCI_NUM_IRQS = 5,
};

/* Section 11.4, DEVICE_GET_IRQ_INFO. in: index. out: flags, count (vectors). */
struct vfio_irq_info {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t count;
};
UAPI_SIZE(vfio_irq_info, 16);
UAPI_FIELD(vfio_irq_info, argsz, 0);
UAPI_FIELD(vfio_irq_info, flags, 4);
UAPI_FIELD(vfio_irq_info, index, 8);
UAPI_FIELD(vfio_irq_info, count, 12);

enum {
  VFIO_IRQ_INFO_EVENTFD = 1 << 0,
  VFIO_IRQ_INFO_MASKABLE = 1 << 1,
  VFIO_IRQ_INFO_AUTOMASKED = 1 << 2,
  VFIO_IRQ_INFO_NORESIZE = 1 << 3,
};

/* Section 11.5, DEVICE_SET_IRQS. All in, for vectors start to start + count - 1. count entries
 * follow: none for DATA_NONE, uint8_t for DATA_BOOL, int32_t descriptors for DATA_EVENTFD. */
struct vfio_irq_set {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t start;
  uint32_t count;
};
UAPI_SIZE(vfio_irq_set, 20);
UAPI_FIELD(vfio_irq_set, argsz, 0);
UAPI_FIELD(vfio_irq_set, flags, 4);
UAPI_FIELD(vfio_irq_set, index, 8);
UAPI_FIELD(vfio_irq_set, start, 12);
UAPI_FIELD(vfio_irq_set, count, 16);

/* One DATA bit and one ACTION bit make a call. */
enum {
  VFIO_IRQ_SET_DATA_NONE = 1 << 0,
  VFIO_IRQ_SET_DATA_BOOL = 1 << 1,
  VFIO_IRQ_SET_DATA_EVENTFD = 1 << 2,
  VFIO_IRQ_SET_ACTION_MASK = 1 << 3,
  VFIO_IRQ_SET_ACTION_UNMASK = 1 << 4,
  VFIO_IRQ_SET_ACTION_TRIGGER = 1 << 5,
  VFIO_IRQ_SET_DATA_TYPE_MASK = 0x07,
  VFIO_IRQ_SET_ACTION_TYPE_MASK = 0x38,
};

/* Section 11.7: a function that a hot reset would hit. All out. The first word is a group id, or
 * with FLAG_DEV_ID an iommufd device id. */
struct vfio_pci_dependent_device {
  union {
    uint32_t group_id;
    uint32_t devid;
  };
  uint16_t segment;
  uint8_t bus;
  uint8_t devfn;
};
UAPI_SIZE(vfio_pci_dependent_device, 8);
UAPI_FIELD(vfio_pci_dependent_device, group_id, 0);
UAPI_FIELD(vfio_pci_dependent_device, devid, 0);
UAPI_FIELD(vfio_pci_dependent_device, segment, 4);
UAPI_FIELD(vfio_pci_dependent_device, bus, 6);
UAPI_FIELD(vfio_pci_dependent_device, devfn, 7);

/* Values of devid that name no device. Macros: all ones does not fit a C11 enumerator. */
#define VFIO_PCI_DEVID_OWNED UINT32_C(0)
#define VFIO_PCI_DEVID_NOT_OWNED UINT32_MAX

/* Section 11.7, DEVICE_GET_PCI_HOT_RESET_INFO. out: flags, count; count entries of
 * vfio_pci_dependent_device follow. */
struct vfio_pci_hot_reset_info {
  uint32_t argsz;
  uint32_t flags;
  uint32_t count;
};
UAPI_SIZE(vfio_pci_hot_reset_info, 12);
UAPI_FIELD(vfio_pci_hot_reset_info, argsz, 0);
UAPI_FIELD(vfio_pci_hot_reset_info, flags, 4);
UAPI_FIELD(vfio_pci_hot_reset_info, count, 8);

enum {
  VFIO_PCI_HOT_RESET_FLAG_DEV_ID = 1 << 0,
  VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED = 1 << 1,
};

/* Section 11.7, DEVICE_PCI_HOT_RESET. All in; flags must be 0. count group descriptors (int32_t)
 * follow: none for a device opened through its cdev. */
struct vfio_pci_hot_reset {
  uint32_t argsz;
  uint32_t flags;
  uint32_t count;
};
UAPI_SIZE(vfio_pci_hot_reset, 12);
UAPI_FIELD(vfio_pci_hot_reset, argsz, 0);
UAPI_FIELD(vfio_pci_hot_reset, flags, 4);
UAPI_FIELD(vfio_pci_hot_reset, count, 8);

/* Section 11.8, DEVICE_FEATURE. All in; flags holds the feature's index and what to do with it.
 * The feature's own payload follows, in for SET and in/out for GET. */
struct vfio_device_feature {
  uint32_t argsz;
  uint32_t flags;
};
UAPI_SIZE(vfio_device_feature, 8);
UAPI_FIELD(vfio_device_feature, argsz, 0);
UAPI_FIELD(vfio_device_feature, flags, 4);

enum {
  VFIO_DEVICE_FEATURE_MASK = 0xffff,
  VFIO_DEVICE_FEATURE_GET = 1 << 16,
  VFIO_DEVICE_FEATURE_SET = 1 << 17,
  VFIO_DEVICE_FEATURE_PROBE = 1 << 18,

  VFIO_DEVICE_FEATURE_PCI_VF_TOKEN = 0,
  VFIO_DEVICE_FEATURE_MIGRATION = 1,
  VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE = 2,
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY = 3,
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP = 4,
  VFIO_DEVICE_FEATURE_LOW_POWER_EXIT = 5,
  VFIO_DEVICE_FEATURE_DMA_LOGGING_START = 6,
  VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP = 7,
  VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT = 8,
  VFIO_DEVICE_FEATURE_MIG_DATA_SIZE = 9,
  VFIO_DEVICE_FEATURE_BUS_MASTER = 10,
  VFIO_DEVICE_FEATURE_DMA_BUF = 11,
  VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 = 12,
  VFIO_DEVICE_FEATURE_ZPCI_ERROR = 13,
};

/* Section 11.8, payload of LOW_POWER_ENTRY_WITH_WAKEUP (feature 4). in: wakeup_eventfd. */
struct vfio_device_low_power_entry_with_wakeup {
  int32_t wakeup_eventfd;
  uint32_t reserved;
};
UAPI_SIZE(vfio_device_low_power_entry_with_wakeup, 8);
UAPI_FIELD(vfio_device_low_power_entry_with_wakeup, wakeup_eventfd, 0);
UAPI_FIELD(vfio_device_low_power_entry_with_wakeup, reserved, 4);

/* A piece of a BAR, in bytes from the start of the BAR, whole pages. */
struct vfio_region_dma_range {
  uint64_t offset;
  uint64_t length;
};
UAPI_SIZE(vfio_region_dma_range, 16);
UAPI_FIELD(vfio_region_dma_range, offset, 0);
UAPI_FIELD(vfio_region_dma_range, length, 8);

/* Section 11.10, payload of DMA_BUF (feature 11). All in: the new descriptor is the ioctl's result.
 * open_flags are those of open(2); nr_ranges entries of vfio_region_dma_range follow. */
struct vfio_device_feature_dma_buf {
  uint32_t region_index;
  uint32_t open_flags;
  uint32_t flags;
  uint32_t nr_ranges;
};
UAPI_SIZE(vfio_device_feature_dma_buf, 16);
UAPI_FIELD(vfio_device_feature_dma_buf, region_index, 0);
UAPI_FIELD(vfio_device_feature_dma_buf, open_flags, 4);
UAPI_FIELD(vfio_device_feature_dma_buf, flags, 8);
UAPI_FIELD(vfio_device_feature_dma_buf, nr_ranges, 12);

#ifdef __cplusplus
}
#endif
