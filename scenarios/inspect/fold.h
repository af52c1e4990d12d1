// Makes a page table short enough to read.
#pragma once

#include <cstddef>
#include <variant>
#include <vector>

#include "scenarios/inspect/page_table.h"

namespace noiommu::scenarios {

// What was left out between the first and the last of a stretch of leaves.
struct Gap {
  size_t leaves = 0;  // left out
  size_t tables = 0;  // left out between them
  size_t all = 0;     // leaves of the stretch, the first and the last too
  size_t runs = 0;    // of physically adjacent ones among all
};

using PageTableLine = std::variant<TableEntry, Gap>;

// Five or more leaves of one size and kind that follow each other in the IOVA space, through any
// number of tables, become the first, a gap and the last.
[[nodiscard]] std::vector<PageTableLine> fold(const std::vector<TableEntry>& entries);

}  // namespace noiommu::scenarios
