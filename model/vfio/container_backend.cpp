#include "model/vfio/container_backend.h"

#include <algorithm>
#include <memory>

#include "uapi/vfio.h"
#include "uapi/vfio_type1.h"

namespace noiommu::vfio {

namespace {

using iommufd::IovaRange;
using iommufd::Pages;

bool page_aligned(uint64_t value) {
  return value % kPageSize == 0;
}

}  // namespace

Type1Backend::Type1Backend(mm::PhysMem& memory, bool v2) : memory_(memory), v2_(v2) {
  static_cast<void>(iopt_.add_domain(domain_));  // nothing is mapped yet that could not be filled
}

Type1Backend::~Type1Backend() {
  uint64_t unmapped = 0;
  static_cast<void>(iopt_.unmap({}, unmapped));
  iopt_.remove_domain(domain_);
}

Result<int64_t> Type1Backend::ioctl(Process& process, uint32_t command, UserPtr argument) {
  Status done = Err(ENOTTY);
  if (command == VFIO_IOMMU_MAP_DMA) done = map_dma(process, argument);
  if (command == VFIO_IOMMU_UNMAP_DMA) done = unmap_dma(process, argument);
  if (!done) return Err(done.error());
  return 0;
}

Status Type1Backend::map_dma(Process& process, UserPtr argument) {
  constexpr uint32_t kFlags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
  vfio_iommu_type1_dma_map map{};
  if (auto read = read_user(process.memory(), argument, map); !read) return read;
  if (map.argsz < sizeof(map) || (map.flags & ~kFlags) != 0 || map.flags == 0) return Err(EINVAL);
  if (map.size == 0 || !page_aligned(map.size | map.iova | map.vaddr)) return Err(EINVAL);
  for (const uint64_t start : {map.iova, map.vaddr}) {
    if (auto range = iommufd::range_of(start, map.size); !range) return Err(range.error());
  }
  const bool write = (map.flags & VFIO_DMA_MAP_FLAG_WRITE) != 0;
  const uint32_t prot = generic_pt::prot_of((map.flags & VFIO_DMA_MAP_FLAG_READ) != 0, write);
  const auto accounting =
      process.capable(CAP_IPC_LOCK) ? Pages::Accounting::kNone : Pages::Accounting::kMm;
  const iommufd::IoPagetable::Slice slice{
      make_kref<iommufd::UserPages>(memory_, process.task(), accounting, UserPtr{map.vaddr}, write),
      0, map.size};
  const std::lock_guard lock(mutex_);
  auto mapped = iopt_.map({&slice, 1}, {.prot = prot, .iova = Iova{map.iova}});
  return mapped ? Status() : Status(Err(mapped.error()));
}

Result<uint64_t> Type1Backend::unmap(IovaRange range) {
  const std::lock_guard lock(mutex_);
  const auto areas = iopt_.areas(range);
  if (v2_ && !areas.empty()) {
    const bool cut =
        areas.front().extent.iova.start < range.start || areas.back().extent.iova.last > range.last;
    if (cut) return Err(EINVAL);
  }
  uint64_t removed = 0;
  for (const auto& area : areas) {
    if (area.extent.iova.start < range.start) break;
    uint64_t bytes = 0;
    static_cast<void>(iopt_.unmap(area.extent.iova, bytes));  // nobody else changes areas
    removed += bytes;
  }
  return removed;
}

Status Type1Backend::unmap_dma(Process& process, UserPtr argument) {
  vfio_iommu_type1_dma_unmap unmap{};
  if (auto read = read_user(process.memory(), argument, unmap); !read) return read;
  if (unmap.argsz < sizeof(unmap)) return Err(EINVAL);
  if ((unmap.flags & ~uint32_t{VFIO_DMA_UNMAP_FLAG_ALL}) != 0) return Err(EINVAL);
  IovaRange range;
  if ((unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL) != 0) {
    if (unmap.iova != 0 || unmap.size != 0) return Err(EINVAL);
  } else {
    if (unmap.size == 0 || !page_aligned(unmap.size | unmap.iova)) return Err(EINVAL);
    range = {unmap.iova, unmap.iova + unmap.size - 1};
    if (range.last < range.start) return Err(EINVAL);
  }
  auto removed = this->unmap(range);
  if (!removed) return Err(removed.error());
  unmap.size = *removed;
  return write_user(process.memory(), argument, unmap);
}

}  // namespace noiommu::vfio
