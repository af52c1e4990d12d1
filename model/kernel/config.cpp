#include "model/kernel/config.h"

namespace noiommu {

std::map<std::string, bool> Config::symbols() const {
  return {{"IOMMUFD", iommufd},
          {"IOMMUFD_NOIOMMU", iommufd_noiommu},
          {"IOMMUFD_VFIO_CONTAINER", iommufd_vfio_container},
          {"VFIO_CONTAINER", vfio_container},
          {"VFIO_DEVICE_CDEV", vfio_device_cdev},
          {"VFIO_GROUP", vfio_group},
          {"VFIO_NOIOMMU", vfio_noiommu}};
}

}  // namespace noiommu
