// Spec: vfio-core.md sections 5 and 6 for groups and containers, iommufd.md section 16 for the
// container ioctls on an iommufd.
#include <cerrno>

#include "model/vfio/container.h"
#include "scenarios/exec/rules.h"
#include "scenarios/exec/rules_facts.h"
#include "uapi/vfio.h"
#include "uapi/vfio_type1.h"

namespace noiommu::scenarios::exec {

namespace {

constexpr uint64_t kMapFlags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

// A group tells of a container, then of an iommufd.
bool group_has_nothing(Call call) {
  return shows(call, "with 0\nwith 0\n");
}
bool group_has_iommufd(Call call) {
  return shows(call, "with 0\nwith 1\n");
}
// What the group is, whatever this kernel takes it for.
bool without_iommu(Call call) {
  return call.path.starts_with("/dev/vfio/noiommu-");
}
bool group_lost_ioas(Call call) {
  return group_has_iommufd(call) && !without_iommu(call) && !shows(call, "vfio ioas ");
}

bool has_backend(Call call) {
  return dynamic_cast<const vfio::Container*>(call.file.get())->has_backend();
}
// Which says by itself what it wants.
bool without_backend(Call call) {
  return call.kind == FileKind::kContainer && !is(call, VFIO_SET_IOMMU) && !has_backend(call);
}
uint64_t type(Call call) {
  return call.arguments[2];
}
bool is_type1(Call call) {
  return type(call) == VFIO_TYPE1_IOMMU || type(call) == VFIO_TYPE1v2_IOMMU;
}

bool unmaps_all(Call call) {
  return (call.field("flags") & VFIO_DMA_UNMAP_FLAG_ALL) != 0;
}
bool no_size(Call call) {
  return call.field("size") == 0;
}
bool off_page(Call call) {
  return (call.field("size") | call.field("iova") | call.field("vaddr")) % kPageSize != 0;
}
constexpr std::string_view kMixed = "one container does not take groups with and without an IOMMU";
constexpr std::string_view kNoSuchDevice =
    "no device of the group has that name: it is the PCI address in full, as in 0000:00:04.0";
constexpr std::string_view kNoCompatIoas =
    "there is no compatibility IOAS: devices without an IOMMU never make one";
constexpr std::string_view kNoiommuBackend =
    "the container's backend is the one without an IOMMU, which maps nothing and has nothing to "
    "tell";
constexpr std::string_view kNoRawio =
    "the process lacks CAP_SYS_RAWIO, which VFIO_NOIOMMU_IOMMU wants";

const Rule kRules[] = {
    {"VFIO_GROUP_GET_STATUS", EINVAL, "argsz is below 8", "vfio-core.md 5.2"},
    {"VFIO_GROUP_GET_STATUS", ENODEV, "the group has no device any more", "vfio-core.md 5.2"},
    {"VFIO_GROUP_SET_CONTAINER", EBADF, "the descriptor of the container is not open",
     "vfio-core.md 5.3"},
    {"VFIO_GROUP_SET_CONTAINER", EINVAL,
     "the iommufd is for the other kind: a group without an IOMMU wants one without a "
     "compatibility IOAS, and once it had one the iommufd takes no group behind an IOMMU",
     "vfio-core.md 5.3", group_has_nothing},
    {"VFIO_GROUP_SET_CONTAINER", EINVAL, "the group has a container or an iommufd already",
     "vfio-core.md 5.3"},
    {"VFIO_GROUP_SET_CONTAINER", ENODEV, "the group has no device any more", "vfio-core.md 5.3"},
    {"VFIO_GROUP_SET_CONTAINER", EPERM,
     "the process lacks CAP_SYS_RAWIO, which a group without an IOMMU wants here",
     "vfio-core.md 5.3",
     [](Call call) { return without_iommu(call) && lacks<CAP_SYS_RAWIO>(call); }},
    {"VFIO_GROUP_SET_CONTAINER", EPERM, kMixed, "vfio-core.md 5.3", without_iommu},
    {"VFIO_GROUP_SET_CONTAINER", EPERM, kMixed, "vfio-core.md 5.3"},
    {"VFIO_GROUP_SET_CONTAINER", EPERM, "somebody else owns the DMA of the group's devices",
     "vfio-core.md 5.3"},
    {"VFIO_GROUP_SET_CONTAINER", EBADFD,
     "the descriptor is open, but neither a container nor an iommufd", "vfio-core.md 5.3"},
    {"VFIO_GROUP_UNSET_CONTAINER", EINVAL, "the group has no container", "vfio-core.md 5.4"},
    {"VFIO_GROUP_UNSET_CONTAINER", EBUSY, "a device file of the group is still open",
     "vfio-core.md 5.4"},
    {"VFIO_GROUP_GET_DEVICE_FD", EINVAL, "the name is longer than a page", "vfio-core.md 5.5",
     [](Call call) { return call.text.size() >= kPageSize; }},
    {"VFIO_GROUP_GET_DEVICE_FD", EINVAL,
     "what follows the device's name is no vf_token, or the function takes none",
     "vfio-core.md 5.5",
     [](Call call) {
       const size_t space = call.text.find(' ');
       return space != std::string::npos &&
              call.text.find_first_not_of(' ', space) != std::string::npos;
     }},
    {"VFIO_GROUP_GET_DEVICE_FD", ENODEV, kNoSuchDevice, "vfio-core.md 5.5",
     [](Call call) { return !group_lost_ioas(call); }},
    {"VFIO_GROUP_GET_DEVICE_FD", ENODEV,
     "the iommufd has lost its compatibility IOAS, which the device is attached to",
     "vfio-core.md 5.5"},
    {"VFIO_GROUP_GET_DEVICE_FD", ENODEV, kNoSuchDevice, "vfio-core.md 5.5"},
    {"VFIO_GROUP_GET_DEVICE_FD", EMFILE, "the process has no descriptor left", "vfio-core.md 5.5"},
    {"VFIO_GROUP_GET_DEVICE_FD", EINVAL, "the group has no container: VFIO_GROUP_SET_CONTAINER",
     "vfio-core.md 5.5", group_has_nothing},
    {"VFIO_GROUP_GET_DEVICE_FD", EPERM,
     "the process lacks CAP_SYS_RAWIO, which a device without an IOMMU wants", "vfio-core.md 5.5",
     lacks<CAP_SYS_RAWIO>},
    {"VFIO_GROUP_GET_DEVICE_FD", EPERM,
     "the iommufd has a compatibility IOAS, which a device without an IOMMU cannot use",
     "vfio-core.md 5.5"},
    {"VFIO_GROUP_GET_DEVICE_FD", EINVAL,
     "this revision binds the device to the iommufd, which a kernel without IOMMUFD_NOIOMMU "
     "refuses",
     "vfio-core.md 5.5, row 7c",
     [](Call call) { return group_has_iommufd(call) && without_iommu(call); }},
    {"VFIO_GROUP_GET_DEVICE_FD", EINVAL,
     "the native container has no backend: VFIO_SET_IOMMU comes first", "vfio-core.md 5.5",
     [](Call call) { return !group_has_iommufd(call); }},
    {"VFIO_GROUP_GET_DEVICE_FD", EFAULT,
     "memory that is mapped in the compatibility IOAS is not there: it is pinned now",
     "vfio-core.md 5.5, row 9", [](Call call) { return call.readable; }},
    {"VFIO_GROUP_GET_DEVICE_FD", EACCES, "the virtual function wants another vf_token",
     "vfio-core.md 5.5"},

    {"file", EINVAL, "the container has no backend: VFIO_SET_IOMMU comes first", "vfio-core.md 6.1",
     without_backend},
    {"container VFIO_SET_IOMMU", EINVAL, "the container has its backend already",
     "vfio-core.md 6.1", has_backend},
    {"container VFIO_SET_IOMMU", EINVAL, "no group is attached", "vfio-core.md 6.1",
     [](Call call) { return shows(call, "groups 0\n"); }},
    {"container VFIO_SET_IOMMU", EINVAL, "what type 1 has by that number is no kind of mapping",
     "vfio-core.md 6.1"},
    {"container VFIO_SET_IOMMU", ENODEV,
     "a container of groups without an IOMMU takes only VFIO_NOIOMMU_IOMMU", "vfio-core.md 6.1",
     [](Call call) { return shows(call, "noiommu 1\n") && type(call) != VFIO_NOIOMMU_IOMMU; }},
    {"container VFIO_SET_IOMMU", ENODEV,
     "enable_unsafe_noiommu_mode is off now, which a fresh native container looks at",
     "vfio-core.md 1", [](Call call) { return shows(call, "noiommu 1\n"); }},
    {"container VFIO_SET_IOMMU", ENODEV,
     "a container of groups behind an IOMMU never takes VFIO_NOIOMMU_IOMMU", "vfio-core.md 6.1",
     [](Call call) { return type(call) == VFIO_NOIOMMU_IOMMU; }},
    {"container VFIO_SET_IOMMU", ENODEV, "no backend takes that type", "vfio-core.md 6.1"},
    {"container VFIO_SET_IOMMU", EPERM, kNoRawio, "vfio-core.md 6.1"},
    {"container VFIO_IOMMU_MAP_DMA", ENOTTY, kNoiommuBackend, "vfio-core.md 6.1"},
    {"container VFIO_IOMMU_MAP_DMA", EINVAL, "argsz is below 32", "vfio-core.md 6.1",
     short_argsz<sizeof(vfio_iommu_type1_dma_map)>},
    {"container VFIO_IOMMU_MAP_DMA", EINVAL, "flags other than READ and WRITE", "vfio-core.md 6.1",
     unknown_flags<kMapFlags>},
    {"container VFIO_IOMMU_MAP_DMA", EINVAL, "the size is 0", "vfio-core.md 6.1", no_size},
    {"container VFIO_IOMMU_MAP_DMA", EINVAL, "flags names neither READ nor WRITE",
     "vfio-core.md 6.1", [](Call call) { return !any_flags(call); }},
    {"container VFIO_IOMMU_MAP_DMA", EINVAL, "size and addresses are whole pages of 4 KiB",
     "vfio-core.md 6.1", off_page},
    {"container VFIO_IOMMU_MAP_DMA", EINVAL, "the mapping does not go into a page table",
     "vfio-core.md 6.1"},
    {"container VFIO_IOMMU_MAP_DMA", EOVERFLOW, "iova + size or vaddr + size wraps",
     "vfio-core.md 6.1"},
    {"container VFIO_IOMMU_MAP_DMA", EEXIST, "something is mapped in that range already",
     "vfio-core.md 6.1"},
    {"container VFIO_IOMMU_MAP_DMA", ENOSPC,
     "there are as many mappings as a container may have: vfio_iommu_type1.dma_entry_limit",
     "vfio-core.md 6.1"},
    {"container VFIO_IOMMU_MAP_DMA", ENOMEM,
     "pinning exceeds RLIMIT_MEMLOCK, and the process lacks CAP_IPC_LOCK", "vfio-core.md 6.1"},
    {"container VFIO_IOMMU_MAP_DMA", EFAULT,
     "part of the memory is not there, or may not be written although the mapping is WRITE: it is "
     "pinned now",
     "vfio-core.md 6.1", [](Call call) { return call.readable; }},
    {"container VFIO_IOMMU_UNMAP_DMA", ENOTTY, kNoiommuBackend, "vfio-core.md 6.1"},
    {"container VFIO_IOMMU_UNMAP_DMA", EINVAL, "argsz is below 24", "vfio-core.md 6.1",
     short_argsz<sizeof(vfio_iommu_type1_dma_unmap)>},
    {"container VFIO_IOMMU_UNMAP_DMA", EINVAL, "flags other than ALL", "vfio-core.md 6.1",
     unknown_flags<VFIO_DMA_UNMAP_FLAG_ALL>},
    {"container VFIO_IOMMU_UNMAP_DMA", EINVAL, "ALL goes with iova 0 and size 0",
     "vfio-core.md 6.1", unmaps_all},
    {"container VFIO_IOMMU_UNMAP_DMA", EINVAL, "the size is 0", "vfio-core.md 6.1", no_size},
    {"container VFIO_IOMMU_UNMAP_DMA", EINVAL, "size and iova are whole pages of 4 KiB",
     "vfio-core.md 6.1", off_page},
    {"container VFIO_IOMMU_UNMAP_DMA", EOVERFLOW, "iova + size wraps", "vfio-core.md 6.1"},
    {"container VFIO_IOMMU_UNMAP_DMA", EINVAL,
     "the range would cut a mapping in two, which version 2 of type 1 never does",
     "vfio-core.md 6.1"},
    {"container VFIO_IOMMU_GET_INFO", ENOTTY, kNoiommuBackend, "vfio-core.md 6.1"},
    {"container VFIO_IOMMU_GET_INFO", EINVAL, "argsz is below 16", "vfio-core.md 6.1"},

    {"VFIO_SET_IOMMU", EPERM, kNoRawio, "vfio-core.md 6.2"},
    {"VFIO_SET_IOMMU", EINVAL, "an iommufd in no-IOMMU mode takes only VFIO_NOIOMMU_IOMMU",
     "vfio-core.md 6.2", [](Call call) { return context_of(call)->no_iommu_mode(); }},
    {"VFIO_SET_IOMMU", EINVAL,
     "an iommufd takes only type 1 and 1v2, or in no-IOMMU mode, which a group without an IOMMU "
     "brings, VFIO_NOIOMMU_IOMMU",
     "vfio-core.md 6.2", [](Call call) { return !is_type1(call); }},
    {"VFIO_SET_IOMMU", ENODEV, "the iommufd has no compatibility IOAS", "vfio-core.md 6.2"},
    {"VFIO_SET_IOMMU", EINVAL,
     "type 1 turns huge pages off, which is not done while a device is attached and something is "
     "mapped",
     "iommufd.md 16"},
    {"VFIO_SET_IOMMU", EADDRINUSE,
     "type 1 turns huge pages off, and something in the IOAS is not aligned to whole pages",
     "iommufd.md 16"},
    {"VFIO_CHECK_EXTENSION", ENODEV,
     "VFIO_DMA_CC_IOMMU asks about a compatibility IOAS, which the iommufd does not have",
     "vfio-core.md 6.2"},
    {"VFIO_IOMMU_GET_INFO", EINVAL, "argsz is below 16", "iommufd.md 16"},
    {"VFIO_IOMMU_GET_INFO", ENODEV, kNoCompatIoas, "iommufd.md 16"},
    {"VFIO_IOMMU_MAP_DMA", EINVAL, "argsz is below 32", "iommufd.md 16",
     short_argsz<sizeof(vfio_iommu_type1_dma_map)>},
    {"VFIO_IOMMU_MAP_DMA", EINVAL, "flags other than READ and WRITE", "iommufd.md 16",
     unknown_flags<kMapFlags>},
    {"VFIO_IOMMU_MAP_DMA", ENODEV,
     "there is no compatibility IOAS: devices without an IOMMU never make one, programs use "
     "physical addresses",
     "iommufd.md 16"},
    {"VFIO_IOMMU_UNMAP_DMA", EINVAL, "argsz is below 24", "iommufd.md 16",
     short_argsz<sizeof(vfio_iommu_type1_dma_unmap)>},
    {"VFIO_IOMMU_UNMAP_DMA", EINVAL, "flags other than ALL", "iommufd.md 16",
     unknown_flags<VFIO_DMA_UNMAP_FLAG_ALL>},
    {"VFIO_IOMMU_UNMAP_DMA", ENODEV, kNoCompatIoas, "iommufd.md 16"},
    {"VFIO_IOMMU_UNMAP_DMA", EINVAL, "ALL goes with iova 0 and size 0", "iommufd.md 16",
     unmaps_all},
    {"VFIO_IOMMU_UNMAP_DMA", EINVAL, "the size is 0", "iommufd.md 16", no_size},
    {"VFIO_IOMMU_UNMAP_DMA", EBUSY, "a mapping there is being set up or torn down",
     "iommufd.md 16"},
    {"VFIO_IOMMU_UNMAP_DMA", EOPNOTSUPP, "a mapping of a dma-buf cannot be cut", "iommufd.md 16"},
    {"VFIO_IOMMU_UNMAP_DMA", EINVAL, "type 1 cuts a mapping only between whole pages",
     "iommufd.md 16"},
    {"VFIO_IOMMU_UNMAP_DMA", EOVERFLOW, "iova + size wraps", "iommufd.md 16"},
    {"VFIO_IOMMU_UNMAP_DMA", ENOENT,
     "the range begins or ends inside of a mapping, which is not cut", "iommufd.md 16"},
};

}  // namespace

std::span<const Rule> container_rules() {
  return kRules;
}

}  // namespace noiommu::scenarios::exec
