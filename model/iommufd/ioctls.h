// The commands of /dev/iommu, one function each.
//
// Every handler is a flat list of checks in the order of iommufd.md, whose section it names, and
// answers 0 or that errno. `command` is the program's struct, its tail zero where the program's was
// shorter.
#pragma once

#include <memory>

#include "model/iommufd/pages.h"
#include "model/iommufd/ucmd.h"
#include "uapi/iommufd.h"

namespace noiommu::iommufd {

// ioctls_ioas.cpp: objects and address spaces.
Status destroy(const Ucmd& ucmd, iommu_destroy& command);                          // 2.1
Status ioas_alloc(const Ucmd& ucmd, iommu_ioas_alloc& command);                    // 3
Status ioas_iova_ranges(const Ucmd& ucmd, iommu_ioas_iova_ranges& command);        // 4
Status ioas_allow_iovas(const Ucmd& ucmd, iommu_ioas_allow_iovas& command);        // 5
Status option(const Ucmd& ucmd, iommu_option& command);                            // 11
Status vfio_ioas(const Ucmd& ucmd, iommu_vfio_ioas& command);                      // 12
Status ioas_change_process(const Ucmd& ucmd, iommu_ioas_change_process& command);  // 12

// The memory of `process` from `start` on, to be mapped. EOVERFLOW, EINVAL: section 6, rows 5
// and 6.
Result<KrefPtr<Pages>> user_pages(const Context& context, const Process& process, UserPtr start,
                                  uint64_t length, bool writable);

// ioctls_map.cpp: what is mapped in them.
Status ioas_map(const Ucmd& ucmd, iommu_ioas_map& command);                        // 6
Status ioas_map_file(const Ucmd& ucmd, iommu_ioas_map_file& command);              // 7
Status ioas_copy(const Ucmd& ucmd, iommu_ioas_copy& command);                      // 8
Status ioas_unmap(const Ucmd& ucmd, iommu_ioas_unmap& command);                    // 9
Status ioas_noiommu_get_pa(const Ucmd& ucmd, iommu_ioas_noiommu_get_pa& command);  // 15

// The checks and the answer of ioas_noiommu_get_pa() without telling the program.
Result<generic_pt::PhysRun> look_up_pa(const Context& context, const Process& process,
                                       const iommu_ioas_noiommu_get_pa& command);

// ioctls_hwpt.cpp: page tables, and what only hardware could do. Section 13.
Status hwpt_alloc(const Ucmd& ucmd, iommu_hwpt_alloc& command);
Status fault_queue_alloc(const Ucmd& ucmd, iommu_fault_alloc& command);
Status get_hw_info(const Ucmd& ucmd, iommu_hw_info& command);
Status hwpt_set_dirty_tracking(const Ucmd& ucmd, iommu_hwpt_set_dirty_tracking& command);
Status hwpt_get_dirty_bitmap(const Ucmd& ucmd, iommu_hwpt_get_dirty_bitmap& command);
Status hwpt_invalidate(const Ucmd& ucmd, iommu_hwpt_invalidate& command);
Status viommu_alloc(const Ucmd& ucmd, iommu_viommu_alloc& command);
Status vdevice_alloc(const Ucmd& ucmd, iommu_vdevice_alloc& command);
Status veventq_alloc(const Ucmd& ucmd, iommu_veventq_alloc& command);
Status hw_queue_alloc(const Ucmd& ucmd, iommu_hw_queue_alloc& command);

}  // namespace noiommu::iommufd
