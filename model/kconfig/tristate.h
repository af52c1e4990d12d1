// The three values of Kconfig and the types of its symbols.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace noiommu::kconfig {

// Ordered: n < m < y. `&&` is the smaller, `||` the larger, `!` the mirror image.
enum class Tri : uint8_t { kN, kM, kY };

constexpr Tri tri_and(Tri a, Tri b) {
  return std::min(a, b);
}
constexpr Tri tri_or(Tri a, Tri b) {
  return std::max(a, b);
}
constexpr Tri tri_not(Tri a) {
  return static_cast<Tri>(2 - static_cast<int>(a));
}
constexpr std::string_view tri_name(Tri a) {
  return std::string_view("nmy").substr(static_cast<size_t>(a), 1);
}

enum class Type : uint8_t { kUnknown, kBool, kTristate, kInt, kHex, kString };

constexpr bool is_tri(Type type) {
  return type == Type::kBool || type == Type::kTristate;
}
constexpr bool is_number(Type type) {
  return type == Type::kInt || type == Type::kHex;
}
constexpr std::string_view type_name(Type type) {
  constexpr std::string_view kNames[] = {"unknown", "bool", "tristate", "int", "hex", "string"};
  return kNames[static_cast<size_t>(type)];
}

}  // namespace noiommu::kconfig
