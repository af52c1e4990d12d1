#include "scenarios/inspect/fold.h"

namespace noiommu::scenarios {
namespace {

constexpr size_t kWorthFolding = 5;

bool alike(const TableEntry& a, const TableEntry& b) {
  return b.is_leaf() && a.level == b.level && a.size() == b.size() &&
         ((a.word ^ b.word) & ~generic_pt::kAddressField) == 0;
}

struct Stretch {
  size_t first = 0;  // entries
  size_t last = 0;
  Gap gap;
};

// The stretch that starts with the leaf at `first`.
Stretch stretch_at(const std::vector<TableEntry>& entries, size_t first) {
  Stretch stretch{.first = first, .last = first, .gap = {.all = 1, .runs = 1}};
  for (;;) {
    const TableEntry& last = entries[stretch.last];
    const uint64_t next_iova = last.iova.value + last.size();
    size_t next = stretch.last + 1;
    const auto here = [&] {
      return next < entries.size() && entries[next].iova.value == next_iova;
    };
    while (here() && entries[next].is_table()) ++next;
    if (!here() || !alike(last, entries[next])) break;
    stretch.gap.tables += next - stretch.last - 1;
    ++stretch.gap.all;
    if (entries[next].pa() != last.pa() + last.size()) ++stretch.gap.runs;
    stretch.last = next;
  }
  return stretch;
}

}  // namespace

std::vector<PageTableLine> fold(const std::vector<TableEntry>& entries) {
  std::vector<PageTableLine> lines;
  for (size_t i = 0; i < entries.size(); ++i) {
    lines.emplace_back(entries[i]);
    if (!entries[i].is_leaf()) continue;
    Stretch stretch = stretch_at(entries, i);
    if (stretch.gap.all < kWorthFolding) continue;
    stretch.gap.leaves = stretch.gap.all - 2;
    lines.emplace_back(stretch.gap);
    lines.emplace_back(entries[stretch.last]);
    i = stretch.last;
  }
  return lines;
}

}  // namespace noiommu::scenarios
