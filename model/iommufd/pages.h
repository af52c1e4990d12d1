// The memory behind one mapping and its copies: pinning, accounting, and filling page tables.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "model/iommufd/domain.h"
#include "model/iommufd/iova_range.h"
#include "model/kernel/dma_buf.h"
#include "model/kernel/process.h"
#include "model/kernel/result.h"
#include "model/kernel/types.h"
#include "model/mm/phys_mem.h"

namespace noiommu::iommufd {

// A part of some Pages and where it lies in an IOAS.
struct Extent {
  IovaRange iova;
  uint64_t first_byte = 0;  // in the pages, which start at a page boundary

  [[nodiscard]] uint64_t first_page() const { return first_byte / kPageSize; }
  [[nodiscard]] uint64_t last_page() const {
    return (first_byte + (iova.last - iova.start)) / kPageSize;
  }
  [[nodiscard]] uint64_t byte_at(uint64_t at) const { return first_byte + (at - iova.start); }
};

// A page is pinned and charged once, from the first page table that shows it to the last, however
// many copies and page tables there are. Pinned pages belong to the process that mapped them,
// whoever attaches a device later: its memory, its limit, its charge. Spec: iommufd.md section 10.
//
// Thread-safety: all methods may be called from any thread.
class Pages : Unmovable {
 public:
  // Whose locked pages count against RLIMIT_MEMLOCK; chosen once, when the memory is mapped.
  // kNone: the caller had CAP_IPC_LOCK. kUser: those of the user, in all processes. kMm: those of
  // the address space.
  enum class Accounting { kNone, kUser, kMm };
  enum class Kind { kUser, kFile, kDmaBuf };

  virtual ~Pages() = default;

  [[nodiscard]] Kind kind() const { return kind_; }
  // User address, or offset in the file, of the first page: what automatic IOVAs are aligned like.
  [[nodiscard]] uint64_t address() const { return address_; }
  [[nodiscard]] bool writable() const { return writable_; }
  [[nodiscard]] Accounting accounting() const { return accounting_; }
  // Pages that are pinned just now, each counted once; none of a dma-buf, which is never pinned.
  [[nodiscard]] uint64_t pinned() const;
  // Whether this is a dma-buf that its exporter has taken back.
  [[nodiscard]] bool revoked() const;

  // Shows the part in `domain`, pinning what no page table has yet; one map per run of adjacent
  // frames or, when not `large`, per page. Answers the first frame when all of them are neighbours.
  // EFAULT, EINVAL, ENOMEM and the errors of AmdV1::map; then nothing has changed. Does nothing for
  // a revoked dma-buf.
  Result<std::optional<Pfn>> fill(Domain& domain, const Extent& extent, uint32_t prot, bool large);
  // Undoes fill(). Does nothing for a revoked dma-buf, which has gone from all page tables.
  void unfill(Domain& domain, const Extent& extent);
  // From now on `extent`, if it is shown in `domain`, counts as two parts, the first ending with
  // the IOVA `last`.
  void split(const Domain& domain, const Extent& extent, uint64_t last);

  // While the answer lives, what is shown stays. EINVAL when a dma-buf has been revoked.
  [[nodiscard]] Result<std::unique_lock<std::mutex>> hold() const;

  // Charges what is pinned, now and later, to `task` instead. ENOMEM beyond its limit; then nothing
  // has changed. The caller keeps everybody from filling and unfilling.
  static Status move_charges(const std::vector<Pages*>& all, const std::shared_ptr<Task>& task);

 protected:
  // `owner` is nobody for pages that are never charged.
  Pages(Kind kind, std::shared_ptr<Task> owner, Accounting accounting, uint64_t address,
        bool writable);

  // `count` pages from page `first` on; frames are appended in order, adjacent ones merged.
  virtual Status pin(uint64_t first, uint64_t count, std::vector<PfnRun>& runs) = 0;
  virtual void unpin(const PfnRun& run) = 0;

  [[nodiscard]] const std::shared_ptr<Task>& owner() const { return owner_; }
  // Takes the pages out of every page table for good.
  void revoke();

 private:
  // Where some pages can be read back from.
  struct Shown {
    Domain* domain = nullptr;
    IovaRange iova;
    uint64_t first_page = 0;
    uint64_t last_page = 0;
  };
  // Pages from one index to `last`, which are all shown in one place or all nowhere.
  struct Span {
    uint64_t last = 0;
    const Shown* shown = nullptr;
  };

  [[nodiscard]] Span span_at(uint64_t page, uint64_t last) const;
  Status acquire(uint64_t first, uint64_t last, std::vector<PfnRun>& runs);
  void release(uint64_t first, uint64_t last, const std::vector<PfnRun>& runs);
  // Unpins those of the pages, whose frames are `runs`, that are shown nowhere, and counts them.
  uint64_t unpin_hidden(uint64_t first, uint64_t last, const std::vector<PfnRun>& runs);
  static Status map_runs(Domain& domain, const IovaRange& iova, const std::vector<PfnRun>& runs,
                         uint32_t prot, bool large);

  // What of the accounting changes when `task` takes over.
  [[nodiscard]] Accounting charge_moved_to(const Task& task) const;
  static Status charge(Task* task, Accounting accounting, uint64_t pages);
  static void uncharge(Task* task, Accounting accounting, uint64_t pages);

  const Kind kind_;
  const uint64_t address_;
  const bool writable_;
  const Accounting accounting_;
  mutable std::mutex mutex_;  // guards everything below
  std::shared_ptr<Task> owner_;
  uint64_t pinned_ = 0;  // pages, each charged once; of a dma-buf those that are shown
  std::vector<Shown> shown_;
  bool revoked_ = false;
};

// Memory of a process.
class UserPages : public Pages {
 public:
  // From the page that `start` lies in.
  UserPages(mm::PhysMem& memory, std::shared_ptr<Task> owner, Accounting accounting, UserPtr start,
            bool writable);

 private:
  Status pin(uint64_t first, uint64_t count, std::vector<PfnRun>& runs) override;
  void unpin(const PfnRun& run) override { memory_.unpin(run); }

  mm::PhysMem& memory_;
};

// Memory of a file. What kind of file it is shows only when its pages are pinned: EINVAL unless it
// is a memfd that reaches so far.
class FilePages : public Pages {
 public:
  FilePages(mm::PhysMem& memory, std::shared_ptr<Task> owner, Accounting accounting, FileRef file,
            uint64_t start, bool writable);

 private:
  Status pin(uint64_t first, uint64_t count, std::vector<PfnRun>& runs) override;
  void unpin(const PfnRun& run) override { memory_.unpin(run); }

  mm::PhysMem& memory_;
  const FileRef file_;
};

// A dma-buf. Never charged; gone from all page tables, for good, once it is revoked.
class DmaBufPages : public Pages, private DmaBuf::Importer {
 public:
  // EINVAL when the range leaves the buffer; the errors of DmaBuf::attach.
  static Result<std::shared_ptr<Pages>> create(std::shared_ptr<DmaBuf> buffer, uint64_t start,
                                               uint64_t length, bool writable);
  DmaBufPages(std::shared_ptr<DmaBuf> buffer, uint64_t start, bool writable);
  ~DmaBufPages() override;

 private:
  Status pin(uint64_t first, uint64_t count, std::vector<PfnRun>& runs) override;
  void unpin(const PfnRun& /*run*/) override {}
  void revoked() override { revoke(); }

  const std::shared_ptr<DmaBuf> buffer_;
  Pfn base_;  // of the first page; set once, before anybody else sees the pages
};

}  // namespace noiommu::iommufd
