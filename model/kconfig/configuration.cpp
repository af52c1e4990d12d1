#include "model/kconfig/configuration.h"

#include <algorithm>

#include "model/kconfig/numbers.h"

namespace noiommu::kconfig {

namespace {

const std::string& tri_text(Tri value) {
  static const std::string kTexts[] = {"n", "m", "y"};
  return kTexts[static_cast<size_t>(value)];
}

}  // namespace

Configuration::Configuration(const Tree& tree) : tree_(tree), states_(tree.symbols.size()) {
  clear();
}

void Configuration::clear() {
  for (SymbolId id = 0; id < states_.size(); ++id) {
    State& state = states_[id];
    const Symbol& symbol = tree_.symbols[id];
    // A choice always counts as given: as n, until one of its values says otherwise.
    state.given = symbol.is_choice;
    state.given_value = Tri::kN;
    state.given_choice = kNoSymbol;
    // What is only mentioned has the value n and its own name as its text.
    state.valid = symbol.type == Type::kUnknown;
    state.text = &symbol.name;
    state.written = false;
    state.value = id <= kSymbolY ? static_cast<Tri>(id) : Tri::kN;
  }
  complaints_.clear();
}

void Configuration::set(SymbolId symbol, Tri value) {
  states_[symbol].given = true;
  states_[symbol].given_value = value;
  note_choice_value(symbol);
}

void Configuration::set(SymbolId symbol, std::string value) {
  states_[symbol].given = true;
  states_[symbol].given_text = std::move(value);
}

void Configuration::evaluate() {
  for (SymbolId id = 0; id < states_.size(); ++id) {
    states_[id].valid = tree_.symbols[id].type == Type::kUnknown;
  }
  unmet_.clear();
  calculate_symbol(tree_.modules);
  for (const SymbolId id : tree_.order) calculate_symbol(id);
}

void Configuration::set_all(All how) {
  clear();
  constexpr Tri kValues[] = {Tri::kN, Tri::kY, Tri::kM};
  for (SymbolId id = 0; id < states_.size(); ++id) {
    const Symbol& symbol = tree_.symbols[id];
    if (!is_tri(symbol.type)) continue;
    states_[id].given = how != All::kDefault;
    if (how == All::kDefault) continue;
    states_[id].given_value = kValues[static_cast<size_t>(how)];
  }
  unmet_.clear();
  calculate_symbol(tree_.modules);
  for (const Menu& menu : tree_.menus) {
    if (menu.symbol == kNoSymbol) {
      calculate(menu.visible_if);
      calculate(menu.depends);
    } else if (menu.kind == MenuKind::kSymbol) {
      calculate_symbol(menu.symbol);
    }
  }
}

const std::string& Configuration::text(SymbolId id) const {
  const State& state = states_[id];
  if (!is_tri(tree_.symbols[id].type)) return *state.text;
  const bool no_modules = state.value == Tri::kM && states_[tree_.modules].value == Tri::kN;
  return tri_text(no_modules ? Tri::kN : state.value);
}

Tri Configuration::compare(const Expr& expr) const {
  const int order = compare_values(tree_.symbols[expr.left].type, text(expr.left),
                                   tree_.symbols[expr.right].type, text(expr.right));
  return comparison_holds(expr.op, order) ? Tri::kY : Tri::kN;
}

Tri Configuration::value_of(ExprId id) const {
  if (id == kNoExpr) return Tri::kY;
  const Expr& expr = tree_.expressions.at(id);
  switch (expr.op) {
    case Op::kSymbol:
      return value(expr.left);
    case Op::kNot:
      return tri_not(value_of(expr.left));
    case Op::kAnd:
      return tri_and(value_of(expr.left), value_of(expr.right));
    case Op::kOr:
      return tri_or(value_of(expr.left), value_of(expr.right));
    default:
      return compare(expr);
  }
}

// Both sides are always calculated: which symbol is reached first can be seen in the .config.
Tri Configuration::calculate(ExprId id) {
  if (id == kNoExpr) return Tri::kY;
  const Expr& expr = tree_.expressions.at(id);
  switch (expr.op) {
    case Op::kSymbol:
      calculate_symbol(expr.left);
      return value(expr.left);
    case Op::kNot:
      return tri_not(calculate(expr.left));
    case Op::kAnd: {
      const Tri left = calculate(expr.left);
      return tri_and(left, calculate(expr.right));
    }
    case Op::kOr: {
      const Tri left = calculate(expr.left);
      return tri_or(left, calculate(expr.right));
    }
    default:
      calculate_symbol(expr.left);
      calculate_symbol(expr.right);
      return compare(expr);
  }
}

std::vector<Overridden> Configuration::overridden() const {
  std::vector<Overridden> found;
  for (const Menu& menu : tree_.menus) {
    if (menu.kind != MenuKind::kSymbol || !given(menu.symbol)) continue;
    if (tree_.symbols[menu.symbol].menus.front() !=
        static_cast<MenuId>(&menu - tree_.menus.data())) {
      continue;
    }
    const State& state = states_[menu.symbol];
    const bool tri = is_tri(tree_.symbols[menu.symbol].type);
    const std::string& wanted = tri ? tri_text(state.given_value) : state.given_text;
    if (wanted != text(menu.symbol)) {
      found.push_back({menu.symbol, wanted, text(menu.symbol)});
    }
  }
  return found;
}

}  // namespace noiommu::kconfig
