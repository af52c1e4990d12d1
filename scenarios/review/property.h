// What a reviewer demands of a revision, and what was found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/review/revision.h"

namespace noiommu::scenarios::review {

enum class Verdict : uint8_t { kHolds, kViolated, kNotApplicable };

struct Finding {
  Verdict verdict = Verdict::kHolds;
  std::string what;           // one line; why it is violated or not applicable
  std::string config;         // the smallest configuration that shows it; empty: it is none
  size_t configurations = 0;  // that show it
  // A scenario file that replays it on the model; empty where no program is needed to see it.
  std::string scenario = {};
  std::vector<std::string> sequence = {};  // its system calls
};

struct Property {
  const char* name;
  const char* demand;  // one sentence
  const char* source;  // who asked for it, or where it is written down
  Finding (*check)(const Revision& revision);
};

// In the order of a report.
[[nodiscard]] const std::vector<Property>& properties();

// Properties of the Kconfig text.
[[nodiscard]] Finding check_acyclic(const Revision& revision);
[[nodiscard]] Finding check_unmet_select(const Revision& revision);
[[nodiscard]] Finding check_dead_weight(const Revision& revision);
[[nodiscard]] Finding check_module_linkage(const Revision& revision);
[[nodiscard]] Finding check_regression(const Revision& revision);
[[nodiscard]] Finding check_support_matrix(const Revision& revision);

// Properties of a booted kernel.
[[nodiscard]] Finding check_usable_groups(const Revision& revision);
[[nodiscard]] Finding check_usable_cdevs(const Revision& revision);
[[nodiscard]] Finding check_names(const Revision& revision);
[[nodiscard]] Finding check_taint(const Revision& revision);

}  // namespace noiommu::scenarios::review
