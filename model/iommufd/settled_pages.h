// The pages of an IOAS that can be looked up without waiting for those who map and unmap.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "model/generic_pt/amdv1.h"
#include "model/iommufd/iova_range.h"
#include "model/kernel/types.h"

namespace noiommu::iommufd {

// A page table, less the ranges that are being changed just now. A look that meets the beginning of
// a change does not count, and is done again.
//
// Thread-safety: find() any time, while the table lives. Everything else with a lock, and a table
// changes only in ranges that are left out.
class SettledPages : Unmovable {
 public:
  // Nothing: none of the pages can be looked up like this.
  void set_table(const generic_pt::AmdV1* table);

  void leave_out(const IovaRange& range);
  // The ranges are those that were left out.
  void take_back(const IovaRange& range);

  // Where `iova` leads. False when it is not mapped, or when that cannot be told.
  bool find(Iova iova, PhysAddr& to) const {
    for (int turn = 0; turn < kTurns; ++turn) {
      const uint64_t before = changes_.load(std::memory_order_acquire);
      const generic_pt::AmdV1* table = shown_.load(std::memory_order_acquire);
      if (table == nullptr || is_left_out(iova.value)) return false;
      const auto found = table->find(iova);
      if (changes_.load(std::memory_order_relaxed) != before) continue;
      if (found) to = *found;
      return found.has_value();
    }
    return false;
  }

 private:
  // Empty: no address is between them.
  struct Range {
    std::atomic<uint64_t> start = UINT64_MAX;
    std::atomic<uint64_t> last = 0;
  };
  static constexpr int kTurns = 8;
  static constexpr size_t kRanges = 4;  // as many threads change something, mostly

  [[nodiscard]] bool is_left_out(uint64_t iova) const {
    bool out = false;
    for (const Range& range : ranges_) {
      out |= range.start.load(std::memory_order_acquire) <= iova &&
             iova <= range.last.load(std::memory_order_acquire);
    }
    return out;
  }
  void show();
  void begin_change();

  alignas(64) std::atomic<uint64_t> changes_ = 0;
  std::atomic<const generic_pt::AmdV1*> shown_ = nullptr;  // nothing while ranges_ are too few
  std::array<Range, kRanges> ranges_;
  const generic_pt::AmdV1* table_ = nullptr;
  size_t homeless_ = 0;  // ranges that are left out and not in ranges_
};

}  // namespace noiommu::iommufd
