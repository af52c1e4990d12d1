// vfio-pci as a driver of the PCI bus: binding functions and unbinding them through sysfs.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "model/kernel/iommu_groups.h"
#include "model/pci/bus.h"
#include "model/vfio/vfio_main.h"
#include "model/vfio/vfio_pci.h"

namespace noiommu::vfio {

// /sys/bus/pci/drivers/vfio-pci. Thread-safety: functions are added before other threads see the
// driver; bind and unbind may be called from any thread.
class VfioPciDriver : Unmovable {
 public:
  VfioPciDriver(Vfio& vfio, IommuGroups& iommu_groups);
  // No process of the kernel is left.
  ~VfioPciDriver();

  // Makes a function known to the driver; its driver_override says vfio-pci. Devices behind an
  // IOMMU get their group here, as when the bus finds them.
  void add_function(pci::Function& function, bool has_iommu);

  // A write to `bind` and `unbind`. ENODEV for an unknown name, for a function whose
  // driver_override is not vfio-pci, and for unbind one that is not bound; EBUSY for one that is
  // bound already; what registration answers.
  Status bind(std::string_view bdf);
  Status unbind(std::string_view bdf);
  // A write to drivers_probe: binds the function if this is its driver; a probe that fails is no
  // error. ENODEV for an unknown name.
  Status probe(std::string_view bdf);

 private:
  struct Slot {
    Slot(Kernel& kernel, pci::Function& function)
        : vfio_pci(kernel, function), function(function) {}

    [[nodiscard]] std::string override() const;
    Status set_override(std::string_view text);

    VfioPci vfio_pci;
    pci::Function& function;
    std::shared_ptr<IommuGroup> iommu_group;
    std::mutex mutex;                    // the kernel's device_lock, held over probe and remove
    std::shared_ptr<VfioDevice> device;  // while bound
    mutable std::mutex override_mutex;
    std::string driver_override = "vfio-pci";  // empty: none
  };

  [[nodiscard]] Slot* find(std::string_view bdf) const;

  Vfio& vfio_;
  IommuGroups& iommu_groups_;
  std::map<std::string, std::unique_ptr<Slot>, std::less<>> slots_;  // by bdf
};

}  // namespace noiommu::vfio
