// Why a symbol has the value it has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/kconfig/configuration.h"

namespace noiommu::kconfig {

// A statement and what it rests on.
struct Proof {
  std::string statement;
  std::vector<Proof> because;
};

// Of a bool or tristate: what lowers it, or what raised it, down to `depth` symbols.
[[nodiscard]] Proof explain(const Configuration& configuration, SymbolId symbol, int depth = 4);

struct Assignment {
  SymbolId symbol = kNoSymbol;
  Tri value = Tri::kN;
};

// The least symbols to set, over what `config` gives, so that the symbol becomes `wanted`: at most
// four of those that the symbol's value depends on, the nearest first. Nothing when none is found.
[[nodiscard]] std::optional<std::vector<Assignment>> smallest_change(const Tree& tree,
                                                                     const std::string& config,
                                                                     SymbolId symbol, Tri wanted);

// The symbols that an expression mentions, constants not.
void append_symbols(const Tree& tree, ExprId id, std::vector<SymbolId>& to);

}  // namespace noiommu::kconfig
