// What a process has mapped, as /proc/PID/maps tells it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace noiommu::scenarios::exec {

// [start, end), both whole pages.
struct Mapping {
  uint64_t start = 0;
  uint64_t end = 0;
  bool readable = false;
  bool writable = false;
  bool shared = false;
  uint64_t offset = 0;  // bytes, of the file
  dev_t device = 0;
  ino_t inode = 0;
  std::string path;
};

// By address, as they are at one moment. Empty for a process that is gone.
[[nodiscard]] std::vector<Mapping> mappings_of(pid_t process);
// Only those that reach into [start, end), and the one behind them.
[[nodiscard]] std::vector<Mapping> mappings_of(pid_t process, uint64_t start, uint64_t end);

// The size of its pages as a power of two of 4 KiB; 0 for what is not made of huge pages.
[[nodiscard]] unsigned huge_order(const Mapping& mapping);

}  // namespace noiommu::scenarios::exec
