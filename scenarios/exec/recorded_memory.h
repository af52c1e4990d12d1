// The memory of a program that a recording of it needs.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace noiommu::scenarios::exec {

// An address space of the recording has a piece for each piece of the program's memory that a call
// names, of the same kind but at an address of its own. Thread-safety: none.
class RecordedMemory {
 public:
  explicit RecordedMemory(pid_t process) : process_(process) {}

  // How [address, address + length) is written: "$m1+0x1000"; or as a number where the program has
  // nothing there. What a new piece needs is appended to `steps`.
  std::string address(uint64_t address, uint64_t length, std::vector<std::string>& steps);

  // A memfd: how its descriptor is written.
  std::string memfd(int fd, std::vector<std::string>& steps);

 private:
  struct Piece {
    uint64_t start = 0;
    uint64_t end = 0;
    std::string backing;
    std::string name;
  };
  struct Memfd {
    ino_t inode = 0;
    std::string name;
  };

  // The mappings around the range as /proc has them, as far as they are of one kind and adjacent.
  [[nodiscard]] std::optional<Piece> find(uint64_t start, uint64_t end) const;
  std::string new_name() { return "m" + std::to_string(++made_); }

  const pid_t process_;
  std::vector<Piece> pieces_;
  std::vector<Memfd> memfds_;
  int made_ = 0;
};

}  // namespace noiommu::scenarios::exec
