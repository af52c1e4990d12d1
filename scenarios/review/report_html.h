// A review as one self-contained page.
#pragma once

#include <string>
#include <vector>

#include "scenarios/review/kernel_map.h"
#include "scenarios/review/report.h"

namespace noiommu::scenarios::review {

// What a page shows of one revision beside the results.
struct RevisionPage {
  std::string name;
  std::string about;  // one line
  KernelMap map;
  std::string graph;  // SVG of the dependencies; empty where nothing can draw it
};

[[nodiscard]] std::string report_html(const std::vector<Result>& results,
                                      const std::vector<RevisionPage>& revisions);

}  // namespace noiommu::scenarios::review
