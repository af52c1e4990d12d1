// Runs scenarios and tells how they went.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "scenarios/engine/scenario.h"
#include "scenarios/engine/session.h"
#include "scenarios/engine/step_runner.h"

namespace noiommu::scenarios {

enum class Outcome { kPassed, kFailed, kSkipped };

// The first step that did not answer as it must.
struct FailedStep {
  int line = 0;
  size_t number = 0;               // from 1
  std::string title;               // "ioctl: IOMMU_IOAS_MAP"
  std::vector<std::string> calls;  // its system calls, as in the trace
  std::string expected;
  std::string got;
};

// One step that ran.
struct AnsweredStep {
  int line = 0;
  size_t number = 0;  // from 1
  std::string title;
  std::vector<std::string> calls;
  Answer answer;
};

// One step that two back ends answer differently: only what differs.
struct StepDifference {
  int line = 0;
  size_t number = 0;
  std::string title;
  std::vector<std::string> calls;  // as the model traced them
  std::string model;
  std::string host;
};

struct ScenarioResult {
  std::string name;
  std::string file;
  Outcome outcome = Outcome::kPassed;
  std::string reason;  // one line; empty when passed
  std::optional<FailedStep> failed_step;
  std::vector<std::string> log;                  // the newest lines of the kernel log, of a failure
  std::vector<std::string> trace;                // every system call, in order
  std::vector<AnsweredStep> answers = {};        // only of a run that records them
  std::vector<StepDifference> differences = {};  // only of a run on two back ends
};

struct RunControl {
  // Keep every answer, and go on to the last step whatever earlier ones answered.
  bool record = false;
  std::function<void(size_t index)> before_step = {};  // from 0
  // May look at the process when its last step, or the first that failed, is over and everything
  // is still open.
  std::function<void(Session&)> before_end = {};
};

// Runs one scenario, in the process that Backend::start() gives it.
[[nodiscard]] ScenarioResult run_scenario(const Backend& backend, const Scenario& scenario,
                                          const RunControl& control = {});

// However a scenario is run.
using RunOne = std::function<ScenarioResult(const Scenario&)>;

// Runs all of them on `jobs` threads (at least one). The results are in the order of `scenarios`.
// `progress` is called from those threads, one call at a time, with the number that is done.
[[nodiscard]] std::vector<ScenarioResult> run_all(const RunOne& run,
                                                  std::span<const Scenario> scenarios,
                                                  unsigned jobs,
                                                  const std::function<void(size_t)>& progress = {});
[[nodiscard]] std::vector<ScenarioResult> run_all(const Backend& backend,
                                                  std::span<const Scenario> scenarios,
                                                  unsigned jobs,
                                                  const std::function<void(size_t)>& progress = {});

// How many results have this outcome.
[[nodiscard]] size_t count(std::span<const ScenarioResult> results, Outcome outcome);

// Those whose name matches the shell pattern (*, ? and [...]), in order.
[[nodiscard]] std::vector<Scenario> filter(std::vector<Scenario> scenarios,
                                           const std::string& pattern);

}  // namespace noiommu::scenarios
