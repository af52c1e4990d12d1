#include "model/iommufd/settled_pages.h"

#include <algorithm>

namespace noiommu::iommufd {

// After what must not be looked at any more is marked, before it changes: tables are stored with
// release, so that whoever sees the change sees the count.
void SettledPages::begin_change() {
  changes_.store(changes_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void SettledPages::show() {
  shown_.store(homeless_ == 0 ? table_ : nullptr, std::memory_order_release);
}

void SettledPages::set_table(const generic_pt::AmdV1* table) {
  if (table == table_) return;
  table_ = table;
  show();
  begin_change();
}

void SettledPages::leave_out(const IovaRange& range) {
  const auto free = std::ranges::find_if(ranges_, [](const Range& other) {
    return other.start.load(std::memory_order_relaxed) > other.last.load(std::memory_order_relaxed);
  });
  if (free == ranges_.end()) {
    ++homeless_;
    show();
  } else {
    free->last.store(range.last, std::memory_order_release);
    free->start.store(range.start, std::memory_order_release);
  }
  begin_change();
}

void SettledPages::take_back(const IovaRange& range) {
  const auto found = std::ranges::find_if(ranges_, [&](const Range& other) {
    return other.start.load(std::memory_order_relaxed) == range.start &&
           other.last.load(std::memory_order_relaxed) == range.last;
  });
  if (found == ranges_.end()) {
    --homeless_;
    show();
  } else {
    found->start.store(UINT64_MAX, std::memory_order_release);
    found->last.store(0, std::memory_order_release);
  }
}

}  // namespace noiommu::iommufd
