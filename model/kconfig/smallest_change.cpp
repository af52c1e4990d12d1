// The search for the least symbols to set.
#include <algorithm>

#include "model/kconfig/explain.h"

namespace noiommu::kconfig {

namespace {

constexpr size_t kMostChanges = 4;
constexpr size_t kMostCandidates = 30;
// Symbols times configurations: about ten seconds of evaluation.
constexpr size_t kMostWork = 100'000'000;

std::vector<SymbolId> needs_of(const Tree& tree, SymbolId id) {
  std::vector<SymbolId> found;
  const Symbol& symbol = tree.symbols[id];
  for (const Prompt& one : symbol.prompts) append_symbols(tree, one.condition, found);
  for (const Pull& one : symbol.selected_by) append_symbols(tree, one.expr, found);
  for (const Pull& one : symbol.implied_by) append_symbols(tree, one.expr, found);
  for (const Default& one : symbol.defaults) {
    append_symbols(tree, one.condition, found);
    append_symbols(tree, one.value, found);
  }
  return found;
}

// The symbol itself and what its value rests on, the nearest first, as far as a user can set them.
std::vector<Assignment> candidates(const Tree& tree, SymbolId symbol) {
  std::vector<Assignment> found;
  std::vector<SymbolId> queue{symbol};
  std::vector<bool> seen(tree.symbols.size());
  seen[symbol] = true;
  size_t symbols = 0;
  for (size_t i = 0; i < queue.size() && symbols < kMostCandidates; ++i) {
    const Symbol& one = tree.symbols[queue[i]];
    if (is_tri(one.type) && !one.prompts.empty() && !one.is_choice) {
      ++symbols;
      found.push_back({queue[i], Tri::kY});
      if (one.type == Type::kTristate) found.push_back({queue[i], Tri::kM});
      found.push_back({queue[i], Tri::kN});
    }
    for (const SymbolId next : needs_of(tree, queue[i])) {
      if (seen[next]) continue;
      seen[next] = true;
      queue.push_back(next);
    }
  }
  return found;
}

class ChangeSearch {
 public:
  ChangeSearch(const Tree& tree, const std::string& config, SymbolId symbol, Tri wanted)
      : configuration_(tree),
        config_(config),
        symbol_(symbol),
        wanted_(wanted),
        candidates_(candidates(tree, symbol)),
        left_(kMostWork / (tree.symbols.size() + 1) + 1) {}

  std::optional<std::vector<Assignment>> run() {
    for (size_t size = 0; size <= kMostChanges; ++size) {
      if (extend(0, size)) return chosen_;
    }
    return std::nullopt;
  }

 private:
  bool extend(size_t first, size_t more) {
    if (more == 0) return reaches();
    for (size_t i = first; i < candidates_.size() && left_ > 0; ++i) {
      const bool taken = std::any_of(chosen_.begin(), chosen_.end(), [&](const Assignment& one) {
        return one.symbol == candidates_[i].symbol;
      });
      if (taken) continue;
      chosen_.push_back(candidates_[i]);
      if (extend(i + 1, more - 1)) return true;
      chosen_.pop_back();
    }
    return false;
  }

  bool reaches() {
    if (left_ == 0) return false;
    --left_;
    std::string text = config_;
    for (const Assignment& one : chosen_) {
      text += "CONFIG_" + configuration_.tree().symbols[one.symbol].name + "=" +
              std::string(tri_name(one.value)) + "\n";
    }
    configuration_.read(text);
    const bool kept = std::all_of(chosen_.begin(), chosen_.end(), [&](const Assignment& one) {
      return configuration_.value(one.symbol) == one.value;
    });
    return kept && configuration_.value(symbol_) == wanted_;
  }

  Configuration configuration_;
  const std::string& config_;
  SymbolId symbol_;
  Tri wanted_;
  std::vector<Assignment> candidates_;
  size_t left_;
  std::vector<Assignment> chosen_;
};

}  // namespace

std::optional<std::vector<Assignment>> smallest_change(const Tree& tree, const std::string& config,
                                                       SymbolId symbol, Tri wanted) {
  return ChangeSearch(tree, config, symbol, wanted).run();
}

}  // namespace noiommu::kconfig
