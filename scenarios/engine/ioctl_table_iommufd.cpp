#include <array>

#include "scenarios/engine/ioctl_entry.h"
#include "uapi/iommufd.h"

namespace noiommu::scenarios {
namespace {

constexpr std::array kIommuDestroy{
    FIELD(iommu_destroy, size, kDecimal),
    FIELD(iommu_destroy, id, kDecimal),
};
constexpr std::array kIommuIoasAlloc{
    FIELD(iommu_ioas_alloc, size, kDecimal),
    FIELD(iommu_ioas_alloc, flags, kHex),
    FIELD(iommu_ioas_alloc, out_ioas_id, kDecimal),
};
constexpr std::array kIommuIoasAllowIovas{
    FIELD(iommu_ioas_allow_iovas, size, kDecimal),
    FIELD(iommu_ioas_allow_iovas, ioas_id, kDecimal),
    FIELD(iommu_ioas_allow_iovas, num_iovas, kDecimal),
    FIELD(iommu_ioas_allow_iovas, __reserved, kDecimal),
    FIELD(iommu_ioas_allow_iovas, allowed_iovas, kHex),
};
constexpr std::array kIommuIoasCopy{
    FIELD(iommu_ioas_copy, size, kDecimal),        FLAGS(iommu_ioas_copy, flags, "IOMMU_IOAS_MAP_"),
    FIELD(iommu_ioas_copy, dst_ioas_id, kDecimal), FIELD(iommu_ioas_copy, src_ioas_id, kDecimal),
    FIELD(iommu_ioas_copy, length, kHex),          FIELD(iommu_ioas_copy, dst_iova, kHex),
    FIELD(iommu_ioas_copy, src_iova, kHex),
};
constexpr std::array kIommuIoasIovaRanges{
    FIELD(iommu_ioas_iova_ranges, size, kDecimal),
    FIELD(iommu_ioas_iova_ranges, ioas_id, kDecimal),
    FIELD(iommu_ioas_iova_ranges, num_iovas, kDecimal),
    FIELD(iommu_ioas_iova_ranges, __reserved, kDecimal),
    FIELD(iommu_ioas_iova_ranges, allowed_iovas, kHex),
    FIELD(iommu_ioas_iova_ranges, out_iova_alignment, kHex),
};
constexpr std::array kIommuIoasMap{
    FIELD(iommu_ioas_map, size, kDecimal),    FLAGS(iommu_ioas_map, flags, "IOMMU_IOAS_MAP_"),
    FIELD(iommu_ioas_map, ioas_id, kDecimal), FIELD(iommu_ioas_map, __reserved, kDecimal),
    FIELD(iommu_ioas_map, user_va, kHex),     FIELD(iommu_ioas_map, length, kHex),
    FIELD(iommu_ioas_map, iova, kHex),
};
constexpr std::array kIommuIoasUnmap{
    FIELD(iommu_ioas_unmap, size, kDecimal),
    FIELD(iommu_ioas_unmap, ioas_id, kDecimal),
    FIELD(iommu_ioas_unmap, iova, kHex),
    FIELD(iommu_ioas_unmap, length, kHex),
};
constexpr std::array kIommuOption{
    FIELD(iommu_option, size, kDecimal),      FIELD(iommu_option, option_id, kDecimal),
    FIELD(iommu_option, op, kDecimal),        FIELD(iommu_option, __reserved, kDecimal),
    FIELD(iommu_option, object_id, kDecimal), FIELD(iommu_option, val64, kDecimal),
};
constexpr std::array kIommuVfioIoas{
    FIELD(iommu_vfio_ioas, size, kDecimal),
    FIELD(iommu_vfio_ioas, ioas_id, kDecimal),
    FIELD(iommu_vfio_ioas, op, kDecimal),
    FIELD(iommu_vfio_ioas, __reserved, kDecimal),
};
constexpr std::array kIommuHwptAlloc{
    FIELD(iommu_hwpt_alloc, size, kDecimal),
    FLAGS(iommu_hwpt_alloc, flags, "IOMMU_HWPT_ALLOC_"),
    FIELD(iommu_hwpt_alloc, dev_id, kDecimal),
    FIELD(iommu_hwpt_alloc, pt_id, kDecimal),
    FIELD(iommu_hwpt_alloc, out_hwpt_id, kDecimal),
    FIELD(iommu_hwpt_alloc, __reserved, kDecimal),
    FIELD(iommu_hwpt_alloc, data_type, kDecimal),
    FIELD(iommu_hwpt_alloc, data_len, kDecimal),
    FIELD(iommu_hwpt_alloc, data_uptr, kHex),
    FIELD(iommu_hwpt_alloc, fault_id, kDecimal),
    FIELD(iommu_hwpt_alloc, __reserved2, kDecimal),
};
constexpr std::array kIommuHwInfo{
    FIELD(iommu_hw_info, size, kDecimal),
    FLAGS(iommu_hw_info, flags, "IOMMU_HW_INFO_FLAG_"),
    FIELD(iommu_hw_info, dev_id, kDecimal),
    FIELD(iommu_hw_info, data_len, kDecimal),
    FIELD(iommu_hw_info, data_uptr, kHex),
    FIELD(iommu_hw_info, in_data_type, kDecimal),
    FIELD(iommu_hw_info, out_data_type, kDecimal),
    FIELD(iommu_hw_info, out_max_pasid_log2, kDecimal),
    FIELD(iommu_hw_info, __r0, kDecimal),
    FLAGS(iommu_hw_info, out_capabilities, "IOMMU_HW_CAP_"),
};
constexpr std::array kIommuHwptSetDirtyTracking{
    FIELD(iommu_hwpt_set_dirty_tracking, size, kDecimal),
    FLAGS(iommu_hwpt_set_dirty_tracking, flags, "IOMMU_HWPT_DIRTY_TRACKING_"),
    FIELD(iommu_hwpt_set_dirty_tracking, hwpt_id, kDecimal),
    FIELD(iommu_hwpt_set_dirty_tracking, __reserved, kDecimal),
};
constexpr std::array kIommuHwptGetDirtyBitmap{
    FIELD(iommu_hwpt_get_dirty_bitmap, size, kDecimal),
    FIELD(iommu_hwpt_get_dirty_bitmap, hwpt_id, kDecimal),
    FLAGS(iommu_hwpt_get_dirty_bitmap, flags, "IOMMU_HWPT_GET_DIRTY_BITMAP_"),
    FIELD(iommu_hwpt_get_dirty_bitmap, __reserved, kDecimal),
    FIELD(iommu_hwpt_get_dirty_bitmap, iova, kHex),
    FIELD(iommu_hwpt_get_dirty_bitmap, length, kHex),
    FIELD(iommu_hwpt_get_dirty_bitmap, page_size, kHex),
    FIELD(iommu_hwpt_get_dirty_bitmap, data, kHex),
};
constexpr std::array kIommuHwptInvalidate{
    FIELD(iommu_hwpt_invalidate, size, kDecimal),
    FIELD(iommu_hwpt_invalidate, hwpt_id, kDecimal),
    FIELD(iommu_hwpt_invalidate, data_uptr, kHex),
    FIELD(iommu_hwpt_invalidate, data_type, kDecimal),
    FIELD(iommu_hwpt_invalidate, entry_len, kDecimal),
    FIELD(iommu_hwpt_invalidate, entry_num, kDecimal),
    FIELD(iommu_hwpt_invalidate, __reserved, kDecimal),
};
constexpr std::array kIommuFaultAlloc{
    FIELD(iommu_fault_alloc, size, kDecimal),
    FIELD(iommu_fault_alloc, flags, kHex),
    FIELD(iommu_fault_alloc, out_fault_id, kDecimal),
    FIELD(iommu_fault_alloc, out_fault_fd, kDecimal),
};
constexpr std::array kIommuIoasMapFile{
    FIELD(iommu_ioas_map_file, size, kDecimal),
    FLAGS(iommu_ioas_map_file, flags, "IOMMU_IOAS_MAP_"),
    FIELD(iommu_ioas_map_file, ioas_id, kDecimal),
    FIELD(iommu_ioas_map_file, fd, kDecimal),
    FIELD(iommu_ioas_map_file, start, kHex),
    FIELD(iommu_ioas_map_file, length, kHex),
    FIELD(iommu_ioas_map_file, iova, kHex),
};
constexpr std::array kIommuViommuAlloc{
    FIELD(iommu_viommu_alloc, size, kDecimal),
    FIELD(iommu_viommu_alloc, flags, kHex),
    FIELD(iommu_viommu_alloc, type, kDecimal),
    FIELD(iommu_viommu_alloc, dev_id, kDecimal),
    FIELD(iommu_viommu_alloc, hwpt_id, kDecimal),
    FIELD(iommu_viommu_alloc, out_viommu_id, kDecimal),
    FIELD(iommu_viommu_alloc, data_len, kDecimal),
    FIELD(iommu_viommu_alloc, __reserved, kDecimal),
    FIELD(iommu_viommu_alloc, data_uptr, kHex),
};
constexpr std::array kIommuVdeviceAlloc{
    FIELD(iommu_vdevice_alloc, size, kDecimal),
    FIELD(iommu_vdevice_alloc, viommu_id, kDecimal),
    FIELD(iommu_vdevice_alloc, dev_id, kDecimal),
    FIELD(iommu_vdevice_alloc, out_vdevice_id, kDecimal),
    FIELD(iommu_vdevice_alloc, virt_id, kHex),
};
constexpr std::array kIommuIoasChangeProcess{
    FIELD(iommu_ioas_change_process, size, kDecimal),
    FIELD(iommu_ioas_change_process, __reserved, kDecimal),
};
constexpr std::array kIommuVeventqAlloc{
    FIELD(iommu_veventq_alloc, size, kDecimal),
    FIELD(iommu_veventq_alloc, flags, kHex),
    FIELD(iommu_veventq_alloc, viommu_id, kDecimal),
    FIELD(iommu_veventq_alloc, type, kDecimal),
    FIELD(iommu_veventq_alloc, veventq_depth, kDecimal),
    FIELD(iommu_veventq_alloc, out_veventq_id, kDecimal),
    FIELD(iommu_veventq_alloc, out_veventq_fd, kDecimal),
    FIELD(iommu_veventq_alloc, __reserved, kDecimal),
};
constexpr std::array kIommuHwQueueAlloc{
    FIELD(iommu_hw_queue_alloc, size, kDecimal),
    FIELD(iommu_hw_queue_alloc, flags, kHex),
    FIELD(iommu_hw_queue_alloc, viommu_id, kDecimal),
    FIELD(iommu_hw_queue_alloc, type, kDecimal),
    FIELD(iommu_hw_queue_alloc, index, kDecimal),
    FIELD(iommu_hw_queue_alloc, out_hw_queue_id, kDecimal),
    FIELD(iommu_hw_queue_alloc, nesting_parent_iova, kHex),
    FIELD(iommu_hw_queue_alloc, length, kHex),
};
constexpr std::array kIommuIoasNoiommuGetPa{
    FIELD(iommu_ioas_noiommu_get_pa, size, kDecimal),
    FIELD(iommu_ioas_noiommu_get_pa, flags, kHex),
    FIELD(iommu_ioas_noiommu_get_pa, ioas_id, kDecimal),
    FIELD(iommu_ioas_noiommu_get_pa, __reserved, kDecimal),
    FIELD(iommu_ioas_noiommu_get_pa, iova, kHex),
    FIELD(iommu_ioas_noiommu_get_pa, length, kHex),
    FIELD(iommu_ioas_noiommu_get_pa, out_phys, kHex),
};
constexpr std::array kIommuIoasGetPa{
    FIELD(iommu_ioas_get_pa, size, kDecimal),    FIELD(iommu_ioas_get_pa, flags, kHex),
    FIELD(iommu_ioas_get_pa, ioas_id, kDecimal), FIELD(iommu_ioas_get_pa, __reserved, kDecimal),
    FIELD(iommu_ioas_get_pa, iova, kHex),        FIELD(iommu_ioas_get_pa, out_length, kHex),
    FIELD(iommu_ioas_get_pa, out_phys, kHex),
};

#define WITH_STRUCT(command, type, ...) with_struct<type>(#command, command, __VA_ARGS__)
#define PLAIN(command) plain(#command, command)

constexpr std::array kCommands{
    WITH_STRUCT(IOMMU_DESTROY, iommu_destroy, kIommuDestroy),
    WITH_STRUCT(IOMMU_IOAS_ALLOC, iommu_ioas_alloc, kIommuIoasAlloc),
    WITH_STRUCT(IOMMU_IOAS_ALLOW_IOVAS, iommu_ioas_allow_iovas, kIommuIoasAllowIovas),
    WITH_STRUCT(IOMMU_IOAS_COPY, iommu_ioas_copy, kIommuIoasCopy),
    WITH_STRUCT(IOMMU_IOAS_IOVA_RANGES, iommu_ioas_iova_ranges, kIommuIoasIovaRanges),
    WITH_STRUCT(IOMMU_IOAS_MAP, iommu_ioas_map, kIommuIoasMap),
    WITH_STRUCT(IOMMU_IOAS_UNMAP, iommu_ioas_unmap, kIommuIoasUnmap),
    WITH_STRUCT(IOMMU_OPTION, iommu_option, kIommuOption),
    WITH_STRUCT(IOMMU_VFIO_IOAS, iommu_vfio_ioas, kIommuVfioIoas),
    WITH_STRUCT(IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, kIommuHwptAlloc),
    WITH_STRUCT(IOMMU_GET_HW_INFO, iommu_hw_info, kIommuHwInfo),
    WITH_STRUCT(IOMMU_HWPT_SET_DIRTY_TRACKING, iommu_hwpt_set_dirty_tracking,
                kIommuHwptSetDirtyTracking),
    WITH_STRUCT(IOMMU_HWPT_GET_DIRTY_BITMAP, iommu_hwpt_get_dirty_bitmap, kIommuHwptGetDirtyBitmap),
    WITH_STRUCT(IOMMU_HWPT_INVALIDATE, iommu_hwpt_invalidate, kIommuHwptInvalidate),
    WITH_STRUCT(IOMMU_FAULT_QUEUE_ALLOC, iommu_fault_alloc, kIommuFaultAlloc),
    WITH_STRUCT(IOMMU_IOAS_MAP_FILE, iommu_ioas_map_file, kIommuIoasMapFile),
    WITH_STRUCT(IOMMU_VIOMMU_ALLOC, iommu_viommu_alloc, kIommuViommuAlloc),
    WITH_STRUCT(IOMMU_VDEVICE_ALLOC, iommu_vdevice_alloc, kIommuVdeviceAlloc),
    WITH_STRUCT(IOMMU_IOAS_CHANGE_PROCESS, iommu_ioas_change_process, kIommuIoasChangeProcess),
    WITH_STRUCT(IOMMU_VEVENTQ_ALLOC, iommu_veventq_alloc, kIommuVeventqAlloc),
    WITH_STRUCT(IOMMU_HW_QUEUE_ALLOC, iommu_hw_queue_alloc, kIommuHwQueueAlloc),
    WITH_STRUCT(IOMMU_IOAS_NOIOMMU_GET_PA, iommu_ioas_noiommu_get_pa, kIommuIoasNoiommuGetPa),
    WITH_STRUCT(IOMMU_IOAS_GET_PA, iommu_ioas_get_pa, kIommuIoasGetPa),
};

#undef WITH_STRUCT
#undef PLAIN

}  // namespace

std::span<const IoctlCommand> iommufd_commands() {
  return kCommands;
}

}  // namespace noiommu::scenarios
