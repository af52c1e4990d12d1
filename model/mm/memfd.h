// memfd_create(2): a file of memory.
#pragma once

#include <memory>

#include "model/kernel/file.h"
#include "model/mm/page_object.h"

namespace noiommu::mm {

// A memfd whose size is fixed when it is made. Mapped with MAP_SHARED only; a private mapping
// answers ENODEV. Thread-safe.
class Memfd : public File {
 public:
  // `bytes` is rounded up to whole pages.
  Memfd(PhysMem& memory, uint64_t bytes);

  Result<std::shared_ptr<VmObject>> mmap(const MapRequest& request) override;

  [[nodiscard]] const std::shared_ptr<PageObject>& pages() const { return pages_; }

 private:
  std::shared_ptr<PageObject> pages_;
};

}  // namespace noiommu::mm
