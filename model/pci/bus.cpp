#include "model/pci/bus.h"

#include <linux/pci_regs.h>

#include <array>
#include <utility>

namespace noiommu::pci {
namespace {

// Domain, bus, device (5 bits) and function (3 bits) in lower-case hex: dddd:bb:dd.f.
bool is_address(std::string_view bdf) {
  constexpr std::string_view kForm = "xxxx:xx:1x.7";
  if (bdf.size() != kForm.size()) {
    return false;
  }
  for (size_t i = 0; i < kForm.size(); ++i) {
    const char form = kForm[i];
    const bool is_digit = (bdf[i] >= '0' && bdf[i] <= '9') || (bdf[i] >= 'a' && bdf[i] <= 'f');
    const bool fits = form == 'x'                  ? is_digit
                      : form == '1' || form == '7' ? is_digit && bdf[i] <= form
                                                   : bdf[i] == form;
    if (!fits) {
      return false;
    }
  }
  return true;
}

PhysAddr align_up(PhysAddr address, uint64_t alignment) {
  return {(address.value + alignment - 1) & ~(alignment - 1)};
}

}  // namespace

Result<Function*> Bus::add(std::unique_ptr<Function> function, bool has_iommu) {
  if (!is_address(function->bdf())) {
    return Err(EINVAL);
  }
  if (entries_.contains(function->bdf())) {
    return Err(EEXIST);
  }
  if (!assign_bars(*function)) {
    return Err(ENOSPC);
  }
  function->config_write(PCI_INTERRUPT_LINE, 1, kFirmwareInterruptLine);
  function->config_write(PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_SERR);

  Function* const added = function.get();
  entries_.emplace(added->bdf(), Entry{std::move(function), has_iommu});
  return added;
}

Function* Bus::find(std::string_view bdf) const {
  const auto found = entries_.find(bdf);
  return found == entries_.end() ? nullptr : found->second.function.get();
}

bool Bus::has_iommu(std::string_view bdf) const {
  const auto found = entries_.find(bdf);
  return found != entries_.end() && found->second.has_iommu;
}

bool Bus::assign_bars(Function& function) {
  std::array<PhysAddr, kBarCount> bases;
  PhysAddr next = next_bar_;
  for (unsigned i = 0; i < kBarCount; ++i) {
    const uint64_t size = function.bar(i).size;
    if (size == 0) {
      continue;
    }
    bases.at(i) = align_up(next, size);
    next = bases.at(i) + size;
    if (next > kBarWindowEnd) {
      return false;
    }
  }
  for (unsigned i = 0; i < kBarCount; ++i) {
    function.config_write(PCI_BASE_ADDRESS_0 + 4 * i, 4, static_cast<uint32_t>(bases.at(i).value));
  }
  next_bar_ = next;
  return true;
}

}  // namespace noiommu::pci
