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
  Mapper(TableMemory& memory, AmdV1::Top root, uint32_t prot)
      : memory_(memory),
        top_level_(root.level),
        prot_(prot),
        page_attributes_(encode_leaf(0, item_lg2(0), PhysAddr{0}, prot)) {
    path_[root.level] = root.table;
  }

  // Tables that large leaves took the place of, released with the call.
  ~Mapper() { memory_.release(replaced_); }

  Mapper(const Mapper&) = delete;
  Mapper& operator=(const Mapper&) = delete;

  Status map(Iova iova, Iova last, PhysAddr pa) {
    const uint64_t before = mapped_;
    const uint64_t length = last - iova + 1;
    while (mapped_ - before < length) {
      const Iova at = iova + (mapped_ - before);
      const PhysAddr at_pa = pa + (mapped_ - before);
      const uint64_t size = best_pgsize(AmdV1::kPgsizeBitmap, at, last, at_pa);
      if (size == 0) return Err(ENXIO);  // the rest is less than a page
      const uint64_t leaves = pgsize_count(AmdV1::kPgsizeBitmap, at, last, at_pa, size);
      if (Status run = map_leaves(at.value, at_pa, std::countr_zero(size), leaves); !run) {
        return run;
      }
    }
    return {};
  }

  // The same for one page, which is the usual run of scattered memory.
  Status map_page(Iova iova, PhysAddr pa) {
    Table* table = descend_to(0, iova.value);
    if (table == nullptr) return Err(EADDRINUSE);
    const unsigned index = index_of(0, iova.value);
    if (is_present(table->items[index])) return Err(EADDRINUSE);
    table->store(index, page_attributes_ | pa.value);
    mapped_ += kPageSize;
    return {};
  }

  // The same for what is exactly one leaf.
  Status map_leaf(Iova iova, PhysAddr pa, int size_lg2) {
    const int level = level_of_leaf(size_lg2);
    const unsigned items = 1U << (size_lg2 - item_lg2(level));
    const unsigned index = index_of(level, iova.value);
    Table* table = descend_to(level, iova.value);
    if (table == nullptr || !make_room(table, level, index, items)) return Err(EADDRINUSE);
    fill(table, index, items, encode_leaf(level, size_lg2, pa, prot_));
    return {};
  }

  // Bytes written so far, from the start of the range.
  [[nodiscard]] uint64_t mapped() const { return mapped_; }

 private:
  // `leaves` leaves of one size, a table at a time.
  Status map_leaves(uint64_t iova, PhysAddr pa, int size_lg2, uint64_t leaves) {
    const int level = level_of_leaf(size_lg2);
    const int items_lg2 = size_lg2 - item_lg2(level);
    while (leaves != 0) {
      Table* table = descend_to(level, iova);
      if (table == nullptr) return Err(EADDRINUSE);
      const unsigned first = index_of(level, iova);
      const uint64_t here = std::min<uint64_t>(leaves, (kTableItems - first) >> items_lg2);
      const uint64_t written = size_lg2 == kPageShift
                                   ? map_pages(table, first, here, pa)
                                   : map_large(table, level, size_lg2, first, here, pa);
      mapped_ += written << size_lg2;
      if (written != here) return Err(EADDRINUSE);
      pa += here << size_lg2;
      iova += here << size_lg2;
      leaves -= here;
    }
    return {};
  }

  // Both write leaves side by side, up to the first that has no room, and answer how many.
  uint64_t map_pages(Table* table, unsigned first, uint64_t leaves, PhysAddr pa) const {
    const uint64_t* const items = table->items.data() + first;
    uint64_t any = 0;
    for (unsigned index = 0; index < leaves; ++index) any |= items[index];
    auto free = is_present(any) ? 0U : static_cast<unsigned>(leaves);
    while (free < leaves && !is_present(items[free])) ++free;
    uint64_t word = page_attributes_ | (pa.value & kAddressField);
    for (unsigned index = first; index < first + free; ++index, word += kPageSize) {
      table->store(index, word);
    }
    return free;
  }

  uint64_t map_large(Table* table, int level, int size_lg2, unsigned first, uint64_t leaves,
                     PhysAddr pa) {
    const unsigned items = 1U << (size_lg2 - item_lg2(level));
    const uint64_t attributes = encode_leaf(level, size_lg2, PhysAddr{0}, prot_);
    for (uint64_t leaf = 0; leaf < leaves; ++leaf, first += items) {
      if (!make_room(table, level, first, items)) return leaf;
      fill(table, first, items, attributes | (pa.value & kAddressField));
      pa += uint64_t{1} << size_lg2;
    }
    return leaves;
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
    const std::atomic_ref<uint64_t> item = path_[level]->at(index);
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
      const uint64_t word = table->load(i);
      if (is_present(word) && !collapse(table->at(i), level, word)) return false;
    }
    return true;
  }

  bool collapse(std::atomic_ref<uint64_t> item, int level, uint64_t word) {
    if (kind_of(level, word) == EntryKind::kLeaf) return false;
    Table* child = child_table(word);
    if (has_leaf(*child, level - 1)) return false;
    item.store(0, std::memory_order_release);
    take_tables(child, level - 1);
    return true;
  }

  static bool has_leaf(const Table& table, int level) {
    for (unsigned index = 0; index < kTableItems; ++index) {
      const uint64_t word = table.load(index);
      if (!is_present(word)) continue;
      if (kind_of(level, word) == EntryKind::kLeaf) return true;
      if (has_leaf(*child_table(word), level - 1)) return true;
    }
    return false;
  }

  // Gathers a table and all below it; there is no leaf in them.
  void take_tables(Table* table, int level) {
    for (unsigned index = 0; index < kTableItems && level > 0; ++index) {
      const uint64_t word = table->load(index);
      if (is_present(word)) take_tables(child_table(word), level - 1);
    }
    replaced_.push(table);
  }

  TableMemory& memory_;
  const int top_level_;
  const uint32_t prot_;
  const uint64_t page_attributes_;
  std::array<Table*, kMaxLevel + 1> path_{};
  uint64_t path_iova_ = 0;
  uint64_t mapped_ = 0;
  TableList replaced_;
};

