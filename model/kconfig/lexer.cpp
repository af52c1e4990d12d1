#include "model/kconfig/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace noiommu::kconfig {

namespace {

constexpr uint32_t kTab = 8;

constexpr std::array<bool, 256> word_table() {
  std::array<bool, 256> table{};
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = '0'; c <= '9'; ++c) table[static_cast<size_t>(c)] = true;
  table['_'] = table['-'] = true;
  return table;
}

bool in_word(char c) {
  static constexpr std::array<bool, 256> kTable = word_table();
  return kTable[static_cast<unsigned char>(c)];
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

}  // namespace

Lexer::Lexer(Loading& loading, Macros& macros, uint32_t file)
    : loading_(loading), macros_(macros), file_(file), text_(loading.tree.files[file].text) {}

const std::vector<Token>& Lexer::peek() {
  if (!peeked_) {
    next_line();
    peeked_ = true;
  }
  if (loading_.error) tokens_.clear();
  return tokens_;
}

void Lexer::next_line() {
  do {
    tokens_.clear();
    kept_.clear();
    while (next_token() && !loading_.error) {
      if (tokens_.size() == 1 && read_assignment()) break;
    }
  } while (tokens_.empty() && offset_ < text_.size() && !loading_.error);
}

void Lexer::newline() {
  ++offset_;
  ++line_;
  line_start_ = offset_;
}

bool Lexer::next_token() {
  while (offset_ < text_.size()) {
    const char c = text_[offset_];
    if (c == '\n') {
      newline();
      return false;
    }
    if (is_blank(c)) {
      ++offset_;
    } else if (c == '#') {
      offset_ = std::min(text_.find('\n', offset_), text_.size());
    } else if (c == '\\' && offset_ + 1 < text_.size() && text_[offset_ + 1] == '\n') {
      ++offset_;
      newline();
    } else if (c == '"' || c == '\'') {
      read_string();
      return true;
    } else if (in_word(c) || c == '$') {
      read_word();
      return true;
    } else {
      read_operator();
      return true;
    }
  }
  return false;
}

std::string_view Lexer::keep(std::string text) {
  kept_.push_back(std::move(text));
  return kept_.back();
}

void Lexer::read_word() {
  const size_t start = offset_;
  bool macro = false;
  while (offset_ < text_.size() && (in_word(text_[offset_]) || text_[offset_] == '$')) {
    if (text_[offset_] != '$') {
      ++offset_;
      continue;
    }
    macro = true;
    const std::string_view rest = text_.substr(offset_, text_.find('\n', offset_) - offset_);
    const size_t length = Macros::reference_length(rest);
    if (length == 0) {
      loading_.fail(here(offset_),
                    fmt::format("unterminated reference to '{}': missing ')'", rest.substr(2)));
      return;
    }
    offset_ += length;
  }
  std::string_view word = text_.substr(start, offset_ - start);
  if (macro) word = keep(macros_.expand(here(start), word));
  if (!word.empty()) tokens_.push_back({Token::Kind::kWord, word, here(start), macro});
}

void Lexer::read_string() {
  const size_t start = offset_;
  const char quote = text_[offset_++];
  std::string out;
  bool plain = true;
  while (offset_ < text_.size() && text_[offset_] != quote && text_[offset_] != '\n') {
    char c = text_[offset_];
    if (c == '$') {
      const std::string_view rest = text_.substr(offset_, text_.find('\n', offset_) - offset_);
      const size_t length = Macros::reference_length(rest);
      out += macros_.expand(here(offset_), length == 0 ? rest : rest.substr(0, length));
      if (loading_.error) return;
      offset_ += length;
      plain = false;
      continue;
    }
    if (c == '\\' && offset_ + 1 < text_.size() && text_[offset_ + 1] != '\n') {
      c = text_[++offset_];
      plain = false;
    }
    out += c;
    ++offset_;
  }
  const bool closed = offset_ < text_.size() && text_[offset_] == quote;
  if (!closed) loading_.warn(here(start), "multi-line strings not supported");
  const std::string_view raw = text_.substr(start + 1, offset_ - start - 1);
  if (closed) ++offset_;
  tokens_.push_back({Token::Kind::kString, plain ? raw : keep(std::move(out)), here(start), false});
}

void Lexer::read_operator() {
  for (const std::string_view sign :
       {"&&", "||", "!=", "<=", ">=", ":=", "+=", "=", "<", ">", "!", "(", ")"}) {
    if (text_.substr(offset_, sign.size()) != sign) continue;
    tokens_.push_back({Token::Kind::kOperator, sign, here(offset_), false});
    offset_ += sign.size();
    return;
  }
  loading_.warn(here(offset_), fmt::format("ignoring unsupported character '{}'", text_[offset_]));
  ++offset_;
}

bool Lexer::read_assignment() {
  if (tokens_[0].kind != Token::Kind::kWord) return false;
  size_t at = offset_;
  while (at < text_.size() && is_blank(text_[at])) ++at;
  using Assign = Macros::Assign;
  static constexpr std::pair<std::string_view, Assign> kSigns[] = {
      {":=", Assign::kSimple}, {"+=", Assign::kAppend}, {"=", Assign::kRecursive}};
  for (const auto& [sign, how] : kSigns) {
    if (text_.substr(at, sign.size()) != sign) continue;
    at += sign.size();
    while (at < text_.size() && is_blank(text_[at])) ++at;
    const size_t end = std::min(text_.find('\n', at), text_.size());
    macros_.assign(tokens_[0].at, tokens_[0].text, how, text_.substr(at, end - at));
    offset_ = end;
    tokens_.clear();
    return true;
  }
  return false;
}

void Lexer::skip_help() {
  uint32_t indent = 0;  // of the text; 0 until its first line is seen
  while (offset_ < text_.size()) {
    uint32_t column = 0;
    size_t at = offset_;
    for (; at < text_.size() && is_blank(text_[at]); ++at) {
      column = text_[at] == '\t' ? (column / kTab + 1) * kTab : column + 1;
    }
    const bool empty = at == text_.size() || text_[at] == '\n';
    if (!empty && (column == 0 || column < indent)) return;
    if (!empty && indent == 0) indent = column;
    offset_ = std::min(text_.find('\n', at), text_.size());
    if (offset_ < text_.size()) newline();
  }
}

}  // namespace noiommu::kconfig
