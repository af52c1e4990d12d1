// The tokens of one line, read from left to right, and the expressions among them.
#pragma once

#include <string_view>
#include <vector>

#include "model/kconfig/lexer.h"

namespace noiommu::kconfig {

class TokenLine {
 public:
  TokenLine(Loading& loading, std::vector<Token> tokens)
      : loading_(loading), tokens_(std::move(tokens)) {}

  [[nodiscard]] bool done() const { return next_ == tokens_.size(); }
  // The place of the first token.
  [[nodiscard]] Position start() const { return tokens_[0].at; }
  // The place of the next token, or of the last one when there is none left.
  [[nodiscard]] Position at() const { return tokens_[done() ? tokens_.size() - 1 : next_].at; }

  // Takes the next token when it is that; else takes nothing.
  [[nodiscard]] bool take_keyword(std::string_view word);
  [[nodiscard]] bool take_operator(std::string_view sign);
  // Takes the next token when it is of that kind, else fails with "expected `what`".
  bool word(std::string_view what, std::string_view& out);
  bool string(std::string_view what, std::string_view& out);

  // An expression up to what cannot belong to it.
  bool expression(ExprId& out);
  // `if` and an expression, or nothing.
  bool condition(ExprId& out);
  // A word, or a string, as a symbol.
  bool symbol(SymbolId& out);
  // Fails unless all tokens are taken.
  bool end();

 private:
  [[nodiscard]] bool is(Token::Kind kind, std::string_view text) const;
  bool disjunction(ExprId& out);
  bool conjunction(ExprId& out);
  bool operand(ExprId& out);

  Loading& loading_;
  std::vector<Token> tokens_;
  size_t next_ = 0;
  int depth_ = 0;
};

}  // namespace noiommu::kconfig
