// The kinds of address that must never be mixed up, each a type of its own.
//
// All count bytes except Pfn, which counts 4 KiB page frames. Values span the full 64 bits;
// arithmetic wraps as the kernel's does, so range checks belong to the caller.
#pragma once

#include <compare>
#include <cstdint>

namespace noiommu {

inline constexpr uint64_t kPageShift = 12;
inline constexpr uint64_t kPageSize = uint64_t{1} << kPageShift;
inline constexpr uint64_t kPageMask = ~(kPageSize - 1);

template <class Tag>
struct Address {
  uint64_t value = 0;

  constexpr auto operator<=>(const Address&) const = default;
  constexpr Address operator+(uint64_t delta) const { return {value + delta}; }
  constexpr Address operator-(uint64_t delta) const { return {value - delta}; }
  constexpr uint64_t operator-(Address other) const { return value - other.value; }
  constexpr Address& operator+=(uint64_t delta) {
    value += delta;
    return *this;
  }
};

using Iova = Address<struct IovaTag>;          // I/O virtual address, as given to IOMMU_IOAS_MAP
using PhysAddr = Address<struct PhysAddrTag>;  // what a device without an IOMMU puts on the bus
using UserPtr = Address<struct UserPtrTag>;    // in the calling process; never a host pointer
using Pfn = Address<struct PfnTag>;            // physical page frame number: PhysAddr >> 12

constexpr PhysAddr to_phys(Pfn pfn) {
  return {pfn.value << kPageShift};
}
constexpr Pfn to_pfn(PhysAddr addr) {
  return {addr.value >> kPageShift};
}

// Adjacent frames, in frames.
struct PfnRun {
  Pfn first;
  uint64_t count = 0;
};

// Every object type of the model is pinned to its place: others hold references to it.
struct Unmovable {
  Unmovable() = default;
  Unmovable(const Unmovable&) = delete;
  Unmovable& operator=(const Unmovable&) = delete;
};

}  // namespace noiommu
