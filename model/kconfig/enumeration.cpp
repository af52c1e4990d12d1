#include "model/kconfig/enumeration.h"

#include <algorithm>
#include <unordered_map>

namespace noiommu::kconfig {

namespace {

constexpr uint64_t kProgressEvery = 4096;

Tri highest(const Tree& tree, SymbolId id) {
  return tree.symbols[id].type == Type::kTristate ? Tri::kM : Tri::kY;
}

// The next value in the order n, m, y; n after the last.
Tri next_value(const Tree& tree, SymbolId id, Tri value) {
  if (value == Tri::kY) return Tri::kN;
  return value == Tri::kN ? highest(tree, id) : Tri::kY;
}

std::string fingerprint(const Configuration& configuration) {
  const Tree& tree = configuration.tree();
  std::string key;
  key.reserve(tree.order.size());
  for (const SymbolId id : tree.order) {
    if (is_tri(tree.symbols[id].type)) {
      key += static_cast<char>(configuration.value(id));
    } else {
      key += configuration.text(id);
      key += '\n';
    }
  }
  return key;
}

}  // namespace

Outcome outcome_of(const Configuration& configuration) {
  Outcome outcome;
  const size_t symbols = configuration.tree().symbols.size();
  outcome.values.reserve(symbols);
  for (SymbolId id = 0; id < symbols; ++id) outcome.values.push_back(configuration.value(id));
  outcome.unmet = configuration.unmet();
  return outcome;
}

uint64_t saturating_product(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

std::vector<SymbolId> settable(const Tree& tree, const std::vector<std::string>& names) {
  std::vector<SymbolId> found;
  for (const std::string& name : names) {
    const SymbolId id = tree.find(name);
    if (id == kNoSymbol || !is_tri(tree.symbols[id].type)) continue;
    if (!tree.symbols[id].prompts.empty()) found.push_back(id);
  }
  return found;
}

uint64_t combinations(const Tree& tree, const std::vector<SymbolId>& inputs) {
  uint64_t count = 1;
  for (const SymbolId id : inputs) {
    count = saturating_product(count, tree.symbols[id].type == Type::kTristate ? 3 : 2);
  }
  return count;
}

bool has_choice_value(const Tree& tree, const std::vector<SymbolId>& inputs) {
  return std::any_of(inputs.begin(), inputs.end(),
                     [&](SymbolId id) { return tree.symbols[id].choice != kNoSymbol; });
}

std::vector<Outcome> enumerate(const Tree& tree, const std::vector<SymbolId>& inputs,
                               const EnumerationWatch& watch) {
  if (has_choice_value(tree, inputs) || combinations(tree, inputs) <= kMostTried) {
    return enumerate_by_trial(tree, inputs, watch);
  }
  return enumerate_by_solver(tree, inputs, watch);
}

std::vector<Outcome> enumerate_by_trial(const Tree& tree, const std::vector<SymbolId>& inputs,
                                        const EnumerationWatch& watch) {
  std::vector<Outcome> outcomes;
  std::unordered_map<std::string, size_t> seen;
  std::vector<Tri> values(inputs.size(), Tri::kN);
  Configuration configuration(tree);
  for (uint64_t done = 0;; ++done) {
    if (watch.progress && done % kProgressEvery == 0) watch.progress(done);
    configuration.clear();
    for (size_t i = 0; i < inputs.size(); ++i) configuration.set(inputs[i], values[i]);
    configuration.evaluate();
    const auto [entry, fresh] = seen.emplace(fingerprint(configuration), outcomes.size());
    if (fresh) {
      outcomes.push_back(outcome_of(configuration));
      if (watch.found) watch.found(configuration);
    }
    ++outcomes[entry->second].count;
    size_t i = inputs.size();
    while (i > 0) {
      --i;
      values[i] = next_value(tree, inputs[i], values[i]);
      if (values[i] != Tri::kN) break;
      if (i == 0) return outcomes;
    }
    if (inputs.empty()) return outcomes;
  }
}

}  // namespace noiommu::kconfig