// The table at `level` that translates `iova`; nullptr when it is not there or a leaf is in the
// way.
Table* find_table(AmdV1::Top root, int level, uint64_t iova) {
  Table* table = root.table;
  for (int at = root.level; at > level; --at) {
    const uint64_t word = table->load(index_of(at, iova));
    if (kind_of(at, word) != EntryKind::kTable) return nullptr;
    table = child_table(word);
  }
  return table;
}

bool all_free(const Table& table, unsigned index, unsigned items) {
  uint64_t any = 0;
  for (unsigned i = index; i < index + items; ++i) any |= table.load(i);
  return !is_present(any);
}

// As many pages as an empty tree spans.
constexpr uint64_t kPagesOfAStart = uint64_t{1} << (kTableLg2 * (kStartLevel + 1));

int level_spanning(uint64_t last) {
  int level = kStartLevel;
  while (last > last_iova(level)) ++level;
  return level;
}

// A leaf may need a higher table than the range: 256 TiB at IOVA 0 is an item of level 4.
int level_for(uint64_t last, uint64_t largest_leaf) {
  return std::max(level_spanning(last), level_of_leaf(std::countr_zero(largest_leaf)));
}

}  // namespace

Status AmdV1::map(Iova iova, PhysAddr pa, uint64_t len, uint32_t prot) {
  if ((prot & (kRead | kWrite)) == 0) return Err(EINVAL);
  if (pa.value >> kMaxPhysLg2 != 0) return Err(ERANGE);
  if (len == 0) return Err(EINVAL);
  const Iova last = iova + (len - 1);
  if (last < iova) return Err(EOVERFLOW);
  // A power of two; std::has_single_bit is a call where processors may lack the instruction.
  const bool one_leaf =
      (len & kPgsizeBitmap) != 0 && ((len | iova.value | pa.value) & (len - 1)) == 0;
  if (one_leaf) {
    const int size_lg2 = std::countr_zero(len);
    const int level = level_of_leaf(size_lg2);
    const Top root = root_for(level_for(last.value, len));
    // Mostly the tables are there, and what is in the way of the leaf is not.
    Table* table = find_table(root, level, iova.value);
    const unsigned index = index_of(level, iova.value);
    const unsigned items = 1U << (size_lg2 - item_lg2(level));
    if (table != nullptr && all_free(*table, index, items)) {
      fill(table, index, items, encode_leaf(level, size_lg2, pa, prot));
      return {};
    }
    return Mapper(tables_, root, prot).map_leaf(iova, pa, size_lg2);
  }
  const uint64_t first_size = best_pgsize(kPgsizeBitmap, iova, last, pa);
  if (first_size == 0) return Err(ENXIO);  // a single page has a check of its own, same answer

  Mapper mapper(tables_, root_for(level_for(last.value, first_size)), prot);
  const Status done = mapper.map(iova, last, pa);
  if (!done) unmap(iova, mapper.mapped());
  return done;
}

Status AmdV1::map(Iova iova, std::span<const PfnRun> runs, uint32_t prot) {
  if ((prot & (kRead | kWrite)) == 0) return Err(EINVAL);
  if (iova.value % kPageSize != 0) return Err(ENXIO);
  uint64_t pages = 0;
  for (const PfnRun& run : runs) pages += run.count;
  const uint64_t left = (UINT64_MAX - iova.value) / kPageSize + 1;
  if (pages == 0 || pages > left) return Err(pages == 0 ? EINVAL : EOVERFLOW);
  const Iova last = iova + (pages * kPageSize - 1);
  int level = level_spanning(last.value);
  Iova at = iova;
  for (const PfnRun& run : runs) {
    if (level == kMaxLevel || pages < kPagesOfAStart) break;  // no leaf can want a higher table
    const Iova run_last = at + (run.count * kPageSize - 1);
    const uint64_t size = best_pgsize(kPgsizeBitmap, at, run_last, to_phys(run.first));
    level = std::max(level, level_of_leaf(std::countr_zero(size)));
    at = run_last + 1;
  }

  Mapper mapper(tables_, root_for(level), prot);
  Status done;
  for (const PfnRun& run : runs) {
    const Iova at_run = iova + mapper.mapped();
    done = run.count == 1
               ? mapper.map_page(at_run, to_phys(run.first))
               : mapper.map(at_run, at_run + (run.count * kPageSize - 1), to_phys(run.first));
    if (!done) break;
  }
  if (!done) unmap(iova, mapper.mapped());
  return done;
}

}  // namespace noiommu::generic_pt
