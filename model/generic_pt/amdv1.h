// The I/O page table of a domain without an IOMMU: the AMDv1 format with a 64-bit IOVA space and
// 52-bit physical addresses. No hardware ever walks it; iommufd writes it and reads it back.
//
// All lengths are bytes. Spec: amdv1.md sections 3 to 8.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/generic_pt/amdv1_entry.h"
#include "model/generic_pt/amdv1_geometry.h"
#include "model/generic_pt/table.h"
#include "model/generic_pt/table_memory.h"
#include "model/kernel/result.h"
#include "model/kernel/types.h"

namespace noiommu::generic_pt {

struct PhysRun {
  PhysAddr start;
  uint64_t bytes = 0;

  bool operator==(const PhysRun&) const = default;
};

// Thread-safety: the caller holds a lock for the IOVA range of each call, exclusive for map and
// unmap, shared for the lookups. Calls on disjoint ranges may run in parallel; they share tables
// without harm. for_each_entry() wants the whole space locked. top_level() and table_count() may be
// called any time; find() too, by who can tell afterwards whether a call for the range was under
// way and then forgets the answer, which may be wrong.
class AmdV1 : Unmovable {
 public:
  // Every power of two from 4 KiB to 2 PiB, except 512 GiB.
  static constexpr uint64_t kPgsizeBitmap =
      leaf_sizes(0) | leaf_sizes(1) | leaf_sizes(2) | leaf_sizes(3) | leaf_sizes(4);

  // An empty tree: one top table at level 2, which spans 512 GiB. The top grows when a mapping
  // needs it and never shrinks.
  AmdV1();

  // Maps [iova, iova + len) to [pa, pa + len) with the largest leaves that fit. `prot` is of kRead
  // and kWrite; other bits are ignored.
  //
  // EINVAL      neither kRead nor kWrite (the kernel warns too), or len 0
  // ERANGE      pa is 2^52 or more; the end is not checked
  // EOVERFLOW   the range leaves the 64-bit space
  // ENXIO       an address or len is not a multiple of 4 KiB
  // EADDRINUSE  a page of the range is mapped already, even to the same address
  //
  // A failed map changes no translation. It may leave empty tables and a higher top.
  Status map(Iova iova, PhysAddr pa, uint64_t len, uint32_t prot);

  // The same for frames that lie anywhere: runs of them follow each other from `iova` on, and each
  // is cut into leaves for itself. `runs` must not be empty, and its frames lie below 2^52.
  Status map(Iova iova, std::span<const PfnRun> runs, uint32_t prot);

  // Takes leaves away from `iova` upwards and answers how many bytes they mapped. Never splits one:
  // nothing happens when `iova` is inside a leaf (0), and a last leaf that reaches past the range
  // goes and counts as a whole. Stops at the first hole; what was removed so far stays removed.
  // Also 0 for an empty range, a wrapping one, and one that leaves the span of the current top.
  //
  // Appends the physical memory removed to `runs`, in IOVA order, joined where contiguous (with the
  // last of `runs` too).
  uint64_t unmap(Iova iova, uint64_t len, std::vector<PhysRun>* runs = nullptr);

  // Where any byte address leads; 0 when it is not mapped, and also when it is mapped to 0.
  [[nodiscard]] PhysAddr iova_to_phys(Iova iova) const;

  // The same, with nothing for what is not mapped. Every item is loaded with acquire: whoever looks
  // without a lock tells by a count that was raised before a change whether it has met one.
  [[nodiscard]] std::optional<PhysAddr> find(Iova iova) const;

  // The physically contiguous run that starts at `iova`, `max_bytes` at most; `bytes` is 0 exactly
  // when `iova` is not mapped or `max_bytes` is 0. Steps from leaf to leaf, with the answer of a
  // walk that asks for every 4 KiB page whether it follows the one before.
  [[nodiscard]] PhysRun translate(Iova iova, uint64_t max_bytes) const;

  // The walk behind the two above: calls visit(int level, unsigned index, uint64_t word) for every
  // item that is read, from the top down. The last one is a leaf, or empty. None beyond the span of
  // the current top.
  template <class Visitor>
  void walk(Iova iova, Visitor&& visit) const {
    descend(iova.value, visit);
  }

  [[nodiscard]] int top_level() const { return top().level; }
  [[nodiscard]] size_t table_count() const { return tables_.count(); }

  // Calls visit(int level, unsigned index, uint64_t word, Iova iova) for every present item, in
  // IOVA order, a table before what is in it, replicas one by one.
  template <class Visitor>
  void for_each_entry(Visitor&& visit) const {
    const Top root = top();
    visit_table(root.table, root.level, 0, visit);
  }

  // Where walks start. Pointer and level change together: one word, the level in its low three
  // bits.
  struct Top {
    Table* table;
    int level;

    static Top decode(uint64_t word) {
      return {table_at(word & ~7ULL), static_cast<int>(word & 7)};
    }
    [[nodiscard]] uint64_t encode() const {
      return address_of(table) | static_cast<uint64_t>(level);
    }
  };

 private:
  // A leaf found on the way from the top, and where.
  struct Leaf {
    const Table* table;
    int level;
    uint64_t word;

    [[nodiscard]] uint64_t size() const { return leaf_size(level, word); }
    [[nodiscard]] PhysAddr to_phys(uint64_t iova) const {
      return leaf_pa(level, word) + (iova & (size() - 1));
    }
  };

  [[nodiscard]] Top top() const { return Top::decode(top_.load(std::memory_order_acquire)); }
  Top grow_to(int level);
  // The top, at `level` at least.
  Top root_for(int level) {
    const Top root = top();
    return root.level < level ? grow_to(level) : root;
  }
  [[nodiscard]] std::optional<Leaf> find_leaf(uint64_t iova) const;

  template <class Visitor>
  std::optional<Leaf> descend(uint64_t iova, Visitor& visit) const {
    const Top root = top();
    if (iova > last_iova(root.level)) return std::nullopt;
    const Table* table = root.table;
    for (int level = root.level;; --level) {
      const unsigned index = index_of(level, iova);
      const uint64_t word = table->load(index);
      visit(level, index, word);
      switch (kind_of(level, word)) {
        case EntryKind::kEmpty:
          return std::nullopt;
        case EntryKind::kLeaf:
          return Leaf{table, level, word};
        case EntryKind::kTable:
          table = child_table(word);
          break;
      }
    }
  }

  template <class Visitor>
  static void visit_table(const Table* table, int level, uint64_t iova, Visitor& visit) {
    for (unsigned index = 0; index < kTableItems; ++index) {
      const uint64_t word = table->load(index);
      if (!is_present(word)) continue;
      const uint64_t item_iova = iova + (uint64_t{index} << item_lg2(level));
      visit(level, index, word, Iova{item_iova});
      if (kind_of(level, word) == EntryKind::kTable) {
        visit_table(child_table(word), level - 1, item_iova, visit);
      }
    }
  }

  TableMemory tables_;
  std::atomic<uint64_t> top_;
};

}  // namespace noiommu::generic_pt
