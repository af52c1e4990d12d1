// How Kconfig reads numbers.
#pragma once

#include <string>

#include "model/kconfig/tristate.h"

namespace noiommu::kconfig {

// Whether a user may give that text to a symbol of that type.
[[nodiscard]] bool valid_text(Type type, const std::string& text);

// The number at the start of a text, 0 without one.
[[nodiscard]] long long leading_number(const std::string& text, int base);

// -1, 0 or 1: the order of two values, as numbers when both are, else as texts. A bool or tristate
// counts n, m, y as 0, 1, 2.
[[nodiscard]] int compare_values(Type left_type, const std::string& left, Type right_type,
                                 const std::string& right);

}  // namespace noiommu::kconfig
