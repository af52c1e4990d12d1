#include "model/kconfig/finalize.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "model/kconfig/choice_values.h"
#include "model/kconfig/rewrite.h"

namespace noiommu::kconfig {

namespace {

class Finalizer {
 public:
  explicit Finalizer(Tree& tree) : tree_(tree), expressions_(tree.expressions) {}

  void run() { children_of(kRootMenu, kNoExpr); }

 private:
  void children_of(MenuId parent, ExprId parent_depends);
  void entry(MenuId id, ExprId parent_depends);
  void after_children(MenuId id);
  void settle_choice_types(MenuId id);
  ExprId condition(const Property& property, const Menu& menu, bool tristate);
  void pulls(SymbolId by, const Reverse& reverse, std::vector<Pull> Symbol::*list);

  Tree& tree_;
  Expressions& expressions_;
};

void Finalizer::children_of(MenuId parent, ExprId parent_depends) {
  const MenuId first = tree_.menus[parent].first_child;
  for (MenuId id = first; id != kNoMenu; id = tree_.menus[id].next) entry(id, parent_depends);
  for (MenuId id = first; id != kNoMenu; id = tree_.menus[id].next) {
    const Menu& menu = tree_.menus[id];
    if (menu.kind == MenuKind::kSymbol) {
      Symbol& symbol = tree_.symbols[menu.symbol];
      symbol.depends = expressions_.either(symbol.depends, menu.depends);
    } else if (menu.kind == MenuKind::kChoice) {
      settle_choice_types(id);
      // The choice's own value is the upper bound of its values' visibility.
      children_of(id, expressions_.add(Op::kSymbol, menu.symbol));
    } else {
      children_of(id, menu.depends);
    }
    after_children(id);
  }
}

ExprId Finalizer::condition(const Property& property, const Menu& menu, bool tristate) {
  const ExprId own = with_modules(tree_, property.own_condition);
  const ExprId whole = expressions_.both(menu.depends, own);
  return tristate ? whole : for_bool(tree_, whole);
}

void Finalizer::pulls(SymbolId by, const Reverse& reverse, std::vector<Pull> Symbol::*list) {
  const ExprId self = expressions_.add(Op::kSymbol, by);
  (tree_.symbols[reverse.target].*list).push_back({by, expressions_.both(self, reverse.condition)});
}

void Finalizer::entry(MenuId id, ExprId parent_depends) {
  Menu& menu = tree_.menus[id];
  menu.depends = expressions_.both(parent_depends, with_modules(tree_, menu.own_depends));
  if (menu.symbol == kNoSymbol) return;
  Symbol& symbol = tree_.symbols[menu.symbol];
  const bool tristate = symbol.type == Type::kTristate;
  const auto each = [&](auto& properties, auto&& then) {
    for (auto& property : properties) {
      if (property.menu != id) continue;
      property.condition = condition(property, menu, tristate);
      then(property);
    }
  };
  const auto nothing = [](const auto&) {};
  each(symbol.prompts, nothing);
  each(symbol.defaults, nothing);
  each(symbol.ranges, nothing);
  each(symbol.selects, [&](const Reverse& one) { pulls(menu.symbol, one, &Symbol::selected_by); });
  each(symbol.implies, [&](const Reverse& one) { pulls(menu.symbol, one, &Symbol::implied_by); });
}

void Finalizer::settle_choice_types(MenuId id) {
  Symbol& choice = tree_.symbols[tree_.menus[id].symbol];
  const auto each_child = [&](auto&& visit) {
    for (MenuId child = tree_.menus[id].first_child; child != kNoMenu;
         child = tree_.menus[child].next) {
      if (tree_.menus[child].symbol != kNoSymbol) visit(tree_.symbols[tree_.menus[child].symbol]);
    }
  };
  each_child([&](const Symbol& symbol) {
    if (choice.type == Type::kUnknown) choice.type = symbol.type;
  });
  each_child([&](Symbol& symbol) {
    if (symbol.type == Type::kUnknown) symbol.type = choice.type;
  });
}

void Finalizer::after_children(MenuId id) {
  const Menu& menu = tree_.menus[id];
  if (menu.kind != MenuKind::kChoice) return;
  for (const MenuId value : choice_values(tree_, id)) {
    const SymbolId symbol_id = tree_.menus[value].symbol;
    Symbol& symbol = tree_.symbols[symbol_id];
    if (symbol.choice != kNoSymbol) continue;
    symbol.choice = menu.symbol;
    tree_.symbols[menu.symbol].values.push_back(symbol_id);
    if (symbol.prompts.empty()) {
      tree_.warnings.push_back(
          tree_.diagnostic(tree_.menus[value].at, "choice value must have a prompt"));
    }
    // A bool in a tristate choice can only be had when the choice is y.
    if (tree_.symbols[menu.symbol].type != Type::kTristate || symbol.type == Type::kTristate) {
      continue;
    }
    const ExprId chosen = expressions_.add(Op::kEqual, menu.symbol, kSymbolY);
    tree_.menus[value].depends = expressions_.both(chosen, tree_.menus[value].depends);
    const auto narrow = [&](auto& properties) {
      for (auto& property : properties) {
        if (property.menu == value)
          property.condition = expressions_.both(chosen, property.condition);
      }
    };
    narrow(symbol.prompts);
    narrow(symbol.defaults);
  }
  // A visible choice that is not optional always has a value.
  const Symbol& choice = tree_.symbols[menu.symbol];
  if (choice.optional || choice.prompts.empty() || choice.prompts.back().menu != id) return;
  const ExprId m = expressions_.add(Op::kSymbol, kSymbolM);
  const ExprId pull = expressions_.both(choice.prompts.back().condition, m);
  tree_.symbols[menu.symbol].selected_by.push_back({kSymbolM, pull});
}

// `conf` keeps its symbols in a hash table (FNV-1a, 9973 chains, the newest first) and walks that.
// The order is visible in the order of its warnings.
uint32_t chain_of(std::string_view name) {
  if (name.empty()) return 0;
  uint32_t hash = 2166136261U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash % 9973;
}

std::vector<SymbolId> walking_order(const Tree& tree) {
  std::vector<uint32_t> chains(tree.symbols.size());
  std::transform(tree.symbols.begin(), tree.symbols.end(), chains.begin(),
                 [](const Symbol& symbol) { return chain_of(symbol.name); });
  std::vector<SymbolId> order;
  for (SymbolId id = 0; id < tree.symbols.size(); ++id) {
    if (tree.symbols[id].type != Type::kUnknown) order.push_back(id);
  }
  std::sort(order.begin(), order.end(), [&](SymbolId a, SymbolId b) {
    return chains[a] != chains[b] ? chains[a] < chains[b] : a > b;
  });
  return order;
}

}  // namespace

void finalize(Tree& tree) {
  Finalizer(tree).run();
  tree.order = walking_order(tree);
}

}  // namespace noiommu::kconfig
