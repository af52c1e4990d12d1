#include "model/iommufd/pages.h"

#include <algorithm>
#include <utility>

#include "model/mm/memfd.h"

namespace noiommu::iommufd {

namespace {

void append(std::vector<PfnRun>& runs, const PfnRun& run) {
  if (!runs.empty() && runs.back().first + runs.back().count == run.first) {
    runs.back().count += run.count;
  } else {
    runs.push_back(run);
  }
}

PfnRun to_pfn_run(const generic_pt::PhysRun& run) {
  return {to_pfn(run.start), run.bytes / kPageSize};
}

// Walks a list of runs page by page, as it were, but a run at a time.
class RunCursor {
 public:
  explicit RunCursor(const std::vector<PfnRun>& runs) : run_(runs.begin()) {}

  // Calls visit(PfnRun) for the next `pages` pages.
  template <class Visit>
  void next(uint64_t pages, const Visit& visit) {
    while (pages > 0) {
      const uint64_t count = std::min(pages, run_->count - used_);
      visit(PfnRun{run_->first + used_, count});
      pages -= count;
      used_ += count;
      if (used_ == run_->count) {
        ++run_;
        used_ = 0;
      }
    }
  }
  void skip(uint64_t pages) {
    next(pages, [](const PfnRun&) {});
  }

