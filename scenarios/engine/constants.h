// The names that a value in a scenario file may use: the constants of the user API, and limits.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace noiommu::scenarios {

struct Constant {
  std::string_view name;
  uint64_t value;
};

// All of them, sorted by name.
[[nodiscard]] std::span<const Constant> constants();

[[nodiscard]] std::optional<uint64_t> find_constant(std::string_view name);

// Those whose name starts with `prefix`; they stand side by side.
[[nodiscard]] std::span<const Constant> constants_with_prefix(std::string_view prefix);

}  // namespace noiommu::scenarios
