// One PCI function as the hardware sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "model/kernel/result.h"
#include "model/kernel/types.h"
#include "model/kernel/user_memory.h"
#include "model/pci/config_space.h"
#include "model/pci/description.h"
#include "model/pci/dma_port.h"
#include "model/pci/interrupt_sink.h"

namespace noiommu::pci {

// Config space, BARs, interrupts and DMA of a function; a device is a subclass with registers.
// Hardware knows no errors: where nobody answers, reads give all ones and writes are lost. What
// vfio-pci shows instead of the real config space is built on top of this.
//
// Thread-safety: all public methods may be called from any thread. One mutex guards config space
// and device registers; the sink and the DMA port are called without it. Nobody may use the
// function, nor advance the clock of its device, while it is destroyed.
class Function : Unmovable {
 public:
  // `dma` outlives the function.
  Function(const Description& description, DmaPort& dma);
  virtual ~Function() = default;

  [[nodiscard]] const std::string& bdf() const { return description_.bdf; }
  [[nodiscard]] const Identity& identity() const { return description_.identity; }

  // `width` is 1, 2 or 4 bytes. Writing the FLR bit of Advanced Features resets the function.
  [[nodiscard]] uint32_t config_read(unsigned offset, unsigned width) const;
  void config_write(unsigned offset, unsigned width, uint32_t value);

  // Bits of COMMAND, and the enable bit of the MSI capability.
  [[nodiscard]] bool memory_enabled() const;
  [[nodiscard]] bool bus_master() const;
  [[nodiscard]] bool intx_disabled() const;
  [[nodiscard]] bool msi_enabled() const;

  // `index` is below kBarCount.
  [[nodiscard]] Bar bar(unsigned index) const;

  // Those of a BAR, in the order in which a driver writes them. All else in it is as memory.
  [[nodiscard]] virtual std::vector<DeviceRegister> registers(unsigned /*bar*/) const { return {}; }

  // Loads and stores, any length, as naturally aligned accesses of 8, 4, 2 and 1 bytes, each as
  // wide as it can be and atomic by itself. Nobody answers outside the BAR or while memory decoding
  // is off.
  void bar_read(unsigned index, uint64_t offset, std::span<std::byte> to);
  void bar_write(unsigned index, uint64_t offset, std::span<const std::byte> from);

  // Function-level reset: registers and config space as after power-on, INTx dropped, a running
  // transfer forgotten. What firmware assigned, BAR addresses and interrupt line, stays: the
  // kernel puts it back after every reset, so nobody could see it gone. ENOTTY without has_reset().
  [[nodiscard]] bool has_reset() const { return description_.flr; }
  Status reset();

  // Who hears of interrupts from now on; null for nobody. A call to the old sink that another
  // thread is making may end after this returns; the old sink lives as long. Nothing is repeated
  // for the new one, which therefore looks at intx_level() first.
  void set_interrupt_sink(std::shared_ptr<InterruptSink> sink);
  // The raw INTx request, STATUS bit 3.
  [[nodiscard]] bool intx_level() const;

 protected:
  // The function's mutex. What set_irq() has to say is said when it is released.
  class Lock : Unmovable {
   public:
    explicit Lock(Function& function);
    ~Lock();

   private:
    Function& function_;
  };

  // The registers behind a BAR. Offset and width are as bar_read() promises and inside the BAR;
  // a load answers in the low bytes. The lock is held.
  virtual uint64_t load(unsigned bar, uint64_t offset, unsigned width) = 0;
  virtual void store(unsigned bar, uint64_t offset, unsigned width, uint64_t value) = 0;
  // All registers as after power-on. The lock is held.
  virtual void reset_registers() = 0;

  // With MSI enabled `true` sends a message each time, else it asserts INTx; `false` drops INTx. A
  // message is a memory write and is lost while bus mastering is off. The lock is held.
  void set_irq(bool level);

  // Nothing moves and the answer is false while bus mastering is off. The lock is not held.
  bool dma_read(PhysAddr from, std::span<std::byte> to);
  bool dma_write(PhysAddr to, std::span<const std::byte> from);

 private:
  enum class Event { kIntxRaised, kIntxDropped, kMsi };

  // All with the mutex held.
  [[nodiscard]] bool command(uint16_t bit) const;
  [[nodiscard]] bool msi_on() const;
  [[nodiscard]] bool intx_on() const;
  [[nodiscard]] bool decodes(unsigned index, uint64_t offset, unsigned width) const;
  void set_intx(bool level);
  void reset_all();

  const Description description_;
  DmaPort& dma_;

  mutable std::mutex mutex_;  // guards all below and the registers of the subclass
  ConfigSpace config_;
  std::shared_ptr<InterruptSink> sink_;
  std::vector<Event> events_;  // not yet told to the sink
};

}  // namespace noiommu::pci
