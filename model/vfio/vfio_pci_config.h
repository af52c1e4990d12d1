// The config space that vfio-pci shows: partly the function's own, partly made up.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>

#include "model/pci/function.h"

namespace noiommu::vfio {

// Spec: vfio-core.md section 11.1, "Config bytes". Thread-safety: all methods may be called from
// any thread.
class VfioPciConfig : Unmovable {
 public:
  static constexpr uint64_t kSize = 256;

  // Told after every change of COMMAND, and of a function-level reset that the program asked for
  // through the Advanced Features capability. Called without a lock.
  struct Hooks {
    std::function<void()> command_changed;
    std::function<void()> reset_requested;
  };

  VfioPciConfig(pci::Function& function, Hooks hooks);

  // As at the first open: the firmware's COMMAND without bus mastering, BARs and interrupt line.
  void rebuild();
  // Gives the function back, at close, what it had then.
  void restore();

  // `offset` and the length stay within kSize. Bytes that cannot be written keep their value.
  void read(uint64_t offset, std::span<std::byte> to);
  void write(uint64_t offset, std::span<const std::byte> from);

  // Bits of the COMMAND that the program sees.
  [[nodiscard]] bool memory_enabled();
  [[nodiscard]] bool intx_disabled();
  // Whether MSI is the interrupt in use; without, the program cannot set its Enable bit.
  void set_msi_active(bool active);

 private:
  struct Byte {
    bool hardware = false;  // read from and written to the function
    uint8_t writable = 0;
  };

  void make_rules();
  void set(unsigned offset, uint32_t value, unsigned width);
  [[nodiscard]] uint32_t get(unsigned offset, unsigned width) const;
  // Of the function.
  void reset_command();
  void settle_msi_flags();

  pci::Function& function_;
  const Hooks hooks_;
  const uint16_t firmware_command_;
  std::array<Byte, kSize> rules_{};
  std::mutex mutex_;  // guards everything below
  std::array<uint8_t, kSize> shown_{};
  bool msi_active_ = false;
  uint32_t cache_line_size_ = 0;  // at rebuild()
};

}  // namespace noiommu::vfio
