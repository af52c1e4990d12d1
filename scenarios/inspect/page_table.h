// What stands in a page table, decoded. Spec: amdv1.md sections 1 and 2.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/generic_pt/amdv1.h"

namespace noiommu::scenarios {

// One item of a table, or the items that a leaf larger than an item is repeated in.
struct TableEntry {
  int level = 0;
  unsigned index = 0;  // of the first item
  unsigned items = 1;  // consecutive ones that hold the same leaf
  Iova iova;           // of the first item; for a single walk, of the item that is read
  // As it stands in the table. In the entry of a table without the address, which the model keeps
  // for itself: it is another one in every run.
  uint64_t word = 0;

  [[nodiscard]] generic_pt::EntryKind kind() const { return generic_pt::kind_of(level, word); }
  [[nodiscard]] bool is_leaf() const { return kind() == generic_pt::EntryKind::kLeaf; }
  [[nodiscard]] bool is_table() const { return kind() == generic_pt::EntryKind::kTable; }
  // Of a leaf; bytes, and where it starts.
  [[nodiscard]] uint64_t size() const { return generic_pt::leaf_size(level, word); }
  [[nodiscard]] PhysAddr pa() const { return generic_pt::leaf_pa(level, word); }
  [[nodiscard]] bool readable() const { return (word & generic_pt::kReadable) != 0; }
  [[nodiscard]] bool writable() const { return (word & generic_pt::kWritable) != 0; }
  [[nodiscard]] bool force_coherent() const { return (word & generic_pt::kForceCoherent) != 0; }
};

struct PageTable {
  int top_level = 0;
  std::array<size_t, generic_pt::kMaxLevel + 1> tables{};  // by level
  std::vector<TableEntry> entries;  // present ones by IOVA, a table before what is in it

  [[nodiscard]] size_t table_count() const;
};

// The caller keeps everybody from mapping.
[[nodiscard]] PageTable read_page_table(const generic_pt::AmdV1& table);

// Every item that is read to translate `iova`, from the top down; the last is a leaf or empty.
[[nodiscard]] std::vector<TableEntry> walk(const generic_pt::AmdV1& table, Iova iova);

}  // namespace noiommu::scenarios
