// The option lines of entries: types, prompts, defaults, dependencies.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "model/kconfig/parser.h"

namespace noiommu::kconfig {

namespace {

constexpr std::pair<std::string_view, Type> kTypes[] = {{"bool", Type::kBool},
                                                        {"tristate", Type::kTristate},
                                                        {"int", Type::kInt},
                                                        {"hex", Type::kHex},
                                                        {"string", Type::kString}};

constexpr std::array<std::string_view, 20> kOptions = {
    "bool",    "tristate", "int",          "hex",   "string",     "def_bool", "def_tristate",
    "prompt",  "default",  "select",       "imply", "range",      "depends",  "visible",
    "modules", "optional", "transitional", "help",  "---help---", "option"};

bool is_option(const Token& token) {
  return token.kind == Token::Kind::kWord && !token.expanded &&
         std::find(kOptions.begin(), kOptions.end(), token.text) != kOptions.end();
}

template <class P>
P property(MenuId menu, Position at) {
  P made;
  made.menu = menu;
  made.at = at;
  return made;
}

}  // namespace

bool Parser::options(Lexer& lexer, MenuId menu) {
  while (!loading_.error) {
    const std::vector<Token>& tokens = lexer.peek();
    if (tokens.empty() || !is_option(tokens[0])) break;
    TokenLine line(loading_, tokens);
    lexer.drop();
    std::string_view keyword;
    if (!line.word("an option", keyword)) return false;
    if (!option(lexer, menu, keyword, line)) return false;
  }
  return !loading_.error;
}

bool Parser::option(Lexer& lexer, MenuId menu, std::string_view keyword, TokenLine& line) {
  const MenuKind kind = tree_.menus[menu].kind;
  if (keyword == "depends") return depends(menu, line);
  if (keyword == "visible" && kind == MenuKind::kMenu) return visible(menu, line);
  if (keyword == "help" || keyword == "---help---") {
    if (!line.end()) return false;
    lexer.skip_help();
    return true;
  }
  const bool has_symbol = kind == MenuKind::kSymbol || kind == MenuKind::kChoice;
  if (has_symbol) return symbol_option(menu, keyword, line);
  return loading_.fail(line.start(), fmt::format("'{}' does not belong here", keyword));
}

bool Parser::symbol_option(MenuId menu, std::string_view keyword, TokenLine& line) {
  const Position at = line.start();
  Symbol& symbol = symbol_of(menu);
  const bool choice = tree_.menus[menu].kind == MenuKind::kChoice;
  for (const auto& [name, type] : kTypes) {
    if (keyword != name || (choice && !is_tri(type))) continue;
    set_type(menu, type, at);
    return line.done() || prompt(menu, line);
  }
  if (keyword == "prompt") return prompt(menu, line);
  if (keyword == "default") return add_default(menu, line);
  if (keyword == "optional" && choice) {
    symbol.optional = true;
    return line.end();
  }
  if (choice) return loading_.fail(at, fmt::format("'{}' does not belong here", keyword));
  if (keyword == "def_bool" || keyword == "def_tristate") {
    set_type(menu, keyword == "def_bool" ? Type::kBool : Type::kTristate, at);
    return add_default(menu, line);
  }
  if (keyword == "select") return reverse(menu, line, symbol.selects);
  if (keyword == "imply") return reverse(menu, line, symbol.implies);
  if (keyword == "range") return range(menu, line);
  if (keyword == "transitional") {
    symbol.transitional = true;
    return line.end();
  }
  // `option modules` is how trees before Linux 5.13 say it.
  const bool old_form = keyword == "option";
  if (keyword == "modules" || (old_form && line.take_keyword("modules"))) {
    tree_.modules = tree_.menus[menu].symbol;
    return line.end();
  }
  return loading_.fail(at, fmt::format("'{}' does not belong here", keyword));
}

void Parser::set_type(MenuId menu, Type type, Position at) {
  Symbol& symbol = symbol_of(menu);
  if (symbol.type != Type::kUnknown && symbol.type != type) {
    loading_.warn(at, fmt::format("ignoring type redefinition of '{}' from '{}' to '{}'",
                                  symbol.name, type_name(symbol.type), type_name(type)));
    return;
  }
  symbol.type = type;
}

bool Parser::prompt(MenuId menu, TokenLine& line) {
  auto made = property<Prompt>(menu, line.start());
  std::string_view text;
  if (!line.string("a prompt", text)) return false;
  made.text = text;
  if (!line.condition(made.own_condition) || !line.end()) return false;
  // `visible if` of the menus around hides prompts, and nothing else.
  for (MenuId above = tree_.menus[menu].parent; above != kNoMenu;
       above = tree_.menus[above].parent) {
    made.own_condition = tree_.expressions.both(made.own_condition, tree_.menus[above].visible_if);
  }
  symbol_of(menu).prompts.push_back(std::move(made));
  return true;
}

bool Parser::add_default(MenuId menu, TokenLine& line) {
  auto made = property<Default>(menu, line.start());
  if (!line.expression(made.value) || !line.condition(made.own_condition)) return false;
  symbol_of(menu).defaults.push_back(made);
  return line.end();
}

bool Parser::reverse(MenuId menu, TokenLine& line, std::vector<Reverse>& to) {
  auto made = property<Reverse>(menu, line.start());
  std::string_view name;
  if (!line.word("the name of a symbol", name)) return false;
  made.target = tree_.intern(name, false);
  if (!line.condition(made.own_condition)) return false;
  to.push_back(made);
  return line.end();
}

bool Parser::range(MenuId menu, TokenLine& line) {
  auto made = property<Range>(menu, line.start());
  if (!line.symbol(made.low) || !line.symbol(made.high)) return false;
  if (!line.condition(made.own_condition)) return false;
  symbol_of(menu).ranges.push_back(made);
  return line.end();
}

bool Parser::depends(MenuId menu, TokenLine& line) {
  ExprId condition = kNoExpr;
  if (!line.take_keyword("on")) return loading_.fail(line.at(), "expected 'on'");
  if (!line.expression(condition)) return false;
  // Linux 6.20 and later: `depends on A if B` asks for A only where B holds.
  ExprId only_if = kNoExpr;
  if (!line.condition(only_if)) return false;
  if (only_if != kNoExpr) {
    const ExprId otherwise = tree_.expressions.add(Op::kNot, only_if);
    condition = tree_.expressions.either(otherwise, condition);
  }
  Menu& entry = tree_.menus[menu];
  entry.own_depends = tree_.expressions.both(entry.own_depends, condition);
  return line.end();
}

bool Parser::visible(MenuId menu, TokenLine& line) {
  ExprId condition = kNoExpr;
  if (!line.take_keyword("if")) return loading_.fail(line.at(), "expected 'if'");
  if (!line.expression(condition)) return false;
  Menu& entry = tree_.menus[menu];
  entry.visible_if = tree_.expressions.both(entry.visible_if, condition);
  return line.end();
}

}  // namespace noiommu::kconfig
