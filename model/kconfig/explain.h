// Why a symbol has the value it has.
#pragma once

#include <cstdint>
#include <functional>
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

struct Change {
  // What to set, at most twelve symbols, the nearest first; nothing when no such change was found.
  std::optional<std::vector<Assignment>> assignments;
  // False: it is proved that no configuration at all gives the symbol that value.
  bool possible = true;
};

// The least bools and tristates to set, over what `config` gives, so that the symbol becomes
// `wanted` and each of them what it is set to. Choices, numbers and texts stay as they are.
[[nodiscard]] Change smallest_change(const Tree& tree, const std::string& config, SymbolId symbol,
                                     Tri wanted);

// The symbols that have a prompt which no configuration shows, so that nobody can ever set them; in
// the order of the text. `progress` is told now and then how many of how many are known.
[[nodiscard]] std::vector<SymbolId> never_settable(
    const Tree& tree, const std::function<void(size_t known, size_t all)>& progress = {});

// The symbols that an expression mentions, constants not.
void append_symbols(const Tree& tree, ExprId id, std::vector<SymbolId>& to);

}  // namespace noiommu::kconfig
