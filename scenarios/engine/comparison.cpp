#include "scenarios/engine/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

namespace noiommu::scenarios {
namespace {

std::optional<std::string> value_of(const Answer& answer, const std::string& name) {
  for (const auto& [known, text] : answer.values) {
    if (known == name) return text;
  }
  return std::nullopt;
}

// What `mine` answers other than `other` does.
std::string show_difference(const Answer& mine, const Answer& other) {
  std::vector<std::string> parts;
  if (mine.result != other.result) parts.push_back(mine.result);
  for (const auto& [name, text] : mine.values) {
    if (value_of(other, name) != text) parts.push_back(fmt::format("{}={}", name, text));
  }
  for (const auto& [name, text] : other.values) {
    if (!value_of(mine, name)) parts.push_back(fmt::format("{} unchanged", name));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

// How one side's run ended when it did not end by itself: a signal, the time limit, a call that
// never returns.
std::string broken(const ScenarioResult& result) {
  return result.outcome == Outcome::kFailed ? result.reason : std::string();
}

}  // namespace

std::vector<StepDifference> compare(std::span<const AnsweredStep> model,
                                    std::span<const AnsweredStep> host) {
  std::vector<StepDifference> differences;
  for (size_t i = 0; i < std::max(model.size(), host.size()); ++i) {
    const AnsweredStep& step = i < model.size() ? model[i] : host[i];
    StepDifference difference{step.line, step.number, step.title, step.calls, {}, {}};
    if (i >= model.size()) {
      difference.model = "did not come this far";
      difference.host = host[i].answer.result;
    } else if (i >= host.size()) {
      difference.model = model[i].answer.result;
      difference.host = "did not come this far";
    } else if (model[i].answer != host[i].answer) {
      difference.model = show_difference(model[i].answer, host[i].answer);
      difference.host = show_difference(host[i].answer, model[i].answer);
    } else {
      continue;
    }
    differences.push_back(std::move(difference));
  }
  return differences;
}

ScenarioResult run_on_both(const RunOne& model, const RunOne& host, const Scenario& scenario) {
  ScenarioResult on_host = host(scenario);
  if (on_host.outcome == Outcome::kSkipped) {
    on_host.reason = "host: " + on_host.reason;
    return on_host;
  }
  ScenarioResult result = model(scenario);
  if (result.outcome == Outcome::kSkipped) {
    result.reason = "model: " + result.reason;
    return result;
  }
  const std::string model_broken = broken(result);
  const std::string host_broken = broken(on_host);
  result.outcome = Outcome::kPassed;
  result.reason.clear();
  result.failed_step.reset();
  result.log.clear();
  result.differences = compare(result.answers, on_host.answers);
  for (const std::string& line : on_host.trace) result.trace.push_back("host: " + line);
  // A run that broke off says nothing about the steps that it had answered before.
  if (model_broken != host_broken && (!host_broken.empty() || result.differences.empty())) {
    result.differences.clear();
    result.outcome = Outcome::kFailed;
    result.reason =
        fmt::format("model: {}; host: {}", model_broken.empty() ? "ends by itself" : model_broken,
                    host_broken.empty() ? "ends by itself" : host_broken);
  } else if (!result.differences.empty()) {
    const StepDifference& first = result.differences.front();
    result.outcome = Outcome::kFailed;
    result.reason = fmt::format("{}:{}: {}: model {}, host {}", result.file, first.line,
                                first.title, first.model, first.host);
  }
  return result;
}

}  // namespace noiommu::scenarios
