// What a review found, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "scenarios/review/property.h"

namespace noiommu::scenarios::review {

struct Result {
  std::string revision;
  const Property* property = nullptr;
  Finding finding;
};

// What one revision has otherwise than the one before it.
struct Change {
  std::string from;
  std::string to;
  const Property* property = nullptr;
  Verdict before = Verdict::kHolds;
  Verdict after = Verdict::kHolds;
  std::vector<std::string> gone = {};   // counterexamples, by what they say
  std::vector<std::string> fresh = {};  // likewise
};
[[nodiscard]] std::vector<Change> changes(const std::vector<Result>& results);

// Whether sequences were tried, and none found.
[[nodiscard]] bool searched_in_vain(const Finding& finding);

[[nodiscard]] std::string verdict_word(Verdict verdict);  // "holds", "violated", "not-applicable"

// A matrix of properties by revisions, each violation, and what changed between the revisions.
[[nodiscard]] std::string report_text(const std::vector<Result>& results);
[[nodiscard]] std::string report_markdown(const std::vector<Result>& results);
// {"results":[{"revision","property","verdict","config","sequence","source","depth","states",..}],
// "changes":[..]}. "config" and "sequence" are those of the first counterexample; "depth" is the
// length of its sequence, or of the longest that were tried; "states" how many configurations,
// kernels or states of them were looked at.
[[nodiscard]] std::string report_json(const std::vector<Result>& results);

}  // namespace noiommu::scenarios::review
