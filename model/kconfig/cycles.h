// Symbols that depend on themselves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/kconfig/tree.h"

namespace noiommu::kconfig {

enum class LinkKind : uint8_t { kDependsOn, kSelectedBy, kImpliedBy };

[[nodiscard]] std::string_view link_text(LinkKind kind);  // "depends on", "is selected by", ..

// One step of a chain: what `symbol` needs before it has a value.
struct Link {
  SymbolId symbol = kNoSymbol;
  LinkKind kind = LinkKind::kDependsOn;
  SymbolId target = kNoSymbol;
};

// Symbols whose value needs their own value, as a closed chain: the target of the last link is the
// symbol of the first. Linux's `conf` refuses a tree with any ("recursive dependency detected!").
// Cycles that share a symbol with one that was found already are not listed. A choice and its
// values count as one.
[[nodiscard]] std::vector<std::vector<Link>> find_cycles(const Tree& tree);

// "A -> B -> A"
[[nodiscard]] std::string chain_text(const Tree& tree, const std::vector<Link>& chain);

}  // namespace noiommu::kconfig