 private:
  std::vector<PfnRun>::const_iterator run_;
  uint64_t used_ = 0;  // pages of *run_ that lie behind
};

}  // namespace

Pages::Pages(Kind kind, KrefPtr<Task> owner, Accounting accounting, uint64_t address, bool writable)
    : page_(address >> kPageShift),
      kind_(kind),
      accounting_(accounting),
      writable_(writable),
      owner_(std::move(owner)) {}

Status Pages::charge(Task* task, Accounting accounting, uint64_t pages) {
  // A limit that was lowered later does not matter to who needs nothing more.
  if (task == nullptr || pages == 0) return {};
  if (accounting != Accounting::kNone) {
    std::atomic<uint64_t>& counter =
        accounting == Accounting::kUser ? task->user->locked_vm : task->memory->locked_vm;
    const uint64_t limit = task->memlock / kPageSize;
    uint64_t locked = counter;
    do {
      if (locked + pages > limit) return Err(ENOMEM);
    } while (!counter.compare_exchange_weak(locked, locked + pages));
  }
  task->memory->pinned_vm += pages;
  return {};
}

void Pages::uncharge(Task* task, Accounting accounting, uint64_t pages) {
  if (task == nullptr) return;
  if (accounting == Accounting::kUser) task->user->locked_vm -= pages;
  if (accounting == Accounting::kMm) task->memory->locked_vm -= pages;
  task->memory->pinned_vm -= pages;
}

// Who is charged already is not charged again. Spec: iommufd.md section 12.
Pages::Accounting Pages::charge_moved_to(const Task& task) const {
  const bool same =
      accounting_ == Accounting::kUser ? owner_->user == task.user : owner_->memory == task.memory;
  return same ? Accounting::kNone : accounting_;
}

Status Pages::move_charges(const std::vector<Pages*>& all, const KrefPtr<Task>& task) {
  for (auto pages = all.begin(); pages != all.end(); ++pages) {
    auto charged = charge(task.get(), (*pages)->charge_moved_to(*task), (*pages)->pinned_);
    if (charged) continue;
    for (auto undo = all.begin(); undo != pages; ++undo) {
      uncharge(task.get(), (*undo)->charge_moved_to(*task), (*undo)->pinned_);
    }
    return charged;
  }
  for (Pages* pages : all) {
    uncharge(pages->owner_.get(), pages->charge_moved_to(*task), pages->pinned_);
    const std::lock_guard lock(pages->mutex_);
    pages->owner_ = task;
  }
  return {};
}

void Pages::link(Part& part) {
  part.next = parts_;
  parts_ = &part;
}

void Pages::unlink(Part& part) {
  for (Part** at = &parts_; *at != nullptr; at = &(*at)->next) {
    if (*at != &part) continue;
    *at = part.next;
    return;
  }
}

Pages::Span Pages::span_at(uint64_t page, uint64_t last) const {
  Span span{.last = last};
  for (const Part* part = parts_; part != nullptr; part = part->next) {
    const uint64_t first_page = part->extent.first_page();
    const uint64_t last_page = part->extent.last_page();
    if (first_page <= page && page <= last_page) return {std::min(span.last, last_page), part};
    if (first_page > page) span.last = std::min(span.last, first_page - 1);
  }
  return span;
}

Status Pages::acquire(uint64_t first, uint64_t last, std::vector<PfnRun>& runs) {
  uint64_t fresh = 0;
  for (uint64_t page = first; page <= last;) {
    const Span span = span_at(page, last);
    const uint64_t count = span.last - page + 1;
    if (span.part != nullptr) {
      const Extent& extent = span.part->extent;
      Iova iova{extent.iova.start + (page - extent.first_page()) * kPageSize};
      for (uint64_t left = count * kPageSize; left > 0;) {
        const auto run = span.part->storage->table.translate(iova, left);
        append(runs, to_pfn_run(run));
        iova += run.bytes;
        left -= run.bytes;
      }
    } else if (auto pinned = pin(page, count, runs); pinned) {
      fresh += count;
    } else {
      if (page > first) unpin_hidden(first, page - 1, runs);
      return pinned;
    }
    page = span.last + 1;
  }
  auto charged = charge(owner_.get(), accounting_, fresh);
  if (charged) {
    pinned_ += fresh;
  } else {
    unpin_hidden(first, last, runs);
  }
  return charged;
}

uint64_t Pages::unpin_hidden(uint64_t first, uint64_t last, const std::vector<PfnRun>& runs) {
  RunCursor cursor(runs);
  uint64_t hidden = 0;
  for (uint64_t page = first; page <= last;) {
    const Span span = span_at(page, last);
    const uint64_t count = span.last - page + 1;
    if (span.part != nullptr) {
      cursor.skip(count);
    } else {
      cursor.next(count, [this](const PfnRun& run) { unpin(run); });
      hidden += count;
    }
    page = span.last + 1;
  }
  return hidden;
}

void Pages::release(uint64_t first, uint64_t last, const std::vector<PfnRun>& runs) {
  const uint64_t hidden = unpin_hidden(first, last, runs);
  pinned_ -= hidden;
  uncharge(owner_.get(), accounting_, hidden);
}

// A run ends where the next one starts, but never beyond the area; for an area that ends with the
// address space that end wraps to 0, so its first run is given all that is left and a second one
// nothing, which the page table refuses. Page by page nothing is left over to refuse.
// Spec: iommufd.md sections 10 and 18.
Status Pages::map_runs(Domain& domain, const IovaRange& iova, const std::vector<PfnRun>& runs,
                       uint32_t prot, bool large) {
  const uint64_t end = iova.last + 1;
  if (large && end != 0) return domain.table.map({iova.start}, runs, prot);
  uint64_t at = iova.start;
  const auto map = [&](Pfn first, uint64_t bytes) {
    auto mapped = domain.table.map({at}, to_phys(first), bytes, prot);
    if (mapped) at += bytes;
    return mapped;
  };
  Status mapped;
  for (auto run = runs.begin(); run != runs.end() && mapped; ++run) {
    if (large) {
      mapped = map(run->first, end - at);
    } else {
      for (uint64_t page = 0; page < run->count && mapped; ++page) {
        mapped = map(run->first + page, kPageSize);
      }
    }
  }
  if (!mapped) domain.table.unmap({iova.start}, at - iova.start);
  return mapped;
}

Result<bool> Pages::fill(Domain& domain, Part& part, uint32_t prot, bool large) {
  const std::lock_guard lock(mutex_);
  const Extent& extent = part.extent;
  std::vector<PfnRun> runs;
  if (!revoked_) {
    const uint64_t first = extent.first_page();
    const uint64_t last = extent.last_page();
    if (auto acquired = acquire(first, last, runs); !acquired) return Err(acquired.error());
    auto mapped = map_runs(domain, extent.iova, runs, prot, large);
    if (!mapped) {
      release(first, last, runs);
      return Err(mapped.error());
    }
    if (kind_ == Kind::kDmaBuf) shown_in(domain, extent.iova);
    if (part.storage == nullptr) link(part);
  }
  if (part.storage == nullptr) part.storage = &domain;
  return runs.size() == 1;
}

void Pages::unfill(std::span<Domain* const> domains, Part& part, Domain* left) {
  if (domains.empty()) return;
  const std::lock_guard lock(mutex_);
  part.storage = left;
  if (revoked_) return;
  const Extent& extent = part.extent;
  std::vector<generic_pt::PhysRun> removed;
  for (Domain* domain : domains) {
    removed.clear();
    domain->table.unmap({extent.iova.start}, extent.iova.last - extent.iova.start + 1, &removed);
    if (kind_ == Kind::kDmaBuf) gone_from(*domain, extent.iova);
  }
  if (left != nullptr) return;
  unlink(part);
  std::vector<PfnRun> runs;
  runs.reserve(removed.size());
  for (const generic_pt::PhysRun& run : removed) runs.push_back(to_pfn_run(run));
  release(extent.first_page(), extent.last_page(), runs);
}

void Pages::split(Part& part, Part& lower, uint64_t last) {
  const std::lock_guard lock(mutex_);
  lower.extent = {{part.extent.iova.start, last}, part.extent.first_byte};
  lower.storage = part.storage;
  part.extent = {{last + 1, part.extent.iova.last}, part.extent.byte_at(last + 1)};
  if (part.storage != nullptr) link(lower);
}

void Pages::revoke() {
  const std::lock_guard lock(mutex_);
  leave_all_domains();
  parts_ = nullptr;
  pinned_ = 0;
  revoked_ = true;
}

uint64_t Pages::pinned() const {
  const std::lock_guard lock(mutex_);
  return kind_ == Kind::kDmaBuf ? 0 : pinned_;
}

bool Pages::revoked() const {
  const std::lock_guard lock(mutex_);
  return revoked_;
}

Result<std::unique_lock<Mutex>> Pages::hold() const {
  if (kind_ != Kind::kDmaBuf) return std::unique_lock<Mutex>();
  std::unique_lock lock(mutex_);
  if (revoked_) return Err(EINVAL);
  return lock;
}

UserPages::UserPages(mm::PhysMem& memory, KrefPtr<Task> owner, Accounting accounting, UserPtr start,
                     bool writable)
    : Pages(Kind::kUser, std::move(owner), accounting, start.value & kPageMask, writable),
      memory_(memory) {
  static_assert(sizeof(*this) <= 56, "there may be ten millions");
}

Status UserPages::pin(uint64_t first, uint64_t count, std::vector<PfnRun>& runs) {
  return owner()->memory->pin({address() + first * kPageSize}, count, writable(), runs);
}

FilePages::FilePages(mm::PhysMem& memory, KrefPtr<Task> owner, Accounting accounting, FileRef file,
                     uint64_t start, bool writable)
    : Pages(Kind::kFile, std::move(owner), accounting, start & kPageMask, writable),
      memory_(memory),
      file_(std::move(file)) {}

Status FilePages::pin(uint64_t first, uint64_t count, std::vector<PfnRun>& runs) {
  auto* memory = dynamic_cast<mm::MemoryFile*>(file_.get());
  if (memory == nullptr) return Err(EINVAL);
  first += address() / kPageSize;
  if (first + count > memory->size() / kPageSize) return Err(EINVAL);
  return memory->pin(first, count, runs);
}

Result<KrefPtr<Pages>> DmaBufPages::create(std::shared_ptr<DmaBuf> buffer, uint64_t start,
                                           uint64_t length, bool writable) {
  constexpr uint64_t kMaxPages = UINT32_MAX;
  const uint64_t size = buffer->size();
  if (start >= size || length > size - start) return Err(EINVAL);
  if (size / kPageSize >= kMaxPages) return Err(EINVAL);
  auto pages = make_kref<DmaBufPages>(std::move(buffer), start, writable);
  auto run = pages->buffer_->attach(*pages);
  if (!run) return Err(run.error());
  pages->base_ = run->first + start / kPageSize;
  return pages;
}

DmaBufPages::DmaBufPages(std::shared_ptr<DmaBuf> buffer, uint64_t start, bool writable)
    : Pages(Kind::kDmaBuf, nullptr, Accounting::kNone, start & kPageMask, writable),
      buffer_(std::move(buffer)) {}

DmaBufPages::~DmaBufPages() {
  buffer_->detach(*this);
}

Status DmaBufPages::pin(uint64_t first, uint64_t count, std::vector<PfnRun>& runs) {
  append(runs, {base_ + first, count});
  return {};
}

void DmaBufPages::shown_in(Domain& domain, const IovaRange& iova) {
  shown_.push_back({&domain, iova});
}

void DmaBufPages::gone_from(Domain& domain, const IovaRange& iova) {
  std::erase_if(shown_, [&](const Shown& shown) {
    return shown.domain == &domain && shown.iova.start == iova.start;
  });
}

void DmaBufPages::leave_all_domains() {
  for (const Shown& shown : shown_) {
    shown.domain->table.unmap({shown.iova.start}, shown.iova.last - shown.iova.start + 1);
  }
  shown_.clear();
}

}  // namespace noiommu::iommufd
