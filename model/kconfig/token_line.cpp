#include "model/kconfig/token_line.h"

#include <fmt/format.h>

namespace noiommu::kconfig {

namespace {

constexpr int kDeepest = 500;  // parentheses and `!` inside each other

}  // namespace

bool TokenLine::is(Token::Kind kind, std::string_view text) const {
  return !done() && tokens_[next_].kind == kind && tokens_[next_].text == text;
}

bool TokenLine::take_keyword(std::string_view word) {
  if (!is(Token::Kind::kWord, word) || tokens_[next_].expanded) return false;
  ++next_;
  return true;
}

bool TokenLine::take_operator(std::string_view sign) {
  if (!is(Token::Kind::kOperator, sign)) return false;
  ++next_;
  return true;
}

bool TokenLine::word(std::string_view what, std::string_view& out) {
  if (done() || tokens_[next_].kind != Token::Kind::kWord) {
    return loading_.fail(at(), fmt::format("expected {}", what));
  }
  out = tokens_[next_++].text;
  return true;
}

bool TokenLine::string(std::string_view what, std::string_view& out) {
  if (done() || tokens_[next_].kind != Token::Kind::kString) {
    return loading_.fail(at(), fmt::format("expected {} in quotes", what));
  }
  out = tokens_[next_++].text;
  return true;
}

bool TokenLine::symbol(SymbolId& out) {
  if (done() || tokens_[next_].kind == Token::Kind::kOperator) {
    return loading_.fail(at(), "expected a symbol or a value");
  }
  const Token& token = tokens_[next_++];
  out = loading_.tree.intern(token.text, token.kind == Token::Kind::kString);
  return true;
}

bool TokenLine::expression(ExprId& out) {
  return disjunction(out);
}

bool TokenLine::disjunction(ExprId& out) {
  if (!conjunction(out)) return false;
  while (take_operator("||")) {
    ExprId right = kNoExpr;
    if (!conjunction(right)) return false;
    out = loading_.tree.expressions.add(Op::kOr, out, right);
  }
  return true;
}

bool TokenLine::conjunction(ExprId& out) {
  if (!operand(out)) return false;
  while (take_operator("&&")) {
    ExprId right = kNoExpr;
    if (!operand(right)) return false;
    out = loading_.tree.expressions.add(Op::kAnd, out, right);
  }
  return true;
}

bool TokenLine::operand(ExprId& out) {
  if (depth_ >= kDeepest) return loading_.fail(at(), "the expression is nested too deeply");
  ++depth_;
  const auto leave = [this](bool well) {
    --depth_;
    return well;
  };
  Expressions& expressions = loading_.tree.expressions;
  if (take_operator("!")) {
    if (!operand(out)) return leave(false);
    out = expressions.add(Op::kNot, out);
    return leave(true);
  }
  if (take_operator("(")) {
    if (!disjunction(out)) return leave(false);
    return leave(take_operator(")") || loading_.fail(at(), "expected ')'"));
  }
  SymbolId left = kNoSymbol;
  if (!symbol(left)) return leave(false);
  static constexpr std::pair<std::string_view, Op> kSigns[] = {
      {"=", Op::kEqual},      {"!=", Op::kUnequal}, {"<", Op::kLess},
      {"<=", Op::kLessEqual}, {">", Op::kGreater},  {">=", Op::kGreaterEqual}};
  for (const auto& [sign, op] : kSigns) {
    if (!take_operator(sign)) continue;
    SymbolId right = kNoSymbol;
    if (!symbol(right)) return leave(false);
    out = expressions.add(op, left, right);
    return leave(true);
  }
  out = expressions.add(Op::kSymbol, left);
  return leave(true);
}

bool TokenLine::condition(ExprId& out) {
  out = kNoExpr;
  return !take_keyword("if") || expression(out);
}

bool TokenLine::end() {
  if (done()) return true;
  return loading_.fail(at(), fmt::format("unexpected '{}'", tokens_[next_].text));
}

}  // namespace noiommu::kconfig
