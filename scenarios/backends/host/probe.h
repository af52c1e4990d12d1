// What this machine offers to scenarios, in words.
#pragma once

#include <iosfwd>
#include <string>

#include "scenarios/backends/host/facts.h"

namespace noiommu::scenarios::host {

[[nodiscard]] std::string probe_text(const Facts& facts);
// {"kernel", "config": {"source", "complete", "symbols"}, "parameter", "nodes", "devices",
//  "iommu", "huge_pages", "capabilities", "uid"}
[[nodiscard]] std::string probe_json(const Facts& facts);

// The `probe` subcommand. Answers the exit code.
[[nodiscard]] int probe_command(bool json, std::ostream& out);

}  // namespace noiommu::scenarios::host
