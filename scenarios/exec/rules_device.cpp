// Spec: vfio-core.md sections 7 to 11, ioctls of a device file.
#include <cerrno>
#include <cstddef>

#include "model/iommufd/hw_pagetable.h"
#include "model/vfio/vfio_pci_intrs.h"
#include "scenarios/exec/rules.h"
#include "scenarios/exec/rules_facts.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios::exec {

namespace {

using Type = iommufd::Object::Type;

template <uint64_t kFlag>
bool has(Call call) {
  return (call.field("flags") & kFlag) != 0;
}
bool unbound(Call call) {
  return call.unbound && !is(call, VFIO_DEVICE_BIND_IOMMUFD);
}
bool from_group(Call call) {
  return call.kind == FileKind::kDevice && call.path.empty();
}

// ---- ATTACH and DETACH

bool is_no_page_table(Call call) {
  const auto type = type_of(call, "pt_id");
  return type && type != Type::kIoas && type != Type::kHwptPaging;
}
// What iommufd makes for a device without an IOMMU, no hardware can walk.
bool is_software_table(Call call) {
  if (type_of(call, "pt_id") != Type::kHwptPaging) return false;
  return device_of(call)->device().info.has_iommu;
}

// ---- SET_IRQS

bool other_irq_than_intx(Call call) {
  return call.field("index") != VFIO_PCI_INTX_IRQ_INDEX;
}
bool single_irq(Call call) {
  return call.field("index") >= VFIO_PCI_ERR_IRQ_INDEX;
}
uint64_t action(Call call) {
  return call.field("flags") & VFIO_IRQ_SET_ACTION_TYPE_MASK;
}
bool one_bit(uint64_t bits) {
  return bits != 0 && (bits & (bits - 1)) == 0;
}
bool beyond_count(Call call) {
  const uint64_t start = call.field("start");
  const uint64_t has = vfio::VfioPciIntrs::count(static_cast<uint32_t>(call.field("index")));
  return start >= has || start + call.field("count") > has;
}
uint64_t data_bytes(Call call) {
  const uint64_t width = has<VFIO_IRQ_SET_DATA_EVENTFD>(call) ? sizeof(int32_t)
                         : has<VFIO_IRQ_SET_DATA_BOOL>(call)  ? sizeof(uint8_t)
                                                              : 0;
  return width * call.field("count");
}
bool no_data(Call call) {
  return has<VFIO_IRQ_SET_DATA_NONE>(call);
}
bool eventfds(Call call) {
  return has<VFIO_IRQ_SET_DATA_EVENTFD>(call);
}
// The first, which is the only one of any interrupt here.
int32_t event_descriptor(Call call) {
  return data_at<int32_t>(call, sizeof(vfio_irq_set)).value_or(0);
}

// ---- DEVICE_FEATURE

constexpr uint64_t kBoth = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
constexpr uint64_t kFeatureFlags = VFIO_DEVICE_FEATURE_MASK | kBoth | VFIO_DEVICE_FEATURE_PROBE;

template <uint64_t kIndex>
bool is_feature(Call call) {
  return (call.field("flags") & VFIO_DEVICE_FEATURE_MASK) == kIndex;
}
constexpr auto is_dma_buf = is_feature<VFIO_DEVICE_FEATURE_DMA_BUF>;
constexpr auto has_wakeup = is_feature<VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP>;

bool has_unsupported_act(Call call) {
  return is_dma_buf(call) ? has<VFIO_DEVICE_FEATURE_SET>(call) : has<VFIO_DEVICE_FEATURE_GET>(call);
}
bool short_feature(Call call) {
  const uint64_t data = is_dma_buf(call)   ? sizeof(vfio_device_feature_dma_buf)
                        : has_wakeup(call) ? sizeof(vfio_device_low_power_entry_with_wakeup)
                                           : 0;
  return call.field("argsz") < sizeof(vfio_device_feature) + data;
}
std::optional<vfio_device_feature_dma_buf> dma_buf(Call call) {
  if (!is_dma_buf(call)) return std::nullopt;
  return data_at<vfio_device_feature_dma_buf>(call, sizeof(vfio_device_feature));
}
bool no_whole_pages(Call call) {
  const auto request = dma_buf(call);
  size_t at = sizeof(vfio_device_feature) + sizeof(vfio_device_feature_dma_buf);
  for (uint32_t i = 0; request && i < request->nr_ranges;
       ++i, at += sizeof(vfio_region_dma_range)) {
    const auto range = data_at<vfio_region_dma_range>(call, at);
    if (!range) return false;
    if (range->length == 0 || (range->offset | range->length) % kPageSize != 0) return true;
  }
  return false;
}

const Rule kRules[] = {
    {"file", EINVAL,
     "the device file is not bound to an iommufd yet: VFIO_DEVICE_BIND_IOMMUFD comes first",
     "vfio-core.md 7", unbound},

    {"VFIO_DEVICE_BIND_IOMMUFD", ENOTTY, "the kernel was built without VFIO_DEVICE_CDEV",
     "vfio-core.md 7"},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL, "argsz is below 16", "vfio-core.md 8",
     short_argsz<offsetof(vfio_device_bind_iommufd, token_uuid_ptr)>},
    {"VFIO_DEVICE_BIND_IOMMUFD", EFAULT,
     "the argument cannot be read: it is no address of this "
     "process",
     "vfio-core.md 8", unreadable},
    {"VFIO_DEVICE_BIND_IOMMUFD", EFAULT, "what argsz says follows the structure cannot be read",
     "vfio-core.md 8", unreadable_tail},
    {"VFIO_DEVICE_BIND_IOMMUFD", E2BIG, "a byte beyond the structure is not zero",
     "vfio-core.md 8"},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL, "the descriptor of the iommufd is negative",
     "vfio-core.md 8", [](Call call) { return negative(call, "iommufd"); }},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL, "flags other than TOKEN", "vfio-core.md 8",
     unknown_flags<VFIO_DEVICE_BIND_FLAG_TOKEN>},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL,
     "a device file from VFIO_GROUP_GET_DEVICE_FD has its iommufd from the group", "vfio-core.md 8",
     from_group},
    {"VFIO_DEVICE_BIND_IOMMUFD", EBUSY, "the device's group is open", "vfio-core.md 8"},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL, "this file is bound already", "vfio-core.md 8",
     [](Call call) { return !call.unbound; }},
    {"VFIO_DEVICE_BIND_IOMMUFD", EFAULT, "the token cannot be read", "vfio-core.md 8",
     has<VFIO_DEVICE_BIND_FLAG_TOKEN>},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL, "a plain PCI function takes no token", "vfio-core.md 8",
     has<VFIO_DEVICE_BIND_FLAG_TOKEN>},
    {"VFIO_DEVICE_BIND_IOMMUFD", EBADF, "the descriptor of the iommufd is not open",
     "vfio-core.md 8"},
    {"VFIO_DEVICE_BIND_IOMMUFD", EBADFD, "the descriptor is open, but no iommufd",
     "vfio-core.md 8"},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL, "the device is open through another file",
     "vfio-core.md 8", device_is_open},
    {"VFIO_DEVICE_BIND_IOMMUFD", EINVAL,
     "the device has no IOMMU, and iommufd was built without IOMMUFD_NOIOMMU", "vfio-core.md 3.5"},
    {"VFIO_DEVICE_BIND_IOMMUFD", ENODEV, "the device is being unregistered from its driver",
     "vfio-core.md 8"},
    {"VFIO_DEVICE_BIND_IOMMUFD", EAGAIN, "somebody else holds the lock of the device",
     "vfio-core.md 8"},
    {"VFIO_DEVICE_BIND_IOMMUFD", EFAULT, "out_devid cannot be written; the bind has been undone",
     "vfio-core.md 8"},

    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", ENOTTY,
     "a device file from VFIO_GROUP_GET_DEVICE_FD cannot be attached", "vfio-core.md 7"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL, "argsz is below 12", "vfio-core.md 9",
     short_argsz<offsetof(vfio_device_attach_iommufd_pt, pasid)>},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL, "flags other than PASID", "vfio-core.md 9",
     unknown_flags<VFIO_DEVICE_ATTACH_PASID>},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EOPNOTSUPP, "the driver knows no PASIDs", "vfio-core.md 9"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL, "with PASID argsz is 16 at least", "vfio-core.md 9",
     [](Call call) {
       return has<VFIO_DEVICE_ATTACH_PASID>(call) &&
              short_argsz<sizeof(vfio_device_attach_iommufd_pt)>(call);
     }},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL, "the bind of this revision made no iommufd object",
     "vfio-core.md 8",
     [](Call call) {
       const auto bound = device_of(call)->bound();
       return bound && bound->device_id == 0;
     }},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", ENOSPC, "there is no such PASID", "vfio-core.md 9"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", ENOENT, "the iommufd has no object pt_id", "vfio-core.md 9"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL,
     "pt_id is an object, but neither an IOAS nor a page table", "vfio-core.md 9",
     is_no_page_table},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL,
     "no PASID of a device without an IOMMU can be attached", "vfio-core.md 9",
     [](Call call) { return call.field("pasid") != 0 && has<VFIO_DEVICE_ATTACH_PASID>(call); }},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EINVAL,
     "the page table was made for a device without an IOMMU, this one is behind one",
     "iommufd.md 14", is_software_table},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", ENODEV,
     "the page table was made for a device without an IOMMU, this one is behind one",
     "iommufd.md 14"},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EBUSY,
     "the device is attached already, without the PASID flag", "vfio-core.md 9",
     has<VFIO_DEVICE_ATTACH_PASID>},
    {"VFIO_DEVICE_ATTACH_IOMMUFD_PT", EBUSY,
     "the device is attached already, with the PASID flag and PASID 0", "vfio-core.md 9"},
    {"VFIO_DEVICE_DETACH_IOMMUFD_PT", ENOTTY,
     "a device file from VFIO_GROUP_GET_DEVICE_FD was never attached", "vfio-core.md 7"},
    {"VFIO_DEVICE_DETACH_IOMMUFD_PT", EINVAL, "argsz is below 8", "vfio-core.md 9",
     short_argsz<offsetof(vfio_device_detach_iommufd_pt, pasid)>},
    {"VFIO_DEVICE_DETACH_IOMMUFD_PT", EINVAL, "flags other than PASID", "vfio-core.md 9",
     unknown_flags<VFIO_DEVICE_DETACH_PASID>},
    {"VFIO_DEVICE_DETACH_IOMMUFD_PT", EOPNOTSUPP, "the driver knows no PASIDs", "vfio-core.md 9"},
    {"VFIO_DEVICE_DETACH_IOMMUFD_PT", EINVAL, "with PASID argsz is 12 at least", "vfio-core.md 9"},

    {"VFIO_DEVICE_GET_INFO", EINVAL, "argsz is below 16", "vfio-core.md 11.2"},
    {"VFIO_DEVICE_GET_REGION_INFO", EINVAL, "argsz is below 32", "vfio-core.md 11.3",
     short_argsz<sizeof(vfio_region_info)>},
    {"VFIO_DEVICE_GET_REGION_INFO", EINVAL,
     "the device has no region of that index: VGA and beyond", "vfio-core.md 11.3"},
    {"VFIO_DEVICE_GET_IRQ_INFO", EINVAL, "argsz is below 16", "vfio-core.md 11.4",
     short_argsz<sizeof(vfio_irq_info)>},
    {"VFIO_DEVICE_GET_IRQ_INFO", EINVAL, "the device has no interrupt of that index",
     "vfio-core.md 11.4"},

    {"VFIO_DEVICE_SET_IRQS", EINVAL, "argsz is below 20", "vfio-core.md 11.5",
     short_argsz<sizeof(vfio_irq_set)>},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "there is no interrupt of that index", "vfio-core.md 11.5",
     [](Call call) { return call.field("index") >= VFIO_PCI_NUM_IRQS; }},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "start + count does not fit into 32 bits", "vfio-core.md 11.5",
     [](Call call) { return call.field("start") + call.field("count") >= UINT32_MAX; }},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "flags has a bit that means nothing", "vfio-core.md 11.5",
     unknown_flags<VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK>},
    {"VFIO_DEVICE_SET_IRQS", EINVAL,
     "the device has fewer interrupts of that index: VFIO_DEVICE_GET_IRQ_INFO tells how many",
     "vfio-core.md 11.5", beyond_count},
    {"VFIO_DEVICE_SET_IRQS", EINVAL,
     "flags names exactly one of DATA_NONE, DATA_BOOL and DATA_EVENTFD", "vfio-core.md 11.5",
     [](Call call) { return !one_bit(call.field("flags") & VFIO_IRQ_SET_DATA_TYPE_MASK); }},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "argsz is too small for the data of count interrupts",
     "vfio-core.md 11.5",
     [](Call call) { return call.field("argsz") < sizeof(vfio_irq_set) + data_bytes(call); }},
    {"VFIO_DEVICE_SET_IRQS", EFAULT, "the data that follows the structure cannot be read",
     "vfio-core.md 11.5", [](Call call) { return call.readable; }},
    {"VFIO_DEVICE_SET_IRQS", ENOTTY,
     "flags names exactly one of ACTION_MASK, ACTION_UNMASK and "
     "ACTION_TRIGGER",
     "vfio-core.md 11.5", [](Call call) { return !one_bit(action(call)); }},
    {"VFIO_DEVICE_SET_IRQS", ENOTTY, "ACTION_MASK and ACTION_UNMASK exist for INTx alone",
     "vfio-core.md 11.5", other_irq_than_intx},
    {"VFIO_DEVICE_SET_IRQS", ENOTTY, "an eventfd can unmask INTx, but not mask it",
     "vfio-core.md 11.5"},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "no eventfd is set for that interrupt: DATA_EVENTFD sets it",
     "vfio-core.md 11.5", [](Call call) { return single_irq(call) && no_data(call); }},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "for ERR and REQ, DATA_BOOL and DATA_EVENTFD want count 1",
     "vfio-core.md 11.5", [](Call call) { return single_irq(call) && call.field("count") == 0; }},
    {"VFIO_DEVICE_SET_IRQS", EINVAL,
     "the descriptor is negative: for ERR and REQ, -1 alone means none", "vfio-core.md 11.5",
     [](Call call) { return single_irq(call) && event_descriptor(call) < 0; }},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "the descriptor in the data is no eventfd",
     "vfio-core.md 11.5", single_irq},
    {"VFIO_DEVICE_SET_IRQS", EINVAL,
     "INTx wants count 1, and 0 only to disable it with DATA_NONE and ACTION_TRIGGER",
     "vfio-core.md 11.5",
     [](Call call) {
       const bool disables = no_data(call) && has<VFIO_IRQ_SET_ACTION_TRIGGER>(call);
       return !other_irq_than_intx(call) && call.field("count") == 0 && !disables;
     }},
    {"VFIO_DEVICE_SET_IRQS", EINVAL,
     "interrupts of that index are not enabled: DATA_EVENTFD with ACTION_TRIGGER does that",
     "vfio-core.md 11.5",
     [](Call call) {
       const bool unmasks = has<VFIO_IRQ_SET_ACTION_UNMASK>(call) && event_descriptor(call) >= 0;
       return !eventfds(call) || !(has<VFIO_IRQ_SET_ACTION_TRIGGER>(call) || unmasks);
     }},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "another kind of interrupt is enabled: one at a time",
     "vfio-core.md 11.5",
     [](Call call) { return call.field("count") == 0 || event_descriptor(call) < 0; }},
    {"VFIO_DEVICE_SET_IRQS", EINVAL, "a descriptor in the data is no eventfd", "vfio-core.md 11.5"},
    {"VFIO_DEVICE_SET_IRQS", EINVAL,
     "another kind of interrupt is enabled, one at a time, or what is to be unmasked is not "
     "enabled",
     "vfio-core.md 11.5"},
    {"VFIO_DEVICE_SET_IRQS", EBUSY, "an eventfd unmasks INTx already: -1 takes it away",
     "vfio-core.md 11.5"},
    {"VFIO_DEVICE_SET_IRQS", EBADF, "a descriptor in the data is not open", "vfio-core.md 11.5"},
    {"VFIO_DEVICE_SET_IRQS", ERANGE,
     "an eventfd for no interrupt at all, of an index that is not enabled", "vfio-core.md 11.5"},
    {"VFIO_DEVICE_SET_IRQS", ENODEV, "the function has no interrupt line", "vfio-core.md 11.5"},

    {"VFIO_DEVICE_RESET", EINVAL,
     "the function has no reset that works: GET_INFO shows no VFIO_DEVICE_FLAGS_RESET",
     "vfio-core.md 11.6"},
    {"VFIO_DEVICE_RESET", EAGAIN, "somebody else holds the lock of the device",
     "vfio-core.md 11.6"},
    {"VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", EINVAL, "argsz is below 12", "vfio-core.md 11.7"},
    {"VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", ENODEV,
     "neither the slot nor the bus can be reset: a function on the root bus", "vfio-core.md 11.7"},
    {"VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", ENOSPC,
     "argsz is too small for all devices: count says now how many", "vfio-core.md 11.7"},
    {"VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", EPERM,
     "a device that the reset would hit belongs to no group", "vfio-core.md 11.7"},
    {"VFIO_DEVICE_PCI_HOT_RESET", EINVAL, "argsz is below 12", "vfio-core.md 11.7",
     short_argsz<sizeof(vfio_pci_hot_reset)>},
    {"VFIO_DEVICE_PCI_HOT_RESET", EINVAL, "flags is not 0", "vfio-core.md 11.7", any_flags},
    {"VFIO_DEVICE_PCI_HOT_RESET", EINVAL,
     "count is 0 for a file of the device's own node, and not for one of a group",
     "vfio-core.md 11.7", [](Call call) { return (call.field("count") > 0) != from_group(call); }},
    {"VFIO_DEVICE_PCI_HOT_RESET", ENODEV,
     "neither the slot nor the bus can be reset: a function on the root bus", "vfio-core.md 11.7"},
    {"VFIO_DEVICE_PCI_HOT_RESET", EINVAL, "a device of the set belongs to somebody else",
     "vfio-core.md 11.7"},

    {"VFIO_DEVICE_FEATURE", EINVAL, "argsz is below 8", "vfio-core.md 11.8",
     short_argsz<sizeof(vfio_device_feature)>},
    {"VFIO_DEVICE_FEATURE", EINVAL, "flags has a bit that means nothing", "vfio-core.md 11.8",
     unknown_flags<kFeatureFlags>},
    {"VFIO_DEVICE_FEATURE", EINVAL, "GET and SET go together only with PROBE", "vfio-core.md 11.8",
     [](Call call) {
       return (call.field("flags") & kBoth) == kBoth && !has<VFIO_DEVICE_FEATURE_PROBE>(call);
     }},
    {"VFIO_DEVICE_FEATURE", ENOTTY, "the device does not have that feature", "vfio-core.md 11.8"},
    {"VFIO_DEVICE_FEATURE", EINVAL, "the device does not migrate with a copy ahead",
     "vfio-core.md 11.8", is_feature<VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2>},
    {"VFIO_DEVICE_FEATURE", EINVAL,
     "the feature has no such act: a dma-buf is only got, low power only set", "vfio-core.md 11.8",
     has_unsupported_act},
    {"VFIO_DEVICE_FEATURE", EINVAL, "flags names neither GET, SET nor PROBE", "vfio-core.md 11.8",
     [](Call call) { return (call.field("flags") & kBoth) == 0; }},
    {"VFIO_DEVICE_FEATURE", EINVAL, "argsz leaves too little room for the feature's data",
     "vfio-core.md 11.8", short_feature},
    {"VFIO_DEVICE_FEATURE", EINVAL, "the device is in low power already", "vfio-core.md 11.8",
     is_feature<VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY>},
    {"VFIO_DEVICE_FEATURE", EINVAL, "the descriptor of the wakeup eventfd is negative",
     "vfio-core.md 11.8",
     [](Call call) {
       const auto wakeup = data_at<int32_t>(call, sizeof(vfio_device_feature));
       return has_wakeup(call) && wakeup && *wakeup < 0;
     }},
    {"VFIO_DEVICE_FEATURE", EBADF, "the descriptor of the wakeup eventfd is not open",
     "vfio-core.md 11.8"},
    {"VFIO_DEVICE_FEATURE", EINVAL, "nr_ranges is 0, or the flags of the dma-buf are not",
     "vfio-core.md 11.10",
     [](Call call) {
       const auto request = dma_buf(call);
       return request && (request->nr_ranges == 0 || request->flags != 0);
     }},
    {"VFIO_DEVICE_FEATURE", ENODEV, "the device has no such BAR to make a dma-buf of",
     "vfio-core.md 11.10"},
    {"VFIO_DEVICE_FEATURE", EINVAL, "a range of the dma-buf is not one or more whole pages",
     "vfio-core.md 11.10", no_whole_pages},
    {"VFIO_DEVICE_FEATURE", EINVAL, "a range of the dma-buf ends beyond the BAR",
     "vfio-core.md 11.10", is_dma_buf},
    {"VFIO_DEVICE_FEATURE", EOVERFLOW, "a range of the dma-buf wraps", "vfio-core.md 11.10"},
    {"VFIO_DEVICE_FEATURE", ENOMEM, "nr_ranges is more than the kernel takes at once",
     "vfio-core.md 11.10"},
    {"VFIO_DEVICE_FEATURE", EMFILE, "the process has no descriptor left for the dma-buf",
     "vfio-core.md 11.10"},
    {"VFIO_DEVICE_FEATURE", EINVAL, "the wakeup descriptor is no eventfd", "vfio-core.md 11.8"},
    {"VFIO_DEVICE_FEATURE", EINVAL, "the device is in low power already", "vfio-core.md 11.8"},
    {"VFIO_DEVICE_FEATURE", EFAULT, "the data that follows the structure cannot be read",
     "vfio-core.md 11.8", [](Call call) { return call.readable; }},

    {"ioctl", EFAULT, "the argument cannot be read: it is no address of this process",
     "vfio-core.md 5 to 11", unreadable},
    {"ioctl", EFAULT, "the argument, or what it points to, cannot be read or written",
     "vfio-core.md 5 to 11"},
    {"ioctl", EIO, "the device does not wake up", "vfio-core.md 7"},
    {"ioctl", ENOTTY, "the command is for another kind of file", "vfio-core.md 5 to 11",
     [](Call call) { return call.command != nullptr && !suits(call.kind, call.command->name); }},
    {"ioctl", ENOTTY, "this kind of file has no such command", "vfio-core.md 5 to 11"},
};

}  // namespace

std::span<const Rule> device_rules() {
  return kRules;
}

}  // namespace noiommu::scenarios::exec
