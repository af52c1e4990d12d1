// Spec: iommufd.md.
#include <linux/capability.h>

#include <cerrno>

#include "scenarios/exec/rules.h"

namespace noiommu::scenarios::exec {

namespace {

using Call = const SeenCall&;

constexpr uint64_t kLast = UINT64_MAX;  // no IOVA is that high
constexpr uint64_t kFixed = 1;
constexpr uint64_t kReadOrWrite = 6;

bool unreadable(Call call) {
  return !call.readable;
}
bool too_short(Call call) {
  // The smallest that any kernel took; only structures that have grown are larger now.
  const uint64_t size = call.field("size");
  const uint64_t whole = call.command->struct_size;
  return size < (call.command->name == "IOMMU_HWPT_ALLOC"    ? 24
                 : call.command->name == "IOMMU_GET_HW_INFO" ? 32
                                                             : whole);
}
bool reserved(Call call) {
  return call.field("__reserved") != 0;
}
bool any_flags(Call call) {
  return call.field("flags") != 0;
}
bool unknown_map_flags(Call call) {
  return (call.field("flags") & ~uint64_t{7}) != 0;
}
bool neither_read_nor_write(Call call) {
  return (call.field("flags") & kReadOrWrite) == 0;
}
bool no_length(Call call) {
  return call.field("length") == 0;
}
bool last_iova(Call call) {
  return call.field("iova") == kLast || call.field("length") == kLast;
}
bool fixed(Call call) {
  return (call.field("flags") & kFixed) != 0;
}
bool automatic(Call call) {
  return !fixed(call);
}
bool length_off_page(Call call) {
  return call.field("length") % 4096 != 0;
}
bool iova_off_page(Call call) {
  return fixed(call) && call.field("iova") % 4096 != 0;
}
bool va_off_page(Call call) {
  return call.field("user_va") % 4096 != 0;
}
template <int kCapability>
bool lacks(Call call) {
  return !call.caller.effective[kCapability];
}

constexpr std::string_view kNoIoas = "the iommufd has no IOAS of that id";
constexpr std::string_view kUnaligned =
    "length and addresses are whole pages of 4 KiB once a device is attached";
constexpr std::string_view kNoMemory =
    "part of the memory is not there, or may not be written although the mapping is WRITEABLE; a "
    "device is attached, so that it is pinned now";
constexpr std::string_view kMemlock =
    "pinning exceeds RLIMIT_MEMLOCK, and the process lacks CAP_IPC_LOCK";

const Rule kRules[] = {
    {"IOMMU_DESTROY", ENOENT, "there is no object of that id: it is gone, or never was",
     "iommufd.md 2.1"},
    {"IOMMU_DESTROY", EBUSY,
     "the object is in use: a bound device, an IOAS with a page table, a page table with a device, "
     "a fault queue whose file is open",
     "iommufd.md 2.1"},
    {"IOMMU_IOAS_ALLOC", EOPNOTSUPP, "flags is not 0", "iommufd.md 3", any_flags},
    {"IOMMU_IOAS_IOVA_RANGES", EOPNOTSUPP, "the reserved field is not 0", "iommufd.md 4", reserved},
    {"IOMMU_IOAS_IOVA_RANGES", ENOENT, kNoIoas, "iommufd.md 4"},
    {"IOMMU_IOAS_IOVA_RANGES", EMSGSIZE,
     "there are more ranges than num_iovas, which says now how many", "iommufd.md 4"},
    {"IOMMU_IOAS_ALLOW_IOVAS", EOPNOTSUPP, "the reserved field is not 0", "iommufd.md 5", reserved},
    {"IOMMU_IOAS_ALLOW_IOVAS", ENOENT, kNoIoas, "iommufd.md 5"},
    {"IOMMU_IOAS_ALLOW_IOVAS", EINVAL,
     "a range does not start below its last byte, or overlaps another one of the call",
     "iommufd.md 5"},
    {"IOMMU_IOAS_ALLOW_IOVAS", EADDRINUSE, "a range overlaps a reserved one", "iommufd.md 5"},

    {"IOMMU_IOAS_MAP", EOPNOTSUPP, "flags has a bit that means nothing", "iommufd.md 6",
     unknown_map_flags},
    {"IOMMU_IOAS_MAP", EOPNOTSUPP, "the reserved field is not 0", "iommufd.md 6", reserved},
    {"IOMMU_IOAS_MAP", EOVERFLOW, "iova or length is 2^64-1", "iommufd.md 6", last_iova},
    {"IOMMU_IOAS_MAP", EOVERFLOW, "user_va + length wraps", "iommufd.md 6",
     [](Call call) { return call.field("user_va") + call.field("length") < call.field("length"); }},
    {"IOMMU_IOAS_MAP", EOVERFLOW, "iova + length wraps", "iommufd.md 6", fixed},
    {"IOMMU_IOAS_MAP", EOVERFLOW, "no automatic IOVA is chosen for that length", "iommufd.md 6.1",
     automatic},
    {"IOMMU_IOAS_MAP", EINVAL, "flags names neither READABLE nor WRITEABLE", "iommufd.md 6",
     neither_read_nor_write},
    {"IOMMU_IOAS_MAP", EINVAL, "the length is 0", "iommufd.md 6", no_length},
    {"IOMMU_IOAS_MAP", EINVAL, kUnaligned, "iommufd.md 6", length_off_page},
    {"IOMMU_IOAS_MAP", EINVAL, kUnaligned, "iommufd.md 6", iova_off_page},
    {"IOMMU_IOAS_MAP", EINVAL, kUnaligned, "iommufd.md 6", va_off_page},
    {"IOMMU_IOAS_MAP", EINVAL, "the range touches a reserved one", "iommufd.md 6"},
    {"IOMMU_IOAS_MAP", ENOENT, kNoIoas, "iommufd.md 6"},
    {"IOMMU_IOAS_MAP", EEXIST, "something is mapped in that range already", "iommufd.md 6"},
    {"IOMMU_IOAS_MAP", ENOSPC, "the allowed IOVAs have no hole of that length and alignment left",
     "iommufd.md 6.1"},
    {"IOMMU_IOAS_MAP", EFAULT, kNoMemory, "iommufd.md 10"},
    {"IOMMU_IOAS_MAP", ENOMEM, kMemlock, "iommufd.md 10"},
    {"IOMMU_IOAS_MAP_FILE", EOPNOTSUPP, "flags has a bit that means nothing", "iommufd.md 7",
     unknown_map_flags},
    {"IOMMU_IOAS_MAP_FILE", EOPNOTSUPP, "the exporter of that dma-buf is not supported",
     "iommufd.md 7"},
    {"IOMMU_IOAS_MAP_FILE", EOVERFLOW, "iova or length is 2^64-1", "iommufd.md 7", last_iova},
    {"IOMMU_IOAS_MAP_FILE", EOVERFLOW, "start + length or iova + length wraps", "iommufd.md 7"},
    {"IOMMU_IOAS_MAP_FILE", EINVAL, "flags names neither READABLE nor WRITEABLE", "iommufd.md 7",
     neither_read_nor_write},
    {"IOMMU_IOAS_MAP_FILE", EINVAL, "the length is 0", "iommufd.md 7", no_length},
    {"IOMMU_IOAS_MAP_FILE", EINVAL,
     "the range ends beyond the file, or the file is no memfd, shared memory or huge page file",
     "iommufd.md 7"},
    {"IOMMU_IOAS_MAP_FILE", EINVAL, kUnaligned, "iommufd.md 7"},
    {"IOMMU_IOAS_MAP_FILE", ENOENT, kNoIoas, "iommufd.md 7"},
    {"IOMMU_IOAS_MAP_FILE", EBADF, "the file's descriptor is not open", "iommufd.md 7"},
    {"IOMMU_IOAS_MAP_FILE", ENODEV,
     "the dma-buf is revoked: memory decoding is off, or its device was closed", "iommufd.md 7"},
    {"IOMMU_IOAS_MAP_FILE", EEXIST, "something is mapped in that range already", "iommufd.md 6"},
    {"IOMMU_IOAS_MAP_FILE", ENOSPC,
     "the allowed IOVAs have no hole of that length and alignment left", "iommufd.md 6.1"},
    {"IOMMU_IOAS_MAP_FILE", ENOMEM, kMemlock, "iommufd.md 10"},
    {"IOMMU_IOAS_COPY", EOPNOTSUPP, "flags has a bit that means nothing", "iommufd.md 8",
     unknown_map_flags},
    {"IOMMU_IOAS_COPY", EOVERFLOW, "an IOVA or the length is 2^64-1, or their sum wraps",
     "iommufd.md 8"},
    {"IOMMU_IOAS_COPY", EINVAL, "flags names neither READABLE nor WRITEABLE", "iommufd.md 8",
     neither_read_nor_write},
    {"IOMMU_IOAS_COPY", EINVAL, "the length is 0", "iommufd.md 8", no_length},
    {"IOMMU_IOAS_COPY", EINVAL, kUnaligned, "iommufd.md 8"},
    {"IOMMU_IOAS_COPY", ENOENT,
     "the source is not mapped without gaps over the whole range, or there is no such IOAS",
     "iommufd.md 8"},
    {"IOMMU_IOAS_COPY", EPERM, "a copy is WRITEABLE only where its source is", "iommufd.md 8"},
    {"IOMMU_IOAS_COPY", EEXIST, "something is mapped in the destination already", "iommufd.md 8"},
    {"IOMMU_IOAS_COPY", ENOSPC, "the allowed IOVAs have no hole of that length and alignment left",
     "iommufd.md 6.1"},
    {"IOMMU_IOAS_UNMAP", EOVERFLOW, "iova or length is 2^64-1, and not 0 with 2^64-1, which is all",
     "iommufd.md 9", last_iova},
    {"IOMMU_IOAS_UNMAP", EOVERFLOW, "iova + length wraps", "iommufd.md 9"},
    {"IOMMU_IOAS_UNMAP", EINVAL, "the length is 0", "iommufd.md 9", no_length},
    {"IOMMU_IOAS_UNMAP", ENOENT,
     "nothing is mapped there, or a mapping lies only partly in the range: mappings are never cut, "
     "and those below it are gone now",
     "iommufd.md 9"},
    {"IOMMU_IOAS_UNMAP", ENOENT, kNoIoas, "iommufd.md 9"},
    {"IOMMU_IOAS_UNMAP", EBUSY, "a mapping there is being set up or torn down", "iommufd.md 9"},

    {"IOMMU_OPTION", EOPNOTSUPP,
     "there is no such option or operation, or a reserved field is not 0", "iommufd.md 11"},
    {"IOMMU_OPTION", EPERM, "the process lacks CAP_SYS_RESOURCE, which setting RLIMIT_MODE wants",
     "iommufd.md 11", lacks<CAP_SYS_RESOURCE>},
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
    {"IOMMU_VFIO_IOAS", ENODEV, "no IOAS is set for the container ioctls", "iommufd.md 12"},
    {"IOMMU_VFIO_IOAS", ENOENT, kNoIoas, "iommufd.md 12"},
    {"IOMMU_VFIO_IOAS", EOPNOTSUPP, "there is no such operation, or the reserved field is not 0",
     "iommufd.md 12"},
    {"IOMMU_IOAS_CHANGE_PROCESS", EOPNOTSUPP, "the reserved field is not 0", "iommufd.md 12"},
    {"IOMMU_IOAS_CHANGE_PROCESS", EINVAL, "something is mapped that is not from a file",
     "iommufd.md 12"},
    {"IOMMU_IOAS_CHANGE_PROCESS", ENOMEM,
     "what is pinned exceeds the RLIMIT_MEMLOCK of this process", "iommufd.md 12"},
    {"IOMMU_IOAS_CHANGE_PROCESS", EBUSY, "a mapping is being set up or torn down", "iommufd.md 12"},
    {"IOMMU_HWPT_ALLOC", EOPNOTSUPP,
     "a device without an IOMMU takes no flags but FAULT_ID_VALID, no data and no nesting",
     "iommufd.md 13"},
    {"IOMMU_HWPT_ALLOC", EINVAL, "data_len goes with a data_type, and the other way round",
     "iommufd.md 13",
     [](Call call) { return (call.field("data_type") == 0) != (call.field("data_len") == 0); }},
    {"IOMMU_HWPT_ALLOC", EINVAL, "pt_id is no IOAS", "iommufd.md 13"},
    {"IOMMU_HWPT_ALLOC", ENOENT, "there is no device of that id, or no fault queue",
     "iommufd.md 13"},
    {"IOMMU_HWPT_ALLOC", EADDRINUSE, "something in the IOAS is not aligned to whole pages",
     "iommufd.md 13"},
    {"IOMMU_HWPT_ALLOC", EFAULT, "memory that is mapped in the IOAS is not there: it is pinned now",
     "iommufd.md 10", [](Call call) { return call.readable; }},
    {"IOMMU_HWPT_ALLOC", ENOMEM, kMemlock, "iommufd.md 10"},
    {"IOMMU_GET_HW_INFO", EOPNOTSUPP, "there is no IOMMU to tell of, or a field is not 0",
     "iommufd.md 13"},
    {"IOMMU_GET_HW_INFO", ENOENT, "there is no device of that id", "iommufd.md 13"},
    {"IOMMU_HWPT_SET_DIRTY_TRACKING", EOPNOTSUPP, "without an IOMMU nothing tracks what is written",
     "iommufd.md 13"},
    {"IOMMU_HWPT_GET_DIRTY_BITMAP", EOPNOTSUPP, "without an IOMMU nothing tracks what is written",
     "iommufd.md 13"},
    {"IOMMU_HWPT_INVALIDATE", EINVAL, "only nested page tables are invalidated", "iommufd.md 13"},
    {"IOMMU_VIOMMU_ALLOC", EOPNOTSUPP, "the device has no IOMMU", "iommufd.md 13"},
    {"IOMMU_VDEVICE_ALLOC", EINVAL, "the device has no IOMMU", "iommufd.md 13"},

    {"IOMMU_IOAS_NOIOMMU_GET_PA", EPERM,
     "the process lacks CAP_SYS_RAWIO, which telling physical addresses wants", "iommufd.md 15",
     lacks_rawio},
    {"IOMMU_IOAS_NOIOMMU_GET_PA", EOPNOTSUPP, "flags is not 0", "iommufd.md 15", any_flags},
    {"IOMMU_IOAS_NOIOMMU_GET_PA", EOPNOTSUPP, "the reserved field is not 0", "iommufd.md 15",
     reserved},
    {"IOMMU_IOAS_NOIOMMU_GET_PA", EOPNOTSUPP,
     "no device is attached to the IOAS, so that nothing is pinned yet", "iommufd.md 15"},
    {"IOMMU_IOAS_NOIOMMU_GET_PA", EOPNOTSUPP,
     "the first device that was attached to the IOAS has an IOMMU", "iommufd.md 15"},
    {"IOMMU_IOAS_NOIOMMU_GET_PA", EOPNOTSUPP, "the kernel was built without IOMMUFD_NOIOMMU",
     "iommufd.md 15"},
    {"IOMMU_IOAS_NOIOMMU_GET_PA", EINVAL, "the length is 0: it says how much is wanted at most",
     "iommufd.md 15", no_length},
    {"IOMMU_IOAS_NOIOMMU_GET_PA", EINVAL, "the mapping is of a dma-buf that was revoked",
     "iommufd.md 15"},
    {"IOMMU_IOAS_NOIOMMU_GET_PA", EOVERFLOW, "iova is 2^64-1", "iommufd.md 15"},
    {"IOMMU_IOAS_NOIOMMU_GET_PA", ENOENT, "nothing is mapped at that iova", "iommufd.md 15"},
    {"IOMMU_IOAS_NOIOMMU_GET_PA", ENOENT, kNoIoas, "iommufd.md 15"},
    {"IOMMU_IOAS_GET_PA", EPERM,
     "the process lacks CAP_SYS_RAWIO, which telling physical addresses wants", "iommufd.md 15.1",
     lacks_rawio},
    {"IOMMU_IOAS_GET_PA", EOPNOTSUPP,
     "flags or the reserved field is not 0, or no device without an IOMMU is attached to the IOAS",
     "iommufd.md 15.1"},
    {"IOMMU_IOAS_GET_PA", ENOENT, "nothing is mapped at that iova, or there is no such IOAS",
     "iommufd.md 15.1"},

    {"envelope", EINVAL, "size is below that of the structure", "iommufd.md 1", too_short},
    {"envelope", E2BIG,
     "a byte beyond the structure is not zero: this kernel does not know the field",
     "iommufd.md 1"},
    {"iommufd", ENOTTY, "this kernel has no such command", "iommufd.md 1"},
    {"iommufd", EBUSY, "no object id is left", "iommufd.md 2",
     [](Call call) { return call.command->name.ends_with("_ALLOC"); }},
    {"iommufd", ENOMEM, "the kernel has no memory left", "iommufd.md 2"},
    {"envelope", EFAULT, "the argument cannot be read: it is no address of this process",
     "iommufd.md 1", unreadable},
};

}  // namespace

std::span<const Rule> iommufd_rules() {
  return kRules;
}

}  // namespace noiommu::scenarios::exec
