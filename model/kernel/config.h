// The kernel configuration as far as VFIO and iommufd look at it.
#pragma once

namespace noiommu {

// Built in and module behave alike here, so both are `true`.
struct Config {
  bool vfio_group = true;
  bool vfio_container = true;
  bool vfio_device_cdev = true;
  bool vfio_noiommu = true;        // there is the module parameter
  bool vfio_group_noiommu = true;  // groups and containers know devices without an IOMMU
  bool iommufd = true;
  bool iommufd_noiommu = true;  // iommufd has the page table for such devices
  bool iommufd_vfio_container = false;

  bool operator==(const Config&) const = default;
};

}  // namespace noiommu
