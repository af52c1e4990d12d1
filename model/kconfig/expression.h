// Expressions over symbols, kept in one array and named by their index.
#pragma once

#include <cstdint>
#include <vector>

namespace noiommu::kconfig {

using SymbolId = uint32_t;
using ExprId = uint32_t;
inline constexpr ExprId kNoExpr = 0;  // no condition at all, which counts as y

enum class Op : uint8_t {
  kSymbol,
  kNot,
  kAnd,
  kOr,
  kEqual,
  kUnequal,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
};

constexpr bool is_comparison(Op op) {
  return op >= Op::kEqual;
}

// `order`: -1, 0 or 1, how the left side stands to the right one.
constexpr bool comparison_holds(Op op, int order) {
  switch (op) {
    case Op::kEqual:
      return order == 0;
    case Op::kUnequal:
      return order != 0;
    case Op::kLess:
      return order < 0;
    case Op::kLessEqual:
      return order <= 0;
    case Op::kGreater:
      return order > 0;
    default:
      return order >= 0;
  }
}

// `left` and `right` are symbols for kSymbol and comparisons, expressions otherwise.
struct Expr {
  Op op = Op::kSymbol;
  uint32_t left = 0;
  uint32_t right = 0;
};

class Expressions {
 public:
  Expressions() : nodes_(1) {}

  [[nodiscard]] const Expr& at(ExprId id) const { return nodes_[id]; }
  [[nodiscard]] size_t size() const { return nodes_.size(); }

  ExprId add(Op op, uint32_t left, uint32_t right = 0) {
    nodes_.push_back({op, left, right});
    return static_cast<ExprId>(nodes_.size() - 1);
  }
  // An absent side leaves the other alone.
  ExprId both(ExprId a, ExprId b) {
    if (a == kNoExpr || a == b) return b;
    return b == kNoExpr ? a : add(Op::kAnd, a, b);
  }
  ExprId either(ExprId a, ExprId b) {
    if (a == kNoExpr || a == b) return b;
    return b == kNoExpr ? a : add(Op::kOr, a, b);
  }

 private:
  std::vector<Expr> nodes_;
};

}  // namespace noiommu::kconfig
