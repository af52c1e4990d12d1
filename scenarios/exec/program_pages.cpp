#include "scenarios/exec/program_pages.h"

#include <algorithm>
#include <cstring>

namespace noiommu::scenarios::exec {

namespace {

bool all_zeros(std::span<const std::byte> bytes) {
  return bytes[0] == std::byte{0} &&
         std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

struct ProgramPages::Dropped {
  explicit Dropped(mm::PhysMem& of) : memory(of) {}
  ~Dropped() {
    for (const Pfn head : heads) memory.put(head);
  }
  Dropped(const Dropped&) = delete;
  Dropped& operator=(const Dropped&) = delete;

  mm::PhysMem& memory;
  std::vector<Pfn> heads;
};

ProgramPages::~ProgramPages() {
  for (const auto& [key, folio] : folios_) {
    for (uint64_t i = 0; i < folio.frames(); ++i) memory_.take_back(folio.head + i, {});
    if (!folio.places.empty()) memory_.put(folio.head);
  }
}

Result<ProgramPages::Folios::iterator> ProgramPages::lend(const PageRange& range, uint64_t index,
                                                          Dropped& dropped) {
  PageKey key = range.first;
  key.page += index;
  const uint64_t in_folio = key.page & ((uint64_t{1} << range.order) - 1);
  key.page -= in_folio;
  const uint64_t from_start = (index - in_folio) * kPageSize;
  const PlaceKey place{range.owner, range.at + from_start};
  const Bytes bytes{range.source, range.offset + from_start};

  auto folio = folios_.find(key);
  if (folio != folios_.end() && folio->second.places.empty() && !memory_.hold(folio->second.head)) {
    forget(folio);  // the last pin has just gone
    folio = folios_.end();
  }
  if (folio == folios_.end()) {
    const auto head = memory_.alloc(range.order);
    if (!head) return Err(head.error());
    folio = folios_.emplace(key, Folio{*head, range.order, bytes, {}}).first;
    by_head_[head->value] = folio;
    for (uint64_t i = 0; i < folio->second.frames(); ++i) memory_.lend(*head + i, *this);
    lent_pages_ += folio->second.frames();
  }
  if (range.source->stays()) folio->second.bytes = bytes;

  const auto [at, fresh] = places_.try_emplace(place, Place{key, bytes});
  if (!fresh && at->second.key == key) return folio;
  if (!fresh) {  // something else is there than was
    const Place before = std::exchange(at->second, Place{key, bytes});
    std::vector<Folios::iterator> last;
    leave(place, before, false, dropped, last);
    take_back(last);
  }
  folio->second.places.push_back(place);
  return folio;
}

Result<Pfn> ProgramPages::frame_of(const PageRange& range) {
  Dropped dropped(memory_);
  const std::lock_guard lock(mutex_);
  const auto folio = lend(range, 0, dropped);
  if (!folio) return Err(folio.error());
  return (*folio)->second.head + (range.first.page - (*folio)->first.page);
}

Status ProgramPages::pin(const PageRange& range, std::vector<PfnRun>& runs) {
  Dropped dropped(memory_);
  std::vector<PfnRun> pinned;
  Status done;
  {
    const std::lock_guard lock(mutex_);
    for (uint64_t index = 0; index < range.count && done;) {
      const auto folio = lend(range, index, dropped);
      if (!folio) {
        done = Err(folio.error());
        break;
      }
      const uint64_t skip = range.first.page + index - (*folio)->first.page;
      const PfnRun run{(*folio)->second.head + skip,
                       std::min((*folio)->second.frames() - skip, range.count - index)};
      memory_.pin(run);
      append_run(pinned, run);
      index += run.count;
    }
  }
  if (!done) {
    unpin(pinned);
    return done;
  }
  for (const PfnRun& run : pinned) append_run(runs, run);
  return {};
}

void ProgramPages::unpin(const std::vector<PfnRun>& runs) {
  for (const PfnRun& run : runs) memory_.unpin(run);
}

// Calls see(frame, bytes) for each page, with no bytes for zeros.
template <class See>
void ProgramPages::each_page(std::span<const Folios::iterator> folios, const See& see) {
  struct Lying {
    Pfn pfn;
    PageSource* source;
    uint64_t offset;
  };
  std::vector<Lying> pages;
  for (const auto& folio : folios) {
    const auto& [head, order, bytes, places] = folio->second;
    for (uint64_t i = 0; i < folio->second.frames(); ++i) {
      pages.push_back({head + i, bytes.source.get(), bytes.offset + i * kPageSize});
    }
  }
  constexpr size_t kAtOnce = 256;
  std::vector<std::byte> buffer(std::min(pages.size(), kAtOnce) * kPageSize);
  for (size_t first = 0, count = 0; first < pages.size(); first += count) {
    PageSource* const source = pages[first].source;
    const uint64_t offset = pages[first].offset;
    const auto follows = [&](size_t next) {
      return pages[next].source == source && pages[next].offset == offset + count * kPageSize;
    };
    for (count = 1; count < kAtOnce && first + count < pages.size() && follows(first + count);) {
      ++count;
    }
    const auto all = std::span(buffer).first(count * kPageSize);
    const bool whole = source->load(offset, all);
    const bool gone = !whole && source->gone();
    for (size_t i = 0; i < count; ++i) {
      const auto page = all.subspan(i * kPageSize, kPageSize);
      const Pfn frame = pages[first + i].pfn;
      if (gone) {
        const auto saved = saved_.find(frame.value);
        see(frame, saved == saved_.end() ? std::span<const std::byte>() : saved->second);
      } else if ((whole || source->load(pages[first + i].offset, page)) && !all_zeros(page)) {
        see(frame, page);
      } else {
        see(frame, std::span<const std::byte>());
      }
    }
  }
}

// The frames keep what the pages hold, and are pages of the program no longer.
void ProgramPages::take_back(std::span<const Folios::iterator> folios) {
  each_page(folios,
            [this](Pfn pfn, std::span<const std::byte> bytes) { memory_.take_back(pfn, bytes); });
  for (const auto& folio : folios) forget(folio);
}

void ProgramPages::forget(Folios::iterator folio) {
  for (uint64_t i = 0; i < folio->second.frames() && !saved_.empty(); ++i) {
    saved_.erase(folio->second.head.value + i);
  }
  lent_pages_ -= folio->second.frames();
  by_head_.erase(folio->second.head.value);
  folios_.erase(folio);
}

// A page is in one place less. Without a place it goes into `last`, unless its bytes stay.
void ProgramPages::leave(const PlaceKey& place, const Place& left, bool removed, Dropped& dropped,
                         std::vector<Folios::iterator>& last) {
  const auto found = folios_.find(left.key);
  Folio& folio = found->second;
  std::erase(folio.places, place);
  if (!folio.places.empty() && !removed) {
    if (!folio.bytes.source->stays()) folio.bytes = places_.at(folio.places.front()).bytes;
    return;
  }
  for (const PlaceKey& other : folio.places) places_.erase(other);
  dropped.heads.push_back(folio.head);
  // Only whoever pinned it could still see what is in it.
  if (memory_.holders(folio.head) == 1) {
    for (uint64_t i = 0; i < folio.frames(); ++i) memory_.take_back(folio.head + i, {});
    forget(found);
  } else if (removed || !folio.bytes.source->stays()) {
    last.push_back(found);
  }
}

void ProgramPages::give_up(const void* owner, uint64_t start, uint64_t end, bool removed) {
  Dropped dropped(memory_);
  const std::lock_guard lock(mutex_);
  std::vector<Folios::iterator> last;
  for (auto at = places_.lower_bound({owner, start});
       at != places_.end() && at->first < PlaceKey{owner, end};
       at = places_.lower_bound({owner, start})) {
    const auto [place, left] = *at;
    places_.erase(at);
    leave(place, left, removed, dropped, last);
  }
  take_back(last);
}

std::vector<ProgramPages::Folios::iterator> ProgramPages::of(const void* owner) {
  std::vector<Folios::iterator> found;
  for (auto at = places_.lower_bound({owner, 0}); at != places_.end() && at->first.first == owner;
       ++at) {
    found.push_back(folios_.find(at->second.key));
  }
  return found;
}

void ProgramPages::save(const void* owner) {
  const std::lock_guard lock(mutex_);
  std::vector<Folios::iterator> pinned = of(owner);
  std::erase_if(pinned, [this](const auto& folio) {
    return folio->second.bytes.source->stays() || memory_.holders(folio->second.head) == 1;
  });
  each_page(pinned, [this](Pfn pfn, std::span<const std::byte> bytes) {
    saved_.erase(pfn.value);
    if (!bytes.empty()) std::ranges::copy(bytes, saved_[pfn.value].begin());
  });
}

void ProgramPages::forget_saved(const void* owner) {
  const std::lock_guard lock(mutex_);
  if (saved_.empty()) return;
  for (const auto& folio : of(owner)) {
    for (uint64_t i = 0; i < folio->second.frames(); ++i) {
      saved_.erase(folio->second.head.value + i);
    }
  }
}

bool ProgramPages::owns(const void* owner, uint64_t start, uint64_t end) const {
  const std::lock_guard lock(mutex_);
  const auto at = places_.lower_bound({owner, start});
  return at != places_.end() && at->first < PlaceKey{owner, end};
}

std::shared_ptr<PageSource> ProgramPages::file(uint64_t device, uint64_t inode,
                                               const OpenFile& open) {
  const std::lock_guard lock(mutex_);
  std::weak_ptr<PageSource>& known = files_[{device, inode}];
  std::shared_ptr<PageSource> source = known.lock();
  if (!source) {
    source = open();
    known = source;
    std::erase_if(files_, [](const auto& one) { return one.second.expired(); });
  }
  return source;
}

const ProgramPages::Folio* ProgramPages::find(Pfn pfn) const {
  for (const unsigned order :
       {mm::PhysMem::kOrder4K, mm::PhysMem::kOrder2M, mm::PhysMem::kOrder1G}) {
    const auto found = by_head_.find(pfn.value & ~((uint64_t{1} << order) - 1));
    if (found == by_head_.end()) continue;
    const Folio& folio = found->second->second;
    if (pfn < folio.head + folio.frames()) return &folio;
  }
  return nullptr;
}

bool ProgramPages::find(Pfn pfn, Bytes& bytes) const {
  const std::lock_guard lock(mutex_);
  const Folio* folio = find(pfn);
  if (folio == nullptr) return false;
  bytes = folio->bytes;
  bytes.offset += (pfn - folio->head) * kPageSize;
  return true;
}

bool ProgramPages::contains(Pfn pfn) const {
  const std::lock_guard lock(mutex_);
  return find(pfn) != nullptr;
}

bool ProgramPages::load(Pfn pfn, uint64_t offset, std::span<std::byte> to) {
  Bytes bytes;
  if (!find(pfn, bytes)) return false;
  if (bytes.source->load(bytes.offset + offset, to)) return true;
  std::ranges::fill(to, std::byte{0});
  if (!bytes.source->gone()) return true;
  const std::lock_guard lock(mutex_);
  if (find(pfn) == nullptr) return false;
  const auto saved = saved_.find(pfn.value);
  if (saved != saved_.end()) std::memcpy(to.data(), saved->second.data() + offset, to.size());
  return true;
}

bool ProgramPages::store(Pfn pfn, uint64_t offset, std::span<const std::byte> from) {
  Bytes bytes;
  if (!find(pfn, bytes)) return false;
  if (bytes.source->store(bytes.offset + offset, from) || !bytes.source->gone()) return true;
  const std::lock_guard lock(mutex_);
  if (find(pfn) == nullptr) return false;
  std::ranges::copy(from, saved_[pfn.value].begin() + static_cast<std::ptrdiff_t>(offset));
  return true;
}

void ProgramPages::freed(Pfn head) {
  const std::lock_guard lock(mutex_);
  const auto found = by_head_.find(head.value);
  if (found != by_head_.end()) forget(found->second);
}

}  // namespace noiommu::scenarios::exec
