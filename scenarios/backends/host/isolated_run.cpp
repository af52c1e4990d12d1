#include "scenarios/backends/host/isolated_run.h"

#include <fmt/format.h>

#include <exception>
#include <optional>

#include "scenarios/backends/host/child.h"
#include "scenarios/backends/host/result_message.h"

namespace noiommu::scenarios::host {
namespace {

// The first byte of a message.
constexpr char kStep = 's';  // and its index follows
constexpr char kResult = 'r';

std::string where(const Scenario& scenario, std::optional<size_t> index) {
  if (!index) return "before the first step";
  const Step& step = scenario.steps[*index];
  return fmt::format("{}:{}: in step {}, {}", scenario.file, step.line, *index + 1, step.title);
}

}  // namespace

IsolatedResult run_isolated(const Backend& backend, const Scenario& scenario, bool record,
                            std::chrono::milliseconds limit) {
  const auto work = [&](const Send& send) {
    const RunControl control{.record = record, .before_step = [&send](size_t index) {
                               send(fmt::format("{}{}", kStep, index));
                             }};
    send(kResult + pack(run_scenario(backend, scenario, control)));
  };
  const ChildEnd end = run_in_child(work, limit);
  IsolatedResult isolated;
  std::optional<size_t> step;
  bool complete = false;
  for (const std::string& message : end.messages) {
    if (message.front() == kStep) step = std::stoul(message.substr(1));
    if (message.front() == kResult) {
      isolated.result = unpack(std::string_view(message).substr(1));
      complete = true;
    }
  }
  isolated.stuck = end.how == ChildEnd::How::kStuck;
  if (complete && end.how == ChildEnd::How::kDone) return isolated;
  ScenarioResult& result = isolated.result;
  result.name = scenario.name;
  result.file = scenario.file;
  result.outcome = Outcome::kFailed;
  const std::string how =
      end.how == ChildEnd::How::kDone ? "the process ended without a result" : describe(end, limit);
  result.reason = complete ? fmt::format("{}: after the last step: {}", scenario.file, how)
                           : fmt::format("{}: {}", where(scenario, step), how);
  return isolated;
}

}  // namespace noiommu::scenarios::host
