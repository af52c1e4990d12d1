// The PCI functions of one machine, and the firmware that sets them up.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "model/kernel/result.h"
#include "model/kernel/types.h"
#include "model/pci/function.h"

namespace noiommu::pci {

// Where firmware puts BARs, in ascending order of arrival, naturally aligned. Ends where the
// interrupt controllers of a PC begin; memory lies above 4 GiB.
inline constexpr PhysAddr kBarWindow{0xe0000000};
inline constexpr PhysAddr kBarWindowEnd{0xfec00000};

// What firmware writes to the interrupt line register. Spec: vfio-core.md section 11.1.
inline constexpr uint8_t kFirmwareInterruptLine = 0x0a;

// Thread-safety: functions are added while the machine is built, before other threads see the bus.
// All other methods may be called from any thread.
class Bus : Unmovable {
 public:
  struct Entry {
    std::unique_ptr<Function> function;
    bool has_iommu = false;  // whether an IOMMU translates what the function puts on the bus
  };
  // By address, which sorts as its text does.
  using Entries = std::map<std::string, Entry, std::less<>>;

  // Plugs a function in and lets firmware set it up: BAR addresses, interrupt line, decoding and
  // SERR on, bus mastering off. EINVAL: its address does not read like 0000:00:04.0; EEXIST: it is
  // taken; ENOSPC: no room for its BARs. On error the function is gone.
  Result<Function*> add(std::unique_ptr<Function> function, bool has_iommu);

  // Null when there is none.
  [[nodiscard]] Function* find(std::string_view bdf) const;
  // False also when there is no such function.
  [[nodiscard]] bool has_iommu(std::string_view bdf) const;

  [[nodiscard]] const Entries& entries() const { return entries_; }

 private:
  // Answers false, with nothing written, when the window is full.
  bool assign_bars(Function& function);

  Entries entries_;
  PhysAddr next_bar_ = kBarWindow;
};

}  // namespace noiommu::pci
