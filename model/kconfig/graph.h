// Dependencies as a picture.
#pragma once

#include <string>
#include <vector>

#include "model/kconfig/tree.h"

namespace noiommu::kconfig {

// A Graphviz graph of the symbols and of all they name: solid arrows from a symbol to what it
// depends on, bold ones to what it selects, dashed ones to what it implies, dotted ones to what
// its defaults look at.
[[nodiscard]] std::string graph_dot(const Tree& tree, const std::vector<SymbolId>& symbols);

}  // namespace noiommu::kconfig
