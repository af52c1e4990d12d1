// How one symbol gets its value. Spec: kconfig.md section 6.
#include <fmt/format.h>

#include "model/kconfig/configuration.h"
#include "model/kconfig/numbers.h"

namespace noiommu::kconfig {

namespace {

const std::string& start_text(Type type) {
  static const std::string kEmpty;
  static const std::string kInt = "0";
  static const std::string kHex = "0x0";
  return type == Type::kInt ? kInt : type == Type::kHex ? kHex : kEmpty;
}

Tri whole_if_bool(Tri value, Type type) {
  return value == Tri::kM && type == Type::kBool ? Tri::kY : value;
}

}  // namespace

// A tristate that cannot be m: there are no modules, or a choice is set to y and takes one value.
Type Configuration::effective_type(SymbolId id) const {
  const Symbol& symbol = tree_.symbols[id];
  if (symbol.type != Type::kTristate) return symbol.type;
  const bool one_of = symbol.choice != kNoSymbol && visible(id) == Tri::kY;
  return one_of || value(tree_.modules) == Tri::kN ? Type::kBool : Type::kTristate;
}

Tri Configuration::pulled(SymbolId id, const std::vector<Pull>& pulls) {
  Tri most = Tri::kN;
  for (const Pull& pull : pulls) most = tri_or(most, calculate(pull.expr));
  return whole_if_bool(most, effective_type(id));
}

void Configuration::calculate_visibility(SymbolId id) {
  const Symbol& symbol = tree_.symbols[id];
  State& state = states_[id];
  Tri visible = Tri::kN;
  for (const Prompt& prompt : symbol.prompts) {
    Tri one = calculate(prompt.condition);
    // What is m at most cannot be had from a choice that is y.
    const bool out_of_reach = symbol.choice != kNoSymbol && symbol.type == Type::kTristate &&
                              one == Tri::kM && value(symbol.choice) == Tri::kY;
    visible = tri_or(visible, out_of_reach ? Tri::kN : one);
  }
  const bool no_m = symbol.type != Type::kTristate || value(tree_.modules) == Tri::kN;
  state.visible = visible == Tri::kM && no_m ? Tri::kY : visible;
  if (symbol.choice != kNoSymbol) return;
  state.depends = whole_if_bool(calculate(symbol.depends), effective_type(id));
  state.selected = pulled(id, symbol.selected_by);
  state.implied = pulled(id, symbol.implied_by);
}

const Default* Configuration::active_default(const Symbol& symbol) {
  for (const Default& one : symbol.defaults) {
    if (calculate(one.condition) != Tri::kN) return &one;
  }
  return nullptr;
}

const Range* Configuration::active_range(const Symbol& symbol) {
  for (const Range& one : symbol.ranges) {
    if (calculate(one.condition) != Tri::kN) return &one;
  }
  return nullptr;
}

Tri Configuration::calculate_tristate(SymbolId id) {
  const Symbol& symbol = tree_.symbols[id];
  State& state = states_[id];
  if (symbol.choice != kNoSymbol && state.visible == Tri::kY) {
    return states_[symbol.choice].chosen == id ? Tri::kY : Tri::kN;
  }
  Tri result = Tri::kN;
  if (state.given && symbol.transitional) {
    result = tri_and(state.given_value, tri_or(state.visible, state.depends));
  } else if (state.given && state.visible != Tri::kN) {
    result = tri_and(state.given_value, state.visible);
  } else {
    if (state.selected != Tri::kN) state.written = true;
    const Default* chosen = symbol.is_choice ? nullptr : active_default(symbol);
    if (chosen != nullptr) {
      result = tri_and(calculate(chosen->value), value_of(chosen->condition));
      if (result != Tri::kN) state.written = true;
    }
    if (state.implied != Tri::kN && !symbol.is_choice) {
      state.written = true;
      result = tri_and(tri_or(result, state.implied), state.depends);
    }
  }
  if (state.depends < state.selected && symbol.choice == kNoSymbol) unmet_.push_back(id);
  return whole_if_bool(tri_or(result, state.selected), effective_type(id));
}

void Configuration::calculate_text(SymbolId id) {
  const Symbol& symbol = tree_.symbols[id];
  State& state = states_[id];
  if (state.given && (state.visible != Tri::kN || symbol.transitional)) {
    state.text = &state.given_text;
    return;
  }
  const Default* chosen = active_default(symbol);
  if (chosen == nullptr) return;
  const Expr& value = tree_.expressions.at(chosen->value);
  if (value.op != Op::kSymbol) return;
  state.written = true;
  calculate_symbol(value.left);
  state.text = &text(value.left);
}

long long Configuration::bound(SymbolId id, int base) {
  calculate_symbol(id);
  if (tree_.symbols[id].type == Type::kInt) base = 10;
  if (tree_.symbols[id].type == Type::kHex) base = 16;
  return leading_number(text(id), base);
}

void Configuration::keep_in_range(SymbolId id) {
  const Type type = tree_.symbols[id].type;
  if (!is_number(type)) return;
  const Range* range = active_range(tree_.symbols[id]);
  if (range == nullptr) return;
  State& state = states_[id];
  const int base = type == Type::kInt ? 10 : 16;
  const long long value = leading_number(*state.text, base);
  long long limit = bound(range->low, base);
  if (value >= limit) {
    limit = bound(range->high, base);
    if (value <= limit) return;
  }
  state.in_range = type == Type::kInt
                       ? fmt::format("{}", limit)
                       : fmt::format("{:#x}", static_cast<unsigned long long>(limit));
  state.text = &state.in_range;
}

bool Configuration::fits_range(SymbolId id) {
  const Type type = tree_.symbols[id].type;
  const std::string& given = states_[id].given_text;
  if (!valid_text(type, given)) return false;
  const Range* range = is_number(type) ? active_range(tree_.symbols[id]) : nullptr;
  if (range == nullptr) return true;
  const int base = type == Type::kInt ? 10 : 16;
  const long long value = leading_number(given, base);
  return value >= bound(range->low, base) && value <= bound(range->high, base);
}

SymbolId Configuration::default_of_choice(const Symbol& choice) {
  for (const Default& one : choice.defaults) {
    if (calculate(one.condition) == Tri::kN) continue;
    const Expr& value = tree_.expressions.at(one.value);
    if (value.op == Op::kSymbol && visible(value.left) != Tri::kN) return value.left;
  }
  for (const SymbolId value : choice.values) {
    if (visible(value) != Tri::kN) return value;
  }
  return kNoSymbol;
}

SymbolId Configuration::calculate_choice(SymbolId id) {
  const Symbol& choice = tree_.symbols[id];
  State& state = states_[id];
  bool all_given = true;
  for (const SymbolId value : choice.values) {
    calculate_visibility(value);
    if (visible(value) != Tri::kN && !given(value)) all_given = false;
  }
  state.given = state.given && all_given;
  const SymbolId wanted = state.given_choice;
  if (wanted != kNoSymbol && visible(wanted) != Tri::kN) return wanted;
  const SymbolId chosen = default_of_choice(choice);
  if (chosen == kNoSymbol) state.value = Tri::kN;
  return chosen;
}

void Configuration::calculate_symbol(SymbolId id) {
  State& state = states_[id];
  if (state.valid) return;
  const Symbol& symbol = tree_.symbols[id];
  // From here on whoever comes back to it gets what it starts with; only a cycle does.
  state.valid = true;
  calculate_visibility(id);
  state.written = state.visible != Tri::kN;
  state.value = Tri::kN;
  state.chosen = kNoSymbol;
  state.text = &start_text(symbol.type);
  if (is_tri(symbol.type)) {
    state.value = calculate_tristate(id);
    if (symbol.is_choice && state.value == Tri::kY) state.chosen = calculate_choice(id);
  } else {
    calculate_text(id);
    keep_in_range(id);
  }
  if (symbol.transitional) state.written = false;
}

}  // namespace noiommu::kconfig
