#include "model/mm/memfd.h"

#include <sys/mman.h>

namespace noiommu::mm {

Memfd::Memfd(PhysMem& memory, uint64_t bytes, unsigned order)
    : size_(bytes),
      pages_(std::make_shared<PageObject>(memory,
                                          bytes / kPageSize + (bytes % kPageSize != 0 ? 1 : 0),
                                          PageObject::Sharing::kShared, order)) {}

Result<std::shared_ptr<VmObject>> Memfd::mmap(const MapRequest& request) {
  if ((request.flags & MAP_SHARED) == 0) return Err(ENODEV);
  return pages_;
}

}  // namespace noiommu::mm
