#include "model/iommufd/io_pagetable.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <utility>

namespace noiommu::iommufd {

namespace {

constexpr uint64_t kLastIova = UINT64_MAX;
constexpr uint64_t kThpAlignment = 2ULL << 20;  // what transparent huge pages can use
constexpr IovaRange kAutomatic{kPageSize, kLastIova - kPageSize};

// The first address in `hole` that suits, or nothing. Spec: iommufd.md section 6.1, step 6.
std::optional<uint64_t> fit(const IovaRange& hole, uint64_t length, uint64_t alignment,
                            uint64_t offset) {
  uint64_t start = 0;
  if (__builtin_add_overflow(hole.start, alignment - 1, &start)) return std::nullopt;
  start = (start & ~(alignment - 1)) | offset;
  if (start >= hole.last || hole.last - start < length - 1) return std::nullopt;
  return start;
}

}  // namespace

bool IoPagetable::any_area_in(const IovaRange& range) const {
  const auto next = first_at_or_after(range.start);
  return next != areas_.end() && next->second->iova().overlaps(range);
}

bool IoPagetable::is_reserved(const IovaRange& range) const {
  return std::any_of(reserved_.begin(), reserved_.end(),
                     [&](const Reservation& taken) { return taken.range.overlaps(range); });
}

std::optional<IovaRange> IoPagetable::first_used_at_or_after(uint64_t iova) const {
  std::optional<IovaRange> first;
  const auto area = first_at_or_after(iova);
  if (area != areas_.end()) first = area->second->iova();
  for (const Reservation& taken : reserved_) {
    if (taken.range.last < iova) continue;
    if (!first || taken.range.start < first->start) first = taken.range;
  }
  return first;
}

Result<uint64_t> IoPagetable::choose_iova(uint64_t address, uint64_t length) const {
  if (length == 0 || length >= kLastIova / 2) return Err(EOVERFLOW);
  uint64_t alignment = std::bit_ceil(length);
  if (address != 0) alignment = std::min(alignment, uint64_t{1} << std::countr_zero(address));
  alignment = std::min(alignment, kThpAlignment);
  if (alignment < alignment_) return Err(EINVAL);

  const uint64_t offset = address % kPageSize;
  const std::span<const IovaRange> spans =
      allowed_.empty() ? std::span(&kAutomatic, 1) : std::span(allowed_);
  for (const IovaRange& allowed : spans) {
    const IovaRange span{std::max(allowed.start, kAutomatic.start),
                         std::min(allowed.last, kAutomatic.last)};
    if (span.start > span.last) continue;
    const auto first = fit(span, length, alignment, offset);
    if (!first) continue;
    for (uint64_t at = *first;;) {
      const auto used = first_used_at_or_after(at);
      const bool rest = !used || used->start > span.last;
      if (rest || used->start > at) {
        const IovaRange hole{at, rest ? span.last : used->start - 1};
        if (auto start = fit(hole, length, alignment, offset)) return *start;
      }
      if (rest || used->last >= span.last) break;
      at = used->last + 1;
    }
  }
  return Err(ENOSPC);
}

Status IoPagetable::check_fixed(const IovaRange& range) const {
  if (range.start % alignment_ != 0) return Err(EINVAL);
  if (range.last < range.start) return Err(EOVERFLOW);
  if (is_reserved(range)) return Err(EINVAL);
  if (any_area_in(range)) return Err(EEXIST);
  return {};
}

Result<IoPagetable::AreaList> IoPagetable::insert_areas(std::span<const Slice> slices,
                                                        const Target& target) {
  uint64_t length = 0;
  for (const Slice& slice : slices) length += slice.length;

  const std::unique_lock lock(iova_mutex_);
  if (length % alignment_ != 0) return Err(EINVAL);
  uint64_t iova = 0;
  if (target.iova) {
    iova = target.iova->value;
    if (auto ok = check_fixed({iova, iova + length - 1}); !ok) return Err(ok.error());
  } else {
    auto chosen = choose_iova(slices[0].pages->address() + slices[0].first_byte, length);
    if (!chosen) return Err(chosen.error());
    iova = *chosen;
  }
  for (const Slice& slice : slices) {
    const bool write = (target.prot & generic_pt::kWrite) != 0;
    if (write && !slice.pages->writable()) return Err(EPERM);
    if (slice.first_byte % kPageSize % alignment_ != 0) return Err(EINVAL);
  }

  AreaList placed;
  placed.reserve(slices.size());
  for (const Slice& slice : slices) {
    auto area = std::make_unique<Area>();
    area->part.extent = {{iova, iova + slice.length - 1}, slice.first_byte};
    area->prot = target.prot;
    area->pages = slice.pages;
    placed.push_back(area.get());
    settled_.leave_out(area->iova());
    if (slice.pages->kind() == Pages::Kind::kDmaBuf) ++revocable_;
    areas_.emplace(area->iova().last, std::move(area));
    iova += slice.length;
  }
  look_again();
  return placed;
}

void IoPagetable::erase_areas(std::span<Area* const> areas) {
  // Released after the lock: pages of a file may be the last to hold it, and its release takes
  // other locks, as that of a device which leaves its page table.
  absl::InlinedVector<std::unique_ptr<Area>, 1> gone;
  const std::unique_lock lock(iova_mutex_);
  for (const Area* area : areas) {
    settled_.take_back(area->iova());
    if (area->pages->kind() == Pages::Kind::kDmaBuf) --revocable_;
    const auto found = areas_.find(area->iova().last);
    gone.push_back(std::move(found->second));
    areas_.erase(found);
  }
  look_again();
}

Result<Iova> IoPagetable::map(std::span<const Slice> slices, const Target& target) {
  auto areas = insert_areas(slices, target);
  if (!areas) return Err(areas.error());

  const std::shared_lock domains_lock(domains_mutex_);
  for (auto area = areas->begin(); area != areas->end(); ++area) {
    auto filled = fill_domains(**area);
    if (filled) continue;
    for (auto undo = areas->begin(); undo != area; ++undo) unfill_domains(**undo);
    erase_areas(*areas);
    return Err(filled.error());
  }
  const std::unique_lock lock(iova_mutex_);
  for (Area* area : *areas) {
    area->settled = true;
    settled_.take_back(area->iova());
  }
  return Iova{areas->front()->iova().start};
}

Result<std::vector<IoPagetable::Slice>> IoPagetable::slices(IovaRange range) const {
  const std::shared_lock lock(iova_mutex_);
  std::vector<Slice> slices;
  for (auto next = first_at_or_after(range.start); next != areas_.end(); ++next) {
    const Area& area = *next->second;
    const Extent& extent = area.extent();
    if (extent.iova.start > range.start || !area.settled) return Err(ENOENT);
    const uint64_t last = std::min(extent.iova.last, range.last);
    slices.push_back({area.pages, extent.byte_at(range.start), last - range.start + 1});
    if (last == range.last) return slices;
    range.start = last + 1;
  }
  return Err(ENOENT);
}

Status IoPagetable::unmap(IovaRange range, uint64_t& unmapped) {
  const std::shared_lock domains_lock(domains_mutex_);
  unmapped = 0;
  for (;;) {
    Area* area = nullptr;
    {
      const std::unique_lock lock(iova_mutex_);
      const auto next = first_at_or_after(range.start);
      if (next == areas_.end() || !next->second->iova().overlaps(range)) return {};
      area = next->second.get();
      if (!area->settled) return Err(EBUSY);
      const IovaRange& iova = area->iova();
      if (iova.start < range.start || iova.last > range.last) return Err(ENOENT);
      area->settled = false;
      settled_.leave_out(iova);
    }
    unfill_domains(*area);
    const IovaRange gone = area->iova();
    erase_areas({&area, 1});
    unmapped += gone.last - gone.start + 1;
    if (gone.last == range.last) return {};
    range.start = gone.last + 1;
  }
}

Status IoPagetable::cut(uint64_t last) {
  const std::shared_lock domains_lock(domains_mutex_);
  const std::unique_lock lock(iova_mutex_);
  const auto found = areas_.lower_bound(last);
  if (found == areas_.end() || found->second->iova().start > last) return {};
  Area& upper = *found->second;
  if (upper.iova().start == last || upper.iova().last == last) return {};
  if (!upper.settled) return Err(EBUSY);
  if (upper.pages->kind() == Pages::Kind::kDmaBuf) return Err(EOPNOTSUPP);
  const uint64_t next_byte = upper.extent().byte_at(last + 1);
  if ((last + 1) % alignment_ != 0 || next_byte % alignment_ != 0) return Err(EINVAL);
  // A leaf of the page table may reach across the cut, unless there are only small ones.
  if (upper.part.storage != nullptr && huge_pages_) return Err(EINVAL);

  auto lower = std::make_unique<Area>(upper);
  upper.pages->split(upper.part, lower->part, last);
  areas_.emplace(last, std::move(lower));
  return {};
}

bool IoPagetable::try_get_pa(Iova iova, uint64_t length, PhysAddr& to) const {
  if (length > kPageSize - iova.value % kPageSize) return false;
  const std::shared_lock domains_lock(domains_mutex_, std::try_to_lock);
  // A page has one area at most, since there is a domain.
  return domains_lock && settled_.find(iova, to);
}

Result<generic_pt::PhysRun> IoPagetable::get_pa(Iova iova, uint64_t length) const {
  if (PhysAddr page; try_get_pa(iova, length, page)) return generic_pt::PhysRun{page, length};
  const std::shared_lock lock(iova_mutex_);
  const auto found = first_at_or_after(iova.value);
  if (found == areas_.end()) return Err(ENOENT);
  const Area& area = *found->second;
  if (area.iova().start > iova.value || !area.settled) return Err(ENOENT);
  const auto held = area.pages->hold();
  if (!held) return Err(held.error());
  const Domain* storage = area.part.storage;
  if (storage == nullptr || !storage->noiommu) return Err(EOPNOTSUPP);
  const uint64_t last_byte = area.iova().last - iova.value;  // one less than the bytes left
  const uint64_t bytes = length - 1 > last_byte ? last_byte + 1 : length;
  if (!area.one_piece) return storage->table.translate(iova, bytes);
  return generic_pt::PhysRun{storage->table.iova_to_phys(iova), bytes};
}

Status IoPagetable::fill_domains(Area& area) {
  for (auto domain = domains_.begin(); domain != domains_.end(); ++domain) {
    auto filled = area.pages->fill(**domain, area.part, area.prot, huge_pages_);
    if (!filled) {
      area.pages->unfill({domains_.begin(), domain}, area.part, nullptr);
      return Err(filled.error());
    }
    area.one_piece = *filled;
  }
  return {};
}

void IoPagetable::unfill_domains(Area& area) {
  area.pages->unfill(domains_, area.part, nullptr);
}

void IoPagetable::remove_from_domain(Area& area, Domain& domain) {
  Domain* left = area.part.storage;
  if (left == &domain) left = domains_.empty() ? nullptr : domains_.front();
  Domain* const gone = &domain;
  area.pages->unfill({&gone, 1}, area.part, left);
}

Status IoPagetable::check_alignment(uint64_t alignment) const {
  const auto fits = [alignment](const auto& entry) {
    const Extent& extent = entry.second->extent();
    return (extent.iova.start | (extent.iova.last + 1) | extent.first_byte) % alignment == 0;
  };
  return std::all_of(areas_.begin(), areas_.end(), fits) ? Status() : Status(Err(EADDRINUSE));
}

Status IoPagetable::recompute_alignment() {
  const uint64_t alignment = domains_.empty() && huge_pages_ ? 1 : kPageSize;
  if (alignment > alignment_) {
    if (auto ok = check_alignment(alignment); !ok) return ok;
  }
  alignment_ = alignment;
  return {};
}

Status IoPagetable::add_domain(Domain& domain) {
  const std::unique_lock domains_lock(domains_mutex_);
  const std::unique_lock lock(iova_mutex_);
  if (auto ok = check_alignment(kPageSize); !ok) return ok;
  for (auto next = areas_.begin(); next != areas_.end(); ++next) {
    Area& area = *next->second;
    if (!area.settled) continue;  // whoever sets it up will find the domain
    auto filled = area.pages->fill(domain, area.part, area.prot, huge_pages_);
    if (filled) {
      area.one_piece = *filled;
      continue;
    }
    for (auto undo = areas_.begin(); undo != next; ++undo) {
      if (undo->second->settled) remove_from_domain(*undo->second, domain);
    }
    return Err(filled.error());
  }
  domains_.push_back(&domain);
  look_again();
  alignment_ = kPageSize;
  return {};
}

void IoPagetable::remove_domain(Domain& domain) {
  const std::unique_lock domains_lock(domains_mutex_);
  const std::unique_lock lock(iova_mutex_);
  // The last slot moves into the hole. Spec: iommufd.md section 14.
  *std::find(domains_.begin(), domains_.end(), &domain) = domains_.back();
  domains_.pop_back();
  look_again();
  for (const auto& [last, area] : areas_) {
    if (area->settled) remove_from_domain(*area, domain);
  }
  static_cast<void>(recompute_alignment());  // it can only go down
}

Status IoPagetable::reserve(IovaRange range, const void* owner) {
  const std::unique_lock lock(iova_mutex_);
  const bool allowed = std::any_of(allowed_.begin(), allowed_.end(),
                                   [&](const IovaRange& other) { return other.overlaps(range); });
  if (allowed || any_area_in(range)) return Err(EADDRINUSE);
  reserved_.push_back({range, owner});
  return {};
}

void IoPagetable::unreserve(const void* owner) {
  const std::unique_lock lock(iova_mutex_);
  std::erase_if(reserved_, [owner](const Reservation& taken) { return taken.owner == owner; });
}

Status IoPagetable::allow(std::vector<IovaRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const IovaRange& a, const IovaRange& b) { return a.start < b.start; });
  const std::unique_lock lock(iova_mutex_);
  std::vector<IovaRange> joined;
  for (const IovaRange& range : ranges) {
    if (is_reserved(range)) return Err(EADDRINUSE);
    if (!joined.empty() && joined.back().last + 1 == range.start) {
      joined.back().last = range.last;
    } else {
      joined.push_back(range);
    }
  }
  allowed_ = std::move(joined);
  return {};
}

