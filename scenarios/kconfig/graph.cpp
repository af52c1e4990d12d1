// `noiommu kconfig graph`.
#include "model/kconfig/graph.h"

#include <ostream>

#include "scenarios/kconfig/commands.h"
#include "scenarios/kconfig/messages.h"

namespace noiommu::scenarios {

int kconfig_graph(const KconfigOptions& options, const std::vector<std::string>& symbols,
                  std::ostream& out, std::ostream& err) {
  const auto tree = load_target(options.target);
  if (!tree) return complain(tree.error(), err);
  std::vector<kconfig::SymbolId> ids;
  for (const std::string& name : symbols) {
    ids.push_back(tree->find(name));
    if (ids.back() == kconfig::kNoSymbol) return complain_no_symbol(name, err);
  }
  out << graph_dot(*tree, ids);
  return kKconfigFine;
}

}  // namespace noiommu::scenarios
