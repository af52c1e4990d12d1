// A booted machine: a kernel with memory, a PCI bus and the subsystems that the model has.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/design/design.h"
#include "model/kernel/iommu_groups.h"
#include "model/kernel/kernel.h"
#include "model/mm/phys_mem.h"
#include "model/pci/bus.h"
#include "model/vfio/mediated_device.h"
#include "model/vfio/vfio_main.h"
#include "model/vfio/vfio_pci_driver.h"

namespace noiommu {

// One `edu` function on the root bus, or a mediated device.
struct DeviceConfig {
  std::string bdf;         // e.g. "0000:00:04.0"; of a mediated device its UUID
  bool has_iommu = false;  // an IOMMU lies between it and memory
  bool flr = false;        // the variant with a function-level reset
  bool mediated = false;   // then the two above mean nothing
  // Vendor and device id that the function shows instead of its own.
  std::optional<std::pair<uint16_t, uint16_t>> id = {};
};

// Sees every transfer of a device without an IOMMU just before it happens. Called from any thread.
using DmaWatch =
    std::function<void(const std::string& bdf, PhysAddr start, uint64_t length, bool to_memory)>;

struct MachineConfig {
  Config config = {};
  design::Design design = design::mainline();
  bool enable_unsafe_noiommu_mode = true;  // boot value of the vfio parameter
  mm::MemoryConfig memory = {};
  std::vector<DeviceConfig> devices = {};  // bound to their drivers in this order
  DmaWatch dma_watch = {};
};

// Build as many as you like; they share nothing. A machine outlives its processes.
//
// Thread-safety: all methods may be called from any thread.
class Machine : Unmovable {
 public:
  // Boots. A device whose probe fails stays unbound, as it would; one that the bus does not take
  // (see pci::Bus::add) is a mistake of the caller and throws std::invalid_argument.
  explicit Machine(const MachineConfig& config);
  ~Machine();

  [[nodiscard]] std::unique_ptr<Process> spawn(const Credentials& credentials = {});
  // memfd_create(2) and ftruncate(2) in one: a new descriptor of `process`. EMFILE.
  Result<int> memfd(Process& process, uint64_t bytes);

  [[nodiscard]] Kernel& kernel() { return kernel_; }
  [[nodiscard]] mm::PhysMem& memory() { return memory_; }
  [[nodiscard]] const pci::Bus& bus() const { return bus_; }

 private:
  class DmaToMemory;
  class DmaBlocked;

  void add_function(const DeviceConfig& config, const DmaWatch& dma_watch);

  Kernel kernel_;
  mm::PhysMem memory_;
  std::vector<std::unique_ptr<DmaToMemory>> dma_to_memory_;  // one for each function
  std::unique_ptr<DmaBlocked> dma_blocked_;
  pci::Bus bus_;
  IommuGroups iommu_groups_;
  std::shared_ptr<IommuGroup> host_bridge_group_;
  vfio::Vfio vfio_;
  vfio::VfioPciDriver vfio_pci_;
  std::vector<std::unique_ptr<vfio::MediatedDevice>> mediated_;
};

}  // namespace noiommu
