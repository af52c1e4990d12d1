// Which nodes and which capabilities each kernel of a revision gives a privileged program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/review/revision.h"

namespace noiommu::scenarios::review {

enum class CellState : uint8_t { kThere, kAbsent, kBroken };  // broken: shown, but of no use

struct MapCell {
  CellState state = CellState::kAbsent;
  std::string text = {};  // a name or an errno
};

struct MapRow {
  std::string config;         // the smallest configuration
  size_t configurations = 0;  // that make the kernel
  std::vector<MapCell> cells;
};

struct KernelMap {
  std::vector<std::string> columns;
  std::vector<MapRow> rows;  // empty for a revision without code
};

[[nodiscard]] KernelMap map_kernels(const Revision& revision,
                                    const std::vector<KernelBuild>& kernels);

}  // namespace noiommu::scenarios::review
