// `noiommu kconfig list`.
#include <fmt/format.h>

#include <ostream>

#include <nlohmann/json.hpp>

#include "model/kconfig/cycles.h"
#include "model/kconfig/enumeration.h"
#include "model/kconfig/revisions.h"
#include "scenarios/kconfig/bar.h"
#include "scenarios/kconfig/commands.h"
#include "scenarios/kconfig/messages.h"

namespace noiommu::scenarios {

namespace {

using kconfig::Configuration;
using kconfig::Outcome;
using kconfig::SymbolId;
using kconfig::Tree;
using kconfig::Tri;
using Json = nlohmann::ordered_json;

std::string one_line(const Configuration& configuration, const std::vector<SymbolId>& shown) {
  std::string line;
  for (const SymbolId id : shown) {
    if (configuration.value(id) == Tri::kN) continue;
    line += fmt::format("{}{}={}", line.empty() ? "" : " ", configuration.tree().symbols[id].name,
                        tri_name(configuration.value(id)));
  }
  return line.empty() ? "(all n)" : line;
}

Json as_json(const Tree& tree, const std::vector<Outcome>& outcomes) {
  Json list = Json::array();
  for (const Outcome& outcome : outcomes) {
    Json values = Json::object();
    for (const SymbolId id : tree.order) {
      const kconfig::Symbol& symbol = tree.symbols[id];
      if (!is_tri(symbol.type) || symbol.is_choice || outcome.values[id] == Tri::kN) continue;
      values[symbol.name] = std::string(tri_name(outcome.values[id]));
    }
    list.push_back({{"inputs", outcome.count}, {"values", std::move(values)}});
  }
  return list;
}

}  // namespace

int kconfig_list(const KconfigOptions& options, const std::vector<std::string>& inputs, bool count,
                 std::ostream& out, std::ostream& err) {
  const auto tree = load_target(options.target);
  if (!tree) return complain(tree.error(), err);
  mention_skipped(*tree, err);
  const auto symbols = kconfig::settable(*tree, inputs.empty() ? kconfig::review_inputs() : inputs);
  if (!inputs.empty() && symbols.size() != inputs.size()) {
    err << "noiommu: not every --symbol is a bool or tristate with a prompt\n";
    return kKconfigBadInput;
  }
  if (!find_cycles(*tree).empty()) {
    err << "noiommu: the tree has a dependency cycle; `noiommu kconfig check` shows it\n";
    return kKconfigFindings;
  }
  const uint64_t total = kconfig::combinations(*tree, symbols);
  if (total > kconfig::kMostTried && has_choice_value(*tree, symbols)) {
    err << fmt::format("noiommu: more than {} combinations with a choice; name fewer symbols\n",
                       kconfig::kMostTried);
    return kKconfigBadInput;
  }
  const bool lines = !count && options.format == KconfigFormat::kText;
  const bool table = !count && options.format == KconfigFormat::kMarkdown;
  if (table) out << "| configuration |\n|---|\n";
  Bar bar(options.progress && !lines ? &err : nullptr);
  const auto found = [&](const Configuration& configuration) {
    if (lines) out << one_line(configuration, symbols) << '\n';
    if (table) out << "| " << one_line(configuration, symbols) << " |\n";
  };
  const auto outcomes =
      kconfig::enumerate(*tree, symbols, {found, [&](uint64_t done) { bar.show(done, total); }});
  if (count) {
    out << outcomes.size() << '\n';
  } else if (options.format == KconfigFormat::kJson) {
    out << as_json(*tree, outcomes).dump() << '\n';
  }
  return kKconfigFine;
}

}  // namespace noiommu::scenarios
