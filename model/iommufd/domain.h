// A set of translations that devices are attached to: the page table behind one HWPT.
#pragma once

#include "model/generic_pt/amdv1.h"

namespace noiommu::iommufd {

// Both kinds use the same page table here. Only a software domain, made for a device without an
// IOMMU, may tell physical addresses to user space.
struct Domain {
  explicit Domain(bool is_noiommu) : noiommu(is_noiommu) {}

  // One bit per size. The hardware's are those of a VT-d second-stage table.
  [[nodiscard]] uint64_t page_sizes() const {
    constexpr uint64_t kVtd = (4ULL << 10) | (2ULL << 20) | (1ULL << 30);
    return noiommu ? generic_pt::AmdV1::kPgsizeBitmap : kVtd;
  }

  const bool noiommu;
  generic_pt::AmdV1 table;
};

}  // namespace noiommu::iommufd
