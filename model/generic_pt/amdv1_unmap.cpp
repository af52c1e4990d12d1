#include "model/generic_pt/amdv1.h"

namespace noiommu::generic_pt {
namespace {

// One unmap call: a cursor that moves from leaf to leaf up to `last`. `on_leaf(pa, size)` sees each
// leaf that goes.
template <class OnLeaf>
class Unmapper {
 public:
  Unmapper(uint64_t iova, uint64_t last, OnLeaf on_leaf)
      : iova_(iova), last_(last), on_leaf_(on_leaf) {}

  // Clears from the cursor to the end of this table or of the range. False when a hole or the
  // middle of a leaf stops the walk.
  bool clear(Table* table, int level) {
    const uint64_t item_mask = (uint64_t{1} << item_lg2(level)) - 1;
    for (unsigned index = index_of(level, iova_); index < kTableItems;) {
      std::atomic<uint64_t>& item = table->items[index];
      const uint64_t word = item.load(std::memory_order_acquire);
      switch (kind_of(level, word)) {
        case EntryKind::kEmpty:
          return false;
        case EntryKind::kLeaf: {
          const uint64_t size = leaf_size(level, word);
          if ((iova_ & (size - 1)) != 0) return false;
          const auto items = static_cast<unsigned>(size >> item_lg2(level));
          fill(table, index, items, 0);
          on_leaf_(leaf_pa(level, word), size);
          removed_ += size;
          if (last_ - iova_ < size) {
            done_ = true;
            return true;
          }
          iova_ += size;
          index += items;
          break;
        }
        case EntryKind::kTable: {
          const bool covered = (iova_ & item_mask) == 0 && last_ - iova_ >= item_mask;
          Table* child = child_table(word);
          if (!clear(child, level - 1)) return false;
          if (covered) {
            item.store(0, std::memory_order_relaxed);
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

  [[nodiscard]] uint64_t removed() const { return removed_; }
  TableList& freed() { return freed_; }

 private:
  uint64_t iova_;
  const uint64_t last_;
  OnLeaf on_leaf_;
  bool done_ = false;
  uint64_t removed_ = 0;
  TableList freed_;
};

void append(std::vector<PhysRun>& runs, PhysAddr pa, uint64_t bytes) {
  if (!runs.empty() && runs.back().start + runs.back().bytes == pa) {
    runs.back().bytes += bytes;
  } else {
    runs.push_back({pa, bytes});
  }
}

template <class OnLeaf>
uint64_t unmap_leaves(TableMemory& memory, Table* top, int top_level, uint64_t iova, uint64_t last,
                      OnLeaf on_leaf) {
  Unmapper unmapper(iova, last, on_leaf);
  (void)unmapper.clear(top, top_level);
  memory.release(unmapper.freed());
  return unmapper.removed();
}

}  // namespace

uint64_t AmdV1::unmap(Iova iova, uint64_t len, std::vector<PhysRun>* runs) {
  const Top root = top();
  const Iova last = iova + (len - 1);
  if (len == 0 || last < iova || last.value > last_iova(root.level)) return 0;

  if (runs == nullptr) {
    return unmap_leaves(tables_, root.table, root.level, iova.value, last.value,
                        [](PhysAddr, uint64_t) {});
  }
  return unmap_leaves(tables_, root.table, root.level, iova.value, last.value,
                      [runs](PhysAddr pa, uint64_t bytes) { append(*runs, pa, bytes); });
}

}  // namespace noiommu::generic_pt
