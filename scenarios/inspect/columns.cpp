#include "scenarios/inspect/columns.h"

#include <fmt/format.h>

#include <algorithm>

namespace noiommu::scenarios {

std::string Columns::text() const {
  std::vector<size_t> widths(alignment_.size());
  for (const auto& row : rows_) {
    const size_t wide = row.size() == widths.size() ? row.size() : row.size() - 1;
    for (size_t i = 0; i < wide; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const bool padded = i + 1 < row.size() || row.size() == widths.size();
      const size_t width = padded ? widths[i] : 0;
      line += alignment_[i] == 'r' ? fmt::format("  {:>{}}", row[i], width)
                                   : fmt::format("  {:<{}}", row[i], width);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace noiommu::scenarios
