#include "model/pci/edu.h"

#include <span>
#include <tuple>

namespace noiommu::pci {
namespace {

constexpr uint32_t kIdentification = 0x010000ed;

constexpr uint64_t kRegIdentification = 0x00;
constexpr uint64_t kRegLiveness = 0x04;
constexpr uint64_t kRegFactorial = 0x08;
constexpr uint64_t kRegStatus = 0x20;
constexpr uint64_t kRegPending = 0x24;
constexpr uint64_t kRegRaise = 0x60;
constexpr uint64_t kRegAcknowledge = 0x64;
constexpr uint64_t kRegDmaSource = 0x80;
constexpr uint64_t kRegDmaDestination = 0x88;
constexpr uint64_t kRegDmaCount = 0x90;
constexpr uint64_t kRegDmaCommand = 0x98;
constexpr uint64_t kFirstWideRegister = kRegDmaSource;  // 8-byte accesses work from here on

constexpr uint32_t kStatusFactorialInterrupt = 0x80;
constexpr uint32_t kFactorialInterrupt = 0x1;
constexpr uint32_t kDmaInterrupt = 0x100;

constexpr uint64_t kCommandStart = 0x1;
constexpr uint64_t kCommandToMemory = 0x2;
constexpr uint64_t kCommandInterrupt = 0x4;

Description describe(std::string bdf, const Edu::Options& options) {
  Description edu;
  edu.bdf = std::move(bdf);
  edu.identity = {.vendor = 0x1234,
                  .device = 0x11e8,
                  .subsystem_vendor = 0x1af4,
                  .subsystem_device = 0x1100,
                  .class_code = 0x00ff00,
                  .revision = 0x10};
  edu.bars[0].size = Edu::kBarSize;
  if (options.id) std::tie(edu.identity.vendor, edu.identity.device) = *options.id;
  edu.flr = options.flr;
  return edu;
}

// Stops at 34!, which is the first multiple of 2^32.
uint32_t factorial(uint32_t n) {
  uint32_t product = 1;
  for (; n > 1 && product != 0; --n) {
    product *= n;
  }
  return product;
}

// The part of the device buffer that device addresses name; empty when they leave it.
std::span<std::byte> buffer_part(std::span<std::byte> buffer, uint64_t address, uint64_t count) {
  const uint64_t offset = address - Edu::kBufferAddress;  // wraps to a huge offset below it
  if (offset > buffer.size() || count > buffer.size() - offset) {
    return {};
  }
  return buffer.subspan(offset, count);
}

}  // namespace

Edu::Edu(std::string bdf, DmaPort& dma, Clock& clock, Options options)
    : Function(describe(std::move(bdf), options), dma),
      clock_(clock),
      dma_mask_(options.dma_mask) {}

Edu::~Edu() {
  clock_.cancel(timer_);
}

std::vector<DeviceRegister> Edu::registers(unsigned bar) const {
  if (bar != 0) return {};
  return {{kRegIdentification, 4}, {kRegLiveness, 4}, {kRegFactorial, 4},   {kRegStatus, 4},
          {kRegPending, 4},        {kRegRaise, 4},    {kRegAcknowledge, 4}, {kRegDmaSource, 8},
          {kRegDmaDestination, 8}, {kRegDmaCount, 8}, {kRegDmaCommand, 8}};
}

uint64_t Edu::load(unsigned /*bar*/, uint64_t offset, unsigned width) {
  if (width < 4) {
    return 0;
  }
  if (width == 8 && offset < kFirstWideRegister) {
    return UINT64_MAX;
  }
  switch (offset) {
    case kRegIdentification:
      return kIdentification;
    case kRegLiveness:
      return registers_.liveness;
    case kRegFactorial:
      return registers_.factorial;
    case kRegStatus:
      return registers_.status;
    case kRegPending:
      return registers_.pending;
    case kRegDmaSource:
      return registers_.dma.source;
    case kRegDmaDestination:
      return registers_.dma.destination;
    case kRegDmaCount:
      return registers_.dma.count;
    case kRegDmaCommand:
      return registers_.dma.command;
    default:
      return UINT64_MAX;
  }
}

void Edu::store(unsigned /*bar*/, uint64_t offset, unsigned width, uint64_t value) {
  if (width < 4) {
    return;
  }
  if (offset >= kFirstWideRegister) {
    store_dma(offset, value);
  } else if (width == 4) {
    store_register(offset, static_cast<uint32_t>(value));
  }
}

void Edu::store_register(uint64_t offset, uint32_t value) {
  switch (offset) {
    case kRegLiveness:
      registers_.liveness = ~value;
      break;
    case kRegFactorial:
      registers_.factorial = factorial(value);
      if ((registers_.status & kStatusFactorialInterrupt) != 0) {
        raise(kFactorialInterrupt);
      }
      break;
    case kRegStatus:
      registers_.status = value & kStatusFactorialInterrupt;
      break;
    case kRegRaise:
      raise(value);
      break;
    case kRegAcknowledge:
      acknowledge(value);
      break;
    default:
      break;
  }
}

void Edu::store_dma(uint64_t offset, uint64_t value) {
  if ((registers_.dma.command & kCommandStart) != 0) {
    return;
  }
  switch (offset) {
    case kRegDmaSource:
      registers_.dma.source = value;
      break;
    case kRegDmaDestination:
      registers_.dma.destination = value;
      break;
    case kRegDmaCount:
      registers_.dma.count = value;
      break;
    case kRegDmaCommand:
      registers_.dma.command = value;
      if ((value & kCommandStart) != 0) {
        start();
      }
      break;
    default:
      break;
  }
}

void Edu::raise(uint32_t interrupts) {
  registers_.pending |= interrupts;
  if (registers_.pending != 0) {
    set_irq(true);
  }
}

void Edu::acknowledge(uint32_t interrupts) {
  registers_.pending &= ~interrupts;
  if (registers_.pending == 0) {
    set_irq(false);
  }
}

void Edu::start() {
  const uint64_t number = ++number_;
  timer_ = clock_.schedule(clock_.now() + kTransferTime, [this, number] { transfer(number); });
}

void Edu::transfer(uint64_t number) {
  Dma dma;
  std::array<std::byte, kBufferSize> buffer;
  {
    const Lock lock(*this);
    if (number != number_) {
      return;
    }
    dma = registers_.dma;
    buffer = registers_.buffer;
  }
  const bool writes_memory = (dma.command & kCommandToMemory) != 0;
  const auto part = buffer_part(buffer, writes_memory ? dma.source : dma.destination, dma.count);
  if (part.empty()) {
    // Nothing to move.
  } else if (writes_memory) {
    dma_write(in_memory(dma.destination), part);
  } else {
    dma_read(in_memory(dma.source), part);
  }

  const Lock lock(*this);
  if (number != number_) {
    return;
  }
  registers_.buffer = buffer;
  registers_.dma.command &= ~kCommandStart;
  if ((dma.command & kCommandInterrupt) != 0) {
    raise(kDmaInterrupt);
  }
}

void Edu::reset_registers() {
  clock_.cancel(timer_);
  ++number_;  // for a transfer that has begun in another thread
  registers_ = {};
}

}  // namespace noiommu::pci
