// One 64-bit word of an AMDv1 table: to and from leaf and table entries.
//
//   bit 0       present
//   bits 9-11   next level: 0 leaf of the item's own size, 7 leaf with its size encoded in the
//               address, otherwise a table, and the number is the level that holds the entry
//   bits 12-51  physical address; a size code fills its low bits when next level is 7
//   bit 60      force coherent, on every leaf
//   bits 61, 62 read, write; always both in a table entry
//
// Memory encryption is taken as inactive: no C-bit. The dirty bit is nobody's to set here and is
// ignored. Where a real entry names a table by its physical address, the word carries the table's
// host address: tables live outside the modelled RAM. Spec: amdv1.md section 2.
#pragma once

#include <cstdint>

#include "model/generic_pt/amdv1_geometry.h"
#include "model/kernel/types.h"

namespace noiommu::generic_pt {

// What a mapping lets the device do; the kernel's IOMMU_READ and IOMMU_WRITE.
enum Prot : uint32_t { kRead = 1, kWrite = 2 };
constexpr uint32_t prot_of(bool readable, bool writable) {
  return (readable ? kRead : 0U) | (writable ? kWrite : 0U);
}

inline constexpr uint64_t kPresent = 1;
inline constexpr int kNextLevelShift = 9;
inline constexpr uint64_t kNextLevelSized = 7;
inline constexpr uint64_t kAddressField = (uint64_t{1} << kMaxPhysLg2) - kPageSize;
inline constexpr uint64_t kForceCoherent = uint64_t{1} << 60;
inline constexpr uint64_t kReadable = uint64_t{1} << 61;
inline constexpr uint64_t kWritable = uint64_t{1} << 62;

enum class EntryKind : uint8_t { kEmpty, kLeaf, kTable };

constexpr uint64_t next_level(uint64_t word) {
  return (word >> kNextLevelShift) & 7;
}

constexpr bool is_present(uint64_t word) {
  return (word & kPresent) != 0;
}

constexpr EntryKind kind_of(int level, uint64_t word) {
  if (!is_present(word)) return EntryKind::kEmpty;
  const uint64_t next = next_level(word);
  if (level == 0 || next == 0 || next == kNextLevelSized) return EntryKind::kLeaf;
  return EntryKind::kTable;
}

// The word of a leaf of 2^size_lg2 bytes in a table at `level`; a leaf larger than one item is
// this same word in 2^(size_lg2 - item_lg2(level)) consecutive items. `pa` is a multiple of the
// size; bits from 2^52 up are lost, as only the start of a mapping is range-checked.
constexpr uint64_t encode_leaf(int level, int size_lg2, PhysAddr pa, uint32_t prot) {
  uint64_t word = kPresent | kForceCoherent | (pa.value & kAddressField);
  if (size_lg2 != item_lg2(level)) {
    const uint64_t ones_below_top_bit = (uint64_t{1} << (size_lg2 - 1)) - 1;
    word |= (ones_below_top_bit & kAddressField) | (kNextLevelSized << kNextLevelShift);
  }
  if ((prot & kRead) != 0) word |= kReadable;
  if ((prot & kWrite) != 0) word |= kWritable;
  return word;
}

// The word that links a child table from a table at `level` (1 to 5).
constexpr uint64_t encode_table(int level, uint64_t child_address) {
  return kPresent | (static_cast<uint64_t>(level) << kNextLevelShift) |
         (child_address & kAddressField) | kReadable | kWritable;
}

constexpr uint64_t child_address(uint64_t table_word) {
  return table_word & kAddressField;
}

// Bytes that a leaf found at `level` translates, all replicas together: twice the lowest zero bit
// of an encoded size.
constexpr uint64_t leaf_size(int level, uint64_t leaf) {
  if (next_level(leaf) != kNextLevelSized) return uint64_t{1} << item_lg2(level);
  const uint64_t code = leaf | (kPageSize - 1);
  return (~code & (code + 1)) << 1;
}

// Where a leaf found at `level` starts. Every replica answers the same.
constexpr PhysAddr leaf_pa(int level, uint64_t leaf) {
  return {leaf & kAddressField & ~(leaf_size(level, leaf) - 1)};
}

constexpr uint32_t leaf_prot(uint64_t leaf) {
  return prot_of((leaf & kReadable) != 0, (leaf & kWritable) != 0);
}

}  // namespace noiommu::generic_pt