Status IoPagetable::set_huge_pages(bool on) {
  const std::unique_lock domains_lock(domains_mutex_);
  const std::unique_lock lock(iova_mutex_);
  if (on == huge_pages_) return {};
  if (!on && !domains_.empty() && !areas_.empty()) return Err(EINVAL);
  huge_pages_ = on;
  auto done = recompute_alignment();
  if (!done) huge_pages_ = !on;
  return done;
}

bool IoPagetable::huge_pages() const {
  const std::shared_lock lock(iova_mutex_);
  return huge_pages_;
}

std::vector<IovaRange> IoPagetable::reserved_ranges() const {
  const std::shared_lock lock(iova_mutex_);
  std::vector<IovaRange> taken;
  taken.reserve(reserved_.size());
  for (const Reservation& reservation : reserved_) taken.push_back(reservation.range);
  std::sort(taken.begin(), taken.end(),
            [](const IovaRange& a, const IovaRange& b) { return a.start < b.start; });
  return taken;
}

std::vector<IovaRange> IoPagetable::allowed_ranges() const {
  const std::shared_lock lock(iova_mutex_);
  return allowed_;
}

std::vector<IovaRange> IoPagetable::usable_ranges() const {
  std::vector<IovaRange> usable;
  uint64_t next = 0;
  for (const IovaRange& range : reserved_ranges()) {
    if (range.start > next) usable.push_back({next, range.start - 1});
    if (range.last == kLastIova) return usable;
    next = std::max(next, range.last + 1);
  }
  usable.push_back({next, kLastIova});
  return usable;
}

