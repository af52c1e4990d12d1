// A set of translations that devices are attached to: the page table behind one HWPT.
#pragma once

#include "model/generic_pt/amdv1.h"

namespace noiommu::iommufd {

// Both kinds use the same page table here. Only a software domain, made for a device without an
// IOMMU, may tell physical addresses to user space.
struct Domain {
  explicit Domain(bool is_noiommu) : noiommu(is_noiommu) {}

  const bool noiommu;
  generic_pt::AmdV1 table;
};

}  // namespace noiommu::iommufd
