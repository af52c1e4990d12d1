// How the rows of the ioctl table are written. Only for ioctl_table_*.cpp.
#pragma once

#include <cstddef>
#include <type_traits>

#include "scenarios/engine/ioctl_table.h"

namespace noiommu::scenarios {

template <class Member>
constexpr Field field(std::string_view name, size_t offset, Show show,
                      std::string_view flag_prefix = {}) {
  return {name,       static_cast<uint32_t>(offset), sizeof(Member), std::is_signed_v<Member>, show,
          flag_prefix};
}

// A command whose argument is a `struct type`. The default size is the full structure, unless the
// structure has grown since programs were first built with it.
template <class Struct>
constexpr IoctlCommand with_struct(std::string_view name, uint32_t number,
                                   std::span<const Field> fields,
                                   uint32_t default_size = sizeof(Struct)) {
  return {name, number, sizeof(Struct), default_size, fields};
}

constexpr IoctlCommand plain(std::string_view name, uint32_t number) {
  return {.name = name, .number = number};
}

}  // namespace noiommu::scenarios

// One field, its place and width taken from the user API's own structure.
#define FIELD(type, member, show) \
  field<decltype(type::member)>(#member, offsetof(type, member), Show::show)
#define FLAGS(type, member, prefix) \
  field<decltype(type::member)>(#member, offsetof(type, member), Show::kFlags, prefix)
