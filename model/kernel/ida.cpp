#include "model/kernel/ida.h"

#include <algorithm>

namespace noiommu {

std::optional<uint32_t> Ida::alloc() {
  auto free_slot =
      std::find(taken_.begin() + static_cast<std::ptrdiff_t>(hint_), taken_.end(), false);
  const auto index = static_cast<size_t>(free_slot - taken_.begin());
  if (index > last_ - first_) return std::nullopt;
  if (free_slot == taken_.end()) {
    taken_.push_back(true);
  } else {
    *free_slot = true;
  }
  hint_ = index + 1;
  return first_ + static_cast<uint32_t>(index);
}

void Ida::free(uint32_t id) {
  const size_t index = id - first_;
  taken_[index] = false;
  hint_ = std::min(hint_, index);
}

}  // namespace noiommu
