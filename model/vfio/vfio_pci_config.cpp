#include "model/vfio/vfio_pci_config.h"

#include <linux/pci_regs.h>

#include <algorithm>
#include <utility>

namespace noiommu::vfio {

namespace {

constexpr uint16_t kCommandWritable = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                      PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE;
constexpr unsigned kMsiFlags = pci::kMsiOffset + PCI_MSI_FLAGS;
constexpr unsigned kMsiEnd = pci::kMsiOffset + pci::kMsiSize;
constexpr unsigned kAfControl = pci::kAfOffset + PCI_AF_CTRL;
constexpr unsigned kAfEnd = pci::kAfOffset + PCI_CAP_AF_SIZEOF;

bool touches(uint64_t offset, size_t length, unsigned first, unsigned end) {
  return offset < end && first < offset + length;
}

}  // namespace

VfioPciConfig::VfioPciConfig(pci::Function& function, Hooks hooks)
    : function_(function),
      hooks_(std::move(hooks)),
      firmware_command_(static_cast<uint16_t>(function.config_read(PCI_COMMAND, 2))) {
  make_rules();
}

void VfioPciConfig::make_rules() {
  const auto writable = [this](unsigned first, unsigned count, uint32_t mask) {
    for (unsigned i = 0; i < count; ++i) {
      rules_[first + i].writable = static_cast<uint8_t>(mask >> (8 * (i % 4)));
    }
  };
  const auto hardware = [this](unsigned first, unsigned end) {
    for (unsigned i = first; i < end; ++i) rules_[i].hardware = true;
  };
  writable(PCI_COMMAND, 2, kCommandWritable);
  hardware(PCI_STATUS, PCI_STATUS + 2);
  hardware(PCI_CACHE_LINE_SIZE, PCI_CACHE_LINE_SIZE + 1);
  writable(PCI_CACHE_LINE_SIZE, 1, 0xff);
  for (unsigned i = 0; i < pci::kBarCount; ++i) {
    const pci::Bar bar = function_.bar(i);
    if (bar.size > 0) writable(PCI_BASE_ADDRESS_0 + 4 * i, 4, static_cast<uint32_t>(-bar.size));
  }
  writable(PCI_INTERRUPT_LINE, 1, 0xff);
  // Nobody looks at the MSI address and data: the kernel programs its own.
  writable(kMsiFlags, 1, 0xff);
  writable(pci::kMsiOffset + PCI_MSI_ADDRESS_LO, kMsiEnd - pci::kMsiOffset - PCI_MSI_ADDRESS_LO,
           0xffffffff);
  hardware(kMsiEnd, kSize);
  writable(kMsiEnd, kSize - kMsiEnd, 0xffffffff);
  if (function_.has_reset()) writable(pci::kAfOffset, kAfEnd - pci::kAfOffset, 0);
}

uint32_t VfioPciConfig::get(unsigned offset, unsigned width) const {
  uint32_t value = 0;
  for (unsigned i = 0; i < width; ++i) value |= uint32_t{shown_[offset + i]} << (8 * i);
  return value;
}

void VfioPciConfig::set(unsigned offset, uint32_t value, unsigned width) {
  for (unsigned i = 0; i < width; ++i) {
    shown_[offset + i] = static_cast<uint8_t>(value >> (8 * i));
  }
}

void VfioPciConfig::reset_command() {
  const uint16_t command =
      (firmware_command_ | PCI_COMMAND_MEMORY) & static_cast<uint16_t>(~PCI_COMMAND_MASTER);
  function_.config_write(PCI_COMMAND, 2, command);
}

void VfioPciConfig::rebuild() {
  reset_command();
  const std::lock_guard lock(mutex_);
  for (unsigned i = 0; i < kSize; ++i) {
    shown_[i] = static_cast<uint8_t>(function_.config_read(i, 1));
  }
  msi_active_ = false;
  cache_line_size_ = function_.config_read(PCI_CACHE_LINE_SIZE, 1);
}

void VfioPciConfig::restore() {
  reset_command();
  const std::lock_guard lock(mutex_);
  function_.config_write(PCI_CACHE_LINE_SIZE, 1, cache_line_size_);
}

void VfioPciConfig::read(uint64_t offset, std::span<std::byte> to) {
  const std::lock_guard lock(mutex_);
  for (std::byte& byte : to) {
    byte = std::byte(rules_[offset].hardware ? static_cast<uint8_t>(function_.config_read(
                                                   static_cast<unsigned>(offset), 1))
                                             : shown_[offset]);
    ++offset;
  }
}

// One vector is all there is. SET_IRQS decides whether MSI is in use; then the program may switch
// it off in the device and on again.
void VfioPciConfig::settle_msi_flags() {
  uint32_t flags = get(kMsiFlags, 2) & ~uint32_t{PCI_MSI_FLAGS_QSIZE};
  if (!msi_active_) flags &= ~uint32_t{PCI_MSI_FLAGS_ENABLE};
  set(kMsiFlags, flags, 2);
  function_.config_write(kMsiFlags, 2, flags);
}

void VfioPciConfig::write(uint64_t offset, std::span<const std::byte> from) {
  const bool command = touches(offset, from.size(), PCI_COMMAND, PCI_COMMAND + 2);
  bool reset = false;
  {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < from.size(); ++i) {
      const auto at = static_cast<unsigned>(offset + i);
      const auto value = std::to_integer<uint8_t>(from[i]);
      const Byte& rule = rules_[at];
      if (function_.has_reset() && at == kAfControl) reset = (value & PCI_AF_CTRL_FLR) != 0;
      if (rule.hardware) {
        if (rule.writable != 0) function_.config_write(at, 1, value);
      } else {
        shown_[at] = static_cast<uint8_t>((shown_[at] & ~rule.writable) | (value & rule.writable));
      }
    }
    // The kernel looks at the flags also after a write that ends just before them.
    if (touches(offset, from.size(), kMsiFlags - 1, kMsiFlags + 1)) settle_msi_flags();
  }
  if (command) hooks_.command_changed();
  if (reset) hooks_.reset_requested();
}

bool VfioPciConfig::memory_enabled() {
  const std::lock_guard lock(mutex_);
  return (get(PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) != 0;
}

bool VfioPciConfig::intx_disabled() {
  const std::lock_guard lock(mutex_);
  return (get(PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE) != 0;
}

void VfioPciConfig::set_msi_active(bool active) {
  const std::lock_guard lock(mutex_);
  msi_active_ = active;
}

}  // namespace noiommu::vfio
