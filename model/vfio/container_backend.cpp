#include "model/vfio/container_backend.h"

#include <algorithm>
#include <cstddef>
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

// Bytes of a bitmap with a bit for each of 2^31 pages.
constexpr uint64_t kMaxDirtyBitmap = 1U << 28;
constexpr size_t kInfoMin = offsetof(vfio_iommu_type1_info, cap_offset);

// What GET_INFO puts behind its struct, each capability 8-byte aligned and naming the next.
struct Capabilities {
  vfio_iommu_type1_info_cap_migration migration;
  alignas(8) vfio_iommu_type1_info_dma_avail dma_avail;
  alignas(8) vfio_iommu_type1_info_cap_iova_range iova_range;
  vfio_iova_range range;
};

constexpr uint32_t at(size_t offset) {
  return static_cast<uint32_t>(sizeof(vfio_iommu_type1_info) + offset);
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
  if (command == VFIO_IOMMU_GET_INFO) done = get_info(process, argument);
  if (command == VFIO_IOMMU_MAP_DMA) done = map_dma(process, argument);
  if (command == VFIO_IOMMU_UNMAP_DMA) done = unmap_dma(process, argument);
  if (!done) return Err(done.error());
  return 0;
}

Status Type1Backend::get_info(Process& process, UserPtr argument) const {
  vfio_iommu_type1_info info{};
  const auto bytes = std::as_writable_bytes(std::span(&info, 1));
  if (auto read = process.memory().read(argument, bytes.first(kInfoMin)); !read) return read;
  if (info.argsz < kInfoMin) return Err(EINVAL);
  const size_t size = std::min<size_t>(info.argsz, sizeof(info));
  Capabilities all{};  // member by member, so that what lies between them stays zero
  all.migration.header = {.id = VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION,
                          .version = 1,
                          .next = at(offsetof(Capabilities, dma_avail))};
  all.migration.pgsize_bitmap = kPageSize;
  all.migration.max_dirty_bitmap_size = kMaxDirtyBitmap;
  all.dma_avail.header = {.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
                          .version = 1,
                          .next = at(offsetof(Capabilities, iova_range))};
  {
    const std::lock_guard lock(mutex_);
    all.dma_avail.avail = available_;
  }
  all.iova_range.header = {.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, .version = 1, .next = 0};
  all.iova_range.nr_iovas = 1;
  all.range.end = UINT64_MAX;
  info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
  info.iova_pgsizes = domain_.page_sizes();
  if (info.argsz < sizeof(info) + sizeof(all)) {
    info.argsz = sizeof(info) + sizeof(all);
  } else {
    auto told = write_user(process.memory(), argument + sizeof(info), all);
    if (!told) return told;
    info.cap_offset = sizeof(info);
  }
  return process.memory().write(argument, bytes.first(size));
}

Status Type1Backend::map_dma(Process& process, UserPtr argument) {
  constexpr uint32_t kFlags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
  vfio_iommu_type1_dma_map map{};
  if (auto read = read_user(process.memory(), argument, map); !read) return read;
  if (map.argsz < sizeof(map) || (map.flags & ~kFlags) != 0) return Err(EINVAL);
  if (map.size == 0) return Err(EINVAL);
  for (const uint64_t start : {map.iova, map.vaddr}) {
    if (auto range = iommufd::range_of(start, map.size); !range) return Err(range.error());
  }
  if (map.flags == 0 || !page_aligned(map.size | map.iova | map.vaddr)) return Err(EINVAL);
  const bool write = (map.flags & VFIO_DMA_MAP_FLAG_WRITE) != 0;
  const uint32_t prot = generic_pt::prot_of((map.flags & VFIO_DMA_MAP_FLAG_READ) != 0, write);
  const auto accounting =
      process.capable(CAP_IPC_LOCK) ? Pages::Accounting::kNone : Pages::Accounting::kMm;
  const iommufd::IoPagetable::Slice slice{
      make_kref<iommufd::UserPages>(memory_, process.task(), accounting, UserPtr{map.vaddr}, write),
      0, map.size};
  const std::lock_guard lock(mutex_);
  if (available_ == 0) {
    const bool taken = !iopt_.areas({map.iova, map.iova + map.size - 1}).empty();
    return Err(taken ? EEXIST : ENOSPC);
  }
  auto mapped = iopt_.map({&slice, 1}, {.prot = prot, .iova = Iova{map.iova}});
  if (!mapped) return Err(mapped.error());
  --available_;
  return {};
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
    ++available_;
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
    if (range.last < range.start) return Err(EOVERFLOW);
  }
  auto removed = this->unmap(range);
  if (!removed) return Err(removed.error());
  unmap.size = *removed;
  return write_user(process.memory(), argument, unmap);
}

}  // namespace noiommu::vfio
