// Rewritings of expressions that Linux's `conf` makes and that can be seen in its results.
#pragma once

#include "model/kconfig/tree.h"

namespace noiommu::kconfig {

// The constant m in a condition means "m, if there are modules at all".
[[nodiscard]] ExprId with_modules(Tree& tree, ExprId id);

// In a condition of a symbol that is not tristate, `A!=n` of a tristate A counts as `A`: it is m
// where A is m. `!(A=n)` is the same thing said otherwise.
[[nodiscard]] ExprId for_bool(Tree& tree, ExprId id);

// Whether the symbol is mentioned at all.
[[nodiscard]] bool mentions(const Tree& tree, ExprId id, SymbolId symbol);
// Whether the expression is n whenever the symbol is: the symbol is one factor of it.
[[nodiscard]] bool needs(const Tree& tree, ExprId id, SymbolId symbol);

}  // namespace noiommu::kconfig
