// Shape of the AMDv1 radix tree: what each level indexes and which leaf sizes it may hold.
//
// Levels count from 0, the 4 KiB level; AMD's "mode" is the top level plus one. Spec: amdv1.md
// sections 1 and 3.
#pragma once

#include <cstdint>

namespace noiommu::generic_pt {

inline constexpr int kMaxLevel = 5;
inline constexpr int kStartLevel = 2;  // of an empty noiommu domain
inline constexpr int kTableLg2 = 9;
inline constexpr unsigned kTableItems = 1U << kTableLg2;  // at level 5 only 128 can be reached
inline constexpr int kMaxPhysLg2 = 52;

// Bytes of IOVA behind one item of a table at `level`, as a power of two.
constexpr int item_lg2(int level) {
  return 12 + kTableLg2 * level;
}

// The item that translates `iova` in its table at `level`.
constexpr unsigned index_of(int level, uint64_t iova) {
  return static_cast<unsigned>(iova >> item_lg2(level)) % kTableItems;
}

// The last IOVA that a tree with its top at `level` can translate.
constexpr uint64_t last_iova(int level) {
  return level == kMaxLevel ? UINT64_MAX : (uint64_t{1} << item_lg2(level + 1)) - 1;
}

constexpr int level_of_leaf(int size_lg2) {
  return (size_lg2 - item_lg2(0)) / kTableLg2;
}

// Leaf sizes of one level, one bit per power of two: from the item itself to half a table.
constexpr uint64_t leaf_sizes(int level) {
  switch (level) {
    case 5:
      return 0;  // the top-most level holds tables only
    case 4:
      return uint64_t{0xF} << item_lg2(4);  // no further than the 52-bit output address
    case 3:
      return uint64_t{0xFF} << (item_lg2(3) + 1);  // hardware mistreats the 512 GiB leaf
    default:
      return uint64_t{0x1FF} << item_lg2(level);
  }
}

}  // namespace noiommu::generic_pt
