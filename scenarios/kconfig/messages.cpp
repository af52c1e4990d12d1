#include "scenarios/kconfig/messages.h"

#include <fmt/format.h>

#include <ostream>

#include "scenarios/kconfig/commands.h"

namespace noiommu::scenarios {

using kconfig::Configuration;
using kconfig::Pull;
using kconfig::SymbolId;
using kconfig::Tri;
using Json = nlohmann::ordered_json;

int complain(const kconfig::Diagnostic& error, std::ostream& err) {
  err << "noiommu: " << error.text() << '\n';
  return kKconfigBadInput;
}

int complain_no_symbol(const std::string& name, std::ostream& err) {
  err << fmt::format("noiommu: no symbol '{}'\n", name);
  return kKconfigBadInput;
}

void mention_skipped(const kconfig::Tree& tree, std::ostream& err) {
  if (tree.skipped_commands.empty()) return;
  err << fmt::format(
      "noiommu: {} shell commands were not run and count as n; --allow-shell runs them\n",
      tree.skipped_commands.size());
}

std::string unmet_text(const Configuration& configuration, SymbolId id) {
  const kconfig::Tree& tree = configuration.tree();
  const kconfig::Symbol& symbol = tree.symbols[id];
  std::string text =
      fmt::format("{} is {} although it depends on {} [={}]\n", symbol.name, configuration.text(id),
                  expression_text(tree, symbol.depends), tri_name(configuration.depends(id)));
  for (const Pull& pull : symbol.selected_by) {
    const Tri value = configuration.value_of(pull.expr);
    if (value <= configuration.depends(id)) continue;
    text +=
        fmt::format("  selected by {} [={}]\n", expression_text(tree, pull.expr), tri_name(value));
  }
  return text;
}

Json unmet_json(const Configuration& configuration, SymbolId id) {
  const kconfig::Tree& tree = configuration.tree();
  const kconfig::Symbol& symbol = tree.symbols[id];
  Json json = {{"symbol", symbol.name},
               {"depends_on", expression_text(tree, symbol.depends)},
               {"selected_by", Json::array()}};
  for (const Pull& pull : symbol.selected_by) {
    if (configuration.value_of(pull.expr) <= configuration.depends(id)) continue;
    json["selected_by"].push_back(symbol_text(tree, pull.by));
  }
  return json;
}

}  // namespace noiommu::scenarios
