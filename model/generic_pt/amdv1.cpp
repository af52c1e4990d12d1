#include "model/generic_pt/amdv1.h"

#include <algorithm>

namespace noiommu::generic_pt {

static_assert(AmdV1::kPgsizeBitmap == 0x000FFF7FFFFFF000);

AmdV1::AmdV1() : top_(Top{tables_.allocate(), kStartLevel}.encode()) {}

// The new levels are built out of sight, the old top at index 0 of the lowest of them, and
// published in one word. Whoever still walks from the old top stays right. Spec: amdv1.md
// section 3.
AmdV1::Top AmdV1::grow_to(int level) {
  uint64_t current = top_.load(std::memory_order_acquire);
  for (;;) {
    const Top old = Top::decode(current);
    if (old.level >= level) return old;

    Top grown = old;
    while (grown.level < level) {
      Table* table = tables_.allocate();
      const uint64_t link = encode_table(grown.level + 1, address_of(grown.table));
      table->items[0].store(link, std::memory_order_relaxed);
      grown = {table, grown.level + 1};
    }
    if (top_.compare_exchange_strong(current, grown.encode(), std::memory_order_acq_rel,
                                     std::memory_order_acquire)) {
      return grown;
    }

    // Another thread was first.
    while (grown.table != old.table) {
      Table* below = child_table(grown.table->items[0].load(std::memory_order_relaxed));
      tables_.release(grown.table);
      grown.table = below;
    }
  }
}

std::optional<AmdV1::Leaf> AmdV1::find_leaf(uint64_t iova) const {
  const auto look_on = [](int, unsigned, uint64_t) {};
  return descend(iova, look_on);
}

PhysAddr AmdV1::iova_to_phys(Iova iova) const {
  const std::optional<Leaf> leaf = find_leaf(iova.value);
  return leaf ? leaf->to_phys(iova.value) : PhysAddr{0};
}

PhysRun AmdV1::translate(Iova iova, uint64_t max_bytes) const {
  std::optional<Leaf> leaf = find_leaf(iova.value);
  if (!leaf || max_bytes == 0) return {};

  const PhysAddr start = leaf->to_phys(iova.value);
  const uint64_t last = iova.value + std::min(max_bytes - 1, UINT64_MAX - iova.value);
  uint64_t at = iova.value;
  for (;;) {
    // Leaf by leaf along one table; anything but the leaf that continues the run is looked up anew.
    uint64_t word = leaf->word;
    unsigned index = 0;
    do {
      const uint64_t leaf_last = at | (leaf_size(leaf->level, word) - 1);
      if (leaf_last >= last) return {start, last - iova.value + 1};
      at = leaf_last + 1;
      index = index_of(leaf->level, at);
      word = leaf->table->items[index].load(std::memory_order_acquire);
    } while (index != 0 && kind_of(leaf->level, word) == EntryKind::kLeaf &&
             leaf_pa(leaf->level, word) == start + (at - iova.value));

    leaf = find_leaf(at);
    if (!leaf || leaf->to_phys(at) != start + (at - iova.value)) return {start, at - iova.value};
  }
}

}  // namespace noiommu::generic_pt
