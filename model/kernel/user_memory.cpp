#include "model/kernel/user_memory.h"

#include <algorithm>
#include <array>

namespace noiommu {

namespace {

// Page by page, so that a byte that says something is found before an unreadable page behind it.
Status check_zero(UserMemory& memory, UserPtr from, uint64_t length) {
  std::array<std::byte, kPageSize> page;
  while (length > 0) {
    const uint64_t in_page = kPageSize - from.value % kPageSize;
    const auto part = std::span(page).first(std::min(length, in_page));
    if (auto read = memory.read(from, part); !read) return read;
    if (std::ranges::any_of(part, [](std::byte byte) { return byte != std::byte{0}; })) {
      return Err(E2BIG);
    }
    from += part.size();
    length -= part.size();
  }
  return {};
}

}  // namespace

Status read_user_struct(UserMemory& memory, UserPtr from, uint32_t user_size,
                        std::span<std::byte> to) {
  if (user_size > to.size()) {
    auto tail = check_zero(memory, from + to.size(), user_size - to.size());
    if (!tail) return tail;
  }
  const size_t known = std::min<size_t>(user_size, to.size());
  std::ranges::fill(to.subspan(known), std::byte{0});
  return memory.read(from, to.first(known));
}

}  // namespace noiommu
