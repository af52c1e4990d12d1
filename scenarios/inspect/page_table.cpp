#include "scenarios/inspect/page_table.h"

#include <numeric>

namespace noiommu::scenarios {
namespace {

TableEntry entry_of(int level, unsigned index, uint64_t word, Iova iova) {
  const bool is_table = generic_pt::kind_of(level, word) == generic_pt::EntryKind::kTable;
  return {.level = level,
          .index = index,
          .iova = iova,
          .word = is_table ? word & ~generic_pt::kAddressField : word};
}

// Whether `next` repeats the leaf of `entry` in the item behind it.
bool repeats(const TableEntry& entry, const TableEntry& next) {
  const uint64_t item = uint64_t{1} << generic_pt::item_lg2(entry.level);
  return entry.is_leaf() && entry.level == next.level && entry.word == next.word &&
         entry.index + entry.items == next.index && entry.items < entry.size() / item;
}

}  // namespace

size_t PageTable::table_count() const {
  return std::accumulate(tables.begin(), tables.end(), size_t{0});
}

PageTable read_page_table(const generic_pt::AmdV1& table) {
  PageTable read{.top_level = table.top_level(), .tables = {}, .entries = {}};
  read.tables[static_cast<size_t>(read.top_level)] = 1;
  table.for_each_entry([&read](int level, unsigned index, uint64_t word, Iova iova) {
    const TableEntry entry = entry_of(level, index, word, iova);
    if (entry.is_table()) ++read.tables[static_cast<size_t>(level - 1)];
    if (!read.entries.empty() && repeats(read.entries.back(), entry)) {
      ++read.entries.back().items;
    } else {
      read.entries.push_back(entry);
    }
  });
  return read;
}

std::vector<TableEntry> walk(const generic_pt::AmdV1& table, Iova iova) {
  std::vector<TableEntry> path;
  table.walk(iova, [&](int level, unsigned index, uint64_t word) {
    const uint64_t item_mask = (uint64_t{1} << generic_pt::item_lg2(level)) - 1;
    path.push_back(entry_of(level, index, word, {iova.value & ~item_mask}));
  });
  return path;
}

}  // namespace noiommu::scenarios
