// Loads and stores at addresses that may be bad, in the calling process.
//
// A BAR is not ordinary memory: the kernel's own copy calls refuse it or choose the widths, and
// with memory decoding off an access ends in SIGBUS. So these access it themselves, naturally
// aligned and as wide as possible (8, 4, 2 or 1 bytes), as vfio-pci does for read and write, and
// turn the signal into an answer.
//
// Thread-safety: one GuardedMemory at a time in a process; its methods may be called from any
// thread.
#pragma once

#include <array>
#include <csignal>
#include <cstdint>
#include <span>

#include "model/kernel/result.h"

namespace noiommu::scenarios::host {

class GuardedMemory {
 public:
  // Handles SIGSEGV and SIGBUS from here on. Outside load() and store() they still kill.
  GuardedMemory();
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  ~GuardedMemory();

  // EFAULT where the process would get the signal. What was moved before stays moved.
  [[nodiscard]] Status load(uint64_t address, std::span<std::byte> bytes) const;
  [[nodiscard]] Status store(uint64_t address, std::span<const std::byte> bytes) const;

 private:
  std::array<struct sigaction, 2> before_{};  // the handlers there were
};

}  // namespace noiommu::scenarios::host
