#include <fmt/format.h>

#include "scenarios/engine/report.h"

namespace noiommu::scenarios {
namespace {

struct Style {
  std::string_view word;
  std::string_view colour;
};

Style style(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return {"ok  ", "\033[32m"};
    case Outcome::kFailed:
      return {"FAIL", "\033[31m"};
    case Outcome::kSkipped:
      return {"skip", "\033[33m"};
  }
  return {};
}

std::string indent(std::string_view text) {
  std::string indented = "     ";
  for (const char c : text) {
    indented += c;
    if (c == '\n') indented += "     ";
  }
  return indented + "\n";
}

}  // namespace

std::string report_text(std::span<const ScenarioResult> results, const ReportOptions& options) {
  std::string text;
  for (const ScenarioResult& result : results) {
    if (options.brief && result.outcome == Outcome::kPassed) continue;
    const auto [word, colour] = style(result.outcome);
    const std::string_view on = options.colour ? colour : "";
    const std::string_view off = options.colour ? "\033[0m" : "";
    text += fmt::format("{}{}{} {}", on, word, off, result.name);
    if (result.outcome == Outcome::kSkipped) text += fmt::format(": {}", result.reason);
    text += '\n';
    if (options.trace) {
      for (const std::string& line : result.trace) text += indent(line);
    }
    if (result.outcome == Outcome::kFailed) text += indent(failure_details(result));
  }
  text += fmt::format("{} passed, {} failed, {} skipped\n", count(results, Outcome::kPassed),
                      count(results, Outcome::kFailed), count(results, Outcome::kSkipped));
  return text;
}

}  // namespace noiommu::scenarios
