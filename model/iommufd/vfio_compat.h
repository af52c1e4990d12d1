// The ioctls of a VFIO container, as an iommufd answers them.
#pragma once

#include <cstdint>

#include "model/iommufd/context.h"
#include "model/kernel/process.h"
#include "model/kernel/result.h"

namespace noiommu::iommufd {

// Everything maps in the IOAS that VFIO_IOAS chose. ENOTTY for what is no container ioctl.
// Thread-safe. Spec: iommufd.md section 16.
Result<int64_t> vfio_compat_ioctl(Context& context, Process& process, uint32_t command,
                                  uint64_t argument);

}  // namespace noiommu::iommufd
