#include "model/kconfig/rewrite.h"

namespace noiommu::kconfig {

ExprId with_modules(Tree& tree, ExprId id) {
  if (id == kNoExpr) return id;
  const Expr expr = tree.expressions.at(id);
  if (is_comparison(expr.op)) return id;
  if (expr.op == Op::kSymbol) {
    if (expr.left != kSymbolM) return id;
    return tree.expressions.add(Op::kAnd, id, tree.expressions.add(Op::kSymbol, tree.modules));
  }
  const ExprId left = with_modules(tree, expr.left);
  const ExprId right = expr.op == Op::kNot ? kNoExpr : with_modules(tree, expr.right);
  const bool same = left == expr.left && right == expr.right;
  return same ? id : tree.expressions.add(expr.op, left, right);
}

namespace {

ExprId for_bool(Tree& tree, ExprId id, bool negated) {
  const Expr expr = tree.expressions.at(id);
  switch (expr.op) {
    case Op::kNot: {
      const ExprId inner = for_bool(tree, expr.left, !negated);
      return inner == expr.left ? id : tree.expressions.add(Op::kNot, inner);
    }
    case Op::kAnd:
    case Op::kOr: {
      const ExprId left = for_bool(tree, expr.left, negated);
      const ExprId right = for_bool(tree, expr.right, negated);
      const bool same = left == expr.left && right == expr.right;
      return same ? id : tree.expressions.add(expr.op, left, right);
    }
    case Op::kEqual:
    case Op::kUnequal: {
      const bool not_n = expr.right == kSymbolN && (expr.op == Op::kUnequal) != negated;
      if (!not_n || tree.symbols[expr.left].type != Type::kTristate) return id;
      const ExprId self = tree.expressions.add(Op::kSymbol, expr.left);
      return negated ? tree.expressions.add(Op::kNot, self) : self;
    }
    default:
      return id;
  }
}

}  // namespace

ExprId for_bool(Tree& tree, ExprId id) {
  return id == kNoExpr ? id : for_bool(tree, id, false);
}

bool mentions(const Tree& tree, ExprId id, SymbolId symbol) {
  if (id == kNoExpr) return false;
  const Expr& expr = tree.expressions.at(id);
  if (expr.op == Op::kSymbol) return expr.left == symbol;
  if (expr.op == Op::kNot) return mentions(tree, expr.left, symbol);
  if (is_comparison(expr.op)) return expr.left == symbol || expr.right == symbol;
  return mentions(tree, expr.left, symbol) || mentions(tree, expr.right, symbol);
}

bool needs(const Tree& tree, ExprId id, SymbolId symbol) {
  if (id == kNoExpr) return false;
  const Expr& expr = tree.expressions.at(id);
  switch (expr.op) {
    case Op::kSymbol:
      return expr.left == symbol;
    case Op::kAnd:
      return needs(tree, expr.left, symbol) || needs(tree, expr.right, symbol);
    case Op::kEqual:
      return expr.left == symbol && (expr.right == kSymbolY || expr.right == kSymbolM);
    case Op::kUnequal:
      return expr.left == symbol && expr.right == kSymbolN;
    default:
      return false;
  }
}

}  // namespace noiommu::kconfig
