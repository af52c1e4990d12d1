// `noiommu review`.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "scenarios/kconfig/target.h"

namespace noiommu::scenarios::review {

enum class ReviewFormat : uint8_t { kText, kJson, kMarkdown, kHtml };

struct ReviewOptions {
  std::vector<std::string> revisions = {};   // empty: all without a tree, else none
  KconfigTarget target = {};                 // its `tree` is reviewed where there is one
  std::vector<std::string> properties = {};  // empty: all
  std::string gate = {};                     // a revision in which nothing may be violated
  std::string save = {};                     // a folder for a scenario of each violation
  size_t depth = 6;                          // of the searches, in calls
  ReviewFormat format = ReviewFormat::kText;
  bool progress = false;  // draw a bar on the error stream
};

// The exit status: 0 well, 1 a property is violated in the gate, 2 bad usage.
int review_command(const ReviewOptions& options, std::ostream& out, std::ostream& err);

void add_review(CLI::App& app, int& exit_code);

}  // namespace noiommu::scenarios::review
