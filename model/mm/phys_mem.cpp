#include "model/mm/phys_mem.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <type_traits>

namespace noiommu::mm {

namespace {

constexpr uint64_t frames_in(unsigned order) {
  return uint64_t{1} << order;
}

// The bytes of [at, at + length) that lie in the page of `at`.
uint64_t within_page(PhysAddr at, uint64_t length) {
  return std::min(length, kPageSize - at.value % kPageSize);
}

// Calls move(unit at `at`, its offset from there) for bytes one by one up to a word, then for
// words, then for the bytes that are left.
template <class Move>
void in_units(std::byte* at, size_t length, const Move& move) {
  size_t done = 0;
  const auto byte_wise = [&](size_t end) {
    for (; done < end; ++done) move(at[done], done);
  };
  const size_t unaligned = -reinterpret_cast<uintptr_t>(at) % sizeof(uint64_t);
  byte_wise(std::min(unaligned, length));
  for (; length - done >= sizeof(uint64_t); done += sizeof(uint64_t)) {
    move(*reinterpret_cast<uint64_t*>(at + done), done);
  }
  byte_wise(length);
}

// What lies at `from` may be changing: all that matters then is that this is no race.
void load_bytes(std::byte* from, std::span<std::byte> to) {
  in_units(from, to.size(), [&](auto& unit, size_t offset) {
    const auto value = std::atomic_ref(unit).load(std::memory_order_acquire);
    std::memcpy(to.data() + offset, &value, sizeof(value));
  });
}

void store_bytes(std::byte* to, std::span<const std::byte> from) {
  in_units(to, from.size(), [&](auto& unit, size_t offset) {
    std::remove_reference_t<decltype(unit)> value;
    std::memcpy(&value, from.data() + offset, sizeof(value));
    std::atomic_ref(unit).store(value, std::memory_order_release);
  });
}

}  // namespace

PhysMem::PhysMem(const MemoryConfig& config)
    : config_(config),
      blocks_(config.size >> (kPageShift + kOrder2M)),
      fresh_(to_pfn(config.base)) {}

PhysMem::~PhysMem() {
  for (std::atomic<Block*>& slot : blocks_) {
    Block* block = slot;
    if (block == nullptr) continue;
    for (Frame& frame : block->frames) release(frame.bytes.load());
    delete block;
  }
}

bool PhysMem::contains(PhysAddr addr, uint64_t length) const {
  return addr >= config_.base && addr - config_.base <= config_.size &&
         length <= config_.size - (addr - config_.base);
}

PhysMem::Block* PhysMem::block(Pfn pfn) const {
  return blocks_[(pfn - to_pfn(config_.base)) / kFramesPerBlock];
}

Pfn PhysMem::folio_head(Pfn pfn) const {
  return {pfn.value & ~(frames_in(block(pfn)->order) - 1)};
}

PhysMem::Frame& PhysMem::frame(Pfn pfn) const {
  return block(pfn)->frames[pfn.value % kFramesPerBlock];
}

Result<Pfn> PhysMem::take_fresh(unsigned order) {
  const Pfn start{(fresh_.value + frames_in(order) - 1) & ~(frames_in(order) - 1)};
  const Pfn end = to_pfn(config_.base + config_.size);
  if (start + frames_in(order) > end) return Err(ENOMEM);
  for (; fresh_ < start; fresh_ += kFramesPerBlock) free_2m_.push_back(fresh_);
  fresh_ = start + frames_in(order);
  return start;
}

Status PhysMem::cut_2m() {
  auto start = take(kOrder2M);
  if (!start) return Err(start.error());
  // An odd stride visits every frame of the block once; this one keeps neighbours 13 turns apart.
  const uint64_t stride = config_.placement == MemoryConfig::Placement::kScattered ? 197 : 1;
  for (uint64_t i = 0; i < kFramesPerBlock; ++i) {
    free_4k_.push_back(*start + i * stride % kFramesPerBlock);
  }
  return {};
}

void PhysMem::cut_1g() {
  const Pfn start = free_1g_.back();
  free_1g_.pop_back();
  for (uint64_t i = 0; i < frames_in(kOrder1G); i += frames_in(kOrder2M)) {
    block(start + i)->order = kOrder2M;
    free_2m_.push_back(start + i);
  }
}

Result<Pfn> PhysMem::take(unsigned order) {
  if (order == kOrder4K) {
    if (free_4k_.empty()) {
      if (auto cut = cut_2m(); !cut) return Err(cut.error());
    }
    const bool scattered = config_.placement == MemoryConfig::Placement::kScattered;
    if (scattered && free_4k_.front() == last_4k_ + 1 && free_4k_.size() > 1) {
      std::swap(free_4k_.front(), free_4k_.back());
    }
    last_4k_ = free_4k_.front();
    free_4k_.pop_front();
    return last_4k_;
  }
  std::vector<Pfn>& freed = order == kOrder2M ? free_2m_ : free_1g_;
  if (freed.empty()) {
    auto fresh = take_fresh(order);
    if (fresh || order == kOrder1G || free_1g_.empty()) return fresh;
    cut_1g();
  }
  const Pfn start = freed.back();
  freed.pop_back();
  return start;
}

Result<Pfn> PhysMem::alloc(unsigned order) {
  const std::lock_guard lock(mutex_);
  auto head = take(order);
  if (!head) return head;
  const uint64_t first = (*head - to_pfn(config_.base)) / kFramesPerBlock;
  const uint64_t blocks = std::max<uint64_t>(1, frames_in(order) / kFramesPerBlock);
  for (uint64_t i = first; i < first + blocks; ++i) {
    if (blocks_[i] == nullptr) blocks_[i] = new Block;
    blocks_[i].load()->order = order;
  }
  frame(*head).holders = 1;
  held_ += frames_in(order);
  return head;
}

void PhysMem::free_folio(Pfn head, unsigned order) {
  bool was_lent = false;
  for (uint64_t i = 0; i < frames_in(order); ++i) {
    Page* bytes = frame(head + i).bytes.exchange(nullptr);
    was_lent |= bytes == lent();
    release(bytes);
  }
  if (was_lent) store_.load()->freed(head);
  held_ -= frames_in(order);
  const std::lock_guard lock(mutex_);
  if (order == kOrder4K) {
    free_4k_.push_back(head);
  } else {
    (order == kOrder2M ? free_2m_ : free_1g_).push_back(head);
  }
}

bool PhysMem::hold(Pfn pfn) {
  if (block(pfn) == nullptr) return false;
  while (true) {
    const Pfn head = folio_head(pfn);
    std::atomic<uint64_t>& holders = frame(head).holders;
    uint64_t seen = holders;
    while (seen != 0 && !holders.compare_exchange_weak(seen, seen + 1)) {
    }
    if (seen == 0) return false;
    if (folio_head(pfn) == head) return true;
    drop(head, 1);  // memory was cut anew meanwhile, and this is another folio
  }
}

void PhysMem::drop(Pfn pfn, uint64_t holders) {
  const Pfn head = folio_head(pfn);
  const unsigned order = block(head)->order;
  if (frame(head).holders.fetch_sub(holders) == holders) free_folio(head, order);
}

void PhysMem::put(Pfn pfn) {
  drop(pfn, 1);
}

void PhysMem::pin(PfnRun run) {
  pins_ += run.count;
  while (run.count > 0) {
    const Pfn head = folio_head(run.first);
    const Pfn end = head + frames_in(block(head)->order);
    const uint64_t here = std::min(run.count, end - run.first);
    frame(head).holders += here;
    run = {run.first + here, run.count - here};
  }
}

void PhysMem::unpin(PfnRun run) {
  pins_ -= run.count;
  while (run.count > 0) {
    const Pfn head = folio_head(run.first);
    const Pfn end = head + frames_in(block(head)->order);
    const uint64_t here = std::min(run.count, end - run.first);
    drop(run.first, here);
    run = {run.first + here, run.count - here};
  }
}

PhysMem::Page& PhysMem::materialize(Frame& frame) {
  Page* bytes = frame.bytes.load(std::memory_order_acquire);
  if (bytes != nullptr) return *bytes;
  auto fresh = std::make_unique<Page>();
  if (frame.bytes.compare_exchange_strong(bytes, fresh.get())) return *fresh.release();
  return *bytes;
}

PhysMem::Page* PhysMem::lent() {
  static Page page;
  return &page;
}

void PhysMem::release(Page* bytes) {
  if (bytes != lent()) delete bytes;
}

void PhysMem::lend(Pfn pfn, FrameStore& store) {
  store_ = &store;
  frame(pfn).bytes.store(lent(), std::memory_order_release);
}

void PhysMem::take_back(Pfn pfn, std::span<const std::byte> bytes) {
  std::unique_ptr<Page> own;
  if (!bytes.empty()) {
    own = std::make_unique<Page>();
    std::memcpy(own->words.data(), bytes.data(), std::min(bytes.size(), kPageSize));
  }
  frame(pfn).bytes.store(own.release(), std::memory_order_release);
}

void PhysMem::read_held(Pfn pfn, uint64_t offset, std::span<std::byte> to) const {
  Page* page = frame(pfn).bytes.load(std::memory_order_acquire);
  while (page == lent()) {
    if (store_.load()->load(pfn, offset, to)) return;
    page = frame(pfn).bytes.load(std::memory_order_acquire);
  }
  if (page == nullptr) {
    std::memset(to.data(), 0, to.size());
  } else {
    std::byte* const bytes = std::as_writable_bytes(std::span(page->words)).data() + offset;
    page->lock.read([&] { load_bytes(bytes, to); });
  }
}

void PhysMem::write_held(Pfn pfn, uint64_t offset, std::span<const std::byte> from) {
  while (frame(pfn).bytes.load(std::memory_order_acquire) == lent()) {
    if (store_.load()->store(pfn, offset, from)) return;
  }
  Page& page = materialize(frame(pfn));
  const std::lock_guard lock(page.lock);
  store_bytes(std::as_writable_bytes(std::span(page.words)).data() + offset, from);
}

Status PhysMem::read(PhysAddr from, std::span<std::byte> to) {
  if (!contains(from, to.size())) return Err(EFAULT);
  while (!to.empty()) {
    const uint64_t part = within_page(from, to.size());
    const Pfn pfn = to_pfn(from);
    if (hold(pfn)) {
      read_held(pfn, from.value % kPageSize, to.first(part));
      drop(pfn, 1);
    } else {
      std::memset(to.data(), 0, part);
    }
    from += part;
    to = to.subspan(part);
  }
  return {};
}

Status PhysMem::write(PhysAddr to, std::span<const std::byte> from) {
  if (!contains(to, from.size())) return Err(EFAULT);
  while (!from.empty()) {
    const uint64_t part = within_page(to, from.size());
    const Pfn pfn = to_pfn(to);
    if (hold(pfn)) {
      write_held(pfn, to.value % kPageSize, from.first(part));
      drop(pfn, 1);
    }
    to += part;
    from = from.subspan(part);
  }
  return {};
}

}  // namespace noiommu::mm
