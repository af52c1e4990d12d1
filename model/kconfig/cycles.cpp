#include "model/kconfig/cycles.h"

#include <fmt/format.h>

#include <algorithm>

namespace noiommu::kconfig {

namespace {

enum class Mark : uint8_t { kNew, kOpen, kDone };

class Search {
 public:
  explicit Search(const Tree& tree)
      : tree_(tree), marks_(tree.symbols.size()), in_cycle_(tree.symbols.size()) {}

  std::vector<std::vector<Link>> run() {
    for (const SymbolId id : tree_.order) visit(node_of(id));
    return std::move(found_);
  }

 private:
  [[nodiscard]] SymbolId node_of(SymbolId id) const {
    const SymbolId choice = tree_.symbols[id].choice;
    return choice == kNoSymbol ? id : choice;
  }

  void visit(SymbolId node) {
    if (marks_[node] != Mark::kNew) return;
    marks_[node] = Mark::kOpen;
    properties(node, node);
    for (const SymbolId value : tree_.symbols[node].values) properties(node, value);
    marks_[node] = Mark::kDone;
  }

  // What the value of `id` needs, as steps from `node`, which is it or its choice.
  void properties(SymbolId node, SymbolId id) {
    const Symbol& symbol = tree_.symbols[id];
    for (const Pull& pull : symbol.selected_by) expression(node, LinkKind::kSelectedBy, pull.expr);
    for (const Pull& pull : symbol.implied_by) expression(node, LinkKind::kImpliedBy, pull.expr);
    for (const Prompt& one : symbol.prompts) step_all(node, one);
    for (const Range& one : symbol.ranges) step_all(node, one);
    for (const Default& one : symbol.defaults) {
      step_all(node, one);
      // The default of a choice only names one of its values.
      if (!symbol.is_choice) expression(node, LinkKind::kDependsOn, one.value);
    }
  }

  void step_all(SymbolId node, const Property& property) {
    expression(node, LinkKind::kDependsOn, property.condition);
  }

  void expression(SymbolId node, LinkKind kind, ExprId id) {
    if (id == kNoExpr) return;
    const Expr expr = tree_.expressions.at(id);
    if (expr.op == Op::kSymbol) {
      step(node, kind, expr.left);
    } else if (is_comparison(expr.op)) {
      step(node, kind, expr.left);
      step(node, kind, expr.right);
    } else {
      expression(node, kind, expr.left);
      if (expr.op != Op::kNot) expression(node, kind, expr.right);
    }
  }

  void step(SymbolId node, LinkKind kind, SymbolId target) {
    target = node_of(target);
    const bool inside_choice = target == node && tree_.symbols[node].is_choice;
    if (inside_choice || marks_[target] == Mark::kDone) return;
    path_.push_back({node, kind, target});
    if (marks_[target] == Mark::kOpen) {
      report(target);
    } else {
      visit(target);
    }
    path_.pop_back();
  }

  void report(SymbolId start) {
    auto first = std::find_if(path_.begin(), path_.end(),
                              [&](const Link& link) { return link.symbol == start; });
    std::vector<Link> chain(first, path_.end());
    const bool known = std::any_of(chain.begin(), chain.end(),
                                   [&](const Link& link) { return in_cycle_[link.symbol]; });
    if (known) return;
    for (const Link& link : chain) in_cycle_[link.symbol] = true;
    found_.push_back(std::move(chain));
  }

  const Tree& tree_;
  std::vector<Mark> marks_;
  std::vector<bool> in_cycle_;
  std::vector<Link> path_;
  std::vector<std::vector<Link>> found_;
};

}  // namespace

std::string_view link_text(LinkKind kind) {
  constexpr std::string_view kTexts[] = {"depends on", "is selected by", "is implied by"};
  return kTexts[static_cast<size_t>(kind)];
}

std::vector<std::vector<Link>> find_cycles(const Tree& tree) {
  return Search(tree).run();
}

std::string chain_text(const Tree& tree, const std::vector<Link>& chain) {
  std::string out = symbol_text(tree, chain.front().symbol);
  for (const Link& link : chain) out += " -> " + symbol_text(tree, link.target);
  return out;
}

}  // namespace noiommu::kconfig
