#include "model/generic_pt/table_memory.h"

#include <new>

namespace noiommu::generic_pt {

Table* TableMemory::allocate() {
  count_.fetch_add(1, std::memory_order_relaxed);
  Table* used = nullptr;
  void* fresh = nullptr;
  {
    const std::lock_guard lock(mutex_);
    used = free_.pop();
    if (used == nullptr) fresh = slabs_.allocate(sizeof(Table), alignof(Table));
  }
  if (used == nullptr) return new (fresh) Table;
  fill(used, 0, kTableItems, 0);
  return used;
}

void TableMemory::release(Table* table) {
  TableList one;
  one.push(table);
  release(one);
}

void TableMemory::release(TableList& tables) {
  if (tables.size() == 0) return;
  count_.fetch_sub(tables.size(), std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  while (Table* table = tables.pop()) free_.push(table);
}

}  // namespace noiommu::generic_pt
