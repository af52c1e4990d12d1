// The `edu` device of QEMU: a factorial unit, interrupts on request and a small DMA engine.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/kernel/clock.h"
#include "model/pci/dma_port.h"
#include "model/pci/function.h"

namespace noiommu::pci {

// BAR0, 1 MiB. Spec: vfio-core.md section 11.1; the device's own documentation for register bits.
//
// | offset    | register                                                                        |
// |-----------|---------------------------------------------------------------------------------|
// | 0x00      | identification, read only                                                       |
// | 0x04      | liveness: reads as the complement of what was written                           |
// | 0x08      | factorial, modulo 2^32, in place and at once                                    |
// | 0x20      | status: 0x01 computing (never seen), 0x80 interrupt 0x1 after each factorial    |
// | 0x24      | pending interrupts, read only                                                   |
// | 0x60      | write: adds pending interrupts and raises                                       |
// | 0x64      | write: removes pending interrupts; the line drops when none is left             |
// | 0x80 0x88 | DMA source and destination                                                      |
// | 0x90      | DMA count in bytes                                                              |
// | 0x98      | DMA command: 0x1 start, then running; 0x2 device to memory; 0x4 interrupt 0x100 |
//
// Registers are accessed with 4 bytes, the DMA registers with 4 (zero extended) or 8. Any other
// store is lost. Loads of 1 and 2 bytes give 0; others that hit no register give all ones.
//
// A transfer moves its bytes kTransferTime after the start. While it runs the DMA registers cannot
// be written. One side is the 4 KiB device buffer, which the BAR does not show, at kBufferAddress
// of the device's address space; the other an address in memory, cut to the DMA mask. A transfer
// moves nothing, but ends as any other, when it leaves the buffer, when memory does not answer, or
// when bus mastering is off at its end.
class Edu final : public Function {
 public:
  struct Options {
    uint64_t dma_mask = (uint64_t{1} << 48) - 1;
    bool flr = false;  // with a function-level reset, which the real device lacks
    // Vendor and device id, for drivers that want others.
    std::optional<std::pair<uint16_t, uint16_t>> id = {};
  };

  static constexpr uint64_t kBarSize = 1 << 20;
  static constexpr uint64_t kBufferAddress = 0x40000;
  static constexpr uint64_t kBufferSize = 4096;
  static constexpr std::chrono::milliseconds kTransferTime{100};

  // `dma` and `clock` outlive the device.
  Edu(std::string bdf, DmaPort& dma, Clock& clock, Options options);
  Edu(std::string bdf, DmaPort& dma, Clock& clock) : Edu(std::move(bdf), dma, clock, Options{}) {}
  ~Edu() override;

  [[nodiscard]] std::vector<DeviceRegister> registers(unsigned bar) const override;

 private:
  struct Dma {
    uint64_t source = 0;
    uint64_t destination = 0;
    uint64_t count = 0;
    uint64_t command = 0;
  };
  struct Registers {
    uint32_t liveness = 0;
    uint32_t factorial = 0;
    uint32_t status = 0;
    uint32_t pending = 0;
    Dma dma;
    std::array<std::byte, kBufferSize> buffer{};
  };

  uint64_t load(unsigned bar, uint64_t offset, unsigned width) override;
  void store(unsigned bar, uint64_t offset, unsigned width, uint64_t value) override;
  void reset_registers() override;

  // With the lock held.
  void store_register(uint64_t offset, uint32_t value);
  void store_dma(uint64_t offset, uint64_t value);
  void raise(uint32_t interrupts);
  void acknowledge(uint32_t interrupts);
  void start();

  // The timer's work, without the lock. A reset makes `number` outdated: the transfer is forgotten.
  void transfer(uint64_t number);
  [[nodiscard]] PhysAddr in_memory(uint64_t address) const { return {address & dma_mask_}; }

  Clock& clock_;
  const uint64_t dma_mask_;
  Registers registers_;
  uint64_t number_ = 0;  // of the transfer that was started last
  Clock::TimerId timer_;
};

}  // namespace noiommu::pci
