// How a range is cut into leaves: always the largest size that alignment and length allow.
//
// A size bitmap has one bit per allowed power of two. Ranges are given by their last byte, so that
// they may end with the 64-bit space. Spec: amdv1.md section 4.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "model/kernel/types.h"

namespace noiommu::generic_pt {

// The largest size of `bitmap` that divides both addresses and fits in [iova, last]; 0 for none.
constexpr uint64_t best_pgsize(uint64_t bitmap, Iova iova, Iova last, PhysAddr pa) {
  const int aligned = std::countr_zero(iova.value | pa.value);
  const uint64_t length = last - iova + 1;  // 0 stands for all 2^64
  const int fitting = length == 0 ? 64 : 63 - std::countl_zero(length);
  const int limit = std::min({aligned, fitting, 63});
  return std::bit_floor(bitmap & (UINT64_MAX >> (63 - limit)));
}

// How many leaves of `size`, which best_pgsize() answered for the same range, come before a
// larger size can take over or the range has no room for another.
constexpr uint64_t pgsize_count(uint64_t bitmap, Iova iova, Iova last, PhysAddr pa, uint64_t size) {
  uint64_t usable_less_one = last - iova;
  const uint64_t larger = bitmap & ~(size | (size - 1));
  if (larger != 0) {
    const uint64_t next_size = larger & -larger;
    const bool agree = ((iova.value ^ pa.value) & (next_size - 1)) == 0;
    const uint64_t to_boundary = next_size - (iova.value & (next_size - 1));
    if (agree) usable_less_one = std::min(usable_less_one, to_boundary - 1);
  }
  return ((usable_less_one - (size - 1)) >> std::countr_zero(size)) + 1;
}

}  // namespace noiommu::generic_pt
