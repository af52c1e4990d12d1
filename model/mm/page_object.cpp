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
    : memory_(memory), pages_(pages), sharing_(sharing), order_(order) {}

PageObject::~PageObject() {
  for (const auto& [index, chunk] : chunks_) {
    // A folio larger than a chunk has one reference, which its first chunk drops.
    if (chunk.folio && index * kPagesPerChunk % folio_pages() == 0) memory_.put(*chunk.folio);
    if (!chunk.pages) continue;
    for (const std::optional<Pfn>& page : *chunk.pages) {
      if (page) memory_.put(*page);
    }
  }
}

bool PageObject::contains(uint64_t first, uint64_t pages) const {
  return first <= pages_ && pages <= pages_ - first;
}

std::optional<Pfn> PageObject::find(uint64_t page) const {
  const auto chunk = chunks_.find(page / kPagesPerChunk);
  if (chunk == chunks_.end()) return std::nullopt;
  if (chunk->second.folio) return *chunk->second.folio + page % kPagesPerChunk;
  return (*chunk->second.pages)[page % kPagesPerChunk];
}

Result<Pfn> PageObject::fault(uint64_t page) {
  if (auto present = find(page)) return *present;
  const uint64_t folio_start = page & ~(folio_pages() - 1);
  if (order_ != PhysMem::kOrder4K && contains(folio_start, folio_pages())) {
    auto folio = memory_.alloc(order_);
    if (!folio) return folio;
    for (uint64_t done = 0; done < folio_pages(); done += kPagesPerChunk) {
      chunks_[(folio_start + done) / kPagesPerChunk].folio = *folio + done;
    }
    return *folio + (page - folio_start);
  }
  auto frame = memory_.alloc(PhysMem::kOrder4K);
  if (!frame) return frame;
  Chunk& chunk = chunks_[page / kPagesPerChunk];
  if (!chunk.pages) {
    chunk.pages = std::make_unique<std::array<std::optional<Pfn>, kPagesPerChunk>>();
  }
  (*chunk.pages)[page % kPagesPerChunk] = *frame;
  return frame;
}

Status PageObject::load(uint64_t offset, std::span<std::byte> to) {
  if (!contains(offset / kPageSize, pages_spanned(offset, to.size()))) return Err(EFAULT);
  const std::lock_guard lock(mutex_);
  while (!to.empty()) {
    const uint64_t in_page = offset % kPageSize;
    const auto part = to.first(std::min(to.size(), kPageSize - in_page));
    if (auto frame = find(offset / kPageSize)) {
      memory_.read_held(*frame, in_page, part);
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
  const std::lock_guard lock(mutex_);
  while (!from.empty()) {
    const uint64_t in_page = offset % kPageSize;
    const auto part = from.first(std::min(from.size(), kPageSize - in_page));
    auto frame = fault(offset / kPageSize);
    if (!frame) return Err(frame.error());
    memory_.write_held(*frame, in_page, part);
    offset += part.size();
    from = from.subspan(part.size());
  }
  return {};
}

Status PageObject::pin(uint64_t first, uint64_t pages, std::vector<PfnRun>& runs) {
  if (!contains(first, pages)) return Err(EFAULT);
  const std::lock_guard lock(mutex_);
  for (uint64_t page = first; page < first + pages; ++page) {
    if (auto frame = fault(page); !frame) return Err(frame.error());
  }
  for (uint64_t page = first; page < first + pages;) {
    const Chunk& chunk = chunks_.find(page / kPagesPerChunk)->second;
    const uint64_t in_chunk = page % kPagesPerChunk;
    const PfnRun piece = chunk.folio
                             ? PfnRun{*chunk.folio + in_chunk,
                                      std::min(first + pages - page, kPagesPerChunk - in_chunk)}
                             : PfnRun{*(*chunk.pages)[in_chunk], 1};
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
  const std::lock_guard lock(mutex_);
  for (const auto& [index, chunk] : chunks_) {
    for (uint64_t page = index * kPagesPerChunk; page < (index + 1) * kPagesPerChunk; ++page) {
      const auto frame = find(page);
      if (!frame) continue;
      memory_.read_held(*frame, 0, bytes);
      if (std::memcmp(bytes.data(), zeros.data(), kPageSize) == 0) continue;
      if (auto stored = copy->store(page * kPageSize, bytes); !stored) return Err(stored.error());
    }
  }
  return copy;
}

void PageObject::discard(uint64_t first, uint64_t pages) {
  if (sharing_ == Sharing::kShared) return;
  const std::lock_guard lock(mutex_);
  const uint64_t end = std::min(first + pages, pages_);
  for (auto at = chunks_.lower_bound(first / kPagesPerChunk);
       at != chunks_.end() && at->first * kPagesPerChunk < end;) {
    const uint64_t start = at->first * kPagesPerChunk;
    Chunk& chunk = at->second;
    if (chunk.folio) {
      const uint64_t folio_start = start & ~(folio_pages() - 1);
      const bool whole = first <= folio_start && folio_start + folio_pages() <= end;
      if (whole && start == folio_start) memory_.put(*chunk.folio);
      at = whole ? chunks_.erase(at) : std::next(at);
      continue;
    }
    for (uint64_t page = std::max(first, start); page < std::min(end, start + kPagesPerChunk);
         ++page) {
      std::optional<Pfn>& frame = (*chunk.pages)[page - start];
      if (frame) memory_.put(*frame);
      frame.reset();
    }
    ++at;
  }
}

}  // namespace noiommu::mm
