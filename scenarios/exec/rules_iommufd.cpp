// Spec: iommufd.md.
#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "scenarios/exec/rules.h"
#include "scenarios/exec/rules_facts.h"
#include "uapi/iommufd.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios::exec {

namespace {

using iommufd::IoPagetable;
using iommufd::IovaRange;
using Type = iommufd::Object::Type;

constexpr uint64_t kLast = UINT64_MAX;  // no range begins there, and none is as long
constexpr uint64_t kLongest = kLast - kPageSize;
constexpr uint64_t kMapFlags =
    IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE;

bool size_below_least(Call call) {
  const uint64_t size = call.field("size");
  switch (call.command->number) {  // of structures that have grown, the first size
    case IOMMU_HWPT_ALLOC:
      return size < offsetof(iommu_hwpt_alloc, data_type);
    case IOMMU_GET_HW_INFO:
      return size < offsetof(iommu_hw_info, out_capabilities);
    case IOMMU_VIOMMU_ALLOC:
      return size < offsetof(iommu_viommu_alloc, data_len);
    case IOMMU_VEVENTQ_ALLOC:
      return size < offsetof(iommu_veventq_alloc, __reserved);
    default:
      return size < call.command->struct_size;
  }
}

// ---- IOAS_MAP, IOAS_MAP_FILE, IOAS_COPY and the MAP_DMA of the container ioctls

bool is_map_dma(Call call) {
  return is(call, VFIO_IOMMU_MAP_DMA);
}
bool is_map_file(Call call) {
  return is(call, IOMMU_IOAS_MAP_FILE);
}
bool no_length(Call call) {
  return mapping_of(call).length == 0;
}
bool neither_read_nor_write(Call call) {
  constexpr uint64_t kEither = IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE;
  return !is_map_dma(call) && (call.field("flags") & kEither) == 0;
}
bool has_last(Call call) {
  if (is_map_dma(call)) return false;
  const AskedMapping mapping = mapping_of(call);
  return mapping.iova == kLast || mapping.length == kLast ||
         (is(call, IOMMU_IOAS_COPY) && mapping.from == kLast);
}
bool source_wraps(Call call) {
  const AskedMapping mapping = mapping_of(call);
  const bool memory = is(call, IOMMU_IOAS_MAP) || is_map_dma(call);
  const uint64_t end = mapping.from + mapping.length - (memory ? 0 : 1);
  return mapping.length > 0 && end < mapping.from;
}
bool fixed(Call call) {
  return mapping_of(call).fixed;
}
bool automatic(Call call) {
  return !fixed(call);
}
bool length_unaligned(Call call) {
  return !aligned(call, mapping_of(call).length);
}
bool iova_unaligned(Call call) {
  return fixed(call) && !aligned(call, mapping_of(call).iova);
}
bool source_unaligned(Call call) {
  return !is(call, IOMMU_IOAS_COPY) && !aligned(call, mapping_of(call).from);
}
bool ends_at_last(Call call) {
  const AskedMapping mapping = mapping_of(call);
  return mapping.fixed && mapping.length > 0 && mapping.iova + mapping.length == 0 &&
         !is_map_file(call);
}
bool pinned(Call call) {
  return ioas_says(call, is_pinned);
}

// EFAULT: a mapping that cannot be told of stays, one whose memory cannot be pinned does not.
bool is_mapped(Call call) {
  if (is_map_dma(call)) return false;  // which tells nothing
  const AskedMapping mapping = mapping_of(call);
  if (!mapping.fixed) return is_map_file(call) || !pinned(call);
  return ioas_says(call, [&](const IoPagetable& iopt) {
    return !iopt.areas({mapping.iova, mapping.iova}).empty();
  });
}
bool is_not_mapped(Call call) {
  const AskedMapping mapping = mapping_of(call);
  if (mapping.fixed) return !is_mapped(call);
  return pinned(call) && !ioas_says(call, [&](const IoPagetable& iopt) {
           return std::ranges::any_of(iopt.areas(), [&](const IoPagetable::AreaView& area) {
             const IovaRange& iova = area.extent.iova;
             return iova.last - iova.start == mapping.length - 1;
           });
         });
}

bool no_source_ioas(Call call) {
  return !ioas_says(call, "src_ioas_id", [](const IoPagetable&) { return true; });
}
bool source_has_gaps(Call call) {
  const AskedMapping mapping = mapping_of(call);
  return !ioas_says(call, "src_ioas_id", [&](const IoPagetable& iopt) {
    return iopt.slices({mapping.from, mapping.from + mapping.length - 1}).has_value();
  });
}

bool touches_mapping(Call call) {
  const AskedMapping mapping = mapping_of(call);
  return ioas_says(call, [&](const IoPagetable& iopt) {
    return !iopt.areas({mapping.iova, mapping.iova + mapping.length - 1}).empty();
  });
}

// ---- Whatever makes a page table

// Of an object that is no IOAS there is nothing to be pinned.
bool nothing_to_fill(Call call) {
  return !ioas_says(call, [](const IoPagetable& iopt) { return !iopt.areas().empty(); });
}

// What may not go into a page table, for three reasons.
struct Suspects {
  bool file = false;    // that is no memfd, or too short
  bool end = false;     // at 2^64-1
  bool silent = false;  // neither read nor written
};
Suspects suspects_in(Call call) {
  Suspects suspects;
  ioas_says(call, [&](const IoPagetable& iopt) {
    for (const IoPagetable::AreaView& area : iopt.areas()) {
      suspects.file |= area.pages->kind() == iommufd::Pages::Kind::kFile;
      suspects.end |= area.extent.iova.last == kLast;
      suspects.silent |= area.prot == 0;
    }
    return true;
  });
  return suspects;
}
template <bool Suspects::*kSuspect>
bool only_suspect(Call call) {
  const Suspects all = suspects_in(call);
  return all.*kSuspect && int{all.file} + int{all.end} + int{all.silent} == 1;
}

bool is_no_device(Call call) {
  return type_of(call, "dev_id") != Type::kDevice;
}
bool is_no_ioas(Call call) {
  return type_of(call, "pt_id") != Type::kIoas;
}
constexpr uint64_t kMostEntries = 1 << 19;
bool bad_entries(Call call) {
  const uint64_t length = call.field("entry_len");
  return call.field("entry_num") != 0 &&
         (call.field("data_uptr") == 0 || length == 0 || length > kPageSize ||
          call.field("entry_num") > kMostEntries);
}
bool no_type(Call call) {
  return call.field("type") == 0;
}

// ---- GET_PA

bool is_mainline(Call call) {
  return context_of(call)->design().get_pa == design::GetPa::kMainline;
}
template <class Look>
bool area_says(Call call, const Look& look) {
  const uint64_t iova = call.field("iova");
  return ioas_says(call, [&](const IoPagetable& iopt) {
    const auto areas = iopt.areas({iova, iova});
    return !areas.empty() && look(areas.front());
  });
}
bool is_revoked(Call call) {
  return area_says(call, [](const auto& area) { return area.pages->revoked(); });
}

constexpr std::string_view kUnreadable =
    "the argument cannot be read: it is no address of this process";
constexpr std::string_view kNoIoas = "the iommufd has no IOAS of that id";
constexpr std::string_view kNoDevice = "there is no device of that id";
constexpr std::string_view kNoPageTable = "there is no page table of that id";
constexpr std::string_view kNoViommu =
    "there is no vIOMMU of that id: none is made for a device without an IOMMU";
constexpr std::string_view kReserved = "the reserved field is not 0";
constexpr std::string_view kUnknownFlags = "flags has a bit that means nothing";
constexpr std::string_view kNoFlags = "flags is not 0";
constexpr std::string_view kUnaligned =
    "length and addresses are whole pages of 4 KiB while a device is attached, a page table exists "
    "or huge pages are off";
constexpr std::string_view kMappedUntold = "the structure cannot be written; the mapping stays";
constexpr std::string_view kNotThere =
    "part of the memory is not there, or may not be written although the mapping is WRITEABLE; a "
    "device is attached, so that it is pinned now";
constexpr std::string_view kFillNotThere =
    "memory that is mapped in the IOAS is not there, or may not be written: it is pinned now";
constexpr std::string_view kTakenBack =
    "the structure cannot be written; the page table has been taken back";
constexpr std::string_view kDetached =
    "pt_id cannot be written; the device is detached, unless it is attached with PASID 0";
constexpr std::string_view kUnpinnable =
    "something in the IOAS cannot be pinned: a file that is no memfd, or one that is too short";
constexpr std::string_view kSilent = "something was mapped by MAP_DMA with neither READ nor WRITE";
constexpr std::string_view kMemlock =
    "pinning exceeds RLIMIT_MEMLOCK, and the process lacks CAP_IPC_LOCK";
constexpr std::string_view kTwoPieces =
    "what ends at 2^64-1 and lies in several pieces of memory does not go into a page table";

const Rule kRules[] = {
    {"envelope", EFAULT, kUnreadable, "iommufd.md 1", unreadable},
    {"envelope", EINVAL, "size is below that of the structure", "iommufd.md 1", size_below_least},
    {"envelope", EFAULT, "what size says follows the structure cannot be read", "iommufd.md 1",
     unreadable_tail},
    {"envelope", E2BIG,
     "a byte beyond the structure is not zero: this kernel does not know the field",
     "iommufd.md 1"},

    {"IOMMU_DESTROY", ENOENT, "there is no object of that id: it is gone, or never was",
     "iommufd.md 2.1"},
    {"IOMMU_DESTROY", EBUSY,
     "the object is in use: a bound device, an IOAS with a page table, a page table with a device, "
     "a fault queue whose file is open",
     "iommufd.md 2.1"},
    {"IOMMU_IOAS_ALLOC", EOPNOTSUPP, kNoFlags, "iommufd.md 3", any_flags},
    {"IOMMU_IOAS_ALLOC", EFAULT, "the structure cannot be written; the IOAS has been taken back",
     "iommufd.md 1"},
    {"IOMMU_IOAS_IOVA_RANGES", EOPNOTSUPP, kReserved, "iommufd.md 4", reserved},
    {"IOMMU_IOAS_IOVA_RANGES", ENOENT, kNoIoas, "iommufd.md 4"},
    {"IOMMU_IOAS_IOVA_RANGES", EFAULT, "the array of ranges, or the structure, cannot be written",
     "iommufd.md 4"},
    {"IOMMU_IOAS_IOVA_RANGES", EMSGSIZE,
     "there are more ranges than num_iovas, which says now how many", "iommufd.md 4"},
    {"IOMMU_IOAS_ALLOW_IOVAS", EOPNOTSUPP, kReserved, "iommufd.md 5", reserved},
    {"IOMMU_IOAS_ALLOW_IOVAS", ENOENT, kNoIoas, "iommufd.md 5"},
    {"IOMMU_IOAS_ALLOW_IOVAS", EFAULT, "the array of ranges cannot be read", "iommufd.md 5"},
    {"IOMMU_IOAS_ALLOW_IOVAS", EINVAL,
     "a range does not start below its last byte, or overlaps another one of the call",
     "iommufd.md 5"},
    {"IOMMU_IOAS_ALLOW_IOVAS", EADDRINUSE, "a range overlaps a reserved one", "iommufd.md 5"},

    {"IOMMU_IOAS_MAP_FILE", EBADF, "the file's descriptor is not open", "iommufd.md 7"},
    {"IOMMU_IOAS_MAP_FILE", ENODEV,
     "the dma-buf is revoked: memory decoding is off, or its device was closed", "iommufd.md 7"},
    {"IOMMU_IOAS_COPY", ENOENT, "the iommufd has no source IOAS of that id", "iommufd.md 8",
     no_source_ioas},
    {"IOMMU_IOAS_COPY", ENOENT, "the source is not mapped without gaps over the whole range",
     "iommufd.md 8", source_has_gaps},
    {"IOMMU_IOAS_COPY", ENOENT, "the iommufd has no destination IOAS of that id", "iommufd.md 8",
     no_ioas},
    {"IOMMU_IOAS_COPY", EPERM, "a copy is WRITEABLE only where its source is", "iommufd.md 8"},
    {"mapping", EOPNOTSUPP, kUnknownFlags, "iommufd.md 6", unknown_flags<kMapFlags>},
    {"mapping", EOPNOTSUPP, kReserved, "iommufd.md 6", reserved},
    {"mapping", EOPNOTSUPP, "the dma-buf is in several pieces, or its exporter is not supported",
     "iommufd.md 7", is_map_file},
    {"mapping", EOPNOTSUPP, "memory of that kind cannot be pinned", "iommufd.md 10"},
    {"mapping", EOVERFLOW, "an iova or the length is 2^64-1", "iommufd.md 6", has_last},
    {"mapping", EINVAL, "flags names neither READABLE nor WRITEABLE", "iommufd.md 6",
     neither_read_nor_write},
    {"mapping", ENOENT, kNoIoas, "iommufd.md 6"},
    {"mapping", EOVERFLOW, "user_va, or what is in its place, + length wraps", "iommufd.md 6",
     source_wraps},
    {"mapping", EINVAL, "the length is 0", "iommufd.md 6", no_length},
    {"mapping", EINVAL, "the length is above 2^64-1-4096", "iommufd.md 6",
     [](Call call) { return mapping_of(call).length > kLongest; }},
    {"mapping", EINVAL, kUnaligned, "iommufd.md 6", length_unaligned},
    {"mapping", EINVAL, kUnaligned, "iommufd.md 6", iova_unaligned},
    {"mapping", EOVERFLOW, "iova + length wraps", "iommufd.md 6", fixed},
    {"mapping", EOVERFLOW, "no automatic IOVA is chosen for that length", "iommufd.md 6.1",
     automatic},
    {"mapping", EEXIST, "something is mapped in that range already", "iommufd.md 6"},
    {"mapping", ENOSPC, "the allowed IOVAs have no hole of that length and alignment left",
     "iommufd.md 6.1"},
    {"mapping", EINVAL, kUnaligned, "iommufd.md 6", source_unaligned},
    {"mapping", EINVAL, kTwoPieces, "iommufd.md 18", ends_at_last},
    {"mapping", EINVAL, "flags names neither READ nor WRITE, and a device is attached",
     "iommufd.md 16",
     [](Call call) { return is_map_dma(call) && !any_flags(call) && pinned(call); }},
    {"mapping", EINVAL,
     "the range ends beyond the file, or the file is no memfd, shared memory or huge page file",
     "iommufd.md 7", is_map_file},
    {"mapping", EINVAL, "the range touches a reserved one", "iommufd.md 6"},
    {"mapping", ENOMEM, kMemlock, "iommufd.md 10"},
    {"mapping", EFAULT, kUnreadable, "iommufd.md 16", unreadable},
    {"mapping", EFAULT, kMappedUntold, "iommufd.md 1", is_mapped},
    {"mapping", EFAULT, kNotThere, "iommufd.md 10", is_not_mapped},
    {"mapping", EFAULT, kNotThere, "iommufd.md 10"},
    {"mapping", EFAULT, kMappedUntold, "iommufd.md 1"},
    {"IOMMU_IOAS_UNMAP", ENOENT, kNoIoas, "iommufd.md 9", no_ioas},
    {"IOMMU_IOAS_UNMAP", EOVERFLOW, "iova or length is 2^64-1, and not 0 with 2^64-1, which is all",
     "iommufd.md 9", has_last},
    {"IOMMU_IOAS_UNMAP", EOVERFLOW, "iova + length wraps", "iommufd.md 9"},
    {"IOMMU_IOAS_UNMAP", EINVAL, "the length is 0", "iommufd.md 9", no_length},
    {"IOMMU_IOAS_UNMAP", EBUSY, "a mapping there is being set up or torn down", "iommufd.md 9"},
    {"IOMMU_IOAS_UNMAP", ENOENT,
     "a mapping lies only partly in the range: mappings are never cut, and those below it are gone "
     "now",
     "iommufd.md 9", touches_mapping},
    {"IOMMU_IOAS_UNMAP", ENOENT, "nothing is mapped there", "iommufd.md 9"},
    {"IOMMU_IOAS_UNMAP", EFAULT, "the structure cannot be written; the range is unmapped",
     "iommufd.md 1"},

    {"IOMMU_OPTION", EOPNOTSUPP, kReserved, "iommufd.md 11", reserved},
    {"IOMMU_OPTION", EOPNOTSUPP, "there is no such option", "iommufd.md 11",
     [](Call call) { return call.field("option_id") > IOMMU_OPTION_HUGE_PAGES; }},
    {"IOMMU_OPTION", EOPNOTSUPP, "RLIMIT_MODE is of the whole iommufd: object_id is not 0",
     "iommufd.md 11",
     [](Call call) {
       return call.field("option_id") == IOMMU_OPTION_RLIMIT_MODE && call.field("object_id") != 0;
     }},
    {"IOMMU_OPTION", EOPNOTSUPP, "there is no such operation", "iommufd.md 11"},
    {"IOMMU_OPTION", EPERM, "the process lacks CAP_SYS_RESOURCE, which setting RLIMIT_MODE wants",
     "iommufd.md 11"},
    {"IOMMU_OPTION", EBUSY, "RLIMIT_MODE is set while the iommufd has no object yet",
     "iommufd.md 11"},
    {"IOMMU_OPTION", EINVAL, "the value is neither 0 nor 1", "iommufd.md 11",
     [](Call call) { return call.field("val64") > 1; }},
    {"IOMMU_OPTION", EINVAL,
     "huge pages are not turned off while a device is attached and something is mapped",
     "iommufd.md 11"},
    {"IOMMU_OPTION", ENOENT, "HUGE_PAGES is an option of an IOAS, and there is none of that id",
     "iommufd.md 11"},
    {"IOMMU_OPTION", EADDRINUSE, "something in the IOAS is not aligned to whole pages",
     "iommufd.md 11"},
    {"IOMMU_VFIO_IOAS", EOPNOTSUPP, kReserved, "iommufd.md 12", reserved},
    {"IOMMU_VFIO_IOAS", EOPNOTSUPP, "there is no such operation", "iommufd.md 12"},
    {"IOMMU_VFIO_IOAS", ENODEV, "no IOAS is set for the container ioctls", "iommufd.md 12"},
    {"IOMMU_VFIO_IOAS", ENOENT, kNoIoas, "iommufd.md 12"},
    {"IOMMU_IOAS_CHANGE_PROCESS", EOPNOTSUPP, kReserved, "iommufd.md 12", reserved},
    {"IOMMU_IOAS_CHANGE_PROCESS", EBUSY, "a mapping is being set up or torn down", "iommufd.md 12"},
    {"IOMMU_IOAS_CHANGE_PROCESS", EINVAL, "something is mapped that is not from a file",
     "iommufd.md 12"},
    {"IOMMU_IOAS_CHANGE_PROCESS", ENOMEM,
     "what is pinned exceeds the RLIMIT_MEMLOCK of this process", "iommufd.md 12"},

    {"IOMMU_HWPT_ALLOC", EOPNOTSUPP, kReserved, "iommufd.md 13", reserved},
    {"IOMMU_HWPT_ALLOC", EINVAL, "data_len goes with a data_type, and the other way round",
     "iommufd.md 13",
     [](Call call) { return (call.field("data_type") == 0) != (call.field("data_len") == 0); }},
    {"IOMMU_HWPT_ALLOC", ENOENT, kNoDevice, "iommufd.md 13", is_no_device},
    {"IOMMU_HWPT_ALLOC", EINVAL, "pt_id is no IOAS", "iommufd.md 13", is_no_ioas},
    {"IOMMU_HWPT_ALLOC", EOPNOTSUPP,
     "a device without an IOMMU takes no flags but FAULT_ID_VALID, no data and no nesting",
     "iommufd.md 13"},
    {"IOMMU_HWPT_ALLOC", ENOENT, "there is no fault queue of that id", "iommufd.md 13"},
    {"IOMMU_HWPT_ALLOC", EFAULT, kTakenBack, "iommufd.md 1", nothing_to_fill},
    {"IOMMU_HWPT_ALLOC", EFAULT, kFillNotThere, "iommufd.md 10"},
    {"IOMMU_HWPT_ALLOC", EFAULT, kTakenBack, "iommufd.md 1"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EFAULT, kUnreadable, "vfio-core.md 9", unreadable},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EFAULT, kDetached, "vfio-core.md 9", nothing_to_fill},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EFAULT, kFillNotThere, "iommufd.md 10"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EFAULT, kDetached, "vfio-core.md 9"},
    {"filling", EADDRINUSE,
     "something in the IOAS is not aligned to whole pages, as page tables want it", "iommufd.md 6"},
    {"filling", EINVAL, kUnpinnable, "iommufd.md 7", only_suspect<&Suspects::file>},
    {"filling", EINVAL, kTwoPieces, "iommufd.md 18", only_suspect<&Suspects::end>},
    {"filling", EINVAL, kSilent, "iommufd.md 16", only_suspect<&Suspects::silent>},
    {"filling", EINVAL, kUnpinnable, "iommufd.md 7"},
    {"filling", EINVAL, kTwoPieces, "iommufd.md 18"},
    {"filling", EINVAL, kSilent, "iommufd.md 16"},
    {"filling", ENOMEM, kMemlock, "iommufd.md 10"},
    {"IOMMU_FAULT_QUEUE_ALLOC", EOPNOTSUPP, kNoFlags, "iommufd.md 2"},
    {"IOMMU_FAULT_QUEUE_ALLOC", EMFILE, "the process has no descriptor left for the queue's file",
     "iommufd.md 2"},
    {"IOMMU_GET_HW_INFO", EOPNOTSUPP, kUnknownFlags, "iommufd.md 13",
     unknown_flags<IOMMU_HW_INFO_FLAG_INPUT_TYPE>},
    {"IOMMU_GET_HW_INFO", ENOENT, kNoDevice, "iommufd.md 13"},
    {"IOMMU_GET_HW_INFO", EOPNOTSUPP, "there is no IOMMU to tell of, or a reserved field is not 0",
     "iommufd.md 13"},
    {"IOMMU_HWPT_SET_DIRTY_TRACKING", EOPNOTSUPP, kUnknownFlags, "iommufd.md 13",
     unknown_flags<IOMMU_HWPT_DIRTY_TRACKING_ENABLE>},
    {"IOMMU_HWPT_SET_DIRTY_TRACKING", ENOENT, kNoPageTable, "iommufd.md 13"},
    {"IOMMU_HWPT_SET_DIRTY_TRACKING", EOPNOTSUPP, "without an IOMMU nothing tracks what is written",
     "iommufd.md 13"},
    {"IOMMU_HWPT_GET_DIRTY_BITMAP", EOPNOTSUPP, kUnknownFlags, "iommufd.md 13",
     unknown_flags<IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR>},
    {"IOMMU_HWPT_GET_DIRTY_BITMAP", EOPNOTSUPP, kReserved, "iommufd.md 13", reserved},
    {"IOMMU_HWPT_GET_DIRTY_BITMAP", ENOENT, kNoPageTable, "iommufd.md 13"},
    {"IOMMU_HWPT_GET_DIRTY_BITMAP", EINVAL, "the length is 0", "iommufd.md 13", no_length},
    {"IOMMU_HWPT_GET_DIRTY_BITMAP", EOVERFLOW, "iova + length wraps", "iommufd.md 13"},
    {"IOMMU_HWPT_GET_DIRTY_BITMAP", EINVAL,
     "iova and length are not multiples of the page size, or of the alignment of the IOAS",
     "iommufd.md 13"},
    {"IOMMU_HWPT_GET_DIRTY_BITMAP", EOPNOTSUPP, "without an IOMMU nothing tracks what is written",
     "iommufd.md 13"},
    {"IOMMU_HWPT_INVALIDATE", EOPNOTSUPP, kReserved, "iommufd.md 13", reserved},
    {"IOMMU_HWPT_INVALIDATE", EINVAL,
     "entries come with data_uptr and entry_len, a page each and 2^19 of them at most",
     "iommufd.md 13", bad_entries},
    {"IOMMU_HWPT_INVALIDATE", ENOENT, "there is no object of that id", "iommufd.md 13"},
    {"IOMMU_HWPT_INVALIDATE", EINVAL, "only nested page tables are invalidated", "iommufd.md 13"},
    {"IOMMU_VIOMMU_ALLOC", EOPNOTSUPP, kNoFlags, "iommufd.md 13", any_flags},
    {"IOMMU_VIOMMU_ALLOC", EOPNOTSUPP, "type is 0, which is none", "iommufd.md 13", no_type},
    {"IOMMU_VIOMMU_ALLOC", ENOENT, kNoDevice, "iommufd.md 13"},
    {"IOMMU_VIOMMU_ALLOC", EOPNOTSUPP, "the device has no IOMMU", "iommufd.md 13"},
    {"IOMMU_VDEVICE_ALLOC", ENOENT, kNoViommu, "iommufd.md 13"},
    {"IOMMU_VDEVICE_ALLOC", EINVAL, "the device has no IOMMU", "iommufd.md 13"},
    {"IOMMU_VEVENTQ_ALLOC", EOPNOTSUPP, kNoFlags, "iommufd.md 13", any_flags},
    {"IOMMU_VEVENTQ_ALLOC", EOPNOTSUPP, kReserved, "iommufd.md 13", reserved},
    {"IOMMU_VEVENTQ_ALLOC", EOPNOTSUPP, "type is 0, which is none", "iommufd.md 13", no_type},
    {"IOMMU_VEVENTQ_ALLOC", EINVAL, "veventq_depth is 0 or above 2^19", "iommufd.md 13"},
    {"IOMMU_VEVENTQ_ALLOC", ENOENT, kNoViommu, "iommufd.md 13"},
    {"IOMMU_HW_QUEUE_ALLOC", EOPNOTSUPP, kNoFlags, "iommufd.md 13", any_flags},
    {"IOMMU_HW_QUEUE_ALLOC", EOPNOTSUPP, "type is 0, which is none", "iommufd.md 13", no_type},
    {"IOMMU_HW_QUEUE_ALLOC", EINVAL, "the length is 0", "iommufd.md 13"},
    {"IOMMU_HW_QUEUE_ALLOC", EOVERFLOW, "nesting_parent_iova + length wraps", "iommufd.md 13"},
    {"IOMMU_HW_QUEUE_ALLOC", ENOENT, kNoViommu, "iommufd.md 13"},

    {"GET_PA", EOPNOTSUPP, "the kernel was built without IOMMUFD_NOIOMMU", "iommufd.md 15",
     [](Call call) { return !context_of(call)->config().iommufd_noiommu; }},
    {"GET_PA", EPERM, "the process lacks CAP_SYS_RAWIO, which telling physical addresses wants",
     "iommufd.md 15"},
    {"GET_PA", EOPNOTSUPP, kNoFlags, "iommufd.md 15", any_flags},
    {"GET_PA", EOPNOTSUPP, kReserved, "iommufd.md 15", reserved},
    {"GET_PA", EINVAL, "the length is 0: it says how much is wanted at most", "iommufd.md 15",
     [](Call call) { return is_mainline(call) && no_length(call); }},
    {"GET_PA", EOVERFLOW, "iova is 2^64-1", "iommufd.md 15"},
    {"GET_PA", ENOENT, kNoIoas, "iommufd.md 15", no_ioas},
    {"GET_PA", ENOENT, "nothing is mapped at that iova", "iommufd.md 15"},
    {"GET_PA", EINVAL, "the mapping is of a dma-buf that was revoked", "iommufd.md 15", is_revoked},
    {"GET_PA", EOPNOTSUPP, "no device is attached to the IOAS, so that nothing is pinned yet",
     "iommufd.md 15",
     [](Call call) {
       return area_says(call, [](const auto& area) { return area.storage == nullptr; });
     }},
    {"GET_PA", EOPNOTSUPP, "the first device that was attached to the IOAS has an IOMMU",
     "iommufd.md 15"},
    {"GET_PA", EINVAL,
     "the memory lies at physical address 0, which this revision takes for no answer",
     "iommufd.md 15.1"},

    {"iommufd", EFAULT, kUnreadable, "iommufd.md 1", unreadable},
    {"iommufd", EFAULT,
     "the argument, or what it points to, cannot be read or written; of a number that iommufd has, "
     "the size is read before anything is looked at",
     "iommufd.md 1", [](Call call) { return call.command == nullptr; }},
    {"iommufd", EFAULT, "the argument, or what it points to, cannot be read or written",
     "iommufd.md 1"},
    {"iommufd", ENOTTY, "this kernel has no such command", "iommufd.md 1",
     [](Call call) { return call.command == nullptr || suits(call.kind, call.command->name); }},
    {"iommufd", ENOTTY, "the command is for another kind of file than an iommufd",
     "iommufd.md 1 and 16"},
    {"iommufd", EBUSY, "no object id is left", "iommufd.md 2",
     [](Call call) { return call.command != nullptr && call.command->name.ends_with("_ALLOC"); }},
    {"iommufd", ENOMEM, "the kernel has no memory left", "iommufd.md 2"},
};

}  // namespace

std::span<const Rule> iommufd_rules() {
  return kRules;
}

}  // namespace noiommu::scenarios::exec
