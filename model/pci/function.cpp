#include "model/pci/function.h"

#include <linux/pci_regs.h>

#include <initializer_list>
#include <utility>

namespace noiommu::pci {
namespace {

// The widest naturally aligned access at `offset` that moves at most `length` bytes.
// Spec: vfio-core.md section 11.9.
unsigned access_width(uint64_t offset, size_t length) {
  for (const unsigned width : {8U, 4U, 2U}) {
    if (offset % width == 0 && length >= width) {
      return width;
    }
  }
  return 1;
}

void put_little_endian(std::span<std::byte> to, uint64_t value) {
  for (std::byte& byte : to) {
    byte = static_cast<std::byte>(value);
    value >>= 8;
  }
}

uint64_t get_little_endian(std::span<const std::byte> from) {
  uint64_t value = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    value |= std::to_integer<uint64_t>(from[i]) << (8 * i);
  }
  return value;
}

constexpr unsigned bar_offset(unsigned index) {
  return PCI_BASE_ADDRESS_0 + 4 * index;
}

}  // namespace

Function::Lock::Lock(Function& function) : function_(function) {
  function_.mutex_.lock();
}

Function::Lock::~Lock() {
  const std::vector<Event> events = std::exchange(function_.events_, {});
  const std::shared_ptr<InterruptSink> sink = events.empty() ? nullptr : function_.sink_;
  function_.mutex_.unlock();
  if (sink == nullptr) {
    return;
  }
  for (const Event event : events) {
    if (event == Event::kMsi) {
      sink->msi(0);
    } else {
      sink->intx_changed(event == Event::kIntxRaised);
    }
  }
}

Function::Function(const Description& description, DmaPort& dma)
    : description_(description), dma_(dma), config_(power_on_config(description)) {}

uint32_t Function::config_read(unsigned offset, unsigned width) const {
  const std::lock_guard lock(mutex_);
  return config_.read(offset, width);
}

void Function::config_write(unsigned offset, unsigned width, uint32_t value) {
  const Lock lock(*this);
  config_.write(offset, width, value);
  // A function that may send messages must not use its pin. Rule: PCI Local Bus 3.0, MSI Enable.
  if (msi_on()) {
    set_intx(false);
  }
  if (has_reset() && (config_.read(kAfOffset + PCI_AF_CTRL, 1) & PCI_AF_CTRL_FLR) != 0) {
    reset_all();
  }
}

bool Function::memory_enabled() const {
  const std::lock_guard lock(mutex_);
  return command(PCI_COMMAND_MEMORY);
}

bool Function::bus_master() const {
  const std::lock_guard lock(mutex_);
  return command(PCI_COMMAND_MASTER);
}

bool Function::intx_disabled() const {
  const std::lock_guard lock(mutex_);
  return command(PCI_COMMAND_INTX_DISABLE);
}

bool Function::msi_enabled() const {
  const std::lock_guard lock(mutex_);
  return msi_on();
}

bool Function::intx_level() const {
  const std::lock_guard lock(mutex_);
  return intx_on();
}

Bar Function::bar(unsigned index) const {
  Bar bar = description_.bars.at(index);
  const std::lock_guard lock(mutex_);
  bar.base = {config_.read(bar_offset(index), 4) & ~(bar.size - 1)};
  return bar;
}

void Function::bar_read(unsigned index, uint64_t offset, std::span<std::byte> to) {
  while (!to.empty()) {
    const unsigned width = access_width(offset, to.size());
    const Lock lock(*this);
    const bool answers = decodes(index, offset, width);
    put_little_endian(to.first(width), answers ? load(index, offset, width) : UINT64_MAX);
    to = to.subspan(width);
    offset += width;
  }
}

void Function::bar_write(unsigned index, uint64_t offset, std::span<const std::byte> from) {
  while (!from.empty()) {
    const unsigned width = access_width(offset, from.size());
    const Lock lock(*this);
    if (decodes(index, offset, width)) {
      store(index, offset, width, get_little_endian(from.first(width)));
    }
    from = from.subspan(width);
    offset += width;
  }
}

Status Function::reset() {
  if (!has_reset()) {
    return Err(ENOTTY);
  }
  const Lock lock(*this);
  reset_all();
  return {};
}

void Function::set_interrupt_sink(std::shared_ptr<InterruptSink> sink) {
  const std::lock_guard lock(mutex_);
  sink_.swap(sink);  // the old one is released, perhaps destroyed, without the lock
}

void Function::set_irq(bool level) {
  if (!level || !msi_on()) {
    set_intx(level);
  } else if (command(PCI_COMMAND_MASTER)) {
    events_.push_back(Event::kMsi);
  }
}

bool Function::dma_read(PhysAddr from, std::span<std::byte> to) {
  return bus_master() && dma_.read(from, to);
}

bool Function::dma_write(PhysAddr to, std::span<const std::byte> from) {
  return bus_master() && dma_.write(to, from);
}

bool Function::command(uint16_t bit) const {
  return (config_.read(PCI_COMMAND, 2) & bit) != 0;
}

bool Function::msi_on() const {
  return (config_.read(kMsiOffset + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE) != 0;
}

bool Function::intx_on() const {
  return (config_.read(PCI_STATUS, 2) & PCI_STATUS_INTERRUPT) != 0;
}

bool Function::decodes(unsigned index, uint64_t offset, unsigned width) const {
  if (index >= kBarCount || !command(PCI_COMMAND_MEMORY)) {
    return false;
  }
  const uint64_t size = description_.bars.at(index).size;
  return offset < size && width <= size - offset;
}

void Function::set_intx(bool level) {
  if (level == intx_on()) {
    return;
  }
  config_.set(PCI_STATUS, 2, config_.read(PCI_STATUS, 2) ^ PCI_STATUS_INTERRUPT);
  events_.push_back(level ? Event::kIntxRaised : Event::kIntxDropped);
}

void Function::reset_all() {
  set_intx(false);
  const ConfigSpace before = std::exchange(config_, power_on_config(description_));
  for (unsigned i = 0; i < kBarCount; ++i) {
    config_.write(bar_offset(i), 4, before.read(bar_offset(i), 4));
  }
  config_.write(PCI_INTERRUPT_LINE, 1, before.read(PCI_INTERRUPT_LINE, 1));
  reset_registers();
}

}  // namespace noiommu::pci
