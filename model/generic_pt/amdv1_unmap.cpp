#include "model/generic_pt/amdv1.h"

namespace noiommu::generic_pt {
namespace {

// One unmap call: a cursor that moves from leaf to leaf up to `last`. `on_leaf(pa, size)` sees each
// leaf that goes.
template <class OnLeaf>
class Unmapper {
 public:
  Unmapper(uint64_t iova, uint64_t last, OnLeaf& on_leaf)
      : iova_(iova), last_(last), on_leaf_(on_leaf) {}

  // Clears from the cursor to the end of this table or of the range. False when a hole or the
  // middle of a leaf stops the walk.
  bool clear(Table* table, int level) {
    const uint64_t item_mask = (uint64_t{1} << item_lg2(level)) - 1;
    for (unsigned index = index_of(level, iova_); index < kTableItems;) {
      const uint64_t word = table->load(index);
      switch (kind_of(level, word)) {
        case EntryKind::kEmpty:
          return false;
        case EntryKind::kLeaf: {
          const uint64_t size = leaf_size(level, word);
          if ((iova_ & (size - 1)) != 0) return false;
          const auto items = static_cast<unsigned>(size >> item_lg2(level));
          fill(table, index, items, 0);
          on_leaf_(leaf_pa(level, word), size);
          leave_behind(size);
          if (done_) return true;
          index += items;
          break;
        }
        case EntryKind::kTable: {
          const bool covered = (iova_ & item_mask) == 0 && last_ - iova_ >= item_mask;
          Table* child = child_table(word);
          const bool cleared = level > 1 ? clear(child, level - 1) : clear_lowest(child, covered);
          if (!cleared) return false;
          if (covered) {
            table->store(index, 0);
            freed_.push(child);
          }
          if (done_) return true;
          ++index;
          break;
        }
      }
    }
    return true;
  }

  // The same for a table of level 0. One that is covered whole goes away, so its items need not be
  // cleared.
  bool clear_lowest(Table* table, bool covered) {
    if (covered && on_leaf_.table_of_pages(*table)) {
      leave_behind(uint64_t{1} << item_lg2(1));
      return true;
    }
    for (unsigned index = index_of(0, iova_); index < kTableItems;) {
      const uint64_t item = table->items[index];
      if ((item & kPageLeaf) != kPresent || iova_ % kPageSize != 0) return clear(table, 0);
      on_leaf_(leaf_pa(0, item), kPageSize);
      table->store(index, 0);
      ++index;
      leave_behind(kPageSize);
      if (done_) break;
    }
    return true;
  }

  [[nodiscard]] uint64_t removed() const { return removed_; }
  TableList& freed() { return freed_; }

 private:
  static constexpr uint64_t kPageLeaf = kPresent | (kNextLevelSized << kNextLevelShift);

  void leave_behind(uint64_t size) {
    removed_ += size;
    done_ = last_ - iova_ < size;
    if (!done_) iova_ += size;
  }

  uint64_t iova_;
  const uint64_t last_;
  OnLeaf& on_leaf_;
  bool done_ = false;
  uint64_t removed_ = 0;
  TableList freed_;
};

// Whoever does not want to know what was mapped.
struct Forget {
  void operator()(PhysAddr /*pa*/, uint64_t /*size*/) const {}
  // Whether all items of a table of level 0 are 4 KiB leaves; then it has seen them.
  [[nodiscard]] static bool table_of_pages(const Table& table) {
    uint64_t all = UINT64_MAX;
    uint64_t any = 0;
    for (const uint64_t word : table.items) {
      all &= word;
      any |= word;
    }
    return is_present(all) && next_level(any) != kNextLevelSized;
  }
};

// Appends to `runs`.
class Collect {
 public:
  explicit Collect(std::vector<PhysRun>& runs) : runs_(runs) {}
  void operator()(PhysAddr pa, uint64_t size) {
    if (!runs_.empty() && runs_.back().start + runs_.back().bytes == pa) {
      runs_.back().bytes += size;
    } else {
      runs_.push_back({pa, size});
    }
  }
  [[nodiscard]] static bool table_of_pages(const Table& /*table*/) { return false; }

 private:
  std::vector<PhysRun>& runs_;
};

template <class OnLeaf>
uint64_t unmap_leaves(TableMemory& memory, AmdV1::Top root, uint64_t iova, uint64_t last,
                      OnLeaf on_leaf) {
  Unmapper unmapper(iova, last, on_leaf);
  (void)unmapper.clear(root.table, root.level);
  memory.release(unmapper.freed());
  return unmapper.removed();
}

}  // namespace

uint64_t AmdV1::unmap(Iova iova, uint64_t len, std::vector<PhysRun>* runs) {
  const Top root = top();
  const Iova last = iova + (len - 1);
  if (len == 0 || last < iova || last.value > last_iova(root.level)) return 0;

  return runs == nullptr ? unmap_leaves(tables_, root, iova.value, last.value, Forget())
                         : unmap_leaves(tables_, root, iova.value, last.value, Collect(*runs));
}

}  // namespace noiommu::generic_pt
