// The memory of a program that a recording of it needs.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/exec/memory_map.h"
#include "scenarios/exec/named_ranges.h"

namespace noiommu::scenarios::exec {

// An address space of the recording has a piece for each piece of the program's memory that a call
// names, of the same kind but at an address of its own. What a new piece needs, and what else has
// become of the memory, is appended to `steps`. Thread-safety: none.
class RecordedMemory {
 public:
  using Steps = std::vector<std::string>;

  explicit RecordedMemory(pid_t process) : process_(process) {}

  // What a call says of a range of memory, and is told.
  struct Use {
    uint64_t address = 0;
    uint64_t length = 0;
    bool write = false;    // a device may write there, not only read
    bool refused = false;  // with EFAULT
  };
  // How the address is written: "$m1+0x1000"; or as a number where the program has nothing there.
  std::string address(const Use& use, Steps& steps);

  // The descriptor maps `length` bytes of a device from `offset` on, which has this name.
  void map_region(int fd, uint64_t offset, uint64_t length, const std::string& name);

  // How a memfd's descriptor is written; nothing for one without memory.
  std::optional<std::string> memfd(int fd, Steps& steps);

  // Gives up what the program has given up by now.
  void follow(Steps& steps);

  // Whether the program could write there.
  [[nodiscard]] bool writable(uint64_t address, uint64_t length) const;

 private:
  // Page by page.
  struct Span {
    uint64_t start = 0;
    uint64_t end = 0;
  };
  struct Memfd {
    off_t size = 0;
    std::string name;
  };
  using Mappings = std::vector<Mapping>;

  [[nodiscard]] std::string region(const Mapping& mapping, uint64_t address) const;
  // The piece of which the range is part, and what it is made of.
  [[nodiscard]] Span piece(const Mappings& maps, Span range, bool write,
                           std::string_view backing) const;
  std::string new_name() { return "m" + std::to_string(++made_); }

  const pid_t process_;
  std::map<std::string, NamedRanges, std::less<>> pieces_;  // by backing
  std::map<ino_t, NamedRanges> regions_;                    // by offset, of a descriptor of ours
  dev_t device_ = 0;                                        // of those
  std::map<ino_t, Memfd> memfds_;
  int made_ = 0;
};

}  // namespace noiommu::scenarios::exec
