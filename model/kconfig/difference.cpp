#include "model/kconfig/difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

namespace noiommu::kconfig {

namespace {

std::string with_condition(const Tree& tree, std::string text, const Property& property) {
  if (property.condition != kNoExpr) text += " if " + expression_text(tree, property.condition);
  return text;
}

std::vector<std::string> lines_of(const Tree& tree, SymbolId id) {
  const Symbol& symbol = tree.symbols[id];
  std::vector<std::string> lines{std::string(type_name(symbol.type))};
  if (symbol.depends != kNoExpr) {
    lines.push_back("depends on " + expression_text(tree, symbol.depends));
  }
  for (const Prompt& one : symbol.prompts) lines.push_back(with_condition(tree, "prompt", one));
  for (const Default& one : symbol.defaults) {
    lines.push_back(with_condition(tree, "default " + expression_text(tree, one.value), one));
  }
  for (const Range& one : symbol.ranges) {
    lines.push_back(with_condition(
        tree, fmt::format("range {} {}", symbol_text(tree, one.low), symbol_text(tree, one.high)),
        one));
  }
  for (const Reverse& one : symbol.selects) {
    lines.push_back(with_condition(tree, "select " + symbol_text(tree, one.target), one));
  }
  for (const Reverse& one : symbol.implies) {
    lines.push_back(with_condition(tree, "imply " + symbol_text(tree, one.target), one));
  }
  return lines;
}

std::set<std::string> defined_names(const Tree& tree) {
  std::set<std::string> names;
  for (SymbolId id = 0; id < tree.symbols.size(); ++id) {
    const Symbol& symbol = tree.symbols[id];
    if (tree.defined(id) && !symbol.name.empty()) names.insert(symbol.name);
  }
  return names;
}

std::vector<std::string> lines_of(const Tree& tree, const std::string& name) {
  const SymbolId id = tree.find(name);
  if (id == kNoSymbol || !tree.defined(id)) return {};
  return lines_of(tree, id);
}

std::vector<std::string> without(const std::vector<std::string>& lines,
                                 const std::vector<std::string>& others) {
  std::vector<std::string> kept;
  std::copy_if(lines.begin(), lines.end(), std::back_inserter(kept), [&](const std::string& line) {
    return std::find(others.begin(), others.end(), line) == others.end();
  });
  return kept;
}

std::set<NamedValues> configurations(const Tree& tree, const std::vector<std::string>& names,
                                     const std::vector<std::string>& shown) {
  std::set<NamedValues> found;
  for (const Outcome& outcome : enumerate(tree, settable(tree, names))) {
    NamedValues values;
    for (const std::string& name : shown) {
      const Tri value = outcome.values[tree.find(name)];
      if (value != Tri::kN) values.emplace_back(name, value);
    }
    found.insert(std::move(values));
  }
  return found;
}

}  // namespace

std::vector<SymbolChange> changed_symbols(const Tree& before, const Tree& after) {
  std::set<std::string> names = defined_names(before);
  names.merge(defined_names(after));
  std::vector<SymbolChange> changes;
  for (const std::string& name : names) {
    const std::vector<std::string> old_lines = lines_of(before, name);
    const std::vector<std::string> new_lines = lines_of(after, name);
    if (old_lines == new_lines) continue;
    changes.push_back({name, without(old_lines, new_lines), without(new_lines, old_lines)});
  }
  return changes;
}

ConfigurationChange changed_configurations(const Tree& before, const Tree& after,
                                           const std::vector<std::string>& names) {
  std::vector<std::string> shown;
  for (const std::string& name : names) {
    const SymbolId a = before.find(name);
    const SymbolId b = after.find(name);
    const bool both = a != kNoSymbol && b != kNoSymbol && before.defined(a) && after.defined(b);
    if (both) shown.push_back(name);
  }
  const std::set<NamedValues> old_ones = configurations(before, names, shown);
  const std::set<NamedValues> new_ones = configurations(after, names, shown);
  ConfigurationChange change;
  change.before = old_ones.size();
  change.after = new_ones.size();
  std::set_difference(old_ones.begin(), old_ones.end(), new_ones.begin(), new_ones.end(),
                      std::back_inserter(change.lost));
  std::set_difference(new_ones.begin(), new_ones.end(), old_ones.begin(), old_ones.end(),
                      std::back_inserter(change.gained));
  return change;
}

}  // namespace noiommu::kconfig
