#include <algorithm>
#include <array>
#include <bit>

#include "model/generic_pt/amdv1.h"
#include "model/generic_pt/page_size.h"

namespace noiommu::generic_pt {
namespace {

// Writes the leaves of one call in ascending order, with the path from the top to the last table
// used kept between them.
class Mapper {
 public:
  Mapper(TableMemory& memory, Table* top, int top_level, uint32_t prot)
      : memory_(memory), top_level_(top_level), prot_(prot) {
    path_[top_level] = top;
  }

  // Tables that large leaves took the place of, released with the call.
  ~Mapper() { memory_.release(replaced_); }

  Mapper(const Mapper&) = delete;
  Mapper& operator=(const Mapper&) = delete;

  Status map(Iova iova, Iova last, PhysAddr pa) {
    const uint64_t length = last - iova + 1;
    while (mapped_ < length) {
      const Iova at = iova + mapped_;
      const PhysAddr at_pa = pa + mapped_;
      const uint64_t size = best_pgsize(AmdV1::kPgsizeBitmap, at, last, at_pa);
      if (size == 0) return Err(ENXIO);  // the rest is less than a page
      const uint64_t leaves = pgsize_count(AmdV1::kPgsizeBitmap, at, last, at_pa, size);
      if (Status run = map_leaves(at.value, at_pa, std::countr_zero(size), leaves); !run) {
        return run;
      }
    }
    return {};
  }

  // Bytes written so far, from the start of the range.
  [[nodiscard]] uint64_t mapped() const { return mapped_; }

 private:
  // `leaves` leaves of one size, a table at a time.
  Status map_leaves(uint64_t iova, PhysAddr pa, int size_lg2, uint64_t leaves) {
    const int level = level_of_leaf(size_lg2);
    const unsigned items = 1U << (size_lg2 - item_lg2(level));
    const uint64_t size = uint64_t{1} << size_lg2;
    const uint64_t attributes = encode_leaf(level, size_lg2, PhysAddr{0}, prot_);
    while (leaves != 0) {
      Table* table = descend_to(level, iova);
      if (table == nullptr) return Err(EADDRINUSE);
      const unsigned first = index_of(level, iova);
      const uint64_t here = std::min<uint64_t>(leaves, (kTableItems - first) / items);
      const unsigned end = first + static_cast<unsigned>(here) * items;
      for (unsigned index = first; index < end; index += items, pa += size) {
        if (!make_room(table, level, index, items)) {
          mapped_ += (index - first) / items * size;
          return Err(EADDRINUSE);
        }
        fill(table, index, items, attributes | (pa.value & kAddressField));
      }
      mapped_ += here * size;
      iova += here * size;
      leaves -= here;
    }
    return {};
  }

  // The table at `level` that translates `iova`, with the missing ones above it made; nullptr when
  // a leaf is in the way. Only the part of the path that `iova` has left is walked again.
  Table* descend_to(int level, uint64_t iova) {
    int from = level;
    while (from < top_level_ && !on_path(from, iova)) ++from;
    for (; from > level; --from) {
      path_[from - 1] = child_of(from, index_of(from, iova));
      if (path_[from - 1] == nullptr) return nullptr;
    }
    path_iova_ = iova;
    return path_[level];
  }

  [[nodiscard]] bool on_path(int level, uint64_t iova) const {
    return path_[level] != nullptr && ((iova ^ path_iova_) >> item_lg2(level + 1)) == 0;
  }

  // The child behind an item, installed when there is none. Another thread may install first, for
  // a disjoint range under the same item: then its table is used and ours goes back.
  Table* child_of(int level, unsigned index) {
    std::atomic<uint64_t>& item = path_[level]->items[index];
    uint64_t word = item.load(std::memory_order_acquire);
    if (!is_present(word)) {
      Table* made = memory_.allocate();
      if (item.compare_exchange_strong(word, encode_table(level, address_of(made)),
                                       std::memory_order_acq_rel, std::memory_order_acquire)) {
        return made;
      }
      memory_.release(made);
    }
    return kind_of(level, word) == EntryKind::kTable ? child_table(word) : nullptr;
  }

  // True when the items of one leaf are empty, those that held tables without a single leaf having
  // been emptied. On failure some of them may be: no translation is lost by that.
  bool make_room(Table* table, int level, unsigned index, unsigned items) {
    for (unsigned i = index; i < index + items; ++i) {
      std::atomic<uint64_t>& item = table->items[i];
      const uint64_t word = item.load(std::memory_order_acquire);
      if (is_present(word) && !collapse(item, level, word)) return false;
    }
    return true;
  }

  bool collapse(std::atomic<uint64_t>& item, int level, uint64_t word) {
    if (kind_of(level, word) == EntryKind::kLeaf) return false;
    Table* child = child_table(word);
    if (has_leaf(*child, level - 1)) return false;
    item.store(0, std::memory_order_relaxed);
    take_tables(child, level - 1);
    return true;
  }

  static bool has_leaf(const Table& table, int level) {
    for (const std::atomic<uint64_t>& item : table.items) {
      const uint64_t word = item.load(std::memory_order_acquire);
      if (!is_present(word)) continue;
      if (kind_of(level, word) == EntryKind::kLeaf) return true;
      if (has_leaf(*child_table(word), level - 1)) return true;
    }
    return false;
  }

  // Gathers a table and all below it; there is no leaf in them.
  void take_tables(Table* table, int level) {
    for (const std::atomic<uint64_t>& item : table->items) {
      if (level == 0) break;
      const uint64_t word = item.load(std::memory_order_acquire);
      if (is_present(word)) take_tables(child_table(word), level - 1);
    }
    replaced_.push(table);
  }

  TableMemory& memory_;
  const int top_level_;
  const uint32_t prot_;
  std::array<Table*, kMaxLevel + 1> path_{};
  uint64_t path_iova_ = 0;
  uint64_t mapped_ = 0;
  TableList replaced_;
};

int level_spanning(uint64_t last) {
  int level = kStartLevel;
  while (last > last_iova(level)) ++level;
  return level;
}

}  // namespace

Status AmdV1::map(Iova iova, PhysAddr pa, uint64_t len, uint32_t prot) {
  if ((prot & (kRead | kWrite)) == 0) return Err(EINVAL);
  if (pa.value >> kMaxPhysLg2 != 0) return Err(ERANGE);
  if (len == 0) return Err(EINVAL);
  const Iova last = iova + (len - 1);
  if (last < iova) return Err(EOVERFLOW);
  const uint64_t first_size = best_pgsize(kPgsizeBitmap, iova, last, pa);
  if (first_size == 0) return Err(ENXIO);  // a single page has a check of its own, same answer

  // A leaf may need a higher table than the range: 256 TiB at IOVA 0 is an item of level 4.
  const int leaf_level = level_of_leaf(std::countr_zero(first_size));
  Top root = top();
  const int needed = std::max(level_spanning(last.value), leaf_level);
  if (root.level < needed) root = grow_to(needed);

  Mapper mapper(tables_, root.table, root.level, prot);
  const Status done = mapper.map(iova, last, pa);
  if (!done) unmap(iova, mapper.mapped());
  return done;
}

Status AmdV1::map(Iova iova, std::span<const PfnRun> runs, uint32_t prot) {
  uint64_t at = iova.value;
  Status done;
  for (const PfnRun& run : runs) {
    done = map(Iova{at}, to_phys(run.first), run.count * kPageSize, prot);
    if (!done) break;
    at += run.count * kPageSize;
  }
  if (!done) unmap(iova, at - iova.value);
  return done;
}

}  // namespace noiommu::generic_pt
