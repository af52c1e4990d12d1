#include <fmt/format.h>

#include <algorithm>

#include "scenarios/engine/trace.h"
#include "scenarios/inspect/columns.h"
#include "scenarios/inspect/fold.h"
#include "scenarios/inspect/render.h"

namespace noiommu::scenarios {
namespace {

using iommufd::IovaRange;
using iommufd::Pages;

// "128K": the largest unit that gives a whole number.
std::string show_size(uint64_t bytes) {
  static constexpr std::string_view kUnits = "KMGTPE";
  size_t unit = 0;
  uint64_t number = bytes;
  while (number >= 1024 && number % 1024 == 0 && unit < kUnits.size()) {
    number /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{}", number) : fmt::format("{}{}", number, kUnits[unit - 1]);
}

std::string counted(size_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

std::string show_descriptors(const std::vector<int>& descriptors) {
  if (descriptors.empty()) return "iommufd without a descriptor, kept open by what uses it";
  return fmt::format("iommufd on descriptor{} {}", descriptors.size() == 1 ? "" : "s",
                     fmt::join(descriptors, ", "));
}

void append_ranges(std::string& text, std::string_view word, const std::vector<IovaRange>& ranges) {
  for (size_t i = 0; i < ranges.size(); ++i) {
    text += fmt::format("{} {}", i == 0 ? fmt::format(", {}", word) : "", show(ranges[i]));
  }
}

struct Described {
  std::string type;
  std::string about;
};

Described describe(const DeviceFacts& device) {
  std::string about = device.bdf.empty() ? "" : fmt::format("{} ({}), ", device.bdf, device.node);
  about += device.noiommu ? "no IOMMU, " : "behind an IOMMU, ";
  about += device.hwpt ? fmt::format("attached to HWPT {}", *device.hwpt) : "not attached";
  return {"device", about};
}

Described describe(const IoasFacts& ioas) {
  std::string about = fmt::format("alignment {}, huge pages {}", show_size(ioas.alignment),
                                  ioas.huge_pages ? "on" : "off");
  if (ioas.vfio_compat) about += ", for the VFIO container ioctls";
  append_ranges(about, "allowed", ioas.allowed);
  append_ranges(about, "reserved", ioas.reserved);
  return {"IOAS", about};
}

Described describe(const HwptFacts& hwpt) {
  std::string about =
      fmt::format("of IOAS {}, {}, {}", hwpt.ioas, hwpt.automatic ? "automatic" : "manual",
                  hwpt.noiommu ? "no IOMMU" : "behind an IOMMU");
  if (hwpt.fault) about += fmt::format(", fault queue {}", *hwpt.fault);
  return {"HWPT", about};
}

Described describe(const FaultFacts& /*fault*/) {
  return {"fault queue", ""};
}

std::string source(const AreaFacts& area) {
  return fmt::format("{} at {:#x}", source_word(area.source), area.address);
}

std::string notes(const AreaFacts& area) {
  std::vector<std::string> notes;
  if (area.sharers > 1) notes.push_back(fmt::format("shared by {} areas", area.sharers));
  if (area.revoked) notes.emplace_back("revoked");
  if (!area.settled) notes.emplace_back("being set up or torn down");
  return fmt::format("{}", fmt::join(notes, ", "));
}

std::string area_table(const std::vector<AreaFacts>& areas) {
  Columns columns("lrlllll");
  columns.add({"IOVA", "LENGTH", "PROT", "SOURCE", "PAGES", "STORAGE", ""});
  for (const AreaFacts& area : areas) {
    const bool read = (area.prot & generic_pt::kRead) != 0;
    const bool write = (area.prot & generic_pt::kWrite) != 0;
    columns.add({show(area.iova), show_size(area.length()), access_word(read, write), source(area),
                 fmt::format("{} {}", area.pages, area.pinned ? "pinned" : "not pinned"),
                 area.storage ? fmt::format("HWPT {}", *area.storage) : "none", notes(area)});
  }
  return columns.text();
}

void add_line(Columns& columns, const TableEntry& entry, int top_level) {
  const std::string level =
      std::string(static_cast<size_t>(top_level - entry.level), ' ') + std::to_string(entry.level);
  const std::string index = entry.items == 1
                                ? fmt::format("{}", entry.index)
                                : fmt::format("{}-{}", entry.index, entry.index + entry.items - 1);
  const std::string iova = fmt::format("{:#x}", entry.iova.value);
  const std::string word = fmt::format("{:#018x}", entry.word);
  const std::string access = access_word(entry.readable(), entry.writable());
  switch (entry.kind()) {
    case generic_pt::EntryKind::kEmpty:
      columns.add({level, index, iova, word, "empty"});
      break;
    case generic_pt::EntryKind::kTable:
      columns.add({level, index, iova, word, "table", "", access});
      break;
    case generic_pt::EntryKind::kLeaf:
      columns.add({level, index, iova, word, "leaf " + show_size(entry.size()),
                   fmt::format("{:#x}", entry.pa().value),
                   access + (entry.force_coherent() ? " FC" : "")});
      break;
  }
}

void add_line(Columns& columns, const Gap& gap) {
  std::string text = fmt::format("{} more leaves like these", gap.leaves);
  if (gap.tables > 0) text += fmt::format(" and {}", counted(gap.tables, "more table"));
  if (gap.runs == 1) {
    text += fmt::format("; all {} are physically adjacent", gap.all);
  } else if (gap.runs == gap.all) {
    text += fmt::format("; no two of the {} are physically adjacent", gap.all);
  } else {
    text += fmt::format("; the {} are {} physical runs", gap.all, gap.runs);
  }
  columns.add({"", "...", text});
}

Columns entry_columns() {
  Columns columns("llrllrl");
  columns.add({"LEVEL", "INDEX", "IOVA", "WORD", "ENTRY", "PA", "ACCESS"});
  return columns;
}

std::string page_table(const PageTable& table, bool all) {
  if (table.entries.empty()) return "";
  Columns columns = entry_columns();
  if (all) {
    for (const TableEntry& entry : table.entries) add_line(columns, entry, table.top_level);
    return columns.text();
  }
  for (const PageTableLine& line : fold(table.entries)) {
    if (const auto* entry = std::get_if<TableEntry>(&line)) {
      add_line(columns, *entry, table.top_level);
    } else {
      add_line(columns, std::get<Gap>(line));
    }
  }
  return columns.text();
}

std::string page_table_title(uint32_t id, const PageTable& table) {
  std::string text = fmt::format("HWPT {}: top level {}, {}", id, table.top_level,
                                 counted(table.table_count(), "table"));
  if (table.entries.empty()) return text + ", empty\n";
  for (int level = table.top_level; level >= 0; --level) {
    const size_t tables = table.tables[static_cast<size_t>(level)];
    if (tables == 0) continue;
    text += fmt::format("{} {} at level {}", level == table.top_level ? ":" : ",", tables, level);
  }
  return text + "\n";
}

std::string pinned_words(const ContextFacts& context) {
  std::string text = counted(context.pinned(), "page") + " pinned";
  const auto add = [&text](uint64_t pages, std::string_view whom) {
    if (pages > 0) text += fmt::format(", {} charged to {}", pages, whom);
  };
  add(context.charged_to_user, "the user");
  add(context.charged_to_process, "the process");
  add(context.charged_to_nobody, "nobody because of CAP_IPC_LOCK");
  return text;
}

std::string context_text(const ContextFacts& context, bool all) {
  std::string text = fmt::format("\n{}: {}, {}{}\n", show_descriptors(context.descriptors),
                                 counted(context.objects.size(), "object"), pinned_words(context),
                                 context.no_iommu_mode ? ", in no-IOMMU container mode" : "");
  if (context.objects.empty()) return text;
  Columns objects("rlrl");
  objects.add({"ID", "TYPE", "USERS", ""});
  for (const ObjectFacts& object : context.objects) {
    const Described described = std::visit([](const auto& is) { return describe(is); }, object.is);
    objects.add(
        {std::to_string(object.id), described.type, std::to_string(object.users), described.about});
  }
  text += objects.text();
  for (const ObjectFacts& object : context.objects) {
    if (const auto* ioas = std::get_if<IoasFacts>(&object.is)) {
      text += fmt::format("\nIOAS {}: {}\n", object.id,
                          ioas->areas.empty() ? "empty" : counted(ioas->areas.size(), "area"));
      if (!ioas->areas.empty()) text += area_table(ioas->areas);
    } else if (const auto* hwpt = std::get_if<HwptFacts>(&object.is)) {
      text += "\n" + page_table_title(object.id, hwpt->table) + page_table(hwpt->table, all);
    }
  }
  return text;
}

std::string locked_text(const LockedMemory& locked) {
  Columns columns("lr");
  columns.add(
      {"RLIMIT_MEMLOCK", locked.limit == kUnlimited ? "unlimited" : show_size(locked.limit)});
  columns.add({fmt::format("locked pages of user {}", locked.uid), std::to_string(locked.of_user)});
  columns.add({"locked pages of the process", std::to_string(locked.of_process)});
  columns.add({"pinned pages of the process", std::to_string(locked.pinned)});
  return "\nlocked memory\n" + columns.text();
}

std::string snapshot_text(const Snapshot& snapshot, bool all) {
  std::string text;
  for (const ContextFacts& context : snapshot.contexts) text += context_text(context, all);
  if (snapshot.contexts.empty()) text += "\nno iommufd is open\n";
  return text + locked_text(snapshot.locked);
}

std::string lookup_text(const Lookup& lookup) {
  std::string text =
      fmt::format("\n{}: IOAS {}\n", show_descriptors(lookup.descriptors), lookup.ioas);
  if (lookup.area) text += area_table({*lookup.area}) + "\n";
  if (!lookup.walk.empty()) {
    Columns columns = entry_columns();
    for (const TableEntry& entry : lookup.walk) {
      add_line(columns, entry, lookup.walk.front().level);
    }
    text += columns.text();
    if (lookup.walk.back().is_leaf()) {
      text += fmt::format("  IOVA {:#x} leads to {:#x}\n", lookup.iova, lookup.walk_pa.value);
    }
    text += "\n";
  }
  const std::string call =
      fmt::format("GET_PA {{iova={:#x}, length={:#x}}}", lookup.iova, lookup.length);
  if (lookup.answer) {
    text += fmt::format("  {} {{length={:#x}, out_phys={:#x}}}\n", trace_line(call, 0),
                        lookup.answer->bytes, lookup.answer->start.value);
  } else {
    text += fmt::format("  {}\n", trace_line(call, Err(lookup.answer.error())));
  }
  return text + fmt::format("  why: {}\n", explain(lookup));
}

}  // namespace

std::string source_word(Pages::Kind kind) {
  switch (kind) {
    case Pages::Kind::kUser:
      return "memory";
    case Pages::Kind::kFile:
      return "file";
    case Pages::Kind::kDmaBuf:
      return "dma-buf";
  }
  return {};
}

std::string access_word(bool read, bool write) {
  return fmt::format("{}{}", read ? 'r' : '-', write ? 'w' : '-');
}

std::string inspection_text(const Inspection& inspection, bool all) {
  std::string text =
      fmt::format("{} after step {} of {}, {}{}\n", inspection.scenario, inspection.step,
                  inspection.steps, inspection.title, inspection.failed ? ", which failed" : "");
  if (const auto* snapshot = std::get_if<Snapshot>(&inspection.found)) {
    return text + snapshot_text(*snapshot, all);
  }
  for (const Lookup& lookup : std::get<std::vector<Lookup>>(inspection.found)) {
    text += lookup_text(lookup);
  }
  return text;
}

}  // namespace noiommu::scenarios
