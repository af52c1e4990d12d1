// What the tests look at in a page table: its leaves, its tables, and a picture to compare later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "model/generic_pt/amdv1.h"

namespace noiommu::generic_pt {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;
inline constexpr uint64_t kTiB = 1024 * kGiB;

constexpr uint64_t pow2(int lg2) {
  return uint64_t{1} << lg2;
}

// Sizes of the leaves, in IOVA order; replicas count once.
inline std::vector<uint64_t> leaf_sizes_of(const AmdV1& table) {
  std::vector<uint64_t> sizes;
  table.for_each_entry([&](int level, unsigned, uint64_t word, Iova iova) {
    if (kind_of(level, word) != EntryKind::kLeaf) return;
    const uint64_t size = leaf_size(level, word);
    if (iova.value % size == 0) sizes.push_back(size);
  });
  return sizes;
}

// Every item that translates, with its word.
inline std::vector<std::pair<uint64_t, uint64_t>> translations_of(const AmdV1& table) {
  std::vector<std::pair<uint64_t, uint64_t>> items;
  table.for_each_entry([&](int level, unsigned, uint64_t word, Iova iova) {
    if (kind_of(level, word) == EntryKind::kLeaf) items.emplace_back(iova.value, word);
  });
  return items;
}

inline std::vector<uint64_t> words_of(const AmdV1& table, int at_level) {
  std::vector<uint64_t> words;
  table.for_each_entry([&](int level, unsigned, uint64_t word, Iova) {
    if (level == at_level) words.push_back(word);
  });
  return words;
}

// Level of a table and the first IOVA behind it.
using TableSet = std::set<std::pair<int, uint64_t>>;

inline TableSet tables_of(const AmdV1& table) {
  TableSet tables{{table.top_level(), 0}};
  table.for_each_entry([&](int level, unsigned, uint64_t word, Iova iova) {
    if (kind_of(level, word) == EntryKind::kTable) tables.emplace(level - 1, iova.value);
  });
  return tables;
}

inline std::vector<uint64_t> all_leaf_sizes() {
  std::vector<uint64_t> sizes;
  for (int lg2 = 0; lg2 < 64; ++lg2) {
    if ((AmdV1::kPgsizeBitmap & pow2(lg2)) != 0) sizes.push_back(pow2(lg2));
  }
  return sizes;
}

}  // namespace noiommu::generic_pt
