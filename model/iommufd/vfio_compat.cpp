#include "model/iommufd/vfio_compat.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "model/iommufd/hw_pagetable.h"
#include "model/iommufd/ioas.h"
#include "model/iommufd/ioctls.h"
#include "uapi/vfio.h"
#include "uapi/vfio_type1.h"

namespace noiommu::iommufd {

namespace {

constexpr size_t kInfoMin = offsetof(vfio_iommu_type1_info, cap_offset);
constexpr uint32_t kUnlimitedMappings = UINT32_MAX;

Result<int64_t> is_dma_coherent(Context& context) {
  auto ioas = context.objects().vfio_ioas<Ioas>();
  if (!ioas) return Err(ioas.error());
  const std::lock_guard lock((*ioas)->mutex);
  const auto& hwpts = (*ioas)->hwpts;
  return std::none_of(hwpts.begin(), hwpts.end(),
                      [](const HwptPaging* hwpt) { return hwpt->noiommu(); })
             ? 1
             : 0;
}

Result<int64_t> check_extension(Context& context, uint64_t extension) {
  switch (extension) {
    case VFIO_TYPE1_IOMMU:
    case VFIO_TYPE1v2_IOMMU:
    case VFIO_UNMAP_ALL:
      return context.no_iommu_mode() ? 0 : 1;
    case VFIO_NOIOMMU_IOMMU:
      return context.config().vfio_group_noiommu ? 1 : 0;
    case VFIO_DMA_CC_IOMMU:
      return is_dma_coherent(context);
    default:
      return 0;
  }
}

Status set_iommu(Context& context, const Process& process, uint64_t type) {
  if (type == VFIO_NOIOMMU_IOMMU && context.no_iommu_mode()) {
    return process.capable(CAP_SYS_RAWIO) ? Status() : Status(Err(EPERM));
  }
  const bool type1 = type == VFIO_TYPE1_IOMMU || type == VFIO_TYPE1v2_IOMMU;
  if (!type1 || context.no_iommu_mode()) return Err(EINVAL);
  auto ioas = context.objects().vfio_ioas<Ioas>();
  if (!ioas) return Err(ioas.error());
  // The first version may unmap a part of what it mapped, so no leaf may be larger than a page.
  return type == VFIO_TYPE1_IOMMU ? (*ioas)->iopt.set_huge_pages(false) : Status();
}

Status get_info(Context& context, Process& process, UserPtr argument) {
  vfio_iommu_type1_info info{};
  auto bytes = std::as_writable_bytes(std::span(&info, 1));
  if (auto read = process.memory().read(argument, bytes.first(kInfoMin)); !read) return read;
  if (info.argsz < kInfoMin) return Err(EINVAL);
  auto ioas = context.objects().vfio_ioas<Ioas>();
  if (!ioas) return Err(ioas.error());

  const std::vector<IovaRange> usable = (*ioas)->iopt.usable_ranges();
  std::vector<vfio_iova_range> ranges;
  ranges.reserve(usable.size());
  for (const IovaRange& range : usable) ranges.push_back({range.start, range.last});
  std::vector<std::byte> iova_range(sizeof(vfio_iommu_type1_info_cap_iova_range));
  vfio_iommu_type1_info_cap_iova_range head{};
  head.header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
  head.header.version = 1;
  head.nr_iovas = static_cast<uint32_t>(ranges.size());
  std::memcpy(iova_range.data(), &head, sizeof(head));
  const auto range_bytes = std::as_bytes(std::span(ranges));
  iova_range.insert(iova_range.end(), range_bytes.begin(), range_bytes.end());

  constexpr size_t kDmaAvailAt = sizeof(info);
  constexpr size_t kIovaRangeAt = (kDmaAvailAt + sizeof(vfio_iommu_type1_info_dma_avail) + 7) & ~7;
  const size_t whole = kIovaRangeAt + iova_range.size();
  const size_t room = info.argsz;
  vfio_iommu_type1_info_dma_avail dma_avail{};
  dma_avail.header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL;
  dma_avail.header.version = 1;
  dma_avail.header.next = room >= kIovaRangeAt ? kIovaRangeAt : 0;
  dma_avail.avail = kUnlimitedMappings;

  // A capability is told where there is room for all of it.
  const auto tell = [&](size_t at, std::span<const std::byte> capability) {
    if (room < at + capability.size()) return Status();
    return process.memory().write(argument + at, capability);
  };
  auto told = tell(kDmaAvailAt, std::as_bytes(std::span(&dma_avail, 1)));
  if (told) told = tell(kIovaRangeAt, iova_range);
  if (!told) return told;
  info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
  info.iova_pgsizes = (*ioas)->iopt.page_sizes();
  info.cap_offset = room >= whole ? sizeof(info) : 0;
  info.argsz = static_cast<uint32_t>(whole);
  return process.memory().write(argument, bytes.first(std::min(room, sizeof(info))));
}

Status map_dma(Context& context, Process& process, UserPtr argument) {
  constexpr uint32_t kFlags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
  vfio_iommu_type1_dma_map map{};
  if (auto read = read_user(process.memory(), argument, map); !read) return read;
  if (map.argsz < sizeof(map) || (map.flags & ~kFlags) != 0) return Err(EINVAL);
  auto ioas = context.objects().vfio_ioas<Ioas>();
  if (!ioas) return Err(ioas.error());
  const bool readable = (map.flags & VFIO_DMA_MAP_FLAG_READ) != 0;
  const bool writable = (map.flags & VFIO_DMA_MAP_FLAG_WRITE) != 0;
  auto pages = user_pages(context, process, {map.vaddr}, map.size, writable);
  if (!pages) return Err(pages.error());
  const IoPagetable::Slice slice{std::move(*pages), map.vaddr % kPageSize, map.size};
  auto mapped = (*ioas)->iopt.map(
      {&slice, 1}, {.prot = generic_pt::prot_of(readable, writable), .iova = Iova{map.iova}});
  return mapped ? Status() : Status(Err(mapped.error()));
}

// A type 1 container cuts areas so that just the range goes; version 2 never does.
Status cut_for_type1(IoPagetable& iopt, uint64_t iova, uint64_t size) {
  if (iopt.huge_pages()) return {};
  if (auto done = iopt.cut(iova + size - 1); !done) return done;
  return iova == 0 ? Status() : iopt.cut(iova - 1);
}

Status unmap_range(IoPagetable& iopt, uint64_t iova, uint64_t size, uint64_t& unmapped) {
  unmapped = 0;
  auto range = range_of(iova, size);
  if (!range) return Err(range.error());
  return iopt.unmap(*range, unmapped);
}

Status unmap_dma(Context& context, Process& process, UserPtr argument) {
  vfio_iommu_type1_dma_unmap unmap{};
  if (auto read = read_user(process.memory(), argument, unmap); !read) return read;
  if (unmap.argsz < sizeof(unmap)) return Err(EINVAL);
  if ((unmap.flags & ~uint32_t{VFIO_DMA_UNMAP_FLAG_ALL}) != 0) return Err(EINVAL);
  auto ioas = context.objects().vfio_ioas<Ioas>();
  if (!ioas) return Err(ioas.error());
  IoPagetable& iopt = (*ioas)->iopt;
  Status done;
  if ((unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL) != 0) {
    if (unmap.iova != 0 || unmap.size != 0) return Err(EINVAL);
    done = iopt.unmap({}, unmap.size);
  } else {
    if (auto cut = cut_for_type1(iopt, unmap.iova, unmap.size); !cut) return cut;
    done = unmap_range(iopt, unmap.iova, unmap.size, unmap.size);
  }
  // Also when something was in the way: how far it got.
  if (auto told = write_user(process.memory(), argument, unmap); !told) return told;
  return done;
}

}  // namespace

Result<int64_t> vfio_compat_ioctl(Context& context, Process& process, uint32_t command,
                                  uint64_t argument) {
  const UserPtr user{argument};
  const auto run = [&]() -> Status {
    switch (command) {
      case VFIO_SET_IOMMU:
        return set_iommu(context, process, argument);
      case VFIO_IOMMU_GET_INFO:
        return get_info(context, process, user);
      case VFIO_IOMMU_MAP_DMA:
        return map_dma(context, process, user);
      case VFIO_IOMMU_UNMAP_DMA:
        return unmap_dma(context, process, user);
      default:
        return Err(ENOTTY);
    }
  };
  if (command == VFIO_GET_API_VERSION) return VFIO_API_VERSION;
  if (command == VFIO_CHECK_EXTENSION) return check_extension(context, argument);
  if (auto done = run(); !done) return Err(done.error());
  return 0;
}

}  // namespace noiommu::iommufd
