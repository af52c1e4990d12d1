// Where a scenario's memory lies.
//
// Programs look past the ends of their mappings, and what they find there must not depend on how
// this program happens to lie in memory. So a range of its own is reserved for them, and mappings
// are placed in it from the top down, next to each other, as a kernel does in a fresh process. What
// no mapping covers stays reserved without access: to the program and to a pin that is EFAULT.
//
// Thread-safety: none.
#pragma once

#include <cstdint>
#include <map>

#include "model/kernel/result.h"

namespace noiommu::scenarios::host {

class Mappings {
 public:
  Mappings();
  Mappings(const Mappings&) = delete;
  Mappings& operator=(const Mappings&) = delete;
  ~Mappings();

  // mmap(2) at the highest free place. `alignment` is a power of two of at least a page. Errors:
  // those of mmap.
  [[nodiscard]] Result<uint64_t> map(uint64_t length, uint64_t alignment, int protection, int flags,
                                     int fd, uint64_t offset);
  // munmap(2), which finds nothing outside the range: the memory there is not the scenario's.
  [[nodiscard]] Status unmap(uint64_t address, uint64_t length);

 private:
  // The highest free address for so much; 0: none.
  [[nodiscard]] uint64_t place(uint64_t length, uint64_t alignment) const;

  uint64_t range_ = 0;  // what was reserved; below, what of it is used
  uint64_t start_ = 0;
  uint64_t end_ = 0;
  std::map<uint64_t, uint64_t> taken_;  // start to end
};

}  // namespace noiommu::scenarios::host
