// A page-table page in host memory, and a chain of pages that no tree holds any more.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "model/generic_pt/amdv1_entry.h"
#include "model/generic_pt/amdv1_geometry.h"
#include "model/kernel/types.h"

namespace noiommu::generic_pt {

// 512 entries, born empty. Threads on disjoint ranges share tables, but no page: an item of level 0
// is its caller's alone, who may read it as it is. An item of a higher level may hold a link that
// somebody else installs, and is only used through at(). All are stored with release and loaded
// with acquire: a look-up without a lock may meet any of them, even in a table that was taken out
// of the tree. It finds links to tables there, and nothing else that it would follow.
struct alignas(kPageSize) Table {
  mutable std::array<uint64_t, kTableItems> items{};  // also a look at a link wants an atomic_ref

  [[nodiscard]] std::atomic_ref<uint64_t> at(unsigned index) const {
    return std::atomic_ref<uint64_t>(items[index]);
  }
  [[nodiscard]] uint64_t load(unsigned index) const {
    return at(index).load(std::memory_order_acquire);
  }
  void store(unsigned index, uint64_t word) { at(index).store(word, std::memory_order_release); }
};
static_assert(sizeof(Table) == kPageSize);
static_assert(std::atomic_ref<uint64_t>::is_always_lock_free);

inline uint64_t address_of(const Table* table) {
  return reinterpret_cast<uint64_t>(table);
}
inline Table* table_at(uint64_t address) {
  return std::bit_cast<Table*>(address);
}
inline Table* child_table(uint64_t table_word) {
  return table_at(child_address(table_word));
}

// Writes one word into `count` items. Only for items inside the range that the caller has locked.
inline void fill(Table* table, unsigned index, unsigned count, uint64_t word) {
  for (unsigned i = index; i < index + count; ++i) table->store(i, word);
}

// Tables taken out of a tree, waiting to be released together; the first item of each links the
// next, so gathering allocates nothing.
class TableList {
 public:
  void push(Table* table) {
    table->store(0, address_of(head_));
    head_ = table;
    ++size_;
  }
  Table* pop() {
    if (head_ == nullptr) return nullptr;
    --size_;
    return std::exchange(head_, table_at(head_->items[0]));
  }
  [[nodiscard]] size_t size() const { return size_; }

 private:
  Table* head_ = nullptr;
  size_t size_ = 0;
};

}  // namespace noiommu::generic_pt
