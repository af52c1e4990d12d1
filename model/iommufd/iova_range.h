// Inclusive IOVA ranges, so that the last byte of the address space can be named.
#pragma once

#include <cstdint>

namespace noiommu::iommufd {

struct IovaRange {
  uint64_t start = 0;
  uint64_t last = UINT64_MAX;

  [[nodiscard]] bool overlaps(const IovaRange& other) const {
    return start <= other.last && other.start <= last;
  }
};

}  // namespace noiommu::iommufd
