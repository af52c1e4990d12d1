#include "model/kconfig/graph.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/kconfig/explain.h"

namespace noiommu::kconfig {

namespace {

class Drawing {
 public:
  explicit Drawing(const Tree& tree) : tree_(tree) {}

  void symbol(SymbolId id) {
    const Symbol& symbol = tree_.symbols[id];
    node(id);
    std::vector<SymbolId> needs;
    append_symbols(tree_, symbol.depends, needs);
    for (const Prompt& one : symbol.prompts) append_symbols(tree_, one.condition, needs);
    arrows(id, needs, "");
    for (const Reverse& one : symbol.selects) arrows(id, {one.target}, " [style=bold]");
    for (const Reverse& one : symbol.implies) arrows(id, {one.target}, " [style=dashed]");
    std::vector<SymbolId> looked_at;
    for (const Default& one : symbol.defaults) append_symbols(tree_, one.value, looked_at);
    arrows(id, looked_at, " [style=dotted]");
    for (const Pull& one : symbol.selected_by) {
      if (!tree_.symbols[one.by].constant) arrows(one.by, {id}, " [style=bold]");
    }
  }

  [[nodiscard]] std::string text() const {
    std::string out = "digraph kconfig {\n  node [shape=box];\n";
    for (const std::string& line : lines_) out += "  " + line + '\n';
    return out + "}\n";
  }

 private:
  void add(std::string line) {
    if (std::find(lines_.begin(), lines_.end(), line) == lines_.end()) {
      lines_.push_back(std::move(line));
    }
  }
  void node(SymbolId id) {
    add(fmt::format("\"{}\"{};", symbol_text(tree_, id),
                    tree_.symbols[id].prompts.empty() ? " [style=rounded]" : ""));
  }
  void arrows(SymbolId from, const std::vector<SymbolId>& targets, const char* style) {
    for (const SymbolId to : targets) {
      node(from);
      node(to);
      add(fmt::format("\"{}\" -> \"{}\"{};", symbol_text(tree_, from), symbol_text(tree_, to),
                      style));
    }
  }

  const Tree& tree_;
  std::vector<std::string> lines_;
};

}  // namespace

std::string graph_dot(const Tree& tree, const std::vector<SymbolId>& symbols) {
  Drawing drawing(tree);
  for (const SymbolId id : symbols) drawing.symbol(id);
  return drawing.text();
}

}  // namespace noiommu::kconfig
