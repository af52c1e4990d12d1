// An I/O address space: mappings, and the page tables that show them to devices.
#pragma once

#include <mutex>
#include <vector>

#include "model/iommufd/io_pagetable.h"
#include "model/iommufd/object.h"

namespace noiommu::iommufd {

class HwptPaging;

class Ioas : public Object {
 public:
  static constexpr Type kType = Type::kIoas;

  explicit Ioas(uint32_t id) : Object(kType, id) {}

  IoPagetable iopt;
  // Serialises attaching: which page tables exist, in order of creation. An entry may be dying;
  // take it with Ref::try_acquire.
  std::mutex mutex;
  std::vector<HwptPaging*> hwpts;
};

}  // namespace noiommu::iommufd
