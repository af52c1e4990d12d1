#include "model/pci/sysfs.h"

#include <fmt/format.h>
#include <linux/pci_regs.h>

namespace noiommu::pci {

namespace {

// Start, end and flags of each BAR, and of the ROM: memory, aligned to its size.
std::string resources(const Function& function) {
  constexpr unsigned kResources = 7;
  constexpr uint64_t kMemory = 0x40200;
  std::string lines;
  for (unsigned index = 0; index < kResources; ++index) {
    const Bar bar = index < kBarCount ? function.bar(index) : Bar{};
    const bool there = bar.size != 0;
    lines += fmt::format("0x{:016x} 0x{:016x} 0x{:016x}\n", there ? bar.base.value : 0,
                         there ? bar.base.value + bar.size - 1 : 0, there ? kMemory : 0);
  }
  return lines;
}

}  // namespace

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
  add("modalias",
      fmt::format("pci:v{:08X}d{:08X}sv{:08X}sd{:08X}bc{:02X}sc{:02X}i{:02X}\n", id.vendor,
                  id.device, id.subsystem_vendor, id.subsystem_device, id.class_code >> 16,
                  id.class_code >> 8 & 0xff, id.class_code & 0xff));
  add("numa_node", "-1\n");
  add("resource", resources(function));
  nodes.add_attribute(
      dir + "/irq", 0444,
      {.show =
           [&function] { return fmt::format("{}\n", function.config_read(PCI_INTERRUPT_LINE, 1)); },
       .store = {}});
  nodes.add_attribute(dir + "/config", 0444,
                      {.show =
                           [&function] {
                             std::string bytes;
                             for (unsigned at = 0; at < ConfigSpace::kSize; ++at) {
                               bytes += static_cast<char>(function.config_read(at, 1));
                             }
                             return bytes;
                           },
                       .store = {}});
  nodes.add_attribute(dir + "/uevent", 0444,
                      {.show =
                           [&nodes, dir, id, bdf = function.bdf()] {
                             std::string text;
                             if (auto driver = nodes.readlink(dir + "/driver")) {
                               text = fmt::format("DRIVER={}\n",
                                                  driver->substr(driver->rfind('/') + 1));
                             }
                             return text + fmt::format(
                                               "PCI_CLASS={:04X}\nPCI_ID={:04X}:{:04X}\n"
                                               "PCI_SUBSYS_ID={:04X}:{:04X}\nPCI_SLOT_NAME={}\n",
                                               id.class_code, id.vendor, id.device,
                                               id.subsystem_vendor, id.subsystem_device, bdf);
                           },
                       .store = {}});
  nodes.add_link(dir + "/subsystem", "../../../bus/pci");
  nodes.add_link("/sys/bus/pci/devices/" + function.bdf(), "../../../devices/" + path);
}

}  // namespace noiommu::pci
