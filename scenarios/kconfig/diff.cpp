// `noiommu kconfig diff`.
#include <fmt/format.h>

#include <ostream>

#include <nlohmann/json.hpp>

#include "model/kconfig/cycles.h"
#include "model/kconfig/difference.h"
#include "model/kconfig/revisions.h"
#include "scenarios/kconfig/commands.h"
#include "scenarios/kconfig/messages.h"

namespace noiommu::scenarios {

namespace {

using kconfig::ConfigurationChange;
using kconfig::NamedValues;
using kconfig::SymbolChange;
using kconfig::Tree;
using Json = nlohmann::ordered_json;

kconfig::Loaded<Tree> side(const KconfigOptions& options, const std::string& name) {
  KconfigTarget target = options.target;
  if (name.find('/') == std::string::npos) {
    target.revision = name;
  } else {
    target.tree = name;
  }
  return load_target(target);
}

std::string values_text(const NamedValues& values) {
  std::string text;
  for (const auto& [name, value] : values) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, tri_name(value));
  }
  return text.empty() ? "(all n)" : text;
}

Json values_json(const std::vector<NamedValues>& list) {
  Json json = Json::array();
  for (const NamedValues& values : list) {
    Json one = Json::object();
    for (const auto& [name, value] : values) one[name] = std::string(tri_name(value));
    json.push_back(std::move(one));
  }
  return json;
}

void as_json(const std::vector<SymbolChange>& symbols, const ConfigurationChange& change,
             std::ostream& out) {
  Json json = {{"symbols", Json::array()},
               {"lost", values_json(change.lost)},
               {"gained", values_json(change.gained)}};
  for (const SymbolChange& one : symbols) {
    json["symbols"].push_back({{"name", one.name}, {"before", one.before}, {"after", one.after}});
  }
  out << json.dump(2) << '\n';
}

void as_text(const std::vector<SymbolChange>& symbols, const ConfigurationChange& change,
             bool markdown, std::ostream& out) {
  const char* bullet = markdown ? "- " : "";
  for (const SymbolChange& one : symbols) {
    out << bullet << one.name << '\n';
    for (const std::string& line : one.before) out << "  " << bullet << "- " << line << '\n';
    for (const std::string& line : one.after) out << "  " << bullet << "+ " << line << '\n';
  }
  for (const NamedValues& one : change.lost) out << bullet << "lost: " << values_text(one) << '\n';
  for (const NamedValues& one : change.gained) {
    out << bullet << "gained: " << values_text(one) << '\n';
  }
  out << fmt::format(
      "{}{} symbols changed; {} configurations before, {} after, {} lost, {} gained\n", bullet,
      symbols.size(), change.before, change.after, change.lost.size(), change.gained.size());
}

}  // namespace

int kconfig_diff(const KconfigOptions& options, const std::string& before, const std::string& after,
                 std::ostream& out, std::ostream& err) {
  const auto old_tree = side(options, before);
  if (!old_tree) return complain(old_tree.error(), err);
  const auto new_tree = side(options, after);
  if (!new_tree) return complain(new_tree.error(), err);
  const auto symbols = kconfig::changed_symbols(*old_tree, *new_tree);
  ConfigurationChange change;
  const bool revisions =
      before.find('/') == std::string::npos && after.find('/') == std::string::npos;
  if (!revisions) {
    err << "noiommu: configurations are compared between revisions only\n";
  } else if (!find_cycles(*old_tree).empty() || !find_cycles(*new_tree).empty()) {
    err << "noiommu: one side has a dependency cycle; only symbols are compared\n";
  } else {
    change = kconfig::changed_configurations(*old_tree, *new_tree, kconfig::review_inputs());
  }
  if (options.format == KconfigFormat::kJson) {
    as_json(symbols, change, out);
  } else {
    as_text(symbols, change, options.format == KconfigFormat::kMarkdown, out);
  }
  return kKconfigFine;
}

}  // namespace noiommu::scenarios
