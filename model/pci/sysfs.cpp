#include "model/pci/sysfs.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/pci_regs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <string_view>

#include "model/kernel/kernel.h"
#include "model/kernel/process.h"

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

std::string config(const Function& function) {
  std::string bytes;
  for (unsigned at = 0; at < ConfigSpace::kSize; ++at) {
    bytes += static_cast<char>(function.config_read(at, 1));
  }
  return bytes;
}

// In aligned accesses, each as wide as it can be.
Result<uint64_t> write_config(Function& function, std::string_view bytes, uint64_t offset) {
  if (offset >= ConfigSpace::kSize) return Err(EFBIG);
  bytes = bytes.substr(0, ConfigSpace::kSize - offset);
  for (size_t done = 0; done < bytes.size();) {
    const auto at = static_cast<unsigned>(offset + done);
    unsigned width = sizeof(uint32_t);
    while (at % width != 0 || width > bytes.size() - done) width /= 2;
    uint32_t value = 0;
    std::memcpy(&value, &bytes[done], width);
    function.config_write(at, width, value);
    done += width;
  }
  return bytes.size();
}

// Reading beyond the header may harm some devices.
uint64_t readable_config(const Process& process) {
  return process.capable(CAP_SYS_ADMIN) ? ConfigSpace::kSize : PCI_STD_HEADER_SIZEOF;
}

// Its name, or nothing.
std::string driver_of(const NodeTree& nodes, const std::string& dir) {
  const auto link = nodes.readlink(dir + "/driver");
  return link ? link->substr(link->rfind('/') + 1) : "";
}

// Sends what udev listens for, which nobody hears here.
Status send_uevent(std::string_view text) {
  constexpr std::array<std::string_view, 8> kActions = {"add",    "remove",  "change", "move",
                                                        "online", "offline", "bind",   "unbind"};
  if (text.ends_with('\n')) text.remove_suffix(1);
  return std::ranges::find(kActions, text) == kActions.end() ? Err(EINVAL) : Status();
}

// There is one node, which the function is said to be on or not.
Status store_node(Process& process, const std::string& who, std::atomic<int>& node,
                  std::string_view text) {
  if (!process.capable(CAP_SYS_ADMIN)) return Err(EPERM);
  if (text.ends_with('\n')) text.remove_suffix(1);
  const int wanted = text == "0" ? 0 : -1;
  if (wanted != 0 && text != "-1") return Err(EINVAL);
  if (node.exchange(wanted) == wanted) return {};
  Log& log = process.kernel().log();
  log.taint(Log::kTaintFirmwareWorkaround);
  log.add(LogLevel::kAlert,
          fmt::format("{}: [Firmware Bug]: Overriding NUMA node to {}.  Contact your vendor for "
                      "updates.",
                      who, wanted));
  return {};
}

}  // namespace

std::string sysfs_path(const Function& function) {
  // Root buses only: "0000:00:04.0" lies on pci0000:00.
  return fmt::format("pci{}/{}", function.bdf().substr(0, 7), function.bdf());
}

void add_to_sysfs(NodeTree& nodes, Function& function) {
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
  const std::string modalias =
      fmt::format("pci:v{:08X}d{:08X}sv{:08X}sd{:08X}bc{:02X}sc{:02X}i{:02X}\n", id.vendor,
                  id.device, id.subsystem_vendor, id.subsystem_device, id.class_code >> 16,
                  id.class_code >> 8 & 0xff, id.class_code & 0xff);
  add("modalias", modalias);
  add("resource", resources(function));
  // The machine has one processor.
  add("local_cpus", "1\n");
  add("local_cpulist", "0\n");
  const auto node = std::make_shared<std::atomic<int>>(-1);
  nodes.add_attribute(
      dir + "/numa_node", 0644,
      {.show = [node] { return fmt::format("{}\n", node->load()); },
       .store =
           [&nodes, dir, node, bdf = function.bdf()](Process& process, std::string_view text) {
             const std::string driver = driver_of(nodes, dir);
             const std::string who = driver.empty() ? "pci" : driver;
             return store_node(process, fmt::format("{} {}", who, bdf), *node, text);
           }});
  nodes.add_attribute(
      dir + "/irq", 0444,
      {.show =
           [&function] { return fmt::format("{}\n", function.config_read(PCI_INTERRUPT_LINE, 1)); },
       .store = {}});
  nodes.add_attribute(
      dir + "/config", 0644,
      {.show = [&function] { return config(function); },
       .store = {},
       .store_at = [&function](Process&, std::string_view bytes,
                               uint64_t offset) { return write_config(function, bytes, offset); },
       .visible = readable_config});
  nodes.add_attribute(
      dir + "/uevent", 0644,
      {.show =
           [&nodes, dir, id, modalias, bdf = function.bdf()] {
             const std::string driver = driver_of(nodes, dir);
             return (driver.empty() ? "" : fmt::format("DRIVER={}\n", driver)) +
                    fmt::format(
                        "PCI_CLASS={:04X}\nPCI_ID={:04X}:{:04X}\n"
                        "PCI_SUBSYS_ID={:04X}:{:04X}\nPCI_SLOT_NAME={}\nMODALIAS={}",
                        id.class_code, id.vendor, id.device, id.subsystem_vendor,
                        id.subsystem_device, bdf, modalias);
           },
       .store = [](Process&, std::string_view text) { return send_uevent(text); }});
  nodes.add_link(dir + "/subsystem", "../../../bus/pci");
  nodes.add_link("/sys/bus/pci/devices/" + function.bdf(), "../../../devices/" + path);
}

}  // namespace noiommu::pci
