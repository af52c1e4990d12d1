#include "model/pci/description.h"

#include <linux/pci_regs.h>

namespace noiommu::pci {
namespace {

constexpr uint32_t kPinA = 1;
constexpr uint32_t kAllBits = UINT32_MAX;

void add_header(ConfigSpace& config, const Identity& identity) {
  config.set(PCI_VENDOR_ID, 2, identity.vendor);
  config.set(PCI_DEVICE_ID, 2, identity.device);
  config.set(PCI_SUBSYSTEM_VENDOR_ID, 2, identity.subsystem_vendor);
  config.set(PCI_SUBSYSTEM_ID, 2, identity.subsystem_device);
  config.set(PCI_CLASS_REVISION, 4, (identity.class_code << 8) | identity.revision);
  config.set(PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
  config.set(PCI_CAPABILITY_LIST, 1, kMsiOffset);
  config.set(PCI_INTERRUPT_PIN, 1, kPinA);
  config.set_writable(PCI_COMMAND, 2,
                      PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_SERR |
                          PCI_COMMAND_INTX_DISABLE);
  config.set_writable(PCI_CACHE_LINE_SIZE, 1, kAllBits);
  config.set_writable(PCI_INTERRUPT_LINE, 1, kAllBits);
}

// The address bits that a BAR decodes are those above its size, which is how software sizes it.
void add_bar(ConfigSpace& config, unsigned index, const Bar& bar) {
  const unsigned offset = PCI_BASE_ADDRESS_0 + 4 * index;
  config.set(offset, 4, bar.flags);
  config.set_writable(offset, 4, static_cast<uint32_t>(~(bar.size - 1)));
}

void add_msi(ConfigSpace& config) {
  config.set(kMsiOffset + PCI_CAP_LIST_ID, 1, PCI_CAP_ID_MSI);
  config.set(kMsiOffset + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_64BIT);
  config.set_writable(kMsiOffset + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
  config.set_writable(kMsiOffset + PCI_MSI_ADDRESS_LO, 4, ~uint32_t{3});
  config.set_writable(kMsiOffset + PCI_MSI_ADDRESS_HI, 4, kAllBits);
  config.set_writable(kMsiOffset + PCI_MSI_DATA_64, 2, kAllBits);
}

void add_plain_storage(ConfigSpace& config) {
  for (unsigned offset = kMsiOffset + kMsiSize; offset < ConfigSpace::kSize; ++offset) {
    config.set_writable(offset, 1, kAllBits);
  }
}

// The bit that starts the reset is the only one to write; it has done its work when it is read.
void add_advanced_features(ConfigSpace& config) {
  config.set(kMsiOffset + PCI_CAP_LIST_NEXT, 1, kAfOffset);
  for (unsigned i = 0; i < PCI_CAP_AF_SIZEOF; ++i) {
    config.set_writable(kAfOffset + i, 1, 0);
  }
  config.set(kAfOffset + PCI_CAP_LIST_ID, 1, PCI_CAP_ID_AF);
  config.set(kAfOffset + PCI_AF_LENGTH, 1, PCI_CAP_AF_SIZEOF);
  config.set(kAfOffset + PCI_AF_CAP, 1, PCI_AF_CAP_TP | PCI_AF_CAP_FLR);
  config.set_writable(kAfOffset + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR);
}

}  // namespace

ConfigSpace power_on_config(const Description& description) {
  ConfigSpace config;
  add_header(config, description.identity);
  for (unsigned i = 0; i < kBarCount; ++i) {
    if (description.bars.at(i).size != 0) {
      add_bar(config, i, description.bars.at(i));
    }
  }
  add_msi(config);
  add_plain_storage(config);
  if (description.flr) {
    add_advanced_features(config);
  }
  return config;
}

}  // namespace noiommu::pci
