// A tree's bools and tristates for a SAT solver: each symbol's value as the evaluator calculates
// it, in clauses over what the user gives.
//
// What the solver cannot see it may guess: comparisons with numbers and texts, and the values of
// choices. So "no solution" is a proof, and a solution is a proposal that the evaluator has to
// confirm. Nothing is guessed in a tree without choices and such comparisons.
//
// One thread at a time; the tree must outlive it. Spec: kconfig.md section 6.
#pragma once

#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/kconfig/gates.h"
#include "model/kconfig/tree.h"

namespace noiommu::kconfig {

class Encoding {
 public:
  explicit Encoding(const Tree& tree) : tree_(tree), values_(tree.symbols.size()) {}

  [[nodiscard]] Gates& gates() { return gates_; }

  // A symbol's value, and what its prompt allows; encodes what they rest on when first asked.
  [[nodiscard]] TriLiteral value(SymbolId id);
  [[nodiscard]] TriLiteral visible(SymbolId id);

  // What the user gives to a symbol that is encoded and can be given a value.
  struct User {
    Literal given = 0;
    TriLiteral value;
  };
  [[nodiscard]] const std::unordered_map<SymbolId, User>& users() const { return users_; }
  // The symbols and comparisons that are guessed.
  [[nodiscard]] const std::vector<std::pair<SymbolId, TriLiteral>>& guessed_symbols() const {
    return guessed_symbols_;
  }
  [[nodiscard]] const std::vector<std::pair<ExprId, Literal>>& guessed_comparisons() const {
    return guessed_comparisons_;
  }

 private:
  [[nodiscard]] TriLiteral value_of(ExprId id);
  [[nodiscard]] Literal comparison(ExprId id);
  [[nodiscard]] TriLiteral pulled(SymbolId id, const std::vector<Pull>& pulls);
  [[nodiscard]] TriLiteral by_default(const Symbol& symbol);
  // m becomes y where m cannot be: in a bool, or without modules.
  [[nodiscard]] TriLiteral whole(SymbolId id, TriLiteral a);
  [[nodiscard]] TriLiteral guess(SymbolId id);
  void encode(SymbolId id);

  const Tree& tree_;
  Gates gates_;
  std::vector<std::optional<TriLiteral>> values_;
  std::unordered_map<ExprId, TriLiteral> expressions_;
  std::unordered_map<SymbolId, User> users_;
  std::vector<std::pair<SymbolId, TriLiteral>> guessed_symbols_;
  std::vector<std::pair<ExprId, Literal>> guessed_comparisons_;
};

}  // namespace noiommu::kconfig
