#include "model/iommufd/io_pagetable.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>

namespace noiommu::iommufd {

namespace {

constexpr uint64_t kLastIova = UINT64_MAX;
constexpr uint64_t kThpAlignment = 2ULL << 20;  // what transparent huge pages can use

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

Result<uint64_t> IoPagetable::choose_iova(uint64_t address, uint64_t length) const {
  if (length == 0 || length >= kLastIova / 2) return Err(EOVERFLOW);
  uint64_t alignment = std::bit_ceil(length);
  if (address != 0) alignment = std::min(alignment, uint64_t{1} << std::countr_zero(address));
  alignment = std::min(alignment, kThpAlignment);
  if (alignment < alignment_) return Err(EINVAL);

  const uint64_t offset = address % kPageSize;
  const IovaRange span{kPageSize, kLastIova - kPageSize};
  const auto first = fit(span, length, alignment, offset);
  if (!first) return Err(ENOSPC);
  IovaRange hole{*first, span.last};
  for (auto area = first_at_or_after(hole.start);; ++area) {
    const bool rest = area == areas_.end() || area->second->range.start > span.last;
    if (rest || area->second->range.start > hole.start) {
      hole.last = rest ? span.last : area->second->range.start - 1;
      if (auto start = fit(hole, length, alignment, offset)) return *start;
    }
    if (rest || area->second->range.last >= span.last) return Err(ENOSPC);
    hole.start = area->second->range.last + 1;
  }
}

Status IoPagetable::check_fixed(const IovaRange& range) const {
  if (range.start % alignment_ != 0) return Err(EINVAL);
  if (range.last < range.start) return Err(EOVERFLOW);
  const auto next = first_at_or_after(range.start);
  if (next != areas_.end() && next->second->range.overlaps(range)) return Err(EEXIST);
  return {};
}

Result<IoPagetable::Area*> IoPagetable::insert_area(Process& process, const MapRequest& request) {
  const uint64_t page_offset = request.user_va.value % kPageSize;
  const uint64_t page_count = (page_offset + request.length + kPageSize - 1) / kPageSize;

  const std::unique_lock lock(iova_mutex_);
  if (request.length % alignment_ != 0) return Err(EINVAL);
  uint64_t iova = request.iova.value;
  if (request.fixed) {
    if (auto ok = check_fixed({iova, iova + request.length - 1}); !ok) return Err(ok.error());
  } else {
    auto chosen = choose_iova(request.user_va.value, request.length);
    if (!chosen) return Err(chosen.error());
    iova = *chosen;
  }
  if (page_offset % alignment_ != 0) return Err(EINVAL);

  auto area = std::make_unique<Area>();
  area->range = {iova, iova + request.length - 1};
  area->page_offset = page_offset;
  area->prot = request.prot;
  area->pages = std::make_unique<Pages>(
      memory_, process.task(), request.user_va - page_offset, page_count,
      (request.prot & generic_pt::kWrite) != 0,
      process.capable(CAP_IPC_LOCK) ? Pages::Accounting::kNone : Pages::Accounting::kUser);
  Area* placed = area.get();
  areas_.emplace(placed->range.last, std::move(area));
  return placed;
}

void IoPagetable::erase_area(Area& area) {
  const std::unique_lock lock(iova_mutex_);
  areas_.erase(area.range.last);
}

Result<Iova> IoPagetable::map(Process& process, const MapRequest& request) {
  uint64_t user_end = 0;
  if (__builtin_add_overflow(request.user_va.value, request.length, &user_end)) {
    return Err(EOVERFLOW);
  }
  if (request.length == 0 || request.length > kLastIova - kPageSize) return Err(EINVAL);
  auto area = insert_area(process, request);
  if (!area) return Err(area.error());

  const std::shared_lock domains_lock(domains_mutex_);
  if (auto filled = fill_domains(**area); !filled) {
    erase_area(**area);
    return Err(filled.error());
  }
  const std::unique_lock lock(iova_mutex_);
  (*area)->settled = true;
  return Iova{(*area)->range.start};
}

Status IoPagetable::unmap(IovaRange range, uint64_t& unmapped) {
  const std::shared_lock domains_lock(domains_mutex_);
  unmapped = 0;
  for (bool found = true; found;) {
    Area* area = nullptr;
    {
      const std::unique_lock lock(iova_mutex_);
      const auto next = first_at_or_after(range.start);
      found = next != areas_.end() && next->second->range.overlaps(range);
      if (!found) break;
      area = next->second.get();
      if (!area->settled) return Err(EBUSY);
      if (area->range.start < range.start || area->range.last > range.last) return Err(ENOENT);
      area->settled = false;
    }
    unfill_domains(*area);
    const IovaRange gone = area->range;
    erase_area(*area);
    unmapped += gone.last - gone.start + 1;
    found = gone.last < range.last;
    range.start = gone.last + 1;
  }
  return unmapped == 0 ? Status(Err(ENOENT)) : Status();
}

Result<uint64_t> IoPagetable::unmap_all() {
  uint64_t unmapped = 0;
  auto done = unmap({0, kLastIova}, unmapped);
  if (!done && done.error() != Errno{ENOENT}) return Err(done.error());
  return unmapped;
}

Result<generic_pt::PhysRun> IoPagetable::get_pa(Iova iova, uint64_t length) const {
  const std::shared_lock lock(iova_mutex_);
  const auto found = first_at_or_after(iova.value);
  if (found == areas_.end() || found->second->range.start > iova.value) return Err(ENOENT);
  const Area& area = *found->second;
  if (!area.settled) return Err(ENOENT);
  if (area.storage == nullptr || !area.storage->noiommu) return Err(EOPNOTSUPP);
  const uint64_t last_byte = area.range.last - iova.value;  // one less than the bytes left
  return area.storage->table.translate(iova, length - 1 > last_byte ? last_byte + 1 : length);
}

// One map per run of adjacent frames. A run ends where the next one starts, but never beyond the
// area; for an area that ends with the address space that end wraps to 0, so its first run is
// given all that is left and a second one nothing, which the page table refuses.
// Spec: iommufd.md sections 10 and 18.
Status IoPagetable::fill(Area& area, Domain& domain, const std::vector<PfnRun>& runs) {
  const uint64_t end = area.range.last + 1;
  uint64_t iova = area.range.start;
  for (const PfnRun& run : runs) {
    const uint64_t next = std::min(end, iova + run.count * kPageSize);
    auto mapped = domain.table.map({iova}, to_phys(run.first), next - iova, area.prot);
    if (!mapped) {
      domain.table.unmap({area.range.start}, iova - area.range.start);
      return mapped;
    }
    iova = next;
  }
  return {};
}

Status IoPagetable::fill_domains(Area& area) {
  if (domains_.empty()) return {};
  std::vector<PfnRun> runs;
  if (auto pinned = area.pages->pin(runs); !pinned) return pinned;
  for (size_t filled = 0; filled < domains_.size(); ++filled) {
    auto done = fill(area, *domains_[filled], runs);
    if (done) continue;
    for (size_t i = 0; i < filled; ++i) unfill(area, *domains_[i]);
    area.pages->unpin(runs);
    return done;
  }
  area.storage = domains_.front();
  return {};
}

std::vector<PfnRun> IoPagetable::unfill(const Area& area, Domain& domain) {
  std::vector<generic_pt::PhysRun> removed;
  domain.table.unmap({area.range.start}, area.range.last - area.range.start + 1, &removed);
  std::vector<PfnRun> runs;
  runs.reserve(removed.size());
  for (const generic_pt::PhysRun& run : removed) {
    runs.push_back({to_pfn(run.start), run.bytes / kPageSize});
  }
  return runs;
}

void IoPagetable::unfill_domains(Area& area) {
  if (area.storage == nullptr) return;
  std::vector<PfnRun> runs;
  for (Domain* domain : domains_) {
    auto removed = unfill(area, *domain);
    if (domain == area.storage) runs = std::move(removed);
  }
  area.pages->unpin(runs);
  area.storage = nullptr;
}

std::vector<PfnRun> IoPagetable::stored_frames(const Area& area) {
  std::vector<PfnRun> runs;
  Iova iova{area.range.start};
  for (uint64_t left = area.range.last - area.range.start + 1; left > 0;) {
    const generic_pt::PhysRun run = area.storage->table.translate(iova, left);
    runs.push_back({to_pfn(run.start), run.bytes / kPageSize});
    iova += run.bytes;
    left -= run.bytes;
  }
  return runs;
}

Status IoPagetable::add_to_domain(Area& area, Domain& domain) {
  if (area.storage != nullptr) return fill(area, domain, stored_frames(area));
  std::vector<PfnRun> runs;
  if (auto pinned = area.pages->pin(runs); !pinned) return pinned;
  auto filled = fill(area, domain, runs);
  if (filled) {
    area.storage = &domain;
  } else {
    area.pages->unpin(runs);
  }
  return filled;
}

void IoPagetable::remove_from_domain(Area& area, Domain& domain) {
  const auto removed = unfill(area, domain);
  if (area.storage != &domain) return;
  area.storage = domains_.empty() ? nullptr : domains_.front();
  if (area.storage == nullptr) area.pages->unpin(removed);
}

Status IoPagetable::add_domain(Domain& domain) {
  const std::unique_lock domains_lock(domains_mutex_);
  const std::unique_lock lock(iova_mutex_);
  for (const auto& [last, area] : areas_) {
    const bool aligned = (area->range.start | (last + 1) | area->page_offset) % kPageSize == 0;
    if (!aligned) return Err(EADDRINUSE);
  }
  for (auto next = areas_.begin(); next != areas_.end(); ++next) {
    if (!next->second->settled) continue;  // whoever sets it up will find the domain
    auto added = add_to_domain(*next->second, domain);
    if (added) continue;
    for (auto undo = areas_.begin(); undo != next; ++undo) {
      if (undo->second->settled) remove_from_domain(*undo->second, domain);
    }
    return added;
  }
  domains_.push_back(&domain);
  alignment_ = kPageSize;
  return {};
}

void IoPagetable::remove_domain(Domain& domain) {
  const std::unique_lock domains_lock(domains_mutex_);
  const std::unique_lock lock(iova_mutex_);
  // The last slot moves into the hole. Spec: iommufd.md section 14.
  *std::find(domains_.begin(), domains_.end(), &domain) = domains_.back();
  domains_.pop_back();
  for (const auto& [last, area] : areas_) {
    if (area->storage != nullptr) remove_from_domain(*area, domain);
  }
  if (domains_.empty()) alignment_ = 1;
}

std::vector<IovaRange> IoPagetable::usable_ranges() const {
  // No device without an IOMMU reserves anything.
  return {IovaRange{}};
}

uint64_t IoPagetable::alignment() const {
  const std::shared_lock lock(iova_mutex_);
  return alignment_;
}

}  // namespace noiommu::iommufd
