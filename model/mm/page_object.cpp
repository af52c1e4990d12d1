#include "model/mm/page_object.h"

#include <algorithm>
#include <cstring>

namespace noiommu::mm {

PageObject::PageObject(PhysMem& memory, uint64_t pages, Sharing sharing, unsigned order)
    : memory_(memory),
      pages_(pages),
      sharing_(sharing),
      order_(order),
      chunks_((pages + kPagesPerChunk - 1) / kPagesPerChunk) {}

PageObject::~PageObject() {
  // A folio larger than a chunk has one reference, which its first chunk drops.
  const uint64_t chunks_per_folio = std::max<uint64_t>(1, (uint64_t{1} << order_) / kPagesPerChunk);
  for (uint64_t i = 0; i < chunks_.size(); ++i) {
    if (chunks_[i].folio && i % chunks_per_folio == 0) memory_.put(*chunks_[i].folio);
    if (!chunks_[i].pages) continue;
    for (const std::optional<Pfn>& page : *chunks_[i].pages) {
      if (page) memory_.put(*page);
    }
  }
}

std::optional<Pfn> PageObject::find(uint64_t page) const {
  const Chunk& chunk = chunks_[page / kPagesPerChunk];
  if (chunk.folio) return *chunk.folio + page % kPagesPerChunk;
  if (chunk.pages) return (*chunk.pages)[page % kPagesPerChunk];
  return std::nullopt;
}

Result<Pfn> PageObject::fault(uint64_t page) {
  if (auto present = find(page)) return *present;
  const uint64_t folio_pages = uint64_t{1} << order_;
  const uint64_t folio_start = page & ~(folio_pages - 1);
  if (order_ != PhysMem::kOrder4K && folio_start + folio_pages <= pages_) {
    auto folio = memory_.alloc(order_);
    if (!folio) return folio;
    for (uint64_t done = 0; done < folio_pages; done += kPagesPerChunk) {
      chunks_[(folio_start + done) / kPagesPerChunk].folio = *folio + done;
    }
    return *folio + (page - folio_start);
  }
  Chunk& chunk = chunks_[page / kPagesPerChunk];
  if (!chunk.pages) {
    chunk.pages = std::make_unique<std::array<std::optional<Pfn>, kPagesPerChunk>>();
  }
  auto frame = memory_.alloc(PhysMem::kOrder4K);
  if (frame) (*chunk.pages)[page % kPagesPerChunk] = *frame;
  return frame;
}

Status PageObject::load(uint64_t offset, std::span<std::byte> to) {
  if (offset + to.size() > pages_ * kPageSize) return Err(EFAULT);
  const std::lock_guard lock(mutex_);
  while (!to.empty()) {
    const uint64_t in_page = offset % kPageSize;
    const auto part = to.first(std::min(to.size(), kPageSize - in_page));
    if (auto frame = find(offset / kPageSize)) {
      if (auto done = memory_.read(to_phys(*frame) + in_page, part); !done) return done;
    } else {
      std::memset(part.data(), 0, part.size());
    }
    offset += part.size();
    to = to.subspan(part.size());
  }
  return {};
}

Status PageObject::store(uint64_t offset, std::span<const std::byte> from) {
  if (offset + from.size() > pages_ * kPageSize) return Err(EFAULT);
  const std::lock_guard lock(mutex_);
  while (!from.empty()) {
    const uint64_t in_page = offset % kPageSize;
    const auto part = from.first(std::min(from.size(), kPageSize - in_page));
    auto frame = fault(offset / kPageSize);
    if (!frame) return Err(frame.error());
    if (auto done = memory_.write(to_phys(*frame) + in_page, part); !done) return done;
    offset += part.size();
    from = from.subspan(part.size());
  }
  return {};
}

Status PageObject::pin(uint64_t first, uint64_t pages, std::vector<PfnRun>& runs) {
  if (first + pages > pages_) return Err(EFAULT);
  const std::lock_guard lock(mutex_);
  for (uint64_t page = first; page < first + pages; ++page) {
    if (auto frame = fault(page); !frame) return Err(frame.error());
  }
  for (uint64_t page = first; page < first + pages;) {
    const Chunk& chunk = chunks_[page / kPagesPerChunk];
    const uint64_t left_in_chunk = kPagesPerChunk - page % kPagesPerChunk;
    const PfnRun piece{*find(page),
                       chunk.folio ? std::min(first + pages - page, left_in_chunk) : 1};
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
  // Copying all at once differs only in which side keeps an unpinned frame.
  auto copy = std::make_shared<PageObject>(memory_, pages_, sharing_, order_);
  std::vector<std::byte> bytes(kPageSize);
  const std::lock_guard lock(mutex_);
  for (uint64_t page = 0; page < pages_; ++page) {
    const auto frame = find(page);
    if (!frame) continue;
    if (auto read = memory_.read(to_phys(*frame), bytes); !read) return Err(read.error());
    if (auto stored = copy->store(page * kPageSize, bytes); !stored) return Err(stored.error());
  }
  return copy;
}

void PageObject::discard(uint64_t first, uint64_t pages) {
  if (sharing_ == Sharing::kShared) return;
  const std::lock_guard lock(mutex_);
  for (uint64_t page = first; page < std::min(first + pages, pages_); ++page) {
    Chunk& chunk = chunks_[page / kPagesPerChunk];
    if (!chunk.pages) continue;
    std::optional<Pfn>& frame = (*chunk.pages)[page % kPagesPerChunk];
    if (frame) memory_.put(*frame);
    frame.reset();
  }
}

}  // namespace noiommu::mm
