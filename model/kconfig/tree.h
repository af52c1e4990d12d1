// A loaded Kconfig tree: its files, symbols, expressions and menu.
//
// Built by load() and not changed afterwards; any number of threads may read one tree.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/kconfig/expression.h"
#include "model/kconfig/position.h"
#include "model/kconfig/tristate.h"

namespace noiommu::kconfig {

using MenuId = uint32_t;
inline constexpr SymbolId kNoSymbol = UINT32_MAX;
inline constexpr MenuId kNoMenu = UINT32_MAX;
inline constexpr MenuId kRootMenu = 0;

// The constants n, m and y are the first three symbols of every tree.
inline constexpr SymbolId kSymbolN = 0;
inline constexpr SymbolId kSymbolM = 1;
inline constexpr SymbolId kSymbolY = 2;

struct SourceFile {
  std::string path;
  std::string text;
  Position included_from;  // line 0 for the first file
};

// What every property has: its own `if`, and that together with all that encloses it.
struct Property {
  ExprId own_condition = kNoExpr;
  ExprId condition = kNoExpr;
  MenuId menu = kNoMenu;
  Position at;
};

struct Prompt : Property {
  std::string text;
};
struct Default : Property {
  ExprId value = kNoExpr;
};
struct Range : Property {
  SymbolId low = kNoSymbol;
  SymbolId high = kNoSymbol;
};
struct Reverse : Property {  // select or imply
  SymbolId target = kNoSymbol;
};

// One `select` or `imply` seen from its target.
struct Pull {
  SymbolId by = kNoSymbol;
  ExprId expr = kNoExpr;  // `by` and the condition
};

struct Symbol {
  std::string name;  // of a constant: its text; of a choice without a name: empty
  Type type = Type::kUnknown;
  bool constant = false;
  bool is_choice = false;
  bool optional = false;         // of a choice: may have no value
  bool transitional = false;     // takes a value from the input, and is never written
  SymbolId choice = kNoSymbol;   // the choice that this symbol is a value of
  std::vector<SymbolId> values;  // of a choice, in order
  std::vector<Prompt> prompts;
  std::vector<Default> defaults;
  std::vector<Range> ranges;
  std::vector<Reverse> selects;
  std::vector<Reverse> implies;
  std::vector<Pull> selected_by;
  std::vector<Pull> implied_by;
  std::vector<MenuId> menus;  // where it is defined; empty for a name that is only mentioned
  ExprId depends = kNoExpr;   // any of its definitions' dependencies
};

enum class MenuKind : uint8_t { kRoot, kMenu, kComment, kIf, kSymbol, kChoice };

struct Menu {
  MenuKind kind = MenuKind::kRoot;
  SymbolId symbol = kNoSymbol;
  std::string prompt;  // of kMenu and kComment; the main title for kRoot
  ExprId own_depends = kNoExpr;
  ExprId depends = kNoExpr;  // with all that encloses it
  ExprId visible_if = kNoExpr;
  MenuId parent = kNoMenu;
  MenuId first_child = kNoMenu;
  MenuId next = kNoMenu;
  bool menuconfig = false;
  Position at;
};

// A command that was not run because shell commands are not allowed; it counted as "n".
struct SkippedCommand {
  std::string command;
  Place at;
};

struct Tree {
  Tree();
  Tree(Tree&&) = default;
  Tree& operator=(Tree&&) = default;
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() = default;

  std::deque<SourceFile> files;
  std::deque<Symbol> symbols;
  Expressions expressions;
  std::vector<Menu> menus;  // in the order of the text; [0] is the root
  SymbolId modules = kSymbolN;
  std::vector<Diagnostic> warnings;
  std::vector<std::string> messages;  // of $(info ..)
  std::vector<SkippedCommand> skipped_commands;
  std::vector<SymbolId> order;  // the symbols that have a type, as Linux's `conf` walks them

  // The symbol of that name, kNoSymbol when there is none. Constants in quotes have a name space
  // of their own, except "n", "m" and "y".
  [[nodiscard]] SymbolId find(std::string_view name, bool constant = false) const;
  SymbolId intern(std::string_view name, bool constant);
  SymbolId add_choice();

  [[nodiscard]] Place place(Position at) const;
  [[nodiscard]] Diagnostic diagnostic(Position at, std::string message) const;
  [[nodiscard]] bool defined(SymbolId id) const { return !symbols[id].menus.empty(); }

 private:
  std::unordered_map<std::string_view, SymbolId> names_;
  std::unordered_map<std::string_view, SymbolId> constants_;
};

// "A && (B=y || !C)", with the names as they are written.
[[nodiscard]] std::string expression_text(const Tree& tree, ExprId id);
// How a symbol is called in messages; a choice without a name is "<choice>".
[[nodiscard]] std::string symbol_text(const Tree& tree, SymbolId id);

}  // namespace noiommu::kconfig
