#include "model/vfio/vfio_pci_driver.h"

#include <fmt/format.h>

#include "model/pci/sysfs.h"

namespace noiommu::vfio {

namespace {

constexpr std::string_view kDriver = "/sys/bus/pci/drivers/vfio-pci";
constexpr std::string_view kName = "vfio-pci";

// A name as sysfs takes it, with or without the newline that echo adds.
std::string_view trim(std::string_view text) {
  return text.ends_with('\n') ? text.substr(0, text.size() - 1) : text;
}

}  // namespace

VfioPciDriver::VfioPciDriver(Vfio& vfio, IommuGroups& iommu_groups)
    : vfio_(vfio), iommu_groups_(iommu_groups) {
  NodeTree& nodes = vfio_.kernel().nodes();
  nodes.add_directory("/sys/module/vfio_pci");
  nodes.add_attribute(
      fmt::format("{}/bind", kDriver), 0200,
      {.show = {}, .store = [this](Process&, std::string_view text) { return bind(trim(text)); }});
  nodes.add_attribute(fmt::format("{}/unbind", kDriver), 0200,
                      {.show = {}, .store = [this](Process&, std::string_view text) {
                         return unbind(trim(text));
                       }});
  nodes.add_attribute(
      "/sys/bus/pci/drivers_probe", 0200,
      {.show = {}, .store = [this](Process&, std::string_view text) { return probe(trim(text)); }});
}

std::string VfioPciDriver::Slot::override() const {
  const std::lock_guard lock(override_mutex);
  return driver_override;
}

// An empty line takes the name away. EINVAL for what does not fit a page.
Status VfioPciDriver::Slot::set_override(std::string_view text) {
  if (text.size() >= kPageSize - 1) return Err(EINVAL);
  const std::lock_guard lock(override_mutex);
  driver_override = text.substr(0, text.find('\n'));
  return {};
}

VfioPciDriver::Slot* VfioPciDriver::find(std::string_view bdf) const {
  const auto found = slots_.find(bdf);
  return found == slots_.end() ? nullptr : found->second.get();
}

VfioPciDriver::~VfioPciDriver() {
  for (const auto& [bdf, slot] : slots_) {
    if (slot->device) static_cast<void>(unbind(bdf));
  }
}

void VfioPciDriver::add_function(pci::Function& function, bool has_iommu) {
  auto slot = std::make_unique<Slot>(vfio_.kernel(), function);
  if (has_iommu) {
    if (auto group = iommu_groups_.create()) slot->iommu_group = *group;
    if (slot->iommu_group) {
      iommu_groups_.add_device(*slot->iommu_group, pci::sysfs_path(function));
    }
  }
  vfio_.kernel().nodes().add_attribute(
      fmt::format("/sys/devices/{}/driver_override", pci::sysfs_path(function)), 0644,
      {.show =
           [slot = slot.get()] {
             const std::string name = slot->override();
             return (name.empty() ? "(null)" : name) + "\n";
           },
       .store = [slot = slot.get()](Process&,
                                    std::string_view text) { return slot->set_override(text); }});
  slots_.emplace(function.bdf(), std::move(slot));
}

Status VfioPciDriver::bind(std::string_view bdf) {
  Slot* const known = find(bdf);
  // The driver has no ids of its own: it takes only what is told to take it.
  if (known == nullptr || known->override() != kName) return Err(ENODEV);
  Slot& slot = *known;
  const std::lock_guard lock(slot.mutex);
  if (slot.device) return Err(EBUSY);
  const std::string path = pci::sysfs_path(slot.function);
  auto device = vfio_.register_device(slot.vfio_pci, {.name = slot.function.bdf(),
                                                      .sysfs = path,
                                                      .driver = std::string(kName),
                                                      .has_iommu = slot.iommu_group != nullptr,
                                                      .iommu_group = slot.iommu_group});
  if (!device) {
    const int error = static_cast<int>(device.error());
    vfio_.kernel().log().add(
        LogLevel::kErr, fmt::format("vfio-pci {}: probe with driver vfio-pci failed with error {}",
                                    slot.function.bdf(), -error));
    return Err(device.error());
  }
  slot.device = *device;
  NodeTree& nodes = vfio_.kernel().nodes();
  nodes.add_link(fmt::format("/sys/devices/{}/driver", path), "../../../bus/pci/drivers/vfio-pci");
  nodes.add_link(fmt::format("{}/{}", kDriver, slot.function.bdf()), "../../../../devices/" + path);
  return {};
}

Status VfioPciDriver::probe(std::string_view bdf) {
  if (find(bdf) == nullptr) return Err(ENODEV);
  static_cast<void>(bind(bdf));
  return {};
}

Status VfioPciDriver::unbind(std::string_view bdf) {
  Slot* const known = find(bdf);
  if (known == nullptr) return Err(ENODEV);
  Slot& slot = *known;
  const std::lock_guard lock(slot.mutex);
  if (!slot.device) return Err(ENODEV);
  vfio_.unregister_device(*slot.device);
  slot.device.reset();
  NodeTree& nodes = vfio_.kernel().nodes();
  nodes.remove(fmt::format("/sys/devices/{}/driver", pci::sysfs_path(slot.function)));
  nodes.remove(fmt::format("{}/{}", kDriver, slot.function.bdf()));
  return {};
}

}  // namespace noiommu::vfio
