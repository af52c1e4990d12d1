#include "model/generic_pt/amdv1.h"

#include <algorithm>
#include <cstring>

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
      table->store(0, link);
      grown = {table, grown.level + 1};
    }
    if (top_.compare_exchange_strong(current, grown.encode(), std::memory_order_acq_rel,
                                     std::memory_order_acquire)) {
      return grown;
    }

    // Another thread was first.
    while (grown.table != old.table) {
      Table* below = child_table(grown.table->items[0]);
      tables_.release(grown.table);
      grown.table = below;
    }
  }
}

std::optional<AmdV1::Leaf> AmdV1::find_leaf(uint64_t iova) const {
  const auto look_on = [](int, unsigned, uint64_t) {};
  return descend(iova, look_on);
}

std::optional<PhysAddr> AmdV1::find(Iova iova) const {
  const std::optional<Leaf> leaf = find_leaf(iova.value);
  if (!leaf) return std::nullopt;
  return leaf->to_phys(iova.value);
}

PhysAddr AmdV1::iova_to_phys(Iova iova) const {
  return find(iova).value_or(PhysAddr{0});
}

namespace {

// How many of the `count` items from `first` on are 4 KiB leaves of the pages that follow the page
// of `leaf`. Blocks of leaves that permit the same are compared without a look at the single item.
unsigned pages_in_a_row(const uint64_t* first, unsigned count, uint64_t leaf) {
  using Words [[gnu::vector_size(4 * sizeof(uint64_t))]] = uint64_t;
  constexpr unsigned kBlock = 32;
  constexpr Words kSteps{kPageSize, 2 * kPageSize, 3 * kPageSize, 4 * kPageSize};
  unsigned done = 0;
  for (Words expected = leaf + kSteps; done + kBlock <= count; done += kBlock) {
    Words differences{};
    for (unsigned i = 0; i < kBlock; i += 4, expected += 4 * kPageSize) {
      Words words;
      std::memcpy(&words, first + done + i, sizeof(words));
      differences |= words ^ expected;
    }
    if ((differences[0] | differences[1] | differences[2] | differences[3]) != 0) break;
  }
  constexpr uint64_t kSame = kPresent | (kNextLevelSized << kNextLevelShift) | kAddressField;
  const uint64_t before = leaf & kSame;
  while (done < count && (first[done] & kSame) == before + (done + 1) * kPageSize) ++done;
  return done;
}

}  // namespace

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
      if (leaf->level == 0 && index != 0 && next_level(word) == 0) {
        const uint64_t pages = (last - at) / kPageSize + 1;
        const auto count = static_cast<unsigned>(std::min<uint64_t>(kTableItems - index, pages));
        const unsigned row = pages_in_a_row(&leaf->table->items[index], count, word);
        if (row == pages) return {start, last - iova.value + 1};
        at += row * kPageSize;
        index = (index + row) % kTableItems;
        if (index == 0) break;
      }
      word = leaf->table->load(index);
    } while (index != 0 && kind_of(leaf->level, word) == EntryKind::kLeaf &&
             leaf_pa(leaf->level, word) == start + (at - iova.value));

    leaf = find_leaf(at);
    if (!leaf || leaf->to_phys(at) != start + (at - iova.value)) return {start, at - iova.value};
  }
}

}  // namespace noiommu::generic_pt
