#include "scenarios/engine/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace noiommu::scenarios {
namespace {

std::string_view outcome_word(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return "passed";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kSkipped:
      return "skipped";
  }
  return "";
}

std::string difference_details(const ScenarioResult& result) {
  std::string text;
  for (const StepDifference& step : result.differences) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{}:{}: step {}, {}\n", result.file, step.line, step.number, step.title);
    for (const std::string& call : step.calls) text += fmt::format("call:     {}\n", call);
    text += fmt::format("model:    {}\nhost:     {}", step.model, step.host);
  }
  return text;
}

}  // namespace

std::string failure_details(const ScenarioResult& result) {
  if (result.outcome != Outcome::kFailed) return {};
  if (!result.differences.empty()) return difference_details(result);
  if (!result.failed_step) return result.reason;
  const FailedStep& step = *result.failed_step;
  std::string text =
      fmt::format("{}:{}: step {}, {}\n", result.file, step.line, step.number, step.title);
  for (const std::string& call : step.calls) text += fmt::format("call:     {}\n", call);
  text += fmt::format("expected: {}\ngot:      {}", step.expected, step.got);
  for (const std::string& line : result.log) text += fmt::format("\nkernel:   {}", line);
  return text;
}

std::string report_json(std::span<const ScenarioResult> results) {
  nlohmann::ordered_json scenarios = nlohmann::ordered_json::array();
  for (const ScenarioResult& result : results) {
    scenarios.push_back({{"name", result.name},
                         {"file", result.file},
                         {"result", outcome_word(result.outcome)},
                         {"reason", result.reason}});
  }
  const nlohmann::ordered_json object = {{"passed", count(results, Outcome::kPassed)},
                                         {"failed", count(results, Outcome::kFailed)},
                                         {"skipped", count(results, Outcome::kSkipped)},
                                         {"scenarios", std::move(scenarios)}};
  // Names come from files, which may hold any bytes.
  return object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string report(std::span<const ScenarioResult> results, Format format,
                   const ReportOptions& options) {
  switch (format) {
    case Format::kText:
      return report_text(results, options);
    case Format::kJson:
      return report_json(results);
    case Format::kJunit:
      return report_junit(results, options);
    case Format::kTap:
      return report_tap(results, options);
  }
  return {};
}

}  // namespace noiommu::scenarios
