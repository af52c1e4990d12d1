// The 256 bytes of configuration space of a conventional PCI function.
#pragma once

#include <array>
#include <cstdint>

namespace noiommu::pci {

// Bytes, and which of their bits software can change. Little endian. An access is 1, 2 or 4 bytes
// at any offset; beyond the end nobody answers: reads give all ones and writes are lost.
//
// A value. Thread-safety: none, the owner locks.
class ConfigSpace {
 public:
  static constexpr unsigned kSize = 256;

  [[nodiscard]] uint32_t read(unsigned offset, unsigned width) const;
  // As software writes: bits that are not writable keep their value.
  void write(unsigned offset, unsigned width, uint32_t value);

  // As the hardware itself changes them, writable or not.
  void set(unsigned offset, unsigned width, uint32_t value);
  // Makes exactly the bits of `mask` writable.
  void set_writable(unsigned offset, unsigned width, uint32_t mask);

 private:
  using Bytes = std::array<uint8_t, kSize>;

  Bytes bytes_{};
  Bytes writable_{};
};

}  // namespace noiommu::pci