uint64_t IoPagetable::alignment() const {
  const std::shared_lock lock(iova_mutex_);
  return alignment_;
}

uint64_t IoPagetable::page_sizes() const {
  const std::shared_lock lock(domains_mutex_);
  uint64_t sizes = kPageMask;
  for (const Domain* domain : domains_) sizes &= domain->page_sizes();
  return sizes;
}

Status IoPagetable::change_process(std::span<IoPagetable* const> tables,
                                   const KrefPtr<Task>& task) {
  std::vector<std::unique_lock<RwSemaphore>> locks;
  locks.reserve(tables.size());
  for (IoPagetable* table : tables) locks.emplace_back(table->iova_mutex_);
  std::set<Pages*> all;
  bool only_files = true;
  for (const IoPagetable* table : tables) {
    for (const auto& [last, area] : table->areas_) {
      if (!area->settled) return Err(EBUSY);
      only_files = only_files && area->pages->kind() == Pages::Kind::kFile;
      all.insert(area->pages.get());
    }
  }
  if (!only_files) return Err(EINVAL);
  return Pages::move_charges({all.begin(), all.end()}, task);
}

std::vector<IoPagetable::AreaView> IoPagetable::areas(IovaRange range) const {
  const std::shared_lock lock(iova_mutex_);
  std::vector<AreaView> views;
  for (auto next = first_at_or_after(range.start); next != areas_.end(); ++next) {
    const Area& area = *next->second;
    if (area.iova().start > range.last) break;
    views.push_back({area.extent(), area.prot, area.settled, area.pages,
                     area.settled ? area.part.storage : nullptr});
  }
  return views;
}

}  // namespace noiommu::iommufd
