// Where one page-table tree gets its table pages, and the count of those it holds.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory_resource>
#include <mutex>

#include "model/generic_pt/table.h"
#include "model/kernel/types.h"

namespace noiommu::generic_pt {

// Pages come from growing slabs, are recycled among themselves and go back to the host with the
// TableMemory: whoever follows an old link meets a table. Thread-safe.
class TableMemory : Unmovable {
 public:
  // An empty table.
  [[nodiscard]] Table* allocate();

  void release(Table* table);
  // Releases every table of the list and leaves it empty.
  void release(TableList& tables);

  // Tables allocated and not yet released.
  [[nodiscard]] size_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kFirstSlabBytes = 4 * sizeof(Table);

  std::mutex mutex_;
  std::pmr::monotonic_buffer_resource slabs_{kFirstSlabBytes, std::pmr::new_delete_resource()};
  TableList free_;
  std::atomic<size_t> count_ = 0;
};

}  // namespace noiommu::generic_pt
