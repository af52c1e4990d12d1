// The `inspect` subcommand: what iommufd keeps, in the middle of a scenario.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "model/mm/phys_mem.h"
#include "scenarios/inspect/lookup.h"

namespace noiommu::scenarios {

struct InspectOptions {
  std::string scenario = {};                 // its name, or a file with only one
  std::vector<std::string> paths = {};       // where to look for the name; empty: in all
  std::optional<uint64_t> at = {};           // the last step to run, from 1; nothing: all of them
  std::optional<LookupRequest> lookup = {};  // one translation instead of everything
  bool json = false;
  bool all = false;  // text: every entry of the page tables
  mm::MemoryConfig memory = {};
};

// Runs on the model. Answers the exit code: kSomeFailed when a step failed, after which the rest
// did not run; what is there then is shown all the same.
[[nodiscard]] int inspect_command(const InspectOptions& options, std::ostream& out,
                                  std::ostream& err);

}  // namespace noiommu::scenarios
