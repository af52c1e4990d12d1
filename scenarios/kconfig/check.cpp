// `noiommu kconfig check`.
#include <fmt/format.h>

#include <map>
#include <optional>
#include <ostream>

#include <nlohmann/json.hpp>

#include "model/kconfig/cycles.h"
#include "model/kconfig/enumeration.h"
#include "model/kconfig/explain.h"
#include "model/kconfig/revisions.h"
#include "scenarios/kconfig/bar.h"
#include "scenarios/kconfig/commands.h"
#include "scenarios/kconfig/messages.h"

namespace noiommu::scenarios {

namespace {

using kconfig::Configuration;
using kconfig::Link;
using kconfig::SymbolId;
using kconfig::Tree;
using Json = nlohmann::ordered_json;

// A configuration in which selects set symbols whose dependencies are not met.
struct Finding {
  Json json;
  std::vector<std::string> symbols;
};

// All of them, and for each symbol the message from where it was first seen.
struct Findings {
  std::vector<Finding> configurations;
  std::map<std::string, std::string> texts;
};

void note(const Configuration& configuration, const std::vector<SymbolId>& shown,
          Findings& findings) {
  if (configuration.unmet().empty()) return;
  const Tree& tree = configuration.tree();
  Finding finding{{{"configuration", Json::object()}, {"symbols", Json::array()}}, {}};
  for (const SymbolId id : shown) {
    if (configuration.value(id) == kconfig::Tri::kN) continue;
    finding.json["configuration"][tree.symbols[id].name] = configuration.text(id);
  }
  for (const SymbolId id : configuration.unmet()) {
    const std::string& name = tree.symbols[id].name;
    finding.json["symbols"].push_back(unmet_json(configuration, id));
    finding.symbols.push_back(name);
    findings.texts.emplace(name, unmet_text(configuration, id));
  }
  findings.configurations.push_back(std::move(finding));
}

Findings find_unmet(const Tree& tree, const KconfigOptions& options, const std::string& values,
                    std::ostream& err) {
  Findings findings;
  if (!options.target.tree.empty()) {
    Configuration configuration(tree);
    configuration.read(values);
    note(configuration, {}, findings);
    return findings;
  }
  const auto inputs = kconfig::settable(tree, kconfig::review_inputs());
  const uint64_t total = kconfig::combinations(tree, inputs);
  Bar bar(options.progress ? &err : nullptr);
  kconfig::enumerate(tree, inputs,
                     {[&](const Configuration& one) { note(one, inputs, findings); },
                      [&](uint64_t done) { bar.show(done, total); }});
  return findings;
}

std::vector<SymbolId> find_never(const Tree& tree, const KconfigOptions& options,
                                 std::ostream& err) {
  Bar bar(options.progress ? &err : nullptr);
  return kconfig::never_settable(tree, [&](size_t known, size_t all) { bar.show(known, all); });
}

Json as_json(const Tree& tree, const Findings& findings,
             const std::vector<std::vector<Link>>& cycles,
             const std::optional<std::vector<SymbolId>>& never) {
  Json json = {{"unmet_selects", Json::array()}, {"cycles", Json::array()}};
  for (const Finding& finding : findings.configurations) {
    json["unmet_selects"].push_back(finding.json);
  }
  for (const auto& chain : cycles) {
    Json names = Json::array({symbol_text(tree, chain.front().symbol)});
    for (const Link& link : chain) names.push_back(symbol_text(tree, link.target));
    json["cycles"].push_back(std::move(names));
  }
  if (!never) return json;
  json["never_settable"] = Json::array();
  for (const SymbolId id : *never) json["never_settable"].push_back(tree.symbols[id].name);
  return json;
}

void as_text(const Tree& tree, const Findings& findings,
             const std::vector<std::vector<Link>>& cycles,
             const std::optional<std::vector<SymbolId>>& never, bool markdown, std::ostream& out) {
  const char* bullet = markdown ? "- " : "";
  for (const auto& chain : cycles) {
    out << bullet << "cycle: " << chain_text(tree, chain) << '\n';
    for (const Link& link : chain) {
      const kconfig::Place at = tree.place(tree.menus[tree.symbols[link.symbol].menus[0]].at);
      out << fmt::format("  {}{}:{}: {} {} {}\n", bullet, at.path, at.line,
                         symbol_text(tree, link.symbol), link_text(link.kind),
                         symbol_text(tree, link.target));
    }
  }
  std::map<std::vector<std::string>, size_t> counts;
  for (const Finding& finding : findings.configurations) ++counts[finding.symbols];
  for (const auto& [symbols, count] : counts) {
    out << fmt::format("{}unmet: {} in {} configurations\n", bullet, fmt::join(symbols, " and "),
                       count);
  }
  for (const auto& [name, text] : findings.texts) out << bullet << "for example, " << text;
  for (const SymbolId id : never.value_or(std::vector<SymbolId>())) {
    out << bullet << "never settable: " << tree.symbols[id].name << '\n';
  }
  out << fmt::format("{}{} cycles, {} configurations with unmet dependencies of selects\n", bullet,
                     cycles.size(), findings.configurations.size());
}

}  // namespace

int kconfig_check(const KconfigOptions& options, const KconfigValues& values, std::ostream& out,
                  std::ostream& err) {
  const auto subject = load_subject(options.target, values);
  if (!subject) return complain(subject.error(), err);
  const Tree& tree = subject->tree;
  mention_skipped(tree, err);
  const auto cycles = find_cycles(tree);
  // A tree with a cycle has no configurations: `conf` refuses it.
  const Findings findings =
      cycles.empty() ? find_unmet(tree, options, subject->values, err) : Findings{};
  std::optional<std::vector<SymbolId>> never;
  if (options.never) never = find_never(tree, options, err);
  if (options.format == KconfigFormat::kJson) {
    out << as_json(tree, findings, cycles, never).dump() << '\n';
  } else {
    as_text(tree, findings, cycles, never, options.format == KconfigFormat::kMarkdown, out);
  }
  return cycles.empty() && findings.configurations.empty() ? kKconfigFine : kKconfigFindings;
}

}  // namespace noiommu::scenarios
