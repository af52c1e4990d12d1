#include "scenarios/backends/host/mappings.h"

#include <sys/mman.h>

#include <algorithm>
#include <stdexcept>

namespace noiommu::scenarios::host {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kHuge = uint64_t{2} << 20;
constexpr uint64_t kTop = uint64_t{1} << 47;
constexpr uint64_t kReserved = uint64_t{1} << 38;
constexpr int kReservation = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

// A mapping's address is a number to scenarios, and only system calls look at it.
void* pointer(uint64_t address) {
  return reinterpret_cast<void*>(address);  // NOLINT(performance-no-int-to-ptr)
}

uint64_t round_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

// Makes a range without access of what may be nothing at all.
void reserve(uint64_t start, uint64_t end) {
  static_cast<void>(
      ::mmap(pointer(start), end - start, PROT_NONE, kReservation | MAP_FIXED, -1, 0));
}

}  // namespace

Mappings::Mappings() {
  void* const range = ::mmap(nullptr, kReserved, PROT_NONE, kReservation, -1, 0);
  if (range == MAP_FAILED) throw std::runtime_error("no address space left");
  range_ = reinterpret_cast<uint64_t>(range);
  start_ = round_up(range_, kHuge);
  // The topmost page stays reserved, so that the first mapping has no neighbour above.
  end_ = (range_ + kReserved - kPage) & ~(kHuge - 1);
}

Mappings::~Mappings() {
  ::munmap(pointer(range_), kReserved);
}

uint64_t Mappings::place(uint64_t length, uint64_t alignment) const {
  uint64_t ceiling = end_;
  for (auto above = taken_.rbegin();; ++above) {
    const bool last = above == taken_.rend();
    const uint64_t floor = last ? start_ : above->second;
    if (ceiling >= length) {
      const uint64_t at = (ceiling - length) & ~(alignment - 1);
      if (at >= floor) return at;
    }
    if (last) return 0;
    ceiling = above->first;
  }
}

Result<uint64_t> Mappings::map(uint64_t length, uint64_t alignment, int protection, int flags,
                               int fd, uint64_t offset) {
  const bool possible = length != 0 && length <= kReserved;
  const uint64_t size = possible ? round_up(length, (flags & MAP_HUGETLB) != 0 ? kHuge : kPage) : 0;
  const uint64_t at = possible ? place(size, alignment) : 0;
  // Where there is no place the kernel says why: a length of 0, or more than there is.
  if (at != 0) flags |= MAP_FIXED;
  void* const mapped =
      ::mmap(pointer(at), length, protection, flags, fd, static_cast<off_t>(offset));
  if (mapped == MAP_FAILED) {
    const int error = errno;
    if (at != 0) reserve(at, at + size);
    return Err(error);
  }
  if (at != 0) taken_[at] = at + size;
  return reinterpret_cast<uint64_t>(mapped);
}

Status Mappings::unmap(uint64_t address, uint64_t length) {
  const uint64_t end = address + round_up(length, kPage);
  if (address < start_ || end > end_ || end < address) {
    const bool sensible = address % kPage == 0 && length != 0 && end > address && end < kTop;
    if (!sensible) return Err(EINVAL);
    return {};
  }
  if (::munmap(pointer(address), length) != 0) return Err(errno);
  reserve(address, end);
  std::map<uint64_t, uint64_t> left;
  for (const auto& [from, to] : taken_) {
    if (from < std::min(to, address)) left[from] = std::min(to, address);
    if (std::max(from, end) < to) left[std::max(from, end)] = to;
  }
  taken_ = std::move(left);
  return {};
}

}  // namespace noiommu::scenarios::host
