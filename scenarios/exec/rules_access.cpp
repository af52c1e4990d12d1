// Open, read, write, mmap and the like. Spec: vfio-core.md sections 1, 3 to 7 and 11.9.
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cerrno>
#include <climits>

#include "model/vfio/vfio_pci_config.h"
#include "scenarios/exec/rules.h"
#include "scenarios/exec/rules_facts.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios::exec {

namespace {

constexpr uint64_t kRegionShift = 40;

template <int... kCalls>
bool is_call(Call call) {
  return ((call.call == kCalls) || ...);
}
bool is_positioned(Call call) {
  return call.positioned();
}
constexpr auto is_read = is_call<SYS_read, SYS_readv, SYS_pread64, SYS_preadv, SYS_preadv2>;
constexpr auto is_mmap = is_call<SYS_mmap>;
// Of several buffers, so that no argument says how long it is.
constexpr auto is_scattered =
    is_call<SYS_readv, SYS_preadv, SYS_preadv2, SYS_writev, SYS_pwritev, SYS_pwritev2>;

// Where in the device a read, write or mmap begins.
uint64_t place(Call call) {
  if (is_mmap(call)) return call.arguments[5];
  return is_positioned(call) ? call.arguments[3] : call.file->position.load();
}
uint64_t region_of(Call call) {
  return place(call) >> kRegionShift;
}
bool beyond_config(Call call) {
  const uint64_t offset = place(call) & ((uint64_t{1} << kRegionShift) - 1);
  return region_of(call) == VFIO_PCI_CONFIG_REGION_INDEX &&
         offset + call.arguments[2] > vfio::VfioPciConfig::kSize;
}

bool is_shared(Call call) {
  const uint64_t type = call.arguments[3] & MAP_TYPE;
  return type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
}

bool is_bind(Call call) {
  return call.path.ends_with("/bind");
}
bool is_type(Call call) {
  return call.path.ends_with("/type");
}

constexpr std::string_view kBeyondConfig =
    "configuration space ends before that: such an access is refused whole";
constexpr std::string_view kBadBuffer =
    "the buffer cannot be read or written: it is no memory of this process";

const Rule kRules[] = {
    {"open device", ENODEV, "the device is being unregistered from its driver", "vfio-core.md 7"},
    {"open device", EPERM,
     "the process lacks CAP_SYS_RAWIO, which a device without an IOMMU wants at open",
     "vfio-core.md 7"},
    {"open device", EACCES, "the node belongs to root and has mode 0600", "vfio-core.md 3.6"},
    {"open group", ENODEV, "the group is being torn down: no driver is left", "vfio-core.md 5.1"},
    {"open group", EPERM,
     "the process lacks CAP_SYS_RAWIO, which a group without an IOMMU wants at open",
     "vfio-core.md 5.1"},
    {"open group", EBUSY, "the group is open already: one open file at a time", "vfio-core.md 5.1"},
    {"open group", EBUSY, "a device of the group is bound through its own node in vfio/devices",
     "vfio-core.md 5.1"},
    {"open group", EBUSY, "a device file of the group keeps it open with its native container",
     "vfio-core.md 5.6"},
    {"open group", EACCES, "the node belongs to root and has mode 0600", "vfio-core.md 3.6"},
    {"open iommufd", EACCES, "the node has mode 0660", "vfio-core.md 3.6"},
    {"open attribute", EACCES,
     "the permissions of the file do not let this user do that, or the attribute is only for "
     "reading or only for writing",
     "vfio-core.md 1"},
    {"open", EMFILE, "the process has no descriptor left: RLIMIT_NOFILE", "open(2)"},

    {"transfer", EINVAL, "the offset is negative", "pread(2)",
     [](Call call) { return is_positioned(call) && place(call) > INT64_MAX; }},
    {"transfer", EINVAL, "there are more than IOV_MAX buffers", "readv(2)",
     [](Call call) { return is_scattered(call) && call.arguments[2] > IOV_MAX; }},
    {"transfer", ESPIPE, "the file has no offsets: it is read and written in order", "pread(2)",
     is_positioned},
    {"transfer", EBADF, "the descriptor was opened for writing only", "read(2)", is_read},
    {"transfer", EBADF, "the descriptor was opened for reading only", "write(2)"},
    {"transfer", EOPNOTSUPP, "the file knows none of the flags of preadv2 and pwritev2",
     "preadv2(2)"},
    {"sync", EINVAL, "the file has nothing to be written back", "fsync(2)"},
    {"splice", EINVAL, "the file is no end of a pipe, and has no pages to be sent", "splice(2)"},
    {"duplicate", EMFILE, "the process has no descriptor left: RLIMIT_NOFILE", "dup(2)"},
    {"lseek", ESPIPE, "the file has no position that could be set", "lseek(2)"},
    {"lseek", EINVAL, "that is no place in the file", "lseek(2)"},
    {"resize", EINVAL, "only a regular file has a size to be changed", "ftruncate(2)"},
    {"resize", EINVAL, "the range is empty, or negative", "fallocate(2)", is_call<SYS_fallocate>},
    {"resize", ENODEV, "only a regular file has room to be allocated", "fallocate(2)"},
    {"mmap", EINVAL, "the offset is not a multiple of 4 KiB", "mmap(2)",
     [](Call call) { return place(call) % kPageSize != 0; }},
    {"mmap", EINVAL, "the length is 0", "mmap(2)",
     [](Call call) { return call.arguments[1] == 0; }},
    {"mmap", ENOMEM, "the length is more than there are addresses", "mmap(2)"},
    {"mmap", EOVERFLOW, "offset + length wraps", "mmap(2)"},
    {"mmap", EACCES,
     "the descriptor was not opened for reading, or not for writing what is shared and written",
     "mmap(2)"},

    {"device transfer", EINVAL, "the offset belongs to no region: see GET_REGION_INFO",
     "vfio-core.md 11.9", [](Call call) { return region_of(call) >= VFIO_PCI_NUM_REGIONS; }},
    {"device transfer", EINVAL,
     "there is no such BAR, or the offset is beyond its end, or the ROM is not written",
     "vfio-core.md 11.9"},
    {"device transfer", EFAULT, kBadBuffer, "vfio-core.md 11.9",
     [](Call call) { return region_of(call) != VFIO_PCI_CONFIG_REGION_INDEX; }},
    {"device transfer", EFAULT, kBeyondConfig, "vfio-core.md 11.9",
     [](Call call) { return !is_scattered(call) && beyond_config(call); }},
    {"device transfer", EFAULT, kBadBuffer, "vfio-core.md 11.9",
     [](Call call) { return !is_scattered(call); }},
    {"device transfer", EFAULT, kBeyondConfig, "vfio-core.md 11.9"},
    {"device transfer", EFAULT, kBadBuffer, "vfio-core.md 11.9"},
    {"device transfer", EIO, "memory decoding is off in the COMMAND register, or power is",
     "vfio-core.md 11.9"},
    {"device mmap", EINVAL, "a region is mapped with MAP_SHARED", "vfio-core.md 11.9",
     [](Call call) { return !is_shared(call); }},
    {"device mmap", EINVAL, "only BARs can be mapped", "vfio-core.md 11.9",
     [](Call call) { return region_of(call) >= VFIO_PCI_ROM_REGION_INDEX; }},
    {"device mmap", EINVAL, "there is no such BAR, or the mapping ends beyond it",
     "vfio-core.md 11.9"},

    {"fault", ESPIPE, "a read is of whole faults of 40 bytes, a write of whole answers of 8",
     "iommufd.md 2"},
    {"fault", EINVAL, "no fault waits for an answer", "iommufd.md 2"},
    {"fault", EFAULT, kBadBuffer, "iommufd.md 2"},
    {"fault", ENODEV, "the file of a fault queue cannot be mapped", "iommufd.md 2"},
    {"dma-buf", EINVAL, "its exporter lets nobody map it: it is for IOMMU_IOAS_MAP_FILE",
     "vfio-core.md 11.10", is_mmap},
    {"dma-buf", EINVAL, "a dma-buf is neither read nor written", "vfio-core.md 11.10"},
    {"other", EINVAL, "an iommufd is mapped with MAP_SHARED, if at all", "iommufd.md 13", is_mmap},
    {"other", EPERM, "what an iommufd has to be mapped is not executed", "iommufd.md 13"},
    {"other", ENXIO, "an iommufd has queues of hardware to be mapped, and there are none",
     "iommufd.md 13"},
    {"other", EINVAL, "this file is for ioctls: it is neither read nor written",
     "vfio-core.md 5 and 6"},
    {"other", ENODEV, "this file is for ioctls: it cannot be mapped", "vfio-core.md 5 and 6"},

    {"attribute", EACCES,
     "the process lacks CAP_SYS_ADMIN or CAP_SYS_RAWIO, which a change of the type wants",
     "vfio-core.md 4"},
    {"attribute", EFAULT, kBadBuffer, "read(2)"},
    {"attribute", EINVAL,
     "the device has no IOMMU: vfio-pci takes it only while enable_unsafe_noiommu_mode is on",
     "vfio-core.md 3.4 and 4", is_bind},
    {"attribute", EINVAL, "the group has no default domain whose type could be changed",
     "vfio-core.md 4", is_type},
    {"attribute", EINVAL, "a driver's name fits a page", "vfio-core.md 3",
     [](Call call) { return call.path.ends_with("/driver_override"); }},
    {"attribute", EINVAL, "offset and length are whole entries of 8 bytes", "proc(5), pagemap",
     [](Call call) { return call.path.empty(); }},
    {"attribute", EINVAL, "the text is no value of the attribute, which keeps the one that it had",
     "vfio-core.md 1"},
    {"attribute", EPERM, "a parameter that latches is not turned off again", "vfio-core.md 1"},
    {"attribute", EBUSY, "the device is bound already", "vfio-core.md 3"},
    {"attribute", ENOSPC, "no number is left for the device or its group", "vfio-core.md 3.1"},
    {"attribute", ENODEV, "there is no such device, or its driver_override is not vfio-pci",
     "vfio-core.md 3", is_bind},
    {"attribute", ENODEV, "there is no such device, or it is not bound to this driver",
     "vfio-core.md 3.9", [](Call call) { return call.path.ends_with("/unbind"); }},
    {"attribute", ENODEV, "an attribute cannot be mapped", "mmap(2)", is_mmap},
    {"attribute", ENODEV, "there is no such device", "vfio-core.md 3"},
};

}  // namespace

std::span<const Rule> access_rules() {
  return kRules;
}

}  // namespace noiommu::scenarios::exec
