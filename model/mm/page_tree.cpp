#include "model/mm/page_tree.h"

#include <bit>

namespace noiommu::mm {

void PageTree::set(uint64_t page, Pfn first, unsigned pages_lg2) {
  Table* table = top_.load();
  if (table == nullptr) top_.store(table = new Table{}, std::memory_order_release);
  for (unsigned lg2 = top_lg2_; lg2 > pages_lg2; lg2 -= kTableLg2) {
    std::atomic<uint64_t>& item = (*table)[page >> lg2 & kLast];
    table = table_of(item.load());
    if (table != nullptr) continue;
    table = new Table{};
    item.store(std::bit_cast<uint64_t>(table), std::memory_order_release);
  }
  (*table)[page >> pages_lg2 & kLast].store(first.value << 1 | 1, std::memory_order_release);
}

void PageTree::free(Table* table, unsigned lg2) {
  if (table == nullptr) return;
  for (const std::atomic<uint64_t>& item : *table) {
    const uint64_t word = item.load();
    if (lg2 > 0 && !is_frames(word)) free(table_of(word), lg2 - kTableLg2);
  }
  delete table;
}

}  // namespace noiommu::mm
