// The grammar of Kconfig: statements into menus, symbols and properties, as they are written.
// What encloses what is worked into the conditions afterwards, by finalize().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/kconfig/lexer.h"
#include "model/kconfig/token_line.h"

namespace noiommu::kconfig {

class Parser {
 public:
  explicit Parser(Loading& loading) : loading_(loading), tree_(loading.tree), macros_(loading) {}

  // Reads a file and all that it sources. False after an error, which is then in the Loading.
  bool parse(const std::string& path);

 private:
  // Statements until the line with `until` (empty: the end of the file), which is taken.
  bool block(Lexer& lexer, std::string_view until, Position opened);
  bool statement(Lexer& lexer, std::string_view keyword, TokenLine& line);
  bool parse_file(const std::string& path, Position from);

  bool config(Lexer& lexer, TokenLine& line, Position at, bool menuconfig);
  bool choice(Lexer& lexer, TokenLine& line, Position at);
  bool menu(Lexer& lexer, TokenLine& line, Position at);
  bool if_block(Lexer& lexer, TokenLine& line, Position at);
  bool comment(Lexer& lexer, TokenLine& line, Position at);
  bool source(std::string_view keyword, TokenLine& line, Position at);

  // The option lines of an entry. An option that the kind of entry does not have ends them.
  bool options(Lexer& lexer, MenuId menu);
  bool option(Lexer& lexer, MenuId menu, std::string_view keyword, TokenLine& line);
  bool symbol_option(MenuId menu, std::string_view keyword, TokenLine& line);
  bool prompt(MenuId menu, TokenLine& line);
  bool add_default(MenuId menu, TokenLine& line);
  bool reverse(MenuId menu, TokenLine& line, std::vector<Reverse>& to);
  bool range(MenuId menu, TokenLine& line);
  bool depends(MenuId menu, TokenLine& line);
  bool visible(MenuId menu, TokenLine& line);
  void set_type(MenuId menu, Type type, Position at);

  MenuId open(MenuKind kind, Position at);
  void close() { enclosing_.pop_back(); }
  [[nodiscard]] Symbol& symbol_of(MenuId menu) { return tree_.symbols[tree_.menus[menu].symbol]; }

  Loading& loading_;
  Tree& tree_;
  Macros macros_;
  std::vector<MenuId> enclosing_{kRootMenu};
  std::vector<MenuId> last_child_{kNoMenu};  // per menu: where the next child is linked
};

}  // namespace noiommu::kconfig
