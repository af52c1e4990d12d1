// The search for the least symbols to set, and the proof that there are none.
#include <algorithm>

#include "model/kconfig/encoding.h"
#include "model/kconfig/explain.h"

namespace noiommu::kconfig {

namespace {

constexpr size_t kMostChanges = 12;
// Solutions that the evaluator may refuse, because they rest on a wrong guess.
constexpr int kMostRefused = 50;

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

// The symbol and what its value rests on, the nearest first. m rests on modules, from afar.
std::vector<SymbolId> nearest_first(const Tree& tree, SymbolId symbol) {
  std::vector<SymbolId> found{symbol};
  std::vector<bool> seen(tree.symbols.size());
  seen[symbol] = true;
  for (size_t i = 0; i < found.size(); ++i) {
    for (const SymbolId next : needs_of(tree, found[i])) {
      if (seen[next]) continue;
      seen[next] = true;
      found.push_back(next);
    }
  }
  if (!seen[tree.modules]) found.push_back(tree.modules);
  return found;
}

class ChangeSearch {
 public:
  ChangeSearch(const Tree& tree, const std::string& config, SymbolId symbol, Tri wanted)
      : tree_(tree),
        config_(config),
        symbol_(symbol),
        wanted_(wanted),
        before_(tree),
        encoding_(tree),
        anything_(gates().fresh()) {
    before_.read(config);
    goal_ = gates().is(encoding_.value(symbol), wanted);
    for (const SymbolId id : nearest_first(tree, symbol)) {
      const auto user = encoding_.users().find(id);
      if (user != encoding_.users().end()) add_switch(id, user->second);
    }
    for (const auto& [id, value] : encoding_.guessed_symbols()) {
      const Tri kept = before_.value(id);
      as_before_.push_back(kept == Tri::kN ? -value.on : value.on);
      as_before_.push_back(kept == Tri::kY ? value.full : -value.full);
    }
    for (const auto& [id, value] : encoding_.guessed_comparisons()) {
      as_before_.push_back(before_.value_of(id) == Tri::kN ? -value : value);
    }
    count_switches();
  }

  Change run() {
    if (!solve({goal_})) return {.assignments = std::nullopt, .possible = false};
    for (int refused = 0; refused < kMostRefused;) {
      const auto most = least_size();
      if (!most) return {};
      Change change{.assignments = choose(*most)};
      if (confirmed(*change.assignments)) return change;
      ++refused;
      exclude(*change.assignments);
    }
    return {};
  }

 private:
  // Whether the user sets a symbol anew.
  struct Switch {
    SymbolId symbol = kNoSymbol;
    TriLiteral value;
    Literal on = 0;
  };

  Gates& gates() { return encoding_.gates(); }

  void add_switch(SymbolId id, const Encoding::User& user) {
    const Literal on = gates().fresh();
    switches_.push_back({id, user.value, on});
    // What is set must also come out.
    gates().require_any({-on, user.given});
    gates().require_equal_if(on, encoding_.value(id), user.value);
    const bool given = before_.given(id);
    // A proof that nothing helps is not to depend on the configuration: `anything_` lifts this.
    gates().require_any({anything_, on, given ? user.given : -user.given});
    if (!given) return;
    const TriLiteral value = gates().constant(before_.given_value(id));
    for (const auto& [now, then] :
         {std::pair(user.value.on, value.on), std::pair(user.value.full, value.full)}) {
      gates().require_any({anything_, on, -now, then});
      gates().require_any({anything_, on, now, -then});
    }
  }

  // more_than_[k]: of the switches more than k are on.
  void count_switches() {
    const size_t most = std::min(kMostChanges, switches_.size());
    more_than_.assign(most + 1, gates().no());
    for (const Switch& one : switches_) {
      for (size_t k = most + 1; k-- > 0;) {
        const Literal before = k == 0 ? gates().yes() : more_than_[k - 1];
        more_than_[k] = gates().any(more_than_[k], gates().all(before, one.on));
      }
    }
  }

  bool solve(const std::vector<Literal>& assumed) {
    for (const Literal a : assumed) gates().assume(a);
    return gates().solve();
  }
  // With at most `size` switches on, all guesses as they were, and what has been decided already.
  bool solve(size_t size, const std::vector<Literal>& decided) {
    gates().assume(goal_);
    gates().assume(-anything_);
    for (const Literal a : as_before_) gates().assume(a);
    gates().assume(-more_than_[size]);
    return solve(decided);
  }

  std::optional<size_t> least_size() {
    for (size_t size = 0; size < more_than_.size(); ++size) {
      if (solve(size, {})) return size;
    }
    return std::nullopt;
  }

  // Of all solutions of that size the one with the nearest symbols, and the highest values.
  std::vector<Assignment> choose(size_t size) {
    std::vector<Literal> decided;
    std::vector<Assignment> chosen;
    for (const Switch& one : switches_) {
      if (chosen.size() == size) break;
      decided.push_back(one.on);
      if (!solve(size, decided)) {
        decided.back() = -one.on;
        continue;
      }
      const Tri value = highest(one, size, decided);
      decided.push_back(gates().is(one.value, value));
      chosen.push_back({one.symbol, value});
    }
    return chosen;
  }

  // Of a switch that can be on.
  Tri highest(const Switch& one, size_t size, std::vector<Literal> decided) {
    for (const Tri value : {Tri::kY, Tri::kM}) {
      decided.push_back(gates().is(one.value, value));
      if (solve(size, decided)) return value;
      decided.pop_back();
    }
    return Tri::kN;
  }

  bool confirmed(const std::vector<Assignment>& change) {
    std::string text = config_;
    for (const Assignment& one : change) {
      text += "CONFIG_" + tree_.symbols[one.symbol].name + "=" + std::string(tri_name(one.value)) +
              "\n";
    }
    Configuration after(tree_);
    after.read(text);
    const bool kept = std::all_of(change.begin(), change.end(), [&](const Assignment& one) {
      return after.value(one.symbol) == one.value;
    });
    return kept && after.value(symbol_) == wanted_;
  }

  void exclude(const std::vector<Assignment>& change) {
    std::vector<Literal> clause;
    for (const Switch& one : switches_) {
      const auto set = std::find_if(change.begin(), change.end(), [&](const Assignment& assigned) {
        return assigned.symbol == one.symbol;
      });
      clause.push_back(set == change.end() ? one.on : -one.on);
      if (set != change.end()) clause.push_back(-gates().is(one.value, set->value));
    }
    gates().require_any(clause);
  }

  const Tree& tree_;
  const std::string& config_;
  SymbolId symbol_;
  Tri wanted_;
  Configuration before_;
  Encoding encoding_;
  Literal goal_ = 0;
  Literal anything_;  // what the user gives is free, whatever it was before
  std::vector<Switch> switches_;
  std::vector<Literal> as_before_;
  std::vector<Literal> more_than_;
};

}  // namespace

Change smallest_change(const Tree& tree, const std::string& config, SymbolId symbol, Tri wanted) {
  return ChangeSearch(tree, config, symbol, wanted).run();
}

}  // namespace noiommu::kconfig
