#include "model/kconfig/encoding.h"

#include <array>

#include "model/kconfig/numbers.h"

namespace noiommu::kconfig {

namespace {

constexpr std::array kAllValues = {Tri::kN, Tri::kM, Tri::kY};

// What a comparison finds in a symbol, and when.
struct Side {
  std::string text;
  Literal when;
};

}  // namespace

TriLiteral Encoding::value(SymbolId id) {
  if (values_[id]) return *values_[id];
  const Symbol& symbol = tree_.symbols[id];
  if (id <= kSymbolY) {
    values_[id] = gates_.constant(static_cast<Tri>(id));
  } else if (!is_tri(symbol.type)) {
    values_[id] = gates_.constant(Tri::kN);
  } else if (symbol.is_choice || symbol.choice != kNoSymbol) {
    values_[id] = guess(id);
  } else {
    encode(id);
  }
  return *values_[id];
}

TriLiteral Encoding::guess(SymbolId id) {
  const TriLiteral value = gates_.unknown(tree_.symbols[id].type == Type::kBool);
  guessed_symbols_.emplace_back(id, value);
  return value;
}

TriLiteral Encoding::whole(SymbolId id, TriLiteral a) {
  if (tree_.symbols[id].type == Type::kBool) return gates_.from(a.on);
  return {a.on, gates_.any(a.full, gates_.all(a.on, -value(tree_.modules).on))};
}

TriLiteral Encoding::visible(SymbolId id) {
  TriLiteral most = gates_.constant(Tri::kN);
  for (const Prompt& prompt : tree_.symbols[id].prompts) {
    most = gates_.any(most, value_of(prompt.condition));
  }
  return whole(id, most);
}

TriLiteral Encoding::pulled(SymbolId id, const std::vector<Pull>& pulls) {
  TriLiteral most = gates_.constant(Tri::kN);
  for (const Pull& pull : pulls) most = gates_.any(most, value_of(pull.expr));
  return whole(id, most);
}

// The first default whose condition is not n.
TriLiteral Encoding::by_default(const Symbol& symbol) {
  TriLiteral result = gates_.constant(Tri::kN);
  for (auto one = symbol.defaults.rbegin(); one != symbol.defaults.rend(); ++one) {
    const TriLiteral condition = value_of(one->condition);
    result = gates_.choose(condition.on, gates_.all(value_of(one->value), condition), result);
  }
  return result;
}

void Encoding::encode(SymbolId id) {
  const Symbol& symbol = tree_.symbols[id];
  // Before the rest, so that a symbol that rests on itself ends here.
  const TriLiteral result = gates_.unknown(symbol.type == Type::kBool);
  values_[id] = result;
  const TriLiteral visible = this->visible(id);
  const TriLiteral depends = whole(id, value_of(symbol.depends));
  TriLiteral otherwise = by_default(symbol);
  if (!symbol.implied_by.empty()) {
    const TriLiteral implied = pulled(id, symbol.implied_by);
    const TriLiteral raised = gates_.all(gates_.any(otherwise, implied), depends);
    otherwise = gates_.choose(implied.on, raised, otherwise);
  }
  TriLiteral found = otherwise;
  if (symbol.transitional || visible.on != gates_.no()) {
    const User user{gates_.fresh(), gates_.unknown(symbol.type == Type::kBool)};
    users_.emplace(id, user);
    const TriLiteral limit = symbol.transitional ? gates_.any(visible, depends) : visible;
    const Literal taken = symbol.transitional ? user.given : gates_.all(user.given, visible.on);
    found = gates_.choose(taken, gates_.all(user.value, limit), otherwise);
  }
  const TriLiteral selected = pulled(id, symbol.selected_by);
  gates_.require_equal(result, whole(id, gates_.any(found, selected)));
}

Literal Encoding::comparison(ExprId id) {
  const Expr& expr = tree_.expressions.at(id);
  const auto sides = [&](SymbolId side) {
    std::vector<Side> found;
    const Symbol& symbol = tree_.symbols[side];
    if (side <= kSymbolY || symbol.type == Type::kUnknown) {
      found.push_back({symbol.name, gates_.yes()});
    } else if (is_tri(symbol.type)) {
      const TriLiteral value = this->value(side);
      for (const Tri one : kAllValues) {
        found.push_back({std::string(tri_name(one)), gates_.is(value, one)});
      }
    }
    return found;
  };
  const std::vector<Side> left = sides(expr.left);
  const std::vector<Side> right = sides(expr.right);
  if (left.empty() || right.empty()) {
    guessed_comparisons_.emplace_back(id, gates_.fresh());
    return guessed_comparisons_.back().second;
  }
  Literal holds = gates_.no();
  for (const Side& a : left) {
    for (const Side& b : right) {
      const int order = compare_values(tree_.symbols[expr.left].type, a.text,
                                       tree_.symbols[expr.right].type, b.text);
      if (!comparison_holds(expr.op, order)) continue;
      holds = gates_.any(holds, gates_.all(a.when, b.when));
    }
  }
  return holds;
}

TriLiteral Encoding::value_of(ExprId id) {
  if (id == kNoExpr) return gates_.constant(Tri::kY);
  const auto known = expressions_.find(id);
  if (known != expressions_.end()) return known->second;
  const Expr& expr = tree_.expressions.at(id);
  TriLiteral found;
  switch (expr.op) {
    case Op::kSymbol:
      found = value(expr.left);
      break;
    case Op::kNot:
      found = gates_.negated(value_of(expr.left));
      break;
    case Op::kAnd:
      found = gates_.all(value_of(expr.left), value_of(expr.right));
      break;
    case Op::kOr:
      found = gates_.any(value_of(expr.left), value_of(expr.right));
      break;
    default:
      found = gates_.from(comparison(id));
      break;
  }
  expressions_.emplace(id, found);
  return found;
}

}  // namespace noiommu::kconfig
