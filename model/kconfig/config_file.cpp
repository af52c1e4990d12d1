// Reading and writing .config files.
#include <fmt/format.h>

#include <algorithm>

#include "model/kconfig/configuration.h"
#include "model/kconfig/numbers.h"

namespace noiommu::kconfig {

namespace {

constexpr std::string_view kPrefix = "CONFIG_";

// Without its quotes and backslashes; false when it does not end.
bool unquote(std::string_view quoted, std::string& out) {
  for (size_t i = 1; i < quoted.size(); ++i) {
    if (quoted[i] == '"') return true;
    if (quoted[i] == '\\' && i + 1 < quoted.size()) ++i;
    out += quoted[i];
  }
  return false;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace

void Configuration::note_choice_value(SymbolId id) {
  const SymbolId choice = tree_.symbols[id].choice;
  if (choice == kNoSymbol) return;
  State& state = states_[choice];
  const Tri value = states_[id].given_value;
  if (value == Tri::kM && state.given_value == Tri::kY) state.given = false;
  if (value == Tri::kY) {
    state.given = true;
    state.given_choice = id;
  }
  state.given_value = tri_or(state.given_value, value);
}

bool Configuration::give(SymbolId id, std::string_view value) {
  const Symbol& symbol = tree_.symbols[id];
  State& state = states_[id];
  if (is_tri(symbol.type)) {
    const char first = value.empty() ? '\0' : value[0];
    if (first != 'y' && first != 'n' && (first != 'm' || symbol.type == Type::kBool)) return false;
    state.given_value = first == 'y' ? Tri::kY : first == 'm' ? Tri::kM : Tri::kN;
    state.given = true;
    note_choice_value(id);
    return true;
  }
  std::string text;
  if (symbol.type == Type::kString) {
    if (!value.starts_with('"')) return true;
    if (!unquote(value, text)) return false;
  } else {
    text = value;
  }
  if (!valid_text(symbol.type, text)) return false;
  state.given_text = std::move(text);
  state.given = true;
  return true;
}

void Configuration::read_value(std::string_view name, std::string_view value, size_t line) {
  const SymbolId id = tree_.find(name);
  if (id == kNoSymbol || tree_.symbols[id].type == Type::kUnknown) {
    complaints_.push_back(fmt::format("line {}: unknown symbol {}", line, name));
    return;
  }
  if (states_[id].given) {
    complaints_.push_back(fmt::format("line {}: {} is set again", line, name));
  }
  if (!give(id, value)) {
    complaints_.push_back(fmt::format("line {}: '{}' is no value of {}", line, value, name));
  }
}

void Configuration::read_lines(std::string_view config) {
  size_t number = 0;
  while (!config.empty()) {
    ++number;
    const size_t end = std::min(config.find('\n'), config.size());
    std::string_view line = config.substr(0, end);
    config.remove_prefix(std::min(end + 1, config.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("# CONFIG_")) {
      line.remove_prefix(2 + kPrefix.size());
      const size_t space = line.find(' ');
      if (space == std::string_view::npos || !line.substr(space + 1).starts_with("is not set"))
        continue;
      const std::string_view name = line.substr(0, space);
      const SymbolId id = tree_.find(name);
      if (id == kNoSymbol || !is_tri(tree_.symbols[id].type)) continue;
      read_value(name, "n", number);
    } else if (line.starts_with(kPrefix)) {
      const size_t equals = line.find('=');
      if (equals == std::string_view::npos) continue;
      read_value(line.substr(kPrefix.size(), equals - kPrefix.size()), line.substr(equals + 1),
                 number);
    } else if (!line.empty() && !line.starts_with('#')) {
      complaints_.push_back(fmt::format("line {}: unexpected data: {}", number, line));
    }
  }
}

void Configuration::read(std::string_view config) {
  clear();
  read_lines(config);
  evaluate();
  forget_what_does_not_fit();
}

// A number that the user gave and that is out of its range gives way to the default; what followed
// from the number in the meantime stays.
void Configuration::forget_what_does_not_fit() {
  for (const SymbolId id : tree_.order) {
    const Type type = tree_.symbols[id].type;
    if (!states_[id].given || is_tri(type) || type == Type::kUnknown) continue;
    if (fits_range(id)) continue;
    states_[id].given = false;
    states_[id].valid = false;
    calculate_symbol(id);
  }
}

std::string Configuration::config() const {
  std::string out = fmt::format("#\n# Automatically generated file; DO NOT EDIT.\n# {}\n#\n",
                                tree_.menus[kRootMenu].prompt);
  bool gap = false;
  std::vector<bool> done(states_.size());
  const auto shown = [&](const Menu& menu) {
    const bool titled = menu.kind == MenuKind::kMenu || menu.kind == MenuKind::kComment;
    return titled && value_of(menu.visible_if) != Tri::kN && value_of(menu.depends) != Tri::kN;
  };
  const auto open = [&](const Menu& menu) {
    if (menu.kind != MenuKind::kSymbol) {
      if (!shown(menu)) return;
      out += fmt::format("\n#\n# {}\n#\n", menu.prompt);
      gap = false;
      return;
    }
    const SymbolId id = menu.symbol;
    if (done[id] || !written(id)) return;
    done[id] = true;
    if (gap) out += '\n';
    gap = false;
    const Symbol& symbol = tree_.symbols[id];
    const std::string& value = text(id);
    if (is_tri(symbol.type) && value == "n") {
      out += "# CONFIG_" + symbol.name + " is not set\n";
      return;
    }
    out += "CONFIG_" + symbol.name + '=';
    if (symbol.type == Type::kString) {
      append_quoted(out, value);
    } else {
      out += value;
    }
    out += '\n';
  };
  const auto close = [&](const Menu& menu) {
    if (menu.kind != MenuKind::kMenu || !shown(menu)) return;
    out += "# end of " + menu.prompt + '\n';
    gap = true;
  };
  std::vector<MenuId> around;
  for (MenuId id = 1; id < tree_.menus.size(); ++id) {
    while (!around.empty() && tree_.menus[id].parent != around.back()) {
      close(tree_.menus[around.back()]);
      around.pop_back();
    }
    open(tree_.menus[id]);
    // An empty menu has no child that would bring it in.
    if (tree_.menus[id].first_child != kNoMenu) {
      around.push_back(id);
    } else {
      close(tree_.menus[id]);
    }
  }
  for (; !around.empty(); around.pop_back()) close(tree_.menus[around.back()]);
  return out;
}

}  // namespace noiommu::kconfig
