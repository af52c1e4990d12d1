#include "scenarios/exec/program_pages.h"

#include <algorithm>
#include <array>

namespace noiommu::scenarios::exec {

ProgramPages::~ProgramPages() {
  for (auto& [key, folio] : folios_) take_back(folio);
}

Result<Pfn> ProgramPages::frame_of(const PageKey& key, unsigned order,
                                   const std::shared_ptr<PageSource>& source, uint64_t offset) {
  const std::lock_guard lock(mutex_);
  return lend(key, order, source, offset);
}

Result<Pfn> ProgramPages::pin(const PageKey& key, unsigned order,
                              const std::shared_ptr<PageSource>& source, uint64_t offset) {
  const std::lock_guard lock(mutex_);
  auto pfn = lend(key, order, source, offset);
  if (pfn) memory_.pin({*pfn, 1});
  return pfn;
}

Result<Pfn> ProgramPages::lend(const PageKey& key, unsigned order,
                               const std::shared_ptr<PageSource>& source, uint64_t offset) {
  const uint64_t in_folio = key.page & ((uint64_t{1} << order) - 1);
  PageKey first = key;
  first.page -= in_folio;
  auto found = folios_.find(first);
  if (found == folios_.end()) {
    auto head = memory_.alloc(order);
    if (!head) return Err(head.error());
    found = folios_.emplace(first, Folio{*head, {}}).first;
    by_place_[{source.get(), offset - in_folio * kPageSize}] = first;
  }
  const Pfn pfn = found->second.head + in_folio;
  if (lent_.try_emplace(pfn.value, Place{source, offset}).second) {
    found->second.lent.push_back(pfn);
    ++lent_pages_;
    memory_.lend(pfn, *this);
  }
  return pfn;
}

void ProgramPages::unpin(const std::vector<PfnRun>& runs) {
  for (const PfnRun& run : runs) memory_.unpin(run);
}

void ProgramPages::take_back(Folio& folio) {
  for (const Pfn pfn : folio.lent) {
    const auto place = lent_.find(pfn.value);
    std::array<std::byte, kPageSize> bytes{};
    // Only whoever pinned it could still see what is in it.
    const bool pinned = memory_.holders(pfn) > 1;
    if (pinned) static_cast<void>(place->second.source->load(place->second.offset, bytes));
    if (pinned) memory_.take_back(pfn, bytes);
    lent_.erase(place);
    --lent_pages_;
  }
  memory_.put(folio.head);
}

void ProgramPages::give_up(const PageSource& source, uint64_t start, uint64_t end) {
  const std::lock_guard lock(mutex_);
  auto at = by_place_.lower_bound({&source, start});
  while (at != by_place_.end() && at->first.first == &source && at->first.second < end) {
    const auto folio = folios_.find(at->second);
    take_back(folio->second);
    folios_.erase(folio);
    at = by_place_.erase(at);
  }
}

bool ProgramPages::find(Pfn pfn, Place& place) const {
  const std::lock_guard lock(mutex_);
  const auto found = lent_.find(pfn.value);
  if (found == lent_.end()) return false;
  place = found->second;
  return true;
}

bool ProgramPages::contains(Pfn pfn) const {
  const std::lock_guard lock(mutex_);
  return lent_.contains(pfn.value);
}

bool ProgramPages::load(Pfn pfn, uint64_t offset, std::span<std::byte> to) {
  Place place;
  if (!find(pfn, place)) return false;
  if (!place.source->load(place.offset + offset, to)) std::ranges::fill(to, std::byte{0});
  return true;
}

bool ProgramPages::store(Pfn pfn, uint64_t offset, std::span<const std::byte> from) {
  Place place;
  if (!find(pfn, place)) return false;
  // Where the program was killed its pages went with it, and nobody can see the loss.
  static_cast<void>(place.source->store(place.offset + offset, from));
  return true;
}

}  // namespace noiommu::scenarios::exec
