// memfd_create(2): a file of memory.
#pragma once

#include <memory>
#include <vector>

#include "model/kernel/file.h"
#include "model/mm/page_object.h"

namespace noiommu::mm {

// A file whose pages can be pinned.
class MemoryFile : public File {
 public:
  [[nodiscard]] virtual uint64_t size() const = 0;  // bytes
  // As VmObject::pin, also of the rest of the last page.
  virtual Status pin(uint64_t first, uint64_t pages, std::vector<PfnRun>& runs) = 0;
};

// A memfd whose size is fixed when it is made. Mapped with MAP_SHARED only; a private mapping
// answers ENODEV. Thread-safe.
class Memfd : public MemoryFile {
 public:
  // With an order other than kOrder4K the file is made of huge pages, as with MFD_HUGETLB, and
  // `bytes` a multiple of their size.
  Memfd(PhysMem& memory, uint64_t bytes, unsigned order = PhysMem::kOrder4K);

  Result<std::shared_ptr<VmObject>> mmap(const MapRequest& request) override;

  [[nodiscard]] uint64_t size() const override { return size_; }
  Status pin(uint64_t first, uint64_t pages, std::vector<PfnRun>& runs) override {
    return pages_->pin(first, pages, runs);
  }
  // Also the rest of the last page.
  [[nodiscard]] const std::shared_ptr<PageObject>& pages() const { return pages_; }

 private:
  const uint64_t size_;
  const std::shared_ptr<PageObject> pages_;
};

}  // namespace noiommu::mm
