// The kernel configuration as far as VFIO and iommufd look at it.
//
// Spec: kconfig.md sections 2 and 3, row "merged". This is a table of the Linux 7.3 rules for
// x86-64; it answers what `make olddefconfig` would.
#pragma once

#include <map>
#include <string>

#include <tl/expected.hpp>

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

  // The configuration that results when the user sets `overrides` (symbol without CONFIG_ -> y, n
  // or, where it is a tristate, m) on top of the default, in which everything for group, native
  // container and no-IOMMU cdev is on. A symbol may come out other than asked, as in Kconfig:
  // selects force it on, unmet dependencies keep it off. Error: a message that names an unknown
  // symbol or value.
  static tl::expected<Config, std::string> resolve(
      const std::map<std::string, std::string>& overrides);

  // Symbol name -> value, for printing.
  [[nodiscard]] std::map<std::string, bool> symbols() const;
};

}  // namespace noiommu
