// Page frames that are pages of programs: the bytes stay where the program has them.
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/kernel/user_memory.h"
#include "model/mm/phys_mem.h"

namespace noiommu::scenarios::exec {

// Where bytes of programs are: an address space, or a file. Offsets are bytes; both answer false
// where there is nothing (any more). Called from any thread.
class PageSource {
 public:
  virtual ~PageSource() = default;
  virtual bool load(uint64_t offset, std::span<std::byte> to) = 0;
  virtual bool store(uint64_t offset, std::span<const std::byte> from) = 0;
};

// What makes two pages the same one. Of private memory `space` is the address space's own number
// and `page` counts in it; of shared memory they are device, inode, and page of the file.
struct PageKey {
  uint64_t device = 0;  // 0: private
  uint64_t space = 0;
  uint64_t page = 0;
  auto operator<=>(const PageKey&) const = default;
};

// A page gets a frame when it is first asked for and keeps it until the program gives the page up:
// then the frame takes over what the page holds, and lives on while it is pinned.
//
// Thread-safety: all methods may be called from any thread.
class ProgramPages : public mm::FrameStore {
 public:
  explicit ProgramPages(mm::PhysMem& memory) : memory_(memory) {}
  ~ProgramPages() override;

  // The frame of a page, which lies at `offset` of `source`. Pages of 2^order * 4 KiB get adjacent
  // frames. ENOMEM.
  Result<Pfn> frame_of(const PageKey& key, unsigned order,
                       const std::shared_ptr<PageSource>& source, uint64_t offset);
  // The same, and a pin on it.
  Result<Pfn> pin(const PageKey& key, unsigned order, const std::shared_ptr<PageSource>& source,
                  uint64_t offset);
  void unpin(const std::vector<PfnRun>& runs);
  // The program gives up bytes [start, end) of `source`.
  void give_up(const PageSource& source, uint64_t start, uint64_t end);

  // Whether the frame is a page that a program has now.
  [[nodiscard]] bool contains(Pfn pfn) const;
  [[nodiscard]] bool empty() const { return lent_pages_ == 0; }

  bool load(Pfn pfn, uint64_t offset, std::span<std::byte> to) override;
  bool store(Pfn pfn, uint64_t offset, std::span<const std::byte> from) override;

 private:
  struct Folio {
    Pfn head;
    std::vector<Pfn> lent;
  };
  struct Place {
    std::shared_ptr<PageSource> source;
    uint64_t offset = 0;  // bytes
  };
  using PlaceKey = std::pair<const PageSource*, uint64_t>;

  [[nodiscard]] bool find(Pfn pfn, Place& place) const;
  Result<Pfn> lend(const PageKey& key, unsigned order, const std::shared_ptr<PageSource>& source,
                   uint64_t offset);  // mutex_ held
  void take_back(Folio& folio);       // mutex_ held

  mm::PhysMem& memory_;
  std::atomic<uint64_t> lent_pages_ = 0;
  mutable std::mutex mutex_;                  // guards all below
  std::map<PageKey, Folio> folios_;           // by their first page
  std::map<PlaceKey, PageKey> by_place_;      // where the first page of each lies
  std::unordered_map<uint64_t, Place> lent_;  // by frame number
};

}  // namespace noiommu::scenarios::exec
