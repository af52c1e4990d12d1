// Enumeration where there are too many input vectors to try each.
#include <algorithm>
#include <array>

#include "model/kconfig/encoding.h"
#include "model/kconfig/enumeration.h"

namespace noiommu::kconfig {

namespace {

constexpr std::array kAllValues = {Tri::kN, Tri::kM, Tri::kY};

class SolverEnumeration {
 public:
  SolverEnumeration(const Tree& tree, const std::vector<SymbolId>& inputs)
      : tree_(tree), inputs_(inputs), encoding_(tree), configuration_(tree) {
    for (const SymbolId id : tree.order) {
      if (is_tri(tree.symbols[id].type)) encoded_.emplace_back(id, encoding_.value(id));
    }
    for (const auto& [id, user] : encoding_.users()) {
      const bool input = std::find(inputs.begin(), inputs.end(), id) != inputs.end();
      gates().require(input ? user.given : -user.given);
    }
  }

  std::vector<Outcome> run(const EnumerationWatch& watch) {
    std::vector<Outcome> outcomes;
    uint64_t done = 0;
    while (gates().solve()) {
      read_solution();
      if (!confirmed()) {
        exclude(guess_);
        continue;
      }
      outcomes.push_back(outcome_of(configuration_));
      outcomes.back().count = count_inputs();
      if (__builtin_add_overflow(done, outcomes.back().count, &done)) done = UINT64_MAX;
      if (watch.found) watch.found(configuration_);
      if (watch.progress) watch.progress(done);
      exclude(result_);
    }
    return outcomes;
  }

 private:
  Gates& gates() { return encoding_.gates(); }

  void append(std::vector<Literal>& to, Literal a) {
    if (!gates().fixed(a)) to.push_back(gates().holds(a) ? a : -a);
  }

  // Evaluates the solution's input vector; notes what the solution says of the result, and all that
  // it has chosen: inputs and guesses.
  void read_solution() {
    result_.clear();
    guess_.clear();
    predicted_.clear();
    configuration_.clear();
    for (const SymbolId id : inputs_) {
      const auto user = encoding_.users().find(id);
      if (user == encoding_.users().end()) continue;  // its prompt is never there
      configuration_.set(id, gates().value(user->second.value));
      append(guess_, user->second.value.on);
      append(guess_, user->second.value.full);
    }
    for (const auto& [id, value] : encoding_.guessed_symbols()) {
      append(guess_, value.on);
      append(guess_, value.full);
    }
    for (const auto& [id, value] : encoding_.guessed_comparisons()) append(guess_, value);
    for (const auto& [id, value] : encoded_) {
      append(result_, value.on);
      append(result_, value.full);
      predicted_.push_back(gates().value(value));
    }
    configuration_.evaluate();
  }

  [[nodiscard]] bool confirmed() const {
    for (size_t i = 0; i < encoded_.size(); ++i) {
      if (configuration_.value(encoded_[i].first) != predicted_[i]) return false;
    }
    return true;
  }

  // No later solution has all of these.
  void exclude(const std::vector<Literal>& these) {
    std::vector<Literal> clause;
    clause.reserve(these.size());
    for (const Literal a : these) clause.push_back(-a);
    gates().require_any(clause);
  }

  // Once all results are known, each input stands alone: a vector leads here when every one of its
  // values gives its own symbol the value that it has here.
  [[nodiscard]] uint64_t count_inputs() const {
    uint64_t count = 1;
    for (const SymbolId id : inputs_) {
      const bool boolean = tree_.symbols[id].type == Type::kBool;
      const bool no_m = boolean || configuration_.value(tree_.modules) == Tri::kN;
      const Tri visible = configuration_.visible(id);
      const auto ways = std::count_if(kAllValues.begin(), kAllValues.end(), [&](Tri given) {
        if (boolean && given == Tri::kM) return false;
        if (visible == Tri::kN) return true;
        const Tri got = tri_or(tri_and(given, visible), configuration_.selected(id));
        return (got == Tri::kM && no_m ? Tri::kY : got) == configuration_.value(id);
      });
      count = saturating_product(count, static_cast<uint64_t>(ways));
    }
    return count;
  }

  const Tree& tree_;
  const std::vector<SymbolId>& inputs_;
  Encoding encoding_;
  Configuration configuration_;
  std::vector<std::pair<SymbolId, TriLiteral>> encoded_;
  std::vector<Tri> predicted_;  // as encoded_
  std::vector<Literal> result_;
  std::vector<Literal> guess_;
};

}  // namespace

std::vector<Outcome> enumerate_by_solver(const Tree& tree, const std::vector<SymbolId>& inputs,
                                         const EnumerationWatch& watch) {
  return SolverEnumeration(tree, inputs).run(watch);
}

}  // namespace noiommu::kconfig
