// The kernel configuration as far as VFIO and iommufd look at it.
#pragma once

#include <map>
#include <string>

namespace noiommu {

// Built in and module behave alike here, so both are `true`.
struct Config {
  bool vfio_group = true;
  bool vfio_container = true;
  bool vfio_device_cdev = true;
  bool vfio_noiommu = true;
  bool iommufd = true;
  bool iommufd_noiommu = true;
  bool iommufd_vfio_container = false;

  bool operator==(const Config&) const = default;

  // Symbol name -> value, for printing.
  [[nodiscard]] std::map<std::string, bool> symbols() const;
};

}  // namespace noiommu
