// What a PCI function is, before anybody has touched it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "model/kernel/types.h"
#include "model/pci/config_space.h"

namespace noiommu::pci {

inline constexpr unsigned kBarCount = 6;

struct Identity {
  uint16_t vendor = 0;
  uint16_t device = 0;
  uint16_t subsystem_vendor = 0;
  uint16_t subsystem_device = 0;
  uint32_t class_code = 0;  // 24 bits: class, subclass, programming interface
  uint8_t revision = 0;
};

// A 32-bit memory BAR, the only kind here.
struct Bar {
  uint64_t size = 0;   // bytes, a power of two of at least 16; 0: there is no such BAR
  uint32_t flags = 0;  // low bits of the register: PCI_BASE_ADDRESS_MEM_PREFETCH or 0
  PhysAddr base;       // the address that the register holds; zero until firmware assigns one
};

struct Description {
  std::string bdf;  // "0000:00:04.0"
  Identity identity;
  std::array<Bar, kBarCount> bars;
  bool flr = false;  // has the function-level reset of conventional PCI (Advanced Features)
};

// Every function has an INTx pin A and, at kMsiOffset, an MSI capability with one vector, 64-bit
// address and no masking. With `flr` an Advanced Features capability follows at kAfOffset.
inline constexpr unsigned kMsiOffset = 0x40;
inline constexpr unsigned kMsiSize = 14;
inline constexpr unsigned kAfOffset = 0x50;

// Config space after power-on: BARs, COMMAND and interrupt line are zero. What belongs to no
// register, from the end of the capabilities on, is plain storage.
// Spec: vfio-core.md section 11.1.
[[nodiscard]] ConfigSpace power_on_config(const Description& description);

}  // namespace noiommu::pci
