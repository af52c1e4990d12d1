// An inspection, as text for people and as JSON for programs.
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "scenarios/inspect/lookup.h"
#include "scenarios/inspect/snapshot.h"

namespace noiommu::scenarios {

struct Inspection {
  std::string scenario = {};
  size_t step = 0;         // the last one that ran, from 1
  size_t steps = 0;        // of the scenario
  std::string title = {};  // of the last one that ran
  bool failed = false;
  std::variant<Snapshot, std::vector<Lookup>> found = {};
};

// `all`: every entry of the page tables, however many are alike.
[[nodiscard]] std::string inspection_text(const Inspection& inspection, bool all);

// One object with every fact and every entry. Addresses and words are strings in hex, which stay
// exact everywhere; lengths are numbers of bytes.
[[nodiscard]] std::string inspection_json(const Inspection& inspection);

// Words that both have in common.
[[nodiscard]] std::string source_word(iommufd::Pages::Kind kind);  // "memory", "file", "dma-buf"
[[nodiscard]] std::string access_word(bool read, bool write);      // "rw", "r-", "-w", "--"

}  // namespace noiommu::scenarios
