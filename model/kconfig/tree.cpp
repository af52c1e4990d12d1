#include "model/kconfig/tree.h"

#include <fmt/format.h>

namespace noiommu::kconfig {

Tree::Tree() {
  for (const std::string_view name : {"n", "m", "y"}) {
    Symbol symbol;
    symbol.name = name;
    symbol.constant = true;
    symbols.push_back(std::move(symbol));
    names_.emplace(symbols.back().name, static_cast<SymbolId>(symbols.size() - 1));
    constants_.emplace(symbols.back().name, static_cast<SymbolId>(symbols.size() - 1));
  }
  menus.emplace_back();
  menus[kRootMenu].prompt = "Main menu";
}

SymbolId Tree::find(std::string_view name, bool constant) const {
  const auto& names = constant ? constants_ : names_;
  const auto found = names.find(name);
  return found == names.end() ? kNoSymbol : found->second;
}

SymbolId Tree::intern(std::string_view name, bool constant) {
  const SymbolId known = find(name, constant);
  if (known != kNoSymbol) return known;
  Symbol symbol;
  symbol.name = name;
  symbol.constant = constant;
  symbols.push_back(std::move(symbol));
  const auto id = static_cast<SymbolId>(symbols.size() - 1);
  (constant ? constants_ : names_).emplace(symbols.back().name, id);
  return id;
}

SymbolId Tree::add_choice() {
  Symbol symbol;
  symbol.is_choice = true;
  symbols.push_back(std::move(symbol));
  return static_cast<SymbolId>(symbols.size() - 1);
}

Place Tree::place(Position at) const {
  return {files[at.file].path, at.line, at.column};
}

Diagnostic Tree::diagnostic(Position at, std::string message) const {
  Diagnostic result;
  result.message = std::move(message);
  for (; at.line != 0; at = files[at.file].included_from) result.at.push_back(place(at));
  return result;
}

std::string symbol_text(const Tree& tree, SymbolId id) {
  const Symbol& symbol = tree.symbols[id];
  if (symbol.is_choice && symbol.name.empty()) return "<choice>";
  if (symbol.constant && id > kSymbolY) return '"' + symbol.name + '"';
  return symbol.name;
}

namespace {

std::string_view comparison_text(Op op) {
  switch (op) {
    case Op::kEqual:
      return "=";
    case Op::kUnequal:
      return "!=";
    case Op::kLess:
      return "<";
    case Op::kLessEqual:
      return "<=";
    case Op::kGreater:
      return ">";
    default:
      return ">=";
  }
}

std::string operand_text(const Tree& tree, ExprId id, Op outer) {
  const Op op = tree.expressions.at(id).op;
  const bool mixed = (op == Op::kAnd || op == Op::kOr) && op != outer;
  const std::string text = expression_text(tree, id);
  return mixed || (outer == Op::kNot && is_comparison(op)) ? fmt::format("({})", text) : text;
}

}  // namespace

std::string expression_text(const Tree& tree, ExprId id) {
  if (id == kNoExpr) return "y";
  const Expr& expr = tree.expressions.at(id);
  switch (expr.op) {
    case Op::kSymbol:
      return symbol_text(tree, expr.left);
    case Op::kNot:
      return fmt::format("!{}", operand_text(tree, expr.left, expr.op));
    case Op::kAnd:
      return fmt::format("{} && {}", operand_text(tree, expr.left, expr.op),
                         operand_text(tree, expr.right, expr.op));
    case Op::kOr:
      return fmt::format("{} || {}", operand_text(tree, expr.left, expr.op),
                         operand_text(tree, expr.right, expr.op));
    default:
      return fmt::format("{}{}{}", symbol_text(tree, expr.left), comparison_text(expr.op),
                         symbol_text(tree, expr.right));
  }
}

}  // namespace noiommu::kconfig
