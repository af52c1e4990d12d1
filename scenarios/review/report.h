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

// A matrix of properties by revisions, then each violation.
[[nodiscard]] std::string report_text(const std::vector<Result>& results);
[[nodiscard]] std::string report_markdown(const std::vector<Result>& results);
// {"results":[{"revision","property","verdict","config","sequence","source","depth","states"}]};
// "depth" is the length of the sequence, "states" how many configurations show it.
[[nodiscard]] std::string report_json(const std::vector<Result>& results);

}  // namespace noiommu::scenarios::review
