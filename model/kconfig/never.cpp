#include "model/kconfig/encoding.h"
#include "model/kconfig/explain.h"

namespace noiommu::kconfig {

std::vector<SymbolId> never_settable(const Tree& tree,
                                     const std::function<void(size_t, size_t)>& progress) {
  Encoding encoding(tree);
  Gates& gates = encoding.gates();
  struct Open {
    SymbolId id;
    Literal visible;
  };
  std::vector<Open> open;
  for (MenuId menu = 0; menu < tree.menus.size(); ++menu) {
    if (tree.menus[menu].kind != MenuKind::kSymbol) continue;
    const SymbolId id = tree.menus[menu].symbol;
    const Symbol& symbol = tree.symbols[id];
    if (symbol.prompts.empty() || symbol.menus.front() != menu) continue;
    open.push_back({id, encoding.visible(id).on});
    gates.prefer(open.back().visible);
  }
  std::vector<SymbolId> found;
  const size_t all = open.size();
  while (!open.empty()) {
    if (progress) progress(all - open.size(), all);
    const Open first = open.front();
    open.erase(open.begin());
    if (!gates.solve_with(first.visible)) {
      found.push_back(first.id);
      continue;
    }
    // One solution shows many prompts.
    std::erase_if(open, [&](const Open& one) { return gates.holds(one.visible); });
  }
  return found;
}

}  // namespace noiommu::kconfig
