/*
 * Arguments of the mapping ioctls on a VFIO container with a type 1 backend, or on the container
 * that iommufd emulates. Conventions and command numbers: uapi/vfio.h. Source: iommufd.md, section
 * 16; vfio-core.md, section 6.
 */
#pragma once

#include <stdint.h>

#include "uapi/layout.h"
#include "uapi/vfio_info_cap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* IOMMU_GET_INFO. All out, argsz too (the size that the answer needs). iova_pgsizes has a bit per
 * page size in bytes. cap_offset and pad are absent for a caller that offers 16 bytes. */
struct vfio_iommu_type1_info {
  uint32_t argsz;
  uint32_t flags;
  uint64_t iova_pgsizes;
  uint32_t cap_offset;
  uint32_t pad;
};
UAPI_SIZE(vfio_iommu_type1_info, 24);
UAPI_FIELD(vfio_iommu_type1_info, argsz, 0);
UAPI_FIELD(vfio_iommu_type1_info, flags, 4);
UAPI_FIELD(vfio_iommu_type1_info, iova_pgsizes, 8);
UAPI_FIELD(vfio_iommu_type1_info, cap_offset, 16);
UAPI_FIELD(vfio_iommu_type1_info, pad, 20);

enum {
  VFIO_IOMMU_INFO_PGSIZES = 1 << 0,
  VFIO_IOMMU_INFO_CAPS = 1 << 1,
};

/* Capability ids of IOMMU_GET_INFO. */
enum {
  VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE = 1,
  VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION = 2,
  VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL = 3,
};

/* Usable addresses; both ends are included. */
struct vfio_iova_range {
  uint64_t start;
  uint64_t end;
};
UAPI_SIZE(vfio_iova_range, 16);
UAPI_FIELD(vfio_iova_range, start, 0);
UAPI_FIELD(vfio_iova_range, end, 8);

/* All out; nr_iovas entries of vfio_iova_range follow. */
struct vfio_iommu_type1_info_cap_iova_range {
  struct vfio_info_cap_header header;
  uint32_t nr_iovas;
  uint32_t reserved;
};
UAPI_SIZE(vfio_iommu_type1_info_cap_iova_range, 16);
UAPI_FIELD(vfio_iommu_type1_info_cap_iova_range, header, 0);
UAPI_FIELD(vfio_iommu_type1_info_cap_iova_range, nr_iovas, 8);
UAPI_FIELD(vfio_iommu_type1_info_cap_iova_range, reserved, 12);

/* All out; what DIRTY_PAGES can do. pgsize_bitmap has a bit per page size in bytes, and
 * max_dirty_bitmap_size is in bytes. */
struct vfio_iommu_type1_info_cap_migration {
  struct vfio_info_cap_header header;
  uint32_t flags;
  uint64_t pgsize_bitmap;
  uint64_t max_dirty_bitmap_size;
};
UAPI_SIZE(vfio_iommu_type1_info_cap_migration, 32);
UAPI_FIELD(vfio_iommu_type1_info_cap_migration, header, 0);
UAPI_FIELD(vfio_iommu_type1_info_cap_migration, flags, 8);
UAPI_FIELD(vfio_iommu_type1_info_cap_migration, pgsize_bitmap, 16);
UAPI_FIELD(vfio_iommu_type1_info_cap_migration, max_dirty_bitmap_size, 24);

/* All out; avail counts mappings. In the chain it takes 16 bytes: entries are 8-byte aligned. */
struct vfio_iommu_type1_info_dma_avail {
  struct vfio_info_cap_header header;
  uint32_t avail;
};
UAPI_SIZE(vfio_iommu_type1_info_dma_avail, 12);
UAPI_FIELD(vfio_iommu_type1_info_dma_avail, header, 0);
UAPI_FIELD(vfio_iommu_type1_info_dma_avail, avail, 8);

/* IOMMU_MAP_DMA. All in; vaddr is in the calling process. */
struct vfio_iommu_type1_dma_map {
  uint32_t argsz;
  uint32_t flags;
  uint64_t vaddr;
  uint64_t iova;
  uint64_t size;
};
UAPI_SIZE(vfio_iommu_type1_dma_map, 32);
UAPI_FIELD(vfio_iommu_type1_dma_map, argsz, 0);
UAPI_FIELD(vfio_iommu_type1_dma_map, flags, 4);
UAPI_FIELD(vfio_iommu_type1_dma_map, vaddr, 8);
UAPI_FIELD(vfio_iommu_type1_dma_map, iova, 16);
UAPI_FIELD(vfio_iommu_type1_dma_map, size, 24);

enum {
  VFIO_DMA_MAP_FLAG_READ = 1 << 0,
  VFIO_DMA_MAP_FLAG_WRITE = 1 << 1,
  VFIO_DMA_MAP_FLAG_VADDR = 1 << 2,
};

/* IOMMU_UNMAP_DMA. in: iova. in/out: size, on return the bytes that were removed. */
struct vfio_iommu_type1_dma_unmap {
  uint32_t argsz;
  uint32_t flags;
  uint64_t iova;
  uint64_t size;
};
UAPI_SIZE(vfio_iommu_type1_dma_unmap, 24);
UAPI_FIELD(vfio_iommu_type1_dma_unmap, argsz, 0);
UAPI_FIELD(vfio_iommu_type1_dma_unmap, flags, 4);
UAPI_FIELD(vfio_iommu_type1_dma_unmap, iova, 8);
UAPI_FIELD(vfio_iommu_type1_dma_unmap, size, 16);

enum {
  VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP = 1 << 0,
  VFIO_DMA_UNMAP_FLAG_ALL = 1 << 1,
  VFIO_DMA_UNMAP_FLAG_VADDR = 1 << 2,
};

#ifdef __cplusplus
}
#endif
