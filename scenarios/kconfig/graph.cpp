// `noiommu kconfig graph`.
#include "model/kconfig/graph.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <ostream>

#include "scenarios/kconfig/commands.h"
#include "scenarios/kconfig/messages.h"
#include "scenarios/kconfig/temporary_folder.h"

namespace noiommu::scenarios {

std::optional<std::string> draw_svg(const std::string& dot) {
  const TemporaryFolder folder;
  if (folder.path().empty()) return std::nullopt;
  std::ofstream(folder.path() / "graph.dot") << dot;
  const std::string command =
      fmt::format("dot -Tsvg '{}/graph.dot' 2>/dev/null", folder.path().string());
  FILE* pipe = popen(command.c_str(), "r");
  std::string svg;
  std::array<char, 4096> chunk{};
  for (size_t got = 0; pipe != nullptr && (got = fread(chunk.data(), 1, chunk.size(), pipe)) > 0;) {
    svg.append(chunk.data(), got);
  }
  const bool well = pipe != nullptr && pclose(pipe) == 0;
  return well ? std::optional(svg) : std::nullopt;
}

int kconfig_graph(const KconfigOptions& options, const std::vector<std::string>& symbols,
                  bool as_svg, std::ostream& out, std::ostream& err) {
  const auto tree = load_target(options.target);
  if (!tree) return complain(tree.error(), err);
  std::vector<kconfig::SymbolId> ids;
  for (const std::string& name : symbols) {
    ids.push_back(tree->find(name));
    if (ids.back() == kconfig::kNoSymbol) return complain_no_symbol(name, err);
  }
  const std::string dot = graph_dot(*tree, ids);
  if (!as_svg) {
    out << dot;
    return kKconfigFine;
  }
  const auto svg = draw_svg(dot);
  if (!svg) {
    err << "noiommu: `dot` cannot draw the graph; it is in the package graphviz\n";
    return kKconfigBadInput;
  }
  out << *svg;
  return kKconfigFine;
}

}  // namespace noiommu::scenarios
