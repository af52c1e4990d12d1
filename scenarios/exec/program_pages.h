// Page frames that are pages of programs: the bytes stay where the program has them.
#pragma once

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/kernel/user_memory.h"
#include "model/mm/phys_mem.h"

namespace noiommu::scenarios::exec {

// Where bytes of programs are: an address space, or a file. Offsets are bytes; load and store
// answer false where there is nothing (any more). Called from any thread.
class PageSource {
 public:
  virtual ~PageSource() = default;
  virtual bool load(uint64_t offset, std::span<std::byte> to) = 0;
  virtual bool store(uint64_t offset, std::span<const std::byte> from) = 0;
  // Of its pages, as a power of two of 4 KiB, where it knows.
  [[nodiscard]] virtual unsigned order() const { return 0; }
  // Whether it holds the pages by itself, whatever the program does with them.
  [[nodiscard]] virtual bool stays() const { return false; }
  // Whether there is nothing any more, and never will be.
  [[nodiscard]] virtual bool gone() const { return false; }
};

// What makes two pages the same one. Of private memory `space` is the address space's own number
// and `page` counts in it; of shared memory they are device, inode, and page of the file.
struct PageKey {
  uint64_t device = 0;  // 0: private
  uint64_t space = 0;
  uint64_t page = 0;
  auto operator<=>(const PageKey&) const = default;
};

// Pages of 2^order * 4 KiB that lie one behind the other.
struct PageRange {
  PageKey first;       // in units of 4 KiB
  uint64_t count = 0;  // as well
  unsigned order = 0;
  const void* owner = nullptr;         // who gives them up again, and
  uint64_t at = 0;                     // under which address
  std::shared_ptr<PageSource> source;  // where their bytes are, and
  uint64_t offset = 0;                 // from which one on
};

// A page gets a frame when it is first asked for and keeps it until the last of its owners gives
// the page up: then the frame takes over what the page holds, and lives on while it is pinned. The
// 4 KiB pages of a larger one have adjacent frames.
//
// Thread-safety: all methods may be called from any thread.
class ProgramPages : public mm::FrameStore {
 public:
  explicit ProgramPages(mm::PhysMem& memory) : memory_(memory) {}
  ~ProgramPages() override;

  // The frame of the first page. ENOMEM.
  Result<Pfn> frame_of(const PageRange& range);
  // Pins on all pages, appended to `runs`, or on none. ENOMEM.
  Status pin(const PageRange& range, std::vector<PfnRun>& runs);
  void unpin(const std::vector<PfnRun>& runs);

  // The owner gives up what it has at [start, end). The pages themselves may go on elsewhere,
  // unless they are `removed`.
  void give_up(const void* owner, uint64_t start, uint64_t end, bool removed = false);
  // All that the owner has, which is there yet, may be about to go. What is pinned is remembered,
  // and is what the device sees from when the source is gone.
  void save(const void* owner);
  // It did not go.
  void forget_saved(const void* owner);
  [[nodiscard]] bool owns(const void* owner, uint64_t start, uint64_t end) const;

  // The file, which is opened only if it is not open yet. Empty where that fails.
  using OpenFile = std::function<std::shared_ptr<PageSource>()>;
  std::shared_ptr<PageSource> file(uint64_t device, uint64_t inode, const OpenFile& open);

  // Whether the frame is a page that a program has now.
  [[nodiscard]] bool contains(Pfn pfn) const;
  [[nodiscard]] bool empty() const { return lent_pages_ == 0; }

  bool load(Pfn pfn, uint64_t offset, std::span<std::byte> to) override;
  bool store(Pfn pfn, uint64_t offset, std::span<const std::byte> from) override;
  void freed(Pfn head) override;

 private:
  using Page = std::array<std::byte, kPageSize>;
  using PlaceKey = std::pair<const void*, uint64_t>;  // an owner, and an address there
  struct Bytes {
    std::shared_ptr<PageSource> source;
    uint64_t offset = 0;
  };
  struct Place {
    PageKey key;
    Bytes bytes;
  };
  struct Folio {
    Pfn head;
    unsigned order = 0;
    Bytes bytes;
    std::vector<PlaceKey> places;  // none: held by pins alone
    [[nodiscard]] uint64_t frames() const { return uint64_t{1} << order; }
  };
  using Folios = std::map<PageKey, Folio>;
  // References that are dropped when the mutex is not held any more.
  struct Dropped;

  [[nodiscard]] const Folio* find(Pfn pfn) const;
  [[nodiscard]] bool find(Pfn pfn, Bytes& bytes) const;
  [[nodiscard]] std::vector<Folios::iterator> of(const void* owner);
  Result<Folios::iterator> lend(const PageRange& range, uint64_t index, Dropped& dropped);
  void leave(const PlaceKey& place, const Place& left, bool removed, Dropped& dropped,
             std::vector<Folios::iterator>& last);
  void forget(Folios::iterator folio);
  void take_back(std::span<const Folios::iterator> folios);
  template <class See>
  void each_page(std::span<const Folios::iterator> folios, const See& see);

  mm::PhysMem& memory_;
  std::atomic<uint64_t> lent_pages_ = 0;
  mutable std::mutex mutex_;  // guards all below; held where the methods above are called
  Folios folios_;             // by their first page
  std::map<PlaceKey, Place> places_;
  std::unordered_map<uint64_t, Folios::iterator> by_head_;  // by the number of the first frame
  std::unordered_map<uint64_t, Page> saved_;                // by frame number; others are zeros
  std::map<std::pair<uint64_t, uint64_t>, std::weak_ptr<PageSource>> files_;
};

}  // namespace noiommu::scenarios::exec
