// The same scenario on two back ends, answer by answer.
#pragma once

#include <span>
#include <vector>

#include "scenarios/engine/runner.h"

namespace noiommu::scenarios {

// The steps that the two answered differently, in order. Where one of them stopped early, the
// steps that only the other ran differ as a whole.
[[nodiscard]] std::vector<StepDifference> compare(std::span<const AnsweredStep> model,
                                                  std::span<const AnsweredStep> host);

// Runs the scenario with each and compares: passed when the answers are the same, whatever the file
// expects. Both runs record. A scenario that one side cannot run is skipped with that side's
// reason.
[[nodiscard]] ScenarioResult run_on_both(const RunOne& model, const RunOne& host,
                                         const Scenario& scenario);

}  // namespace noiommu::scenarios
