// What differs between two trees.
#pragma once

#include <string>
#include <vector>

#include "model/kconfig/enumeration.h"

namespace noiommu::kconfig {

struct SymbolChange {
  std::string name;
  std::vector<std::string>
      before;  // the lines that only one tree has; empty: it has no such symbol
  std::vector<std::string> after;
};

// Symbols that only one tree defines, or that the two define differently.
[[nodiscard]] std::vector<SymbolChange> changed_symbols(const Tree& before, const Tree& after);

// A configuration by the names of the inputs; those that are n are left out.
using NamedValues = std::vector<std::pair<std::string, Tri>>;

struct ConfigurationChange {
  size_t before = 0;  // distinct configurations over the symbols that both trees have
  size_t after = 0;
  std::vector<NamedValues> lost;
  std::vector<NamedValues> gained;
};

// Of `names`, the values of those that both trees have are compared; all are varied.
[[nodiscard]] ConfigurationChange changed_configurations(const Tree& before, const Tree& after,
                                                         const std::vector<std::string>& names);

}  // namespace noiommu::kconfig
