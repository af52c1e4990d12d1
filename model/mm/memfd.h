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
  // With an order other than kOrder4K the file is made of huge pages, as with MFD_HUGETLB, and
  // `bytes` a multiple of their size.
  Memfd(PhysMem& memory, uint64_t bytes, unsigned order = PhysMem::kOrder4K);

  Result<std::shared_ptr<VmObject>> mmap(const MapRequest& request) override;

  [[nodiscard]] uint64_t size() const { return size_; }  // bytes
  // Also the rest of the last page.
  [[nodiscard]] const std::shared_ptr<PageObject>& pages() const { return pages_; }

 private:
  const uint64_t size_;
  const std::shared_ptr<PageObject> pages_;
};

}  // namespace noiommu::mm
