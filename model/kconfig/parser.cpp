#include "model/kconfig/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "model/kconfig/finalize.h"

namespace noiommu::kconfig {

namespace {

constexpr size_t kDeepestSource = 200;
constexpr size_t kDeepestBlock = 1000;

std::string beside(const std::string& file, std::string_view path) {
  return (std::filesystem::path(file).parent_path() / path).string();
}

}  // namespace

MenuId Parser::open(MenuKind kind, Position at) {
  const auto id = static_cast<MenuId>(tree_.menus.size());
  const MenuId parent = enclosing_.back();
  Menu menu;
  menu.kind = kind;
  menu.parent = parent;
  menu.at = at;
  tree_.menus.push_back(std::move(menu));
  last_child_.push_back(kNoMenu);
  if (last_child_[parent] == kNoMenu) {
    tree_.menus[parent].first_child = id;
  } else {
    tree_.menus[last_child_[parent]].next = id;
  }
  last_child_[parent] = id;
  return id;
}

bool Parser::parse(const std::string& path) {
  return parse_file(path, {});
}

bool Parser::parse_file(const std::string& path, Position from) {
  size_t depth = 0;
  for (Position at = from; at.line != 0; at = tree_.files[at.file].included_from) {
    if (tree_.files[at.file].path == path || ++depth > kDeepestSource) {
      return loading_.fail(from, fmt::format("'{}' is included from itself", path));
    }
  }
  std::optional<std::string> text = loading_.files.read(path);
  if (!text) return loading_.fail(from, fmt::format("cannot read '{}'", path));
  tree_.files.push_back({path, std::move(*text), from});
  Lexer lexer(loading_, macros_, static_cast<uint32_t>(tree_.files.size() - 1));
  return block(lexer, {}, {});
}

bool Parser::block(Lexer& lexer, std::string_view until, Position opened) {
  if (enclosing_.size() > kDeepestBlock) {
    return loading_.fail(opened, "blocks are nested too deeply");
  }
  while (!loading_.error) {
    const std::vector<Token>& tokens = lexer.peek();
    if (loading_.error) return false;
    if (tokens.empty()) {
      if (until.empty()) return true;
      return loading_.fail(opened, fmt::format("'{}' is missing for this", until));
    }
    TokenLine line(loading_, tokens);
    lexer.drop();
    if (!until.empty() && line.take_keyword(until)) return line.end();
    std::string_view keyword;
    if (tokens[0].expanded) return loading_.fail(tokens[0].at, "unknown statement");
    if (!line.word("a statement", keyword)) return false;
    if (!statement(lexer, keyword, line)) return false;
  }
  return false;
}

bool Parser::statement(Lexer& lexer, std::string_view keyword, TokenLine& line) {
  const Position at = line.start();
  if (keyword == "config") return config(lexer, line, at, false);
  if (keyword == "menuconfig") return config(lexer, line, at, true);
  if (keyword == "choice") return choice(lexer, line, at);
  if (keyword == "menu") return menu(lexer, line, at);
  if (keyword == "if") return if_block(lexer, line, at);
  if (keyword == "comment") return comment(lexer, line, at);
  if (keyword.ends_with("source")) return source(keyword, line, at);
  if (keyword == "mainmenu") {
    if (tree_.menus.size() > 1) return loading_.fail(at, "'mainmenu' must come first");
    std::string_view title;
    if (!line.string("a title", title)) return false;
    tree_.menus[kRootMenu].prompt = title;
    return line.end();
  }
  return loading_.fail(at, fmt::format("unexpected '{}'", keyword));
}

bool Parser::config(Lexer& lexer, TokenLine& line, Position at, bool menuconfig) {
  std::string_view name;
  if (!line.word("the name of a symbol", name) || !line.end()) return false;
  const SymbolId symbol = tree_.intern(name, false);
  if (tree_.symbols[symbol].constant) return loading_.fail(at, "a constant is not a symbol");
  const MenuId id = open(MenuKind::kSymbol, at);
  tree_.menus[id].symbol = symbol;
  tree_.menus[id].menuconfig = menuconfig;
  tree_.symbols[symbol].menus.push_back(id);
  return options(lexer, id);
}

bool Parser::choice(Lexer& lexer, TokenLine& line, Position at) {
  SymbolId symbol = kNoSymbol;
  std::string_view name;
  if (!line.done() && !line.word("the name of a choice", name)) return false;
  if (!line.end()) return false;
  symbol = name.empty() ? tree_.add_choice() : tree_.intern(name, false);
  tree_.symbols[symbol].is_choice = true;
  const MenuId id = open(MenuKind::kChoice, at);
  tree_.menus[id].symbol = symbol;
  tree_.symbols[symbol].menus.push_back(id);
  if (!options(lexer, id)) return false;
  enclosing_.push_back(id);
  const bool well = block(lexer, "endchoice", at);
  close();
  return well;
}

bool Parser::menu(Lexer& lexer, TokenLine& line, Position at) {
  std::string_view title;
  if (!line.string("a title", title)) return false;
  const MenuId id = open(MenuKind::kMenu, at);
  tree_.menus[id].prompt = title;
  if (!line.end() || !options(lexer, id)) return false;
  enclosing_.push_back(id);
  const bool well = block(lexer, "endmenu", at);
  close();
  return well;
}

bool Parser::if_block(Lexer& lexer, TokenLine& line, Position at) {
  ExprId condition = kNoExpr;
  if (!line.expression(condition) || !line.end()) return false;
  const MenuId id = open(MenuKind::kIf, at);
  tree_.menus[id].own_depends = condition;
  enclosing_.push_back(id);
  const bool well = block(lexer, "endif", at);
  close();
  return well;
}

bool Parser::comment(Lexer& lexer, TokenLine& line, Position at) {
  std::string_view text;
  if (!line.string("a text", text)) return false;
  const MenuId id = open(MenuKind::kComment, at);
  tree_.menus[id].prompt = text;
  return line.end() && options(lexer, id);
}

bool Parser::source(std::string_view keyword, TokenLine& line, Position at) {
  const bool relative = keyword == "rsource" || keyword == "orsource";
  const bool optional = keyword == "osource" || keyword == "orsource";
  if (!relative && !optional && keyword != "source") {
    return loading_.fail(at, fmt::format("unexpected '{}'", keyword));
  }
  std::string_view name;
  if (!line.string("a file name", name)) return false;
  const std::string path = relative ? beside(tree_.files[at.file].path, name) : std::string(name);
  if (!line.end()) return false;
  std::vector<std::string> paths{path};
  if (is_pattern(path)) {
    paths = loading_.files.glob(path);
    if (paths.empty() && !optional) {
      return loading_.fail(at, fmt::format("no file matches '{}'", path));
    }
  } else if (optional && !loading_.files.read(path)) {
    return true;
  }
  return std::all_of(paths.begin(), paths.end(),
                     [&](const std::string& one) { return parse_file(one, at); });
}

Loaded<Tree> load(const Files& files, const std::string& path, const LoadOptions& options) {
  Tree tree;
  Loading loading{tree, files, options, std::nullopt};
  Parser parser(loading);
  if (!parser.parse(path)) return tl::unexpected<Diagnostic>(std::move(*loading.error));
  finalize(tree);
  return tree;
}

}  // namespace noiommu::kconfig
