#include "model/mm/page_object.h"

#include <algorithm>
#include <cstring>

namespace noiommu::mm {

namespace {

uint64_t pages_spanned(uint64_t offset, uint64_t length) {
  return (offset % kPageSize + length + kPageSize - 1) / kPageSize;
}

}  // namespace

PageObject::PageObject(PhysMem& memory, uint64_t pages, Sharing sharing, unsigned order)
    : memory_(memory), pages_(pages), sharing_(sharing), order_(order), frames_(pages, order) {}

PageObject::~PageObject() {
  frames_.take_if(0, pages_, [this](uint64_t /*page*/, Pfn folio, unsigned /*order*/) {
    memory_.put(folio);
    return true;
  });
}

bool PageObject::contains(uint64_t first, uint64_t pages) const {
  return first <= pages_ && pages <= pages_ - first;
}

Result<PfnRun> PageObject::fault(uint64_t page) {
  if (auto present = frames_.find(page); present.count > 0) return present;
  const std::lock_guard lock(mutex_);
  if (auto present = frames_.find(page); present.count > 0) return present;
  const uint64_t folio_start = page & ~(folio_pages() - 1);
  const bool large = contains(folio_start, folio_pages());
  const unsigned order = large ? order_ : PhysMem::kOrder4K;
  auto folio = memory_.alloc(order);
  if (!folio) return Err(folio.error());
  frames_.set(large ? folio_start : page, *folio, order);
  return frames_.find(page);
}

Status PageObject::load(uint64_t offset, std::span<std::byte> to) {
  if (!contains(offset / kPageSize, pages_spanned(offset, to.size()))) return Err(EFAULT);
  while (!to.empty()) {
    const uint64_t in_page = offset % kPageSize;
    const auto part = to.first(std::min(to.size(), kPageSize - in_page));
    const PfnRun frame = frames_.find(offset / kPageSize);
    if (frame.count > 0) {
      memory_.read_held(frame.first, in_page, part);
    } else {
      std::memset(part.data(), 0, part.size());
    }
    offset += part.size();
    to = to.subspan(part.size());
  }
  return {};
}

Status PageObject::store(uint64_t offset, std::span<const std::byte> from) {
  if (!contains(offset / kPageSize, pages_spanned(offset, from.size()))) return Err(EFAULT);
  while (!from.empty()) {
    const uint64_t in_page = offset % kPageSize;
    const auto part = from.first(std::min(from.size(), kPageSize - in_page));
    auto frame = fault(offset / kPageSize);
    if (!frame) return Err(frame.error());
    memory_.write_held(frame->first, in_page, part);
    offset += part.size();
    from = from.subspan(part.size());
  }
  return {};
}

Status PageObject::pin(uint64_t first, uint64_t pages, std::vector<PfnRun>& runs) {
  if (!contains(first, pages)) return Err(EFAULT);
  for (uint64_t page = first; page < first + pages;) {
    auto piece = fault(page);
    if (!piece) return Err(piece.error());
    page += piece->count;
  }
  for (uint64_t page = first; page < first + pages;) {
    PfnRun piece = frames_.find(page);
    piece.count = std::min(piece.count, first + pages - page);
    memory_.pin(piece);
    if (!runs.empty() && runs.back().first + runs.back().count == piece.first) {
      runs.back().count += piece.count;
    } else {
      runs.push_back(piece);
    }
    page += piece.count;
  }
  return {};
}

Result<std::shared_ptr<VmObject>> PageObject::fork() {
  // The kernel copies a private page when either side first writes it, and a pinned one at once.
  // Copying all at once differs only in which side keeps an unpinned frame. Zeros need no copy.
  auto copy = std::make_shared<PageObject>(memory_, pages_, sharing_, order_);
  const std::vector<std::byte> zeros(kPageSize);
  std::vector<std::byte> bytes(kPageSize);
  Status copied;
  const std::lock_guard lock(mutex_);
  frames_.take_if(0, pages_, [&](uint64_t first, Pfn folio, unsigned order) {
    for (uint64_t page = 0; page >> order == 0 && copied; ++page) {
      memory_.read_held(folio + page, 0, bytes);
      if (std::memcmp(bytes.data(), zeros.data(), kPageSize) == 0) continue;
      copied = copy->store((first + page) * kPageSize, bytes);
    }
    return false;
  });
  if (!copied) return Err(copied.error());
  return copy;
}

void PageObject::discard(uint64_t first, uint64_t pages) {
  if (sharing_ == Sharing::kShared) return;
  const uint64_t end = std::min(first + pages, pages_);
  const std::lock_guard lock(mutex_);
  frames_.take_if(first, end, [&](uint64_t page, Pfn folio, unsigned order) {
    const bool whole = first <= page && page + (uint64_t{1} << order) <= end;
    if (whole) memory_.put(folio);
    return whole;
  });
}

}  // namespace noiommu::mm
