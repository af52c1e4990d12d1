// The smallest change as a line of text.
#pragma once

#include <string>

#include "model/kconfig/explain.h"

namespace noiommu::kconfig {

// "A=y B=n ", "never" where it is proved impossible, "none" where none was found.
inline std::string change(const Tree& tree, const std::string& given, const std::string& symbol,
                          Tri wanted = Tri::kY) {
  const Change found = smallest_change(tree, given, tree.find(symbol), wanted);
  if (!found.possible) return "never";
  if (!found.assignments) return "none";
  std::string text;
  for (const Assignment& one : *found.assignments) {
    text += symbol_text(tree, one.symbol) + "=" + std::string(tri_name(one.value)) + " ";
  }
  return text;
}

}  // namespace noiommu::kconfig
