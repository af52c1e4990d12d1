// Spec: vfio-core.md.
#include <sys/mman.h>

#include <cerrno>

#include "scenarios/exec/rules.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios::exec {

namespace {

using Call = const SeenCall&;

constexpr uint64_t kRegionShift = 40;

// As the kernel sees it: 32 bits.
bool negative(Call call, std::string_view field) {
  return static_cast<int32_t>(call.field(field)) < 0;
}
template <uint64_t kLeast>
bool short_argsz(Call call) {
  return call.readable && call.field("argsz") < kLeast;
}
bool unbound(Call call) {
  return call.unbound;
}
bool unreadable(Call call) {
  return !call.readable;
}
template <uint64_t kKnown>
bool unknown_flags(Call call) {
  return (call.field("flags") & ~kKnown) != 0;
}
// Exactly one kind of data.
bool not_one_data_type(Call call) {
  const uint64_t type = call.field("flags") & 7;
  return type == 0 || (type & (type - 1)) != 0;
}
// Bytes of the device that a read, write or mmap is about.
uint64_t region_of(Call call) {
  const bool maps = call.name() == "mmap";
  return call.arguments[maps ? 5 : 3] >> kRegionShift;
}

constexpr std::string_view kUnbound =
    "the device file is not bound to an iommufd yet: VFIO_DEVICE_BIND_IOMMUFD comes first";

const Rule kRules[] = {
    {"open device", EPERM,
     "the process lacks CAP_SYS_RAWIO, which a device without an IOMMU wants at open",
     "vfio-core.md 7", lacks_rawio},
    {"open device", ENODEV, "the device is being unregistered from its driver", "vfio-core.md 7"},
    {"open device", EACCES, "the node belongs to root and has mode 0600", "vfio-core.md 3.6"},
    {"open group", EPERM,
     "the process lacks CAP_SYS_RAWIO, which a group without an IOMMU wants at open",
     "vfio-core.md 5.1", lacks_rawio},
    {"open group", EBUSY, "the group is open already: one open file at a time", "vfio-core.md 5.1"},
    {"open group", EBUSY, "a device of the group is bound through its own node in vfio/devices",
     "vfio-core.md 5.1"},
    {"open group", EBUSY, "a device file of the group keeps it open with its native container",
     "vfio-core.md 5.6"},
    {"open group", ENODEV, "the group is being torn down: no driver is left", "vfio-core.md 5.1"},
    {"open group", EACCES, "the node belongs to root and has mode 0600", "vfio-core.md 3.6"},
    {"open iommufd", EACCES, "the node has mode 0660", "vfio-core.md 3.6"},
    {"attribute", EACCES, "the permissions of the file do not let this user do that",
     "vfio-core.md 1"},
    {"attribute", EINVAL, "the text is no value of the attribute, which keeps the one that it had",
     "vfio-core.md 1"},
    {"attribute", EPERM, "a parameter that latches is not turned off again", "vfio-core.md 1"},
    {"attribute", ENODEV, "there is no such device, or it is not bound to this driver",
     "vfio-core.md 3.9"},

    {"VFIO_GROUP_GET_STATUS", EINVAL, "argsz is below 8", "vfio-core.md 5.2", short_argsz<8>},
    {"VFIO_GROUP_GET_STATUS", ENODEV, "the group has no device any more", "vfio-core.md 5.2"},
    {"VFIO_GROUP_SET_CONTAINER", EBADF, "the descriptor of the container is not open",
     "vfio-core.md 5.3"},
    {"VFIO_GROUP_SET_CONTAINER", EBADFD,
     "the descriptor is open, but neither a container nor an iommufd", "vfio-core.md 5.3"},
    {"VFIO_GROUP_SET_CONTAINER", EINVAL, "the group has a container or an iommufd already",
     "vfio-core.md 5.3"},
    {"VFIO_GROUP_SET_CONTAINER", EINVAL,
     "the iommufd is for the other kind: a group without an IOMMU wants one without a "
     "compatibility IOAS, and once it had one the iommufd takes no group behind an IOMMU",
     "vfio-core.md 5.3"},
    {"VFIO_GROUP_SET_CONTAINER", EPERM,
     "the process lacks CAP_SYS_RAWIO, which a group without an IOMMU wants here",
     "vfio-core.md 5.3", lacks_rawio},
    {"VFIO_GROUP_SET_CONTAINER", EPERM,
     "one container does not take groups with and without an IOMMU", "vfio-core.md 5.3"},
    {"VFIO_GROUP_SET_CONTAINER", ENODEV, "the group has no device any more", "vfio-core.md 5.3"},
    {"VFIO_GROUP_UNSET_CONTAINER", EINVAL, "the group has no container", "vfio-core.md 5.4"},
    {"VFIO_GROUP_UNSET_CONTAINER", EBUSY, "a device file of the group is still open",
     "vfio-core.md 5.4"},
    {"VFIO_GROUP_GET_DEVICE_FD", ENODEV,
     "no device of the group has that name: it is the PCI address in full, as in 0000:00:04.0",
     "vfio-core.md 5.5"},
    {"VFIO_GROUP_GET_DEVICE_FD", EMFILE, "the process has no descriptor left", "vfio-core.md 5.5"},
    {"VFIO_GROUP_GET_DEVICE_FD", EINVAL, "the group has no container: VFIO_GROUP_SET_CONTAINER",
     "vfio-core.md 5.5"},
    {"VFIO_GROUP_GET_DEVICE_FD", EINVAL,
     "the native container has no backend: VFIO_SET_IOMMU comes first", "vfio-core.md 5.5"},
    {"VFIO_GROUP_GET_DEVICE_FD", EINVAL,
     "what follows the device's name is no vf_token, or the function takes none",
     "vfio-core.md 5.5", [](Call call) { return call.text.find(' ') != std::string::npos; }},
    {"VFIO_GROUP_GET_DEVICE_FD", EPERM,
     "the process lacks CAP_SYS_RAWIO, which a device without an IOMMU wants", "vfio-core.md 5.5",
     lacks_rawio},
    {"VFIO_GROUP_GET_DEVICE_FD", EPERM,
     "the iommufd has a compatibility IOAS, which a device without an IOMMU cannot use",
     "vfio-core.md 5.5"},
    {"VFIO_GROUP_GET_DEVICE_FD", EACCES, "the virtual function wants another vf_token",
     "vfio-core.md 5.5"},

    {"VFIO_SET_IOMMU", EPERM, "the process lacks CAP_SYS_RAWIO, which VFIO_NOIOMMU_IOMMU wants",
     "vfio-core.md 6", lacks_rawio},
    {"VFIO_SET_IOMMU", ENODEV,
     "no backend takes that type here: a container of a group without an IOMMU takes only "
     "VFIO_NOIOMMU_IOMMU",
     "vfio-core.md 6.1",
     [](Call call) {
       return call.kind == FileKind::kContainer && call.arguments[2] != VFIO_NOIOMMU_IOMMU;
     }},
    {"VFIO_SET_IOMMU", ENODEV, "the iommufd has no compatibility IOAS", "vfio-core.md 6.2",
     [](Call call) { return call.kind == FileKind::kIommufd; }},
    {"VFIO_SET_IOMMU", ENODEV,
     "enable_unsafe_noiommu_mode is off now, which a fresh native container looks at",
     "vfio-core.md 1"},
    {"VFIO_SET_IOMMU", ENODEV,
     "a container of groups behind an IOMMU never takes VFIO_NOIOMMU_IOMMU", "vfio-core.md 6.1"},
    {"VFIO_SET_IOMMU", EINVAL, "no group is attached, or the container has its backend already",
     "vfio-core.md 6.1"},
    {"VFIO_SET_IOMMU", EINVAL,
     "an iommufd in no-IOMMU mode takes only VFIO_NOIOMMU_IOMMU, any other only type 1 and 1v2",
     "vfio-core.md 6.2"},
    {"VFIO_CHECK_EXTENSION", ENODEV,
     "VFIO_DMA_CC_IOMMU asks about a compatibility IOAS, which the iommufd does not have",
     "vfio-core.md 6.2"},
    {"VFIO_IOMMU_GET_INFO", EINVAL, "argsz is below 16", "iommufd.md 16", short_argsz<16>},
    {"VFIO_IOMMU_MAP_DMA", EINVAL, "argsz is below 32", "iommufd.md 16", short_argsz<32>},
    {"VFIO_IOMMU_MAP_DMA", EINVAL, "flags other than READ and WRITE", "iommufd.md 16",
     unknown_flags<3>},
    {"VFIO_IOMMU_UNMAP_DMA", EINVAL, "argsz is below 24", "iommufd.md 16", short_argsz<24>},
    {"VFIO_IOMMU_UNMAP_DMA", EINVAL, "flags other than ALL", "iommufd.md 16", unknown_flags<2>},
    {"VFIO_IOMMU_UNMAP_DMA", EINVAL, "ALL goes with iova 0 and size 0", "iommufd.md 16",
     [](Call call) { return (call.field("flags") & 2) != 0; }},
    {"VFIO_IOMMU_UNMAP_DMA", EINVAL, "the size is 0", "iommufd.md 16",
     [](Call call) { return call.field("size") == 0; }},
    {"VFIO_IOMMU_UNMAP_DMA", ENOENT, "the range ends inside of a mapping", "iommufd.md 16"},
    {"VFIO_IOMMU_GET_INFO", ENODEV,
     "there is no compatibility IOAS: devices without an IOMMU never make one", "iommufd.md 16"},
    {"VFIO_IOMMU_MAP_DMA", ENODEV,
     "there is no compatibility IOAS: devices without an IOMMU never make one, programs use "
     "physical addresses",
     "iommufd.md 16"},
    {"VFIO_IOMMU_UNMAP_DMA", ENODEV,
     "there is no compatibility IOAS: devices without an IOMMU never make one", "iommufd.md 16"},
    {"VFIO_IOMMU_MAP_DMA", ENOTTY,
     "the container's backend is the one without an IOMMU, which maps nothing", "vfio-core.md 6.1"},
    {"VFIO_IOMMU_UNMAP_DMA", ENOTTY,
     "the container's backend is the one without an IOMMU, which maps nothing", "vfio-core.md 6.1"},
    {"VFIO_IOMMU_GET_INFO", ENOTTY,
     "the container's backend is the one without an IOMMU, which has nothing to tell",
     "vfio-core.md 6.1"},
    {"VFIO_IOMMU_MAP_DMA", EINVAL, "the container has no backend: VFIO_SET_IOMMU comes first",
     "vfio-core.md 6.1"},

    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL, "argsz is below 16", "vfio-core.md 8", short_argsz<16>},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL, "the descriptor of the iommufd is negative",
     "vfio-core.md 8", [](Call call) { return negative(call, "iommufd"); }},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL, "flags other than TOKEN", "vfio-core.md 8",
     unknown_flags<1>},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL, "a plain PCI function takes no token", "vfio-core.md 8",
     [](Call call) { return call.field("flags") == 1; }},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL,
     "a device file from VFIO_GROUP_GET_DEVICE_FD has its iommufd from the group", "vfio-core.md 8",
     [](Call call) { return call.path.empty(); }},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL, "this file is bound already", "vfio-core.md 8",
     [](Call call) { return !call.unbound; }},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL, "the device is open through another file",
     "vfio-core.md 8"},
    {"VFIO_DEVICE_BIND_IOMMUFD", E2BIG, "a byte beyond the structure is not zero",
     "vfio-core.md 8"},
    {"VFIO_DEVICE_BIND_IOMMUFD", EBUSY, "the device's group is open", "vfio-core.md 8"},
    {"VFIO_DEVICE_BIND_IOMMUFD", EBADF, "the descriptor of the iommufd is not open",
     "vfio-core.md 8"},
    {"VFIO_DEVICE_BIND_IOMMUFD", EBADFD, "the descriptor is open, but no iommufd",
     "vfio-core.md 8"},
    {"VFIO_DEVICE_BIND_IOMMUFD", ENODEV, "the device is being unregistered from its driver",
     "vfio-core.md 8"},
    {"VFIO_DEVICE_BIND_IOMMUFD", EFAULT, "out_devid cannot be written; the bind has been undone",
     "vfio-core.md 8", [](Call call) { return call.readable; }},
    {"VFIO_DEVICE_BIND_IOMMUFD", EAGAIN, "somebody else holds the lock of the device",
     "vfio-core.md 8"},
    {"VFIO_DEVICE_BIND_IOMMUFD", ENOTTY, "the kernel was built without VFIO_DEVICE_CDEV",
     "vfio-core.md 7"},

    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL, kUnbound, "vfio-core.md 7", unbound},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL, "argsz is below 12", "vfio-core.md 9",
     short_argsz<12>},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL, "flags other than PASID", "vfio-core.md 9",
     unknown_flags<1>},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL, "with PASID argsz is 16 at least", "vfio-core.md 9",
     [](Call call) { return (call.field("flags") & 1) != 0 && call.field("argsz") < 16; }},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL,
     "no PASID of a device without an IOMMU can be attached", "vfio-core.md 9",
     [](Call call) { return (call.field("flags") & 1) != 0; }},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL,
     "pt_id is an object, but neither an IOAS nor a page table", "vfio-core.md 9"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL,
     "memory of the IOAS cannot be pinned: a file that is no memfd, or one that is too short",
     "iommufd.md 7"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", ENOENT, "the iommufd has no object pt_id", "vfio-core.md 9"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EFAULT,
     "memory that is mapped in the IOAS is not there, or may not be written: it is pinned now",
     "iommufd.md 10", [](Call call) { return call.readable; }},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", ENOMEM,
     "pinning what is mapped in the IOAS exceeds RLIMIT_MEMLOCK", "iommufd.md 10"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EADDRINUSE,
     "something in the IOAS is not aligned to whole pages, as page tables want it", "iommufd.md 6"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EBUSY,
     "the device is attached already, with the PASID flag and PASID 0", "vfio-core.md 9"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", ENOSPC, "there is no such PASID", "vfio-core.md 9"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EOPNOTSUPP, "the driver knows no PASIDs", "vfio-core.md 9"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", ENOTTY,
     "a device file from VFIO_GROUP_GET_DEVICE_FD cannot be attached", "vfio-core.md 7"},
    {"VFIO_DEVICE_DETACH_IOMMUFD_PT", EINVAL, kUnbound, "vfio-core.md 7", unbound},
    {"VFIO_DEVICE_DETACH_IOMMUFD_PT", EINVAL, "argsz is below 8, or 12 with PASID",
     "vfio-core.md 9",
     [](Call call) { return call.field("argsz") < ((call.field("flags") & 1) != 0 ? 12 : 8); }},
    {"VFIO_DEVICE_DETACH_IOMMUFD_PT", EINVAL, "flags other than PASID", "vfio-core.md 9",
     unknown_flags<1>},
    {"VFIO_DEVICE_DETACH_IOMMUFD_PT", ENOTTY,
     "a device file from VFIO_GROUP_GET_DEVICE_FD was never attached", "vfio-core.md 7"},

    {"VFIO_DEVICE_GET_INFO", EINVAL, kUnbound, "vfio-core.md 7", unbound},
    {"VFIO_DEVICE_GET_INFO", EINVAL, "argsz is below 16", "vfio-core.md 11.2", short_argsz<16>},
    {"VFIO_DEVICE_GET_REGION_INFO", EINVAL, kUnbound, "vfio-core.md 7", unbound},
    {"VFIO_DEVICE_GET_REGION_INFO", EINVAL, "argsz is below 32", "vfio-core.md 11.3",
     short_argsz<32>},
    {"VFIO_DEVICE_GET_REGION_INFO", EINVAL,
     "the device has no region of that index: VGA and beyond", "vfio-core.md 11.3"},
    {"VFIO_DEVICE_GET_IRQ_INFO", EINVAL, kUnbound, "vfio-core.md 7", unbound},
    {"VFIO_DEVICE_GET_IRQ_INFO", EINVAL, "argsz is below 16", "vfio-core.md 11.4", short_argsz<16>},
    {"VFIO_DEVICE_GET_IRQ_INFO", EINVAL, "the device has no interrupt of that index",
     "vfio-core.md 11.4"},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, kUnbound, "vfio-core.md 7", unbound},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "argsz is below 20", "vfio-core.md 11.5", short_argsz<20>},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "there is no interrupt of that index", "vfio-core.md 11.5",
     [](Call call) { return call.field("index") >= 5; }},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "flags has a bit that means nothing", "vfio-core.md 11.5",
     unknown_flags<0x3f>},
    {"VFIO_DEVICE_SET_IRQS", EINVAL,
     "flags names exactly one of DATA_NONE, DATA_BOOL and DATA_EVENTFD", "vfio-core.md 11.5",
     not_one_data_type},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "argsz is too small for count words of data",
     "vfio-core.md 11.5",
     [](Call call) {
       const uint64_t flags = call.field("flags");
       const uint64_t width = (flags & 4) != 0 ? 4 : (flags & 2) != 0 ? 1 : 0;
       return call.field("argsz") < 20 + width * call.field("count");
     }},
    {"VFIO_DEVICE_SET_IRQS", EINVAL,
     "the device has fewer interrupts of that index: see GET_IRQ_INFO", "vfio-core.md 11.5"},
    {"VFIO_DEVICE_SET_IRQS", EINVAL,
     "the index is not enabled, or another kind of interrupt is: one at a time",
     "vfio-core.md 11.5"},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "a descriptor in the data is no eventfd", "vfio-core.md 11.5"},
    {"VFIO_DEVICE_SET_IRQS", EBADF, "a descriptor in the data is not open", "vfio-core.md 11.5"},
    {"VFIO_DEVICE_SET_IRQS", ENOTTY,
     "flags names exactly one action, and MASK and UNMASK exist for INTx alone",
     "vfio-core.md 11.5"},
    {"VFIO_DEVICE_SET_IRQS", ERANGE,
     "an eventfd for no interrupt at all, of an index that is not enabled", "vfio-core.md 11.5"},
    {"VFIO_DEVICE_SET_IRQS", ENODEV, "the function has no interrupt line", "vfio-core.md 11.5"},
    {"VFIO_DEVICE_RESET", EINVAL, kUnbound, "vfio-core.md 7", unbound},
    {"VFIO_DEVICE_RESET", EINVAL,
     "the function has no reset that works: GET_INFO shows no VFIO_DEVICE_FLAGS_RESET",
     "vfio-core.md 11.6"},
    {"VFIO_DEVICE_RESET", EAGAIN, "somebody else holds the lock of the device",
     "vfio-core.md 11.6"},
    {"VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", EINVAL, kUnbound, "vfio-core.md 7", unbound},
    {"VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", EINVAL, "argsz is below 12", "vfio-core.md 11.7",
     short_argsz<12>},
    {"VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", ENODEV,
     "neither the slot nor the bus can be reset: a function on the root bus", "vfio-core.md 11.7"},
    {"VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", ENOSPC,
     "argsz is too small for all devices: count says now how many", "vfio-core.md 11.7"},
    {"VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", EPERM,
     "a device that the reset would hit belongs to no group", "vfio-core.md 11.7"},
    {"VFIO_DEVICE_PCI_HOT_RESET", EINVAL, kUnbound, "vfio-core.md 7", unbound},
    {"VFIO_DEVICE_PCI_HOT_RESET", EINVAL, "argsz is below 12", "vfio-core.md 11.7",
     short_argsz<12>},
    {"VFIO_DEVICE_PCI_HOT_RESET", EINVAL,
     "flags is not 0, or a device of the set belongs to somebody else", "vfio-core.md 11.7"},
    {"VFIO_DEVICE_PCI_HOT_RESET", EINVAL,
     "count is 0 for a file of the device's own node, and not for one of a group",
     "vfio-core.md 11.7"},
    {"VFIO_DEVICE_PCI_HOT_RESET", ENODEV,
     "neither the slot nor the bus can be reset: a function on the root bus", "vfio-core.md 11.7"},
    {"VFIO_DEVICE_FEATURE", EINVAL, kUnbound, "vfio-core.md 7", unbound},
    {"VFIO_DEVICE_FEATURE", EINVAL, "argsz is below 8", "vfio-core.md 11.8", short_argsz<8>},
    {"VFIO_DEVICE_FEATURE", EINVAL, "flags has a bit that means nothing", "vfio-core.md 11.8",
     unknown_flags<0x7ffff>},
    {"VFIO_DEVICE_FEATURE", EINVAL, "neither GET, SET nor PROBE, or GET and SET without PROBE",
     "vfio-core.md 11.8",
     [](Call call) {
       const uint64_t acts = call.field("flags") >> 16;
       return acts == 0 || acts == 3;
     }},
    {"VFIO_DEVICE_FEATURE", EINVAL,
     "the feature has no GET, or no SET, or argsz leaves too little room for its data",
     "vfio-core.md 11.8"},
    {"VFIO_DEVICE_FEATURE", ENOTTY, "the device does not have that feature", "vfio-core.md 11.8"},
    {"VFIO_DEVICE_FEATURE", ENODEV, "the device has no such BAR to make a dma-buf of",
     "vfio-core.md 11.10"},

    {"device access", EINVAL, kUnbound, "vfio-core.md 7", unbound},
    {"device access", EINVAL, "the offset belongs to no region: see GET_REGION_INFO",
     "vfio-core.md 11.9", [](Call call) { return region_of(call) >= 9; }},
    {"device access", EINVAL,
     "there is no such BAR, or the offset is beyond its end, or the ROM is not written",
     "vfio-core.md 11.9"},
    {"device access", EFAULT,
     "configuration space ends before that: such an access is refused whole", "vfio-core.md 11.9",
     [](Call call) { return region_of(call) == 7; }},
    {"device access", EIO, "memory decoding is off in the COMMAND register, or power is",
     "vfio-core.md 11.9"},
    {"device mmap", EINVAL, kUnbound, "vfio-core.md 7", unbound},
    {"device mmap", EINVAL, "a region is mapped with MAP_SHARED", "vfio-core.md 11.9",
     [](Call call) { return (call.arguments[3] & MAP_SHARED) == 0; }},
    {"device mmap", EINVAL, "only BARs can be mapped", "vfio-core.md 11.9",
     [](Call call) { return region_of(call) >= 6; }},
    {"device mmap", EINVAL, "there is no such BAR, or the mapping ends beyond it",
     "vfio-core.md 11.9"},

    {"other access", EINVAL, "this file is for ioctls: it is neither read nor written",
     "vfio-core.md 5 and 6"},
    {"other access", ENODEV, "this file is for ioctls: it cannot be mapped",
     "vfio-core.md 5 and 6"},

    {"ioctl", EINVAL, kUnbound, "vfio-core.md 7", unbound},
    {"ioctl", EFAULT, "the argument cannot be read: it is no address of this process",
     "vfio-core.md 5 to 11", unreadable},
    {"ioctl", EFAULT, "the argument, or what it points to, cannot be read or written",
     "vfio-core.md 5 to 11"},
    {"ioctl", EIO, "the device does not wake up", "vfio-core.md 7"},
    {"ioctl", ENOTTY, "this kind of file has no such command", "vfio-core.md 5 to 11"},
};

}  // namespace

std::span<const Rule> vfio_rules() {
  return kRules;
}

}  // namespace noiommu::scenarios::exec
