#include "model/generic_pt/table_memory.h"

#include <new>

namespace noiommu::generic_pt {

Table* TableMemory::allocate() {
  void* page = nullptr;
  {
    const std::lock_guard lock(mutex_);
    page = free_.pop();
    if (page == nullptr) page = slabs_.allocate(sizeof(Table), alignof(Table));
  }
  count_.fetch_add(1, std::memory_order_relaxed);
  return new (page) Table;
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
