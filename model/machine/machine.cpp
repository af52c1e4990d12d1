#include "model/machine/machine.h"

#include <stdexcept>
#include <utility>

#include "model/iommufd/context.h"
#include "model/mm/address_space.h"
#include "model/mm/memfd.h"
#include "model/pci/edu.h"
#include "model/pci/sysfs.h"
#include "model/vfio/container.h"

namespace noiommu {

// Without an IOMMU what a device puts on the bus is a physical address.
class Machine::DmaToMemory : public pci::DmaPort {
 public:
  DmaToMemory(mm::PhysMem& memory, std::string bdf, DmaWatch watch)
      : memory_(memory), bdf_(std::move(bdf)), watch_(std::move(watch)) {}
  bool read(PhysAddr from, std::span<std::byte> to) override {
    if (watch_) watch_(bdf_, from, to.size(), false);
    return memory_.read(from, to).has_value();
  }
  bool write(PhysAddr to, std::span<const std::byte> from) override {
    if (watch_) watch_(bdf_, to, from.size(), true);
    return memory_.write(to, from).has_value();
  }

 private:
  mm::PhysMem& memory_;
  const std::string bdf_;
  const DmaWatch watch_;
};

// Translation by an IOMMU is not modelled; it lets nothing through.
class Machine::DmaBlocked : public pci::DmaPort {
 public:
  bool read(PhysAddr /*from*/, std::span<std::byte> /*to*/) override { return false; }
  bool write(PhysAddr /*to*/, std::span<const std::byte> /*from*/) override { return false; }
};

Machine::Machine(const MachineConfig& config)
    : kernel_(config.config, config.design),
      memory_(config.memory),
      dma_blocked_(std::make_unique<DmaBlocked>()),
      iommu_groups_(kernel_.nodes()),
      vfio_(kernel_, memory_, iommu_groups_, config.enable_unsafe_noiommu_mode),
      vfio_pci_(vfio_, iommu_groups_) {
  iommufd::register_iommufd(kernel_, memory_);
  vfio::register_container(vfio_);
  for (const DeviceConfig& device : config.devices) {
    if (!device.mediated) add_function(device, config.dma_watch);
  }
  for (const DeviceConfig& device : config.devices) {
    if (device.mediated) {
      mediated_.push_back(std::make_unique<vfio::MediatedDevice>(vfio_, device.bdf));
    } else {
      static_cast<void>(vfio_pci_.bind(device.bdf));  // a failed probe leaves the device unbound
    }
  }
}

Machine::~Machine() = default;

void Machine::add_function(const DeviceConfig& config, const DmaWatch& dma_watch) {
  if (config.has_iommu && !host_bridge_group_) {
    // The bridge comes first on the bus, so it has the first group.
    if (auto group = iommu_groups_.create()) host_bridge_group_ = *group;
  }
  dma_to_memory_.push_back(std::make_unique<DmaToMemory>(memory_, config.bdf, dma_watch));
  pci::DmaPort& dma = config.has_iommu ? static_cast<pci::DmaPort&>(*dma_blocked_)
                                       : static_cast<pci::DmaPort&>(*dma_to_memory_.back());
  auto function = bus_.add(std::make_unique<pci::Edu>(config.bdf, dma, kernel_.clock(),
                                                      pci::Edu::Options{.flr = config.flr, .id = config.id}),
                           config.has_iommu);
  if (!function) throw std::invalid_argument("no place on the PCI bus for " + config.bdf);
  pci::add_to_sysfs(kernel_.nodes(), **function);
  vfio_pci_.add_function(**function, config.has_iommu);
}

std::unique_ptr<Process> Machine::spawn(const Credentials& credentials) {
  return std::make_unique<Process>(kernel_, std::make_shared<mm::AddressSpace>(memory_),
                                   credentials);
}

Result<int> Machine::memfd(Process& process, uint64_t bytes) {
  return process.install(std::make_shared<mm::Memfd>(memory_, bytes));
}

}  // namespace noiommu
