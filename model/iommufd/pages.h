// The memory behind one mapping and its copies: pinning, accounting, and filling page tables.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "model/iommufd/domain.h"
#include "model/iommufd/iova_range.h"
#include "model/kernel/dma_buf.h"
#include "model/kernel/kref.h"
#include "model/kernel/mutex.h"
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

// The same while page tables show it: what the Pages know of an area. All of them are of one IOAS.
struct Part {
  Extent extent;
  Domain* storage = nullptr;  // the one that frames are read back from; nothing: shown nowhere
  Part* next = nullptr;       // of the same pages, in no order
};

// A page is pinned and charged once, from the first page table that shows it to the last, however
// many copies and page tables there are. Pinned pages belong to the process that mapped them,
// whoever attaches a device later: its memory, its limit, its charge. Spec: iommufd.md section 10.
//
// Thread-safety: all methods may be called from any thread.
class Pages : public Kref {
 public:
  // Whose locked pages count against RLIMIT_MEMLOCK; chosen once, when the memory is mapped.
  // kNone: the caller had CAP_IPC_LOCK. kUser: those of the user, in all processes. kMm: those of
  // the address space.
  enum class Accounting : uint8_t { kNone, kUser, kMm };
  enum class Kind : uint8_t { kUser, kFile, kDmaBuf };

  virtual ~Pages() = default;

  [[nodiscard]] Kind kind() const { return kind_; }
  // User address, or offset in the file, of the first page: what automatic IOVAs are aligned like.
  [[nodiscard]] uint64_t address() const { return page_ << kPageShift; }
  [[nodiscard]] bool writable() const { return writable_; }
  [[nodiscard]] Accounting accounting() const { return accounting_; }
  // Pages that are pinned just now, each counted once; none of a dma-buf, which is never pinned.
  [[nodiscard]] uint64_t pinned() const;
  // Whether this is a dma-buf that its exporter has taken back.
  [[nodiscard]] bool revoked() const;

  // Shows the part in `domain`, pinning what no page table has yet; one map per run of adjacent
  // frames or, when not `large`, per page. It is stored in the first domain that shows it, and
  // stays in its place until it is shown nowhere. Answers whether all frames are neighbours.
  // EFAULT, EINVAL, ENOMEM and the errors of AmdV1::map; then nothing has changed. Maps nothing of
  // a revoked dma-buf.
  Result<bool> fill(Domain& domain, Part& part, uint32_t prot, bool large);
  // Undoes fill() for some domains. `left` goes on showing the part and stores it from now on;
  // nothing: none does. Unmaps nothing of a revoked dma-buf, which has gone from all page tables.
  void unfill(std::span<Domain* const> domains, Part& part, Domain* left);
  // From now on `part` counts as two, of which `lower`, that is new, ends with the IOVA `last`.
  void split(Part& part, Part& lower, uint64_t last);

  // While the answer lives, what is shown stays. EINVAL when a dma-buf has been revoked.
  [[nodiscard]] Result<std::unique_lock<Mutex>> hold() const;

  // Charges what is pinned, now and later, to `task` instead. ENOMEM beyond its limit; then nothing
  // has changed. The caller keeps everybody from filling and unfilling.
  static Status move_charges(const std::vector<Pages*>& all, const KrefPtr<Task>& task);

 protected:
  // `owner` is nobody for pages that are never charged.
  Pages(Kind kind, KrefPtr<Task> owner, Accounting accounting, uint64_t address, bool writable);

  // `count` pages from page `first` on; frames are appended in order, adjacent ones merged.
  virtual Status pin(uint64_t first, uint64_t count, std::vector<PfnRun>& runs) = 0;
  virtual void unpin(const PfnRun& run) = 0;
  // For a dma-buf: what shows it, or no longer does, and that all of it goes.
  virtual void shown_in(Domain& /*domain*/, const IovaRange& /*iova*/) {}
  virtual void gone_from(Domain& /*domain*/, const IovaRange& /*iova*/) {}
  virtual void leave_all_domains() {}

  [[nodiscard]] const KrefPtr<Task>& owner() const { return owner_; }
  // Takes the pages out of every page table for good.
  void revoke();

 private:
  // Pages from one index to `last`, which are all shown by one part or by none.
  struct Span {
    uint64_t last = 0;
    const Part* part = nullptr;
  };

  void link(Part& part);
  void unlink(Part& part);
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

  mutable Mutex mutex_;  // guards what is not const, and where the parts lie and are stored
  const uint64_t page_ : 64 - kPageShift;
  const Kind kind_ : 2;
  const Accounting accounting_ : 2;
  const bool writable_ : 1;
  KrefPtr<Task> owner_;
  uint64_t pinned_ : 63 = 0;  // pages, each charged once; of a dma-buf those that are shown
  bool revoked_ : 1 = false;
  Part* parts_ = nullptr;  // those that are shown
};

// Memory of a process.
class UserPages : public Pages {
 public:
  // From the page that `start` lies in.
  UserPages(mm::PhysMem& memory, KrefPtr<Task> owner, Accounting accounting, UserPtr start,
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
  FilePages(mm::PhysMem& memory, KrefPtr<Task> owner, Accounting accounting, FileRef file,
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
  static Result<KrefPtr<Pages>> create(std::shared_ptr<DmaBuf> buffer, uint64_t start,
                                       uint64_t length, bool writable);
  DmaBufPages(std::shared_ptr<DmaBuf> buffer, uint64_t start, bool writable);
  ~DmaBufPages() override;

 private:
  Status pin(uint64_t first, uint64_t count, std::vector<PfnRun>& runs) override;
  void unpin(const PfnRun& /*run*/) override {}
  void shown_in(Domain& domain, const IovaRange& iova) override;
  void gone_from(Domain& domain, const IovaRange& iova) override;
  void leave_all_domains() override;
  void revoked() override { revoke(); }

  struct Shown {
    Domain* domain;
    IovaRange iova;
  };

  const std::shared_ptr<DmaBuf> buffer_;
  std::vector<Shown> shown_;  // with the mutex of the pages
  Pfn base_;                  // of the first page; set once, before anybody else sees the pages
};

}  // namespace noiommu::iommufd
