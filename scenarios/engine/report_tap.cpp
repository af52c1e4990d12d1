#include <fmt/format.h>

#include "scenarios/engine/report.h"

namespace noiommu::scenarios {
namespace {

// `#` starts a directive and `\` escapes it.
std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '#' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

// A YAML block as TAP wants it below a failed test.
std::string diagnostics(std::string_view details) {
  std::string block = "  ---\n  message: |\n    ";
  for (const char c : details) {
    block += c;
    if (c == '\n') block += "    ";
  }
  return block + "\n  ...\n";
}

}  // namespace

std::string report_tap(std::span<const ScenarioResult> results, const ReportOptions& options) {
  std::string text = fmt::format("TAP version 14\n1..{}\n", results.size());
  size_t number = 0;
  for (const ScenarioResult& result : results) {
    const bool failed = result.outcome == Outcome::kFailed;
    text += fmt::format("{}ok {} - {}", failed ? "not " : "", ++number, escape(result.name));
    if (result.outcome == Outcome::kSkipped) {
      text += fmt::format(" # SKIP {}", escape(result.reason));
    }
    text += '\n';
    if (failed) text += diagnostics(failure_details(result));
    if (options.trace) {
      for (const std::string& line : result.trace) text += fmt::format("# {}\n", line);
    }
  }
  return text;
}

}  // namespace noiommu::scenarios
