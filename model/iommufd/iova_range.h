// Inclusive IOVA ranges, so that the last byte of the address space can be named.
#pragma once

#include <cstdint>

#include "model/kernel/result.h"

namespace noiommu::iommufd {

struct IovaRange {
  uint64_t start = 0;
  uint64_t last = UINT64_MAX;

  [[nodiscard]] bool overlaps(const IovaRange& other) const {
    return start <= other.last && other.start <= last;
  }
};

// `length` bytes from `start` on. EINVAL for none, EOVERFLOW beyond 2^64. Spec: iommufd.md
// sections 6, 8 and 9.
inline Result<IovaRange> range_of(uint64_t start, uint64_t length) {
  if (length == 0) return Err(EINVAL);
  uint64_t last = 0;
  if (__builtin_add_overflow(start, length - 1, &last)) return Err(EOVERFLOW);
  return IovaRange{start, last};
}

}  // namespace noiommu::iommufd
