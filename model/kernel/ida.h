// Ids that are always the lowest free one, as device indexes, group ids, minors, object ids and
// descriptor numbers are.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace noiommu {

// Thread-safety: none; the owner locks. Cost: O(1) while ids are taken in order, otherwise a scan
// of one bit per id from the lowest free one.
class Ida {
 public:
  // Ids lie in [first, last].
  explicit Ida(uint32_t first = 0, uint32_t last = UINT32_MAX) : first_(first), last_(last) {}

  // Nothing when every id is taken.
  std::optional<uint32_t> alloc();
  void free(uint32_t id);

 private:
  uint32_t first_;
  uint32_t last_;
  std::vector<bool> taken_;  // indexed by id - first_
  size_t hint_ = 0;          // no free index lies below
};

}  // namespace noiommu
