// `noiommu kconfig eval`.
#include <fmt/format.h>

#include <ostream>

#include <nlohmann/json.hpp>

#include "scenarios/kconfig/commands.h"
#include "scenarios/kconfig/messages.h"

namespace noiommu::scenarios {

namespace {

using kconfig::Configuration;
using kconfig::Overridden;
using kconfig::SymbolId;
using kconfig::Tree;
using Json = nlohmann::ordered_json;

Json as_json(const Configuration& configuration) {
  const Tree& tree = configuration.tree();
  Json json = {
      {"symbols", Json::object()}, {"unmet_selects", Json::array()}, {"overridden", Json::array()}};
  for (const kconfig::Menu& menu : tree.menus) {
    if (menu.kind != kconfig::MenuKind::kSymbol || !configuration.written(menu.symbol)) continue;
    json["symbols"][tree.symbols[menu.symbol].name] = configuration.text(menu.symbol);
  }
  for (const SymbolId id : configuration.unmet()) {
    json["unmet_selects"].push_back(unmet_json(configuration, id));
  }
  for (const Overridden& one : configuration.overridden()) {
    json["overridden"].push_back(
        {{"symbol", symbol_text(tree, one.symbol)}, {"wanted", one.wanted}, {"got", one.got}});
  }
  return json;
}

void as_markdown(const Configuration& configuration, std::ostream& out) {
  const Tree& tree = configuration.tree();
  out << "| symbol | value |\n|---|---|\n";
  std::vector<bool> done(tree.symbols.size());
  for (const kconfig::Menu& menu : tree.menus) {
    if (menu.kind != kconfig::MenuKind::kSymbol || !configuration.written(menu.symbol)) continue;
    if (done[menu.symbol]) continue;
    done[menu.symbol] = true;
    out << fmt::format("| {} | {} |\n", tree.symbols[menu.symbol].name,
                       configuration.text(menu.symbol));
  }
}

}  // namespace

int kconfig_eval(const KconfigOptions& options, const KconfigValues& values, std::ostream& out,
                 std::ostream& err) {
  const auto subject = load_subject(options.target, values);
  if (!subject) return complain(subject.error(), err);
  const Tree& tree = subject->tree;
  mention_skipped(tree, err);
  Configuration configuration(tree);
  configuration.read(subject->values);
  if (options.format == KconfigFormat::kJson) {
    out << as_json(configuration).dump(2) << '\n';
    return kKconfigFine;
  }
  if (options.format == KconfigFormat::kMarkdown) {
    as_markdown(configuration, out);
  } else {
    out << configuration.config();
  }
  for (const SymbolId id : configuration.unmet())
    err << "noiommu: " << unmet_text(configuration, id);
  for (const Overridden& one : configuration.overridden()) {
    err << fmt::format("noiommu: {} was set to {} and is {}\n", symbol_text(tree, one.symbol),
                       one.wanted, one.got);
  }
  for (const std::string& one : configuration.complaints()) err << "noiommu: " << one << '\n';
  return kKconfigFine;
}

}  // namespace noiommu::scenarios
