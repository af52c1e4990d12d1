// Cuts Kconfig text into lines of tokens.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "model/kconfig/macros.h"

namespace noiommu::kconfig {

struct Token {
  enum class Kind : uint8_t { kWord, kString, kOperator } kind = Kind::kWord;
  std::string_view text;  // of a string: without quotes; of macros: expanded
  Position at;
  bool expanded = false;  // a word that came out of a macro is never a keyword
};

// Reads one file. Assignments to variables are carried out on the way and are not seen outside.
class Lexer {
 public:
  Lexer(Loading& loading, Macros& macros, uint32_t file);

  // The tokens of the next line that has any; empty at the end of the file and after an error.
  // peek() leaves the line for the next call.
  [[nodiscard]] const std::vector<Token>& peek();
  void drop() { peeked_ = false; }

  // Skips the help text that starts on the next line: all lines indented at least as far as its
  // first one. Call after drop() of the line with `help`.
  void skip_help();

  // One past the last line, for errors about what is missing.
  [[nodiscard]] Position end() const { return here(text_.size()); }

 private:
  [[nodiscard]] Position here(size_t offset) const {
    return {file_, line_, static_cast<uint32_t>(offset - line_start_ + 1)};
  }
  bool next_token();  // false at the end of the line
  void next_line();
  void newline();
  void read_word();
  void read_string();
  void read_operator();
  [[nodiscard]] bool read_assignment();
  [[nodiscard]] std::string_view keep(std::string text);

  Loading& loading_;
  Macros& macros_;
  uint32_t file_;
  std::string_view text_;
  size_t offset_ = 0;
  size_t line_start_ = 0;
  uint32_t line_ = 1;
  bool peeked_ = false;
  std::vector<Token> tokens_;
  std::deque<std::string> kept_;
};

}  // namespace noiommu::kconfig
