// The result of a run, as text for people and in three formats for machines.
#pragma once

#include <span>
#include <string>

#include "scenarios/engine/runner.h"

namespace noiommu::scenarios {

enum class Format { kText, kJson, kJunit, kTap };

struct ReportOptions {
  bool trace = false;   // show every system call (text, junit and tap)
  bool colour = false;  // text only
  bool brief = false;   // text only: no word of a scenario that passed
};

[[nodiscard]] std::string report(std::span<const ScenarioResult> results, Format format,
                                 const ReportOptions& options = {});

// One line per scenario, a block below each failure, and a line of totals.
[[nodiscard]] std::string report_text(std::span<const ScenarioResult> results,
                                      const ReportOptions& options);
// {"passed":N,"failed":N,"skipped":N,"scenarios":[{"name","file","result","reason"}]}
[[nodiscard]] std::string report_json(std::span<const ScenarioResult> results);
// A test suite per file.
[[nodiscard]] std::string report_junit(std::span<const ScenarioResult> results,
                                       const ReportOptions& options);
// Test Anything Protocol, version 14.
[[nodiscard]] std::string report_tap(std::span<const ScenarioResult> results,
                                     const ReportOptions& options);

// What there is to know about a failure: where, the step, expected, got, the kernel log. No line
// break at the end. Empty unless failed.
[[nodiscard]] std::string failure_details(const ScenarioResult& result);

}  // namespace noiommu::scenarios
