// The commands of /dev/iommu, one function each.
//
// Every handler is a flat list of checks in the order of iommufd.md, whose section it names, and
// answers 0 or that errno. `command` is the program's struct, its tail zero where the program's was
// shorter.
#pragma once

#include "model/iommufd/ucmd.h"
#include "uapi/iommufd.h"

namespace noiommu::iommufd {

Status destroy(const Ucmd& ucmd, iommu_destroy& command);                          // section 2.1
Status ioas_alloc(const Ucmd& ucmd, iommu_ioas_alloc& command);                    // section 3
Status ioas_iova_ranges(const Ucmd& ucmd, iommu_ioas_iova_ranges& command);        // section 4
Status ioas_map(const Ucmd& ucmd, iommu_ioas_map& command);                        // section 6
Status ioas_unmap(const Ucmd& ucmd, iommu_ioas_unmap& command);                    // section 9
Status ioas_noiommu_get_pa(const Ucmd& ucmd, iommu_ioas_noiommu_get_pa& command);  // section 15

}  // namespace noiommu::iommufd
