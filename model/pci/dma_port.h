// The way from a device to memory.
#pragma once

#include <cstddef>
#include <span>

#include "model/kernel/types.h"

namespace noiommu::pci {

// Takes the addresses that a device puts on the bus. Both answer false, with nothing moved, when
// no memory answers there.
//
// Thread-safety: called from any thread; no lock of a function is held.
class DmaPort {
 public:
  virtual ~DmaPort() = default;

  virtual bool read(PhysAddr from, std::span<std::byte> to) = 0;
  virtual bool write(PhysAddr to, std::span<const std::byte> from) = 0;
};

}  // namespace noiommu::pci
