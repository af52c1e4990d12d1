// Pages that a mapping or a memfd is made of, allocated when first touched.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "model/kernel/user_memory.h"
#include "model/mm/page_tree.h"
#include "model/mm/phys_mem.h"

namespace noiommu::mm {

class PageObject : public VmObject {
 public:
  // Whether mappings of the object in several processes see each other's stores.
  enum class Sharing { kPrivate, kShared };

  // `pages` of 4 KiB, of which every complete folio of 2^order frames is allocated as one and the
  // rest page by page. `order` is one of PhysMem's.
  PageObject(PhysMem& memory, uint64_t pages, Sharing sharing, unsigned order = PhysMem::kOrder4K);
  ~PageObject() override;

  // EFAULT beyond the end, where a program gets SIGBUS. Loads of untouched pages give zeros.
  Status load(uint64_t offset, std::span<std::byte> to) override;
  Status store(uint64_t offset, std::span<const std::byte> from) override;
  Status pin(uint64_t first, uint64_t pages, std::vector<PfnRun>& runs) override;
  Result<std::shared_ptr<VmObject>> fork() override;
  void discard(uint64_t first, uint64_t pages) override;

  [[nodiscard]] uint64_t pages() const { return pages_; }

 private:
  [[nodiscard]] uint64_t folio_pages() const { return uint64_t{1} << order_; }
  [[nodiscard]] bool contains(uint64_t first, uint64_t pages) const;
  // The frames of `page` and of what follows it in the same folio.
  Result<PfnRun> fault(uint64_t page);

  PhysMem& memory_;
  const uint64_t pages_;
  const Sharing sharing_;
  const unsigned order_;
  std::mutex mutex_;  // for whoever changes frames_
  PageTree frames_;   // folio by folio
};

}  // namespace noiommu::mm
