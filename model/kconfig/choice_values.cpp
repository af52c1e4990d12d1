#include "model/kconfig/choice_values.h"

#include "model/kconfig/rewrite.h"

namespace noiommu::kconfig {

namespace {

ExprId shown_when(const Tree& tree, MenuId id) {
  const Menu& menu = tree.menus[id];
  if (menu.symbol == kNoSymbol) return menu.depends;
  ExprId condition = menu.depends;
  for (const Prompt& prompt : tree.symbols[menu.symbol].prompts) {
    if (prompt.menu == id) condition = prompt.condition;
  }
  return condition;
}

// The first entry after `id` that is not shown below it.
MenuId after(const Tree& tree, MenuId id) {
  MenuId next = tree.menus[id].next;
  if (tree.menus[id].kind != MenuKind::kSymbol) return next;
  while (next != kNoMenu && needs(tree, shown_when(tree, next), tree.menus[id].symbol)) {
    next = after(tree, next);
  }
  return next;
}

void collect(const Tree& tree, MenuId first, std::vector<MenuId>& values) {
  for (MenuId id = first; id != kNoMenu; id = after(tree, id)) {
    const Menu& menu = tree.menus[id];
    if (menu.kind == MenuKind::kSymbol) values.push_back(id);
    if (menu.kind == MenuKind::kIf) collect(tree, menu.first_child, values);
  }
}

}  // namespace

std::vector<MenuId> choice_values(const Tree& tree, MenuId choice) {
  std::vector<MenuId> values;
  collect(tree, tree.menus[choice].first_child, values);
  return values;
}

}  // namespace noiommu::kconfig
