#include "model/pci/sysfs.h"

#include <fmt/format.h>

namespace noiommu::pci {

std::string sysfs_path(const Function& function) {
  // Root buses only: "0000:00:04.0" lies on pci0000:00.
  return fmt::format("pci{}/{}", function.bdf().substr(0, 7), function.bdf());
}

void add_to_sysfs(NodeTree& nodes, const Function& function) {
  const std::string path = sysfs_path(function);
  const std::string dir = "/sys/devices/" + path;
  const auto add = [&](std::string_view name, std::string text) {
    nodes.add_attribute(fmt::format("{}/{}", dir, name), 0444,
                        {.show = [text = std::move(text)] { return text; }, .store = {}});
  };
  const Identity& id = function.identity();
  add("vendor", fmt::format("0x{:04x}\n", id.vendor));
  add("device", fmt::format("0x{:04x}\n", id.device));
  add("subsystem_vendor", fmt::format("0x{:04x}\n", id.subsystem_vendor));
  add("subsystem_device", fmt::format("0x{:04x}\n", id.subsystem_device));
  add("class", fmt::format("0x{:06x}\n", id.class_code));
  add("revision", fmt::format("0x{:02x}\n", id.revision));
  nodes.add_link(dir + "/subsystem", "../../../bus/pci");
  nodes.add_link("/sys/bus/pci/devices/" + function.bdf(), "../../../devices/" + path);
}

}  // namespace noiommu::pci
