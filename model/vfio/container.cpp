#include "model/vfio/container.h"

#include <memory>

#include "uapi/vfio.h"

namespace noiommu::vfio {

int64_t Container::check_extension(uint64_t extension) const {
  switch (extension) {
    case VFIO_TYPE1_IOMMU:
    case VFIO_TYPE1v2_IOMMU:
    case VFIO_UNMAP_ALL:
      return 1;
    case VFIO_NOIOMMU_IOMMU:
      return vfio_.noiommu_enabled() ? 1 : 0;  // read afresh at every call
    default:
      return 0;
  }
}

Result<int64_t> Container::ioctl(Process& /*process*/, uint32_t command, uint64_t argument) {
  switch (command) {
    case VFIO_GET_API_VERSION:
      return VFIO_API_VERSION;
    case VFIO_CHECK_EXTENSION:
      return check_extension(argument);
    default:
      return Err(EINVAL);  // SET_IOMMU wants a group, everything else a backend
  }
}

void register_container(Vfio& vfio) {
  Kernel& kernel = vfio.kernel();
  if (!kernel.config().vfio_container) return;
  kernel.nodes().add_device("/dev/vfio/vfio", 0666, [&vfio](Process&, int) -> Result<FileRef> {
    return std::make_shared<Container>(vfio);
  });
}

}  // namespace noiommu::vfio
