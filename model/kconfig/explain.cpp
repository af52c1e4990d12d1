#include "model/kconfig/explain.h"

#include <fmt/format.h>

#include <algorithm>

namespace noiommu::kconfig {

namespace {

class Explainer {
 public:
  explicit Explainer(const Configuration& configuration)
      : configuration_(configuration), tree_(configuration.tree()) {}

  Proof symbol(SymbolId id, int depth) {
    const Symbol& symbol = tree_.symbols[id];
    Proof proof{fmt::format("{} is {}", symbol_text(tree_, id), configuration_.text(id)), {}};
    if (!tree_.defined(id)) {
      proof.because.push_back({"no Kconfig file defines it", {}});
      return proof;
    }
    if (!is_tri(symbol.type)) return proof;
    const bool open = std::find(open_.begin(), open_.end(), id) != open_.end();
    if (depth == 0 || open) return proof;
    open_.push_back(id);
    raised(id, depth, proof);
    if (configuration_.value(id) != Tri::kY) lowered(id, depth, proof);
    open_.pop_back();
    return proof;
  }

 private:
  // What gave it a value above n.
  void raised(SymbolId id, int depth, Proof& proof) {
    const Symbol& symbol = tree_.symbols[id];
    if (configuration_.value(id) == Tri::kN) return;
    for (const Pull& pull : symbol.selected_by) {
      const Tri value = configuration_.value_of(pull.expr);
      if (value == Tri::kN || symbol.is_choice) continue;
      proof.because.push_back(
          {fmt::format("{} selects it [={}]", symbol_text(tree_, pull.by), tri_name(value)),
           {this->symbol(pull.by, depth - 1)}});
    }
    if (configuration_.selected(id) >= configuration_.value(id)) return;
    const bool by_user = configuration_.given(id) && configuration_.visible(id) != Tri::kN;
    if (by_user) proof.because.push_back({"the user set it", {}});
    if (!by_user && symbol.choice == kNoSymbol) add_default(id, proof);
    if (symbol.choice != kNoSymbol) proof.because.push_back({"its choice takes it", {}});
  }

  // Why it is not higher.
  void lowered(SymbolId id, int depth, Proof& proof) {
    const Symbol& symbol = tree_.symbols[id];
    if (symbol.prompts.empty()) {
      proof.because.push_back({"it has no prompt: only select, imply and default set it", {}});
      for (const Pull& pull : symbol.selected_by) pull_missing(pull, depth, proof);
      add_default(id, proof);
      return;
    }
    const Tri visible = configuration_.visible(id);
    if (visible != Tri::kY) {
      for (const Prompt& prompt : symbol.prompts) {
        const Tri value = configuration_.value_of(prompt.condition);
        Proof why{fmt::format("its prompt allows {} at most: {}", tri_name(value),
                              expression_text(tree_, prompt.condition)),
                  {}};
        below_y(prompt.condition, depth, why);
        proof.because.push_back(std::move(why));
      }
    }
    if (visible == Tri::kN) return;
    if (configuration_.given(id)) {
      if (configuration_.value(id) == Tri::kN) proof.because.push_back({"the user set it so", {}});
    } else {
      proof.because.push_back({"it could be set, and nobody did", {}});
      add_default(id, proof);
    }
  }

  void pull_missing(const Pull& pull, int depth, Proof& proof) {
    const Tri value = configuration_.value_of(pull.expr);
    if (value != Tri::kN) return;
    Proof why{fmt::format("{} would select it if {}", symbol_text(tree_, pull.by),
                          expression_text(tree_, pull.expr)),
              {}};
    below_y(pull.expr, depth, why);
    proof.because.push_back(std::move(why));
  }

  void add_default(SymbolId id, Proof& proof) {
    for (const Default& one : tree_.symbols[id].defaults) {
      if (configuration_.value_of(one.condition) == Tri::kN) continue;
      proof.because.push_back(
          {fmt::format("its default is {} [={}]", expression_text(tree_, one.value),
                       tri_name(configuration_.value_of(one.value))),
           {}});
      return;
    }
  }

  // The parts of an expression that keep it from being y.
  void below_y(ExprId id, int depth, Proof& proof) {
    if (id == kNoExpr || configuration_.value_of(id) == Tri::kY) return;
    const Expr& expr = tree_.expressions.at(id);
    if (expr.op == Op::kAnd || expr.op == Op::kOr) {
      below_y(expr.left, depth, proof);
      below_y(expr.right, depth, proof);
      return;
    }
    if (expr.op == Op::kSymbol) {
      if (!tree_.symbols[expr.left].constant) add(symbol(expr.left, depth - 1), proof);
      return;
    }
    Proof why{
        fmt::format("{} is {}", expression_text(tree_, id), tri_name(configuration_.value_of(id))),
        {}};
    std::vector<SymbolId> mentioned;
    append_symbols(tree_, id, mentioned);
    for (const SymbolId one : mentioned) why.because.push_back(symbol(one, depth - 1));
    add(std::move(why), proof);
  }

  static void add(Proof why, Proof& to) {
    const bool known = std::any_of(to.because.begin(), to.because.end(), [&](const Proof& one) {
      return one.statement == why.statement;
    });
    if (!known) to.because.push_back(std::move(why));
  }

  const Configuration& configuration_;
  const Tree& tree_;
  std::vector<SymbolId> open_;
};

}  // namespace

void append_symbols(const Tree& tree, ExprId id, std::vector<SymbolId>& to) {
  if (id == kNoExpr) return;
  const Expr& expr = tree.expressions.at(id);
  const auto symbol = [&](SymbolId one) {
    if (!tree.symbols[one].constant && std::find(to.begin(), to.end(), one) == to.end()) {
      to.push_back(one);
    }
  };
  if (expr.op == Op::kSymbol) {
    symbol(expr.left);
  } else if (is_comparison(expr.op)) {
    symbol(expr.left);
    symbol(expr.right);
  } else {
    append_symbols(tree, expr.left, to);
    if (expr.op != Op::kNot) append_symbols(tree, expr.right, to);
  }
}

Proof explain(const Configuration& configuration, SymbolId symbol, int depth) {
  return Explainer(configuration).symbol(symbol, depth);
}

}  // namespace noiommu::kconfig
