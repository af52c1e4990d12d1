// A scenario in a process of its own.
#pragma once

#include <chrono>

#include "scenarios/engine/runner.h"

namespace noiommu::scenarios::host {

struct IsolatedResult {
  ScenarioResult result;
  bool stuck = false;  // the process is still there and cannot be killed
};

// What run_scenario() answers in a child of this process. One that is killed, by a signal or
// because of the time limit, is a failure whose reason names the step.
[[nodiscard]] IsolatedResult run_isolated(const Backend& backend, const Scenario& scenario,
                                          bool record, std::chrono::milliseconds limit);

}  // namespace noiommu::scenarios::host
