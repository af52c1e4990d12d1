#include "model/kernel/config.h"

#include <fmt/format.h>

namespace noiommu {

tl::expected<Config, std::string> Config::resolve(
    const std::map<std::string, std::string>& overrides) {
  std::map<std::string, bool> user = {{"GENERIC_ATOMIC64", false},
                                      {"IOMMUFD", true},
                                      {"IOMMUFD_NOIOMMU", true},
                                      {"IOMMUFD_VFIO_CONTAINER", true},
                                      {"VFIO", true},
                                      {"VFIO_CONTAINER", true},
                                      {"VFIO_DEVICE_CDEV", true},
                                      {"VFIO_GROUP", true},
                                      {"VFIO_NOIOMMU", true},
                                      {"VFIO_PCI", true}};
  for (const auto& [symbol, value] : overrides) {
    auto known = user.find(symbol);
    if (known == user.end()) {
      return tl::unexpected(fmt::format("{} is not a symbol that the model knows", symbol));
    }
    const bool tristate = symbol == "IOMMUFD" || symbol == "VFIO" || symbol == "VFIO_PCI";
    if (value != "y" && value != "n" && !(tristate && value == "m")) {
      return tl::unexpected(
          fmt::format("{}={}: the symbol is {}", symbol, value, tristate ? "y, m or n" : "y or n"));
    }
    known->second = value != "n";
  }
  if (!user["VFIO"] || !user["VFIO_PCI"]) {
    return tl::unexpected<std::string>(
        "VFIO=n or VFIO_PCI=n: without vfio-pci there is nothing to run");
  }

  const bool atomic64 = !user["GENERIC_ATOMIC64"];
  Config c;
  c.iommufd = user["IOMMUFD"];
  c.vfio_group = user["VFIO_GROUP"] || !c.iommufd;
  c.vfio_container = (user["VFIO_CONTAINER"] && c.vfio_group) || !c.iommufd;
  c.vfio_device_cdev = c.iommufd && (user["VFIO_DEVICE_CDEV"] || !c.vfio_group);
  c.iommufd_vfio_container =
      c.iommufd && c.vfio_group && !c.vfio_container && user["IOMMUFD_VFIO_CONTAINER"];
  c.vfio_noiommu = user["VFIO_NOIOMMU"] && (c.vfio_group || (c.vfio_device_cdev && atomic64)) &&
                   (!c.vfio_group || c.vfio_container || c.iommufd_vfio_container);
  // No prompt: only VFIO_NOIOMMU's select turns it on.
  c.iommufd_noiommu = c.vfio_noiommu && c.vfio_device_cdev && atomic64;
  return c;
}

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
