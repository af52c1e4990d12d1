#include <array>

#include "scenarios/engine/ioctl_entry.h"
#include "uapi/vfio.h"

namespace noiommu::scenarios {
namespace {

constexpr std::array kVfioGroupStatus{
    FIELD(vfio_group_status, argsz, kDecimal),
    FLAGS(vfio_group_status, flags, "VFIO_GROUP_FLAGS_"),
};
constexpr std::array kVfioDeviceInfo{
    FIELD(vfio_device_info, argsz, kDecimal),
    FLAGS(vfio_device_info, flags, "VFIO_DEVICE_FLAGS_"),
    FIELD(vfio_device_info, num_regions, kDecimal),
    FIELD(vfio_device_info, num_irqs, kDecimal),
    FIELD(vfio_device_info, cap_offset, kDecimal),
    FIELD(vfio_device_info, pad, kDecimal),
};
constexpr std::array kVfioRegionInfo{
    FIELD(vfio_region_info, argsz, kDecimal),
    FLAGS(vfio_region_info, flags, "VFIO_REGION_INFO_FLAG_"),
    FIELD(vfio_region_info, index, kDecimal),
    FIELD(vfio_region_info, cap_offset, kDecimal),
    FIELD(vfio_region_info, size, kHex),
    FIELD(vfio_region_info, offset, kHex),
};
constexpr std::array kVfioIrqInfo{
    FIELD(vfio_irq_info, argsz, kDecimal),
    FLAGS(vfio_irq_info, flags, "VFIO_IRQ_INFO_"),
    FIELD(vfio_irq_info, index, kDecimal),
    FIELD(vfio_irq_info, count, kDecimal),
};
constexpr std::array kVfioIrqSet{
    FIELD(vfio_irq_set, argsz, kDecimal), FLAGS(vfio_irq_set, flags, "VFIO_IRQ_SET_"),
    FIELD(vfio_irq_set, index, kDecimal), FIELD(vfio_irq_set, start, kHex),
    FIELD(vfio_irq_set, count, kDecimal),
};
constexpr std::array kVfioPciHotResetInfo{
    FIELD(vfio_pci_hot_reset_info, argsz, kDecimal),
    FLAGS(vfio_pci_hot_reset_info, flags, "VFIO_PCI_HOT_RESET_FLAG_"),
    FIELD(vfio_pci_hot_reset_info, count, kDecimal),
};
constexpr std::array kVfioPciHotReset{
    FIELD(vfio_pci_hot_reset, argsz, kDecimal),
    FIELD(vfio_pci_hot_reset, flags, kHex),
    FIELD(vfio_pci_hot_reset, count, kDecimal),
};
constexpr std::array kVfioDeviceFeature{
    FIELD(vfio_device_feature, argsz, kDecimal),
    FIELD(vfio_device_feature, flags, kHex),
};
constexpr std::array kVfioDeviceBindIommufd{
    FIELD(vfio_device_bind_iommufd, argsz, kDecimal),
    FLAGS(vfio_device_bind_iommufd, flags, "VFIO_DEVICE_BIND_FLAG_"),
    FIELD(vfio_device_bind_iommufd, iommufd, kDecimal),
    FIELD(vfio_device_bind_iommufd, out_devid, kDecimal),
    FIELD(vfio_device_bind_iommufd, token_uuid_ptr, kHex),
};
constexpr std::array kVfioDeviceAttachIommufdPt{
    FIELD(vfio_device_attach_iommufd_pt, argsz, kDecimal),
    FLAGS(vfio_device_attach_iommufd_pt, flags, "VFIO_DEVICE_ATTACH_"),
    FIELD(vfio_device_attach_iommufd_pt, pt_id, kDecimal),
    FIELD(vfio_device_attach_iommufd_pt, pasid, kDecimal),
};
constexpr std::array kVfioDeviceDetachIommufdPt{
    FIELD(vfio_device_detach_iommufd_pt, argsz, kDecimal),
    FLAGS(vfio_device_detach_iommufd_pt, flags, "VFIO_DEVICE_DETACH_"),
    FIELD(vfio_device_detach_iommufd_pt, pasid, kDecimal),
};
constexpr std::array kVfioIommuType1Info{
    FIELD(vfio_iommu_type1_info, argsz, kDecimal),
    FLAGS(vfio_iommu_type1_info, flags, "VFIO_IOMMU_INFO_"),
    FIELD(vfio_iommu_type1_info, iova_pgsizes, kHex),
    FIELD(vfio_iommu_type1_info, cap_offset, kDecimal),
    FIELD(vfio_iommu_type1_info, pad, kDecimal),
};
constexpr std::array kVfioIommuType1DmaMap{
    FIELD(vfio_iommu_type1_dma_map, argsz, kDecimal),
    FLAGS(vfio_iommu_type1_dma_map, flags, "VFIO_DMA_MAP_FLAG_"),
    FIELD(vfio_iommu_type1_dma_map, vaddr, kHex),
    FIELD(vfio_iommu_type1_dma_map, iova, kHex),
    FIELD(vfio_iommu_type1_dma_map, size, kHex),
};
constexpr std::array kVfioIommuType1DmaUnmap{
    FIELD(vfio_iommu_type1_dma_unmap, argsz, kDecimal),
    FLAGS(vfio_iommu_type1_dma_unmap, flags, "VFIO_DMA_UNMAP_FLAG_"),
    FIELD(vfio_iommu_type1_dma_unmap, iova, kHex),
    FIELD(vfio_iommu_type1_dma_unmap, size, kHex),
};
// Not a structure in the user API: the argument points to a bare descriptor.
constexpr std::array kGroupSetContainer{
    Field{.name = "fd", .offset = 0, .width = sizeof(int32_t), .is_signed = true},
};

#define WITH_STRUCT(command, type, ...) with_struct<type>(#command, command, __VA_ARGS__)
#define PLAIN(command) plain(#command, command)

constexpr std::array kCommands{
    PLAIN(VFIO_GET_API_VERSION),
    PLAIN(VFIO_CHECK_EXTENSION),
    PLAIN(VFIO_SET_IOMMU),
    WITH_STRUCT(VFIO_GROUP_GET_STATUS, vfio_group_status, kVfioGroupStatus),
    IoctlCommand{"VFIO_GROUP_SET_CONTAINER", VFIO_GROUP_SET_CONTAINER, sizeof(int32_t), 0,
                 kGroupSetContainer},
    PLAIN(VFIO_GROUP_UNSET_CONTAINER),
    PLAIN(VFIO_GROUP_GET_DEVICE_FD),
    WITH_STRUCT(VFIO_DEVICE_GET_INFO, vfio_device_info, kVfioDeviceInfo),
    WITH_STRUCT(VFIO_DEVICE_GET_REGION_INFO, vfio_region_info, kVfioRegionInfo),
    WITH_STRUCT(VFIO_DEVICE_GET_IRQ_INFO, vfio_irq_info, kVfioIrqInfo),
    WITH_STRUCT(VFIO_DEVICE_SET_IRQS, vfio_irq_set, kVfioIrqSet),
    PLAIN(VFIO_DEVICE_RESET),
    WITH_STRUCT(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, vfio_pci_hot_reset_info, kVfioPciHotResetInfo),
    WITH_STRUCT(VFIO_DEVICE_PCI_HOT_RESET, vfio_pci_hot_reset, kVfioPciHotReset),
    PLAIN(VFIO_DEVICE_IOEVENTFD),
    WITH_STRUCT(VFIO_DEVICE_FEATURE, vfio_device_feature, kVfioDeviceFeature),
    WITH_STRUCT(VFIO_DEVICE_BIND_IOMMUFD, vfio_device_bind_iommufd, kVfioDeviceBindIommufd, 16),
    WITH_STRUCT(VFIO_DEVICE_ATTACH_IOMMUFD_PT, vfio_device_attach_iommufd_pt,
                kVfioDeviceAttachIommufdPt, 12),
    WITH_STRUCT(VFIO_DEVICE_DETACH_IOMMUFD_PT, vfio_device_detach_iommufd_pt,
                kVfioDeviceDetachIommufdPt, 8),
    WITH_STRUCT(VFIO_IOMMU_GET_INFO, vfio_iommu_type1_info, kVfioIommuType1Info),
    WITH_STRUCT(VFIO_IOMMU_MAP_DMA, vfio_iommu_type1_dma_map, kVfioIommuType1DmaMap),
    WITH_STRUCT(VFIO_IOMMU_UNMAP_DMA, vfio_iommu_type1_dma_unmap, kVfioIommuType1DmaUnmap),
    PLAIN(VFIO_IOMMU_DIRTY_PAGES),
};

#undef WITH_STRUCT
#undef PLAIN

}  // namespace

std::span<const IoctlCommand> vfio_commands() {
  return kCommands;
}

}  // namespace noiommu::scenarios
