// Which frame each page of an object has: a sparse array that is read without a lock.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "model/kernel/types.h"

namespace noiommu::mm {

// A tree of tables of 512 items, as high as the object wants. An item holds nothing, a table, or
// frames: one, or as many adjacent ones as it spans.
//
// Thread-safety: find() any time; whoever changes something does so alone. Tables stay.
class PageTree : Unmovable {
 public:
  static constexpr unsigned kTableLg2 = 9;

  // For pages 0 to `pages` - 1, of which at most 2^largest_lg2 are set at a time.
  PageTree(uint64_t pages, unsigned largest_lg2) : top_lg2_(largest_lg2) {
    while (top_lg2_ + kTableLg2 < 64 && (pages - 1) >> (top_lg2_ + kTableLg2) != 0) {
      top_lg2_ += kTableLg2;
    }
  }
  ~PageTree() { free(top_.load(), top_lg2_); }

  // The frame of a page, and of those after it as many as one item has. Nothing: no frames.
  [[nodiscard]] PfnRun find(uint64_t page) const {
    const Table* table = top_.load(std::memory_order_acquire);
    for (unsigned lg2 = top_lg2_; table != nullptr; lg2 -= kTableLg2) {
      const uint64_t word = (*table)[page >> lg2 & kLast].load(std::memory_order_acquire);
      if (is_frames(word)) {
        const uint64_t before = page & ((uint64_t{1} << lg2) - 1);
        return {frame_of(word) + before, (uint64_t{1} << lg2) - before};
      }
      table = table_of(word);
    }
    return {};
  }

  // 2^pages_lg2 pages have adjacent frames from `first` on. They had none; `page` is a multiple of
  // their number, and `pages_lg2` of kTableLg2.
  void set(uint64_t page, Pfn first, unsigned pages_lg2);

  // Calls visit(uint64_t page, Pfn first, unsigned pages_lg2) for each item with frames that
  // reaches into [first, end), in order; those that it answers true for are gone then.
  template <class Visit>
  void take_if(uint64_t first, uint64_t end, const Visit& visit) {
    walk(top_.load(), top_lg2_, 0, first, end, visit);
  }

 private:
  using Table = std::array<std::atomic<uint64_t>, 1U << kTableLg2>;
  static constexpr uint64_t kLast = (1U << kTableLg2) - 1;

  static bool is_frames(uint64_t word) { return (word & 1) != 0; }
  static Pfn frame_of(uint64_t word) { return {word >> 1}; }
  static Table* table_of(uint64_t word) { return std::bit_cast<Table*>(word); }

  template <class Visit>
  static void walk(Table* table, unsigned lg2, uint64_t start, uint64_t first, uint64_t end,
                   const Visit& visit) {
    if (table == nullptr) return;
    const uint64_t from = first > start ? (first - start) >> lg2 : 0;
    for (uint64_t index = from; index <= kLast; ++index) {
      const uint64_t page = start + (index << lg2);
      if (page >= end) return;
      std::atomic<uint64_t>& item = (*table)[index];
      const uint64_t word = item.load();
      if (!is_frames(word)) {
        walk(table_of(word), lg2 - kTableLg2, page, first, end, visit);
      } else if (visit(page, frame_of(word), lg2)) {
        item.store(0, std::memory_order_release);
      }
    }
  }
  static void free(Table* table, unsigned lg2);

  unsigned top_lg2_;  // of the pages that an item of the top table spans
  std::atomic<Table*> top_ = nullptr;
};

}  // namespace noiommu::mm
