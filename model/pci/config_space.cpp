#include "model/pci/config_space.h"

#include <cstddef>

namespace noiommu::pci {
namespace {

bool exists(unsigned offset, unsigned width) {
  return width <= ConfigSpace::kSize && offset <= ConfigSpace::kSize - width;
}

uint8_t byte_of(uint32_t value, unsigned index) {
  return static_cast<uint8_t>(value >> (8 * index));
}

}  // namespace

uint32_t ConfigSpace::read(unsigned offset, unsigned width) const {
  if (!exists(offset, width)) {
    return UINT32_MAX >> (8 * (4 - width));
  }
  uint32_t value = 0;
  for (unsigned i = 0; i < width; ++i) {
    value |= uint32_t{bytes_[offset + i]} << (8 * i);
  }
  return value;
}

void ConfigSpace::write(unsigned offset, unsigned width, uint32_t value) {
  if (!exists(offset, width)) {
    return;
  }
  for (unsigned i = 0; i < width; ++i) {
    const unsigned mask = writable_[offset + i];
    const unsigned kept = bytes_[offset + i] & ~mask;
    bytes_[offset + i] = static_cast<uint8_t>(kept | (byte_of(value, i) & mask));
  }
}

void ConfigSpace::set(unsigned offset, unsigned width, uint32_t value) {
  for (unsigned i = 0; i < width; ++i) {
    bytes_.at(size_t{offset} + i) = byte_of(value, i);
  }
}

void ConfigSpace::set_writable(unsigned offset, unsigned width, uint32_t mask) {
  for (unsigned i = 0; i < width; ++i) {
    writable_.at(size_t{offset} + i) = byte_of(mask, i);
  }
}

}  // namespace noiommu::pci
