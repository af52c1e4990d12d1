#include "scenarios/engine/runner.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

namespace noiommu::scenarios {
namespace {

constexpr size_t kLogLines = 10;

std::string one_line(const FailedStep& step, const std::string& file) {
  return fmt::format("{}:{}: {}: expected {}, got {}", file, step.line, step.title, step.expected,
                     step.got);
}

void run_steps(Session& session, const Scenario& scenario, const RunControl& control,
               ScenarioResult& result) {
  StepRunner runner(session);
  for (size_t i = 0; i < scenario.steps.size(); ++i) {
    const Step& step = scenario.steps[i];
    const auto before = static_cast<std::ptrdiff_t>(runner.trace().size());
    if (control.before_step) control.before_step(i);
    const auto mismatch = runner.run(step);
    const std::vector<std::string> calls(runner.trace().begin() + before, runner.trace().end());
    if (control.record) {
      result.answers.push_back({step.line, i + 1, step.title, calls, runner.answer()});
    }
    if (!mismatch) continue;
    if (control.record && !runner.blocked()) continue;
    result.outcome = Outcome::kFailed;
    if (!runner.blocked()) result.log = session.log_tail(kLogLines);
    result.failed_step =
        FailedStep{step.line, i + 1, step.title, calls, mismatch->expected, mismatch->got};
    result.reason = one_line(*result.failed_step, scenario.file);
    break;
  }
  if (control.before_end) control.before_end(session);
  runner.finish();
  result.trace = runner.trace();
}

}  // namespace

ScenarioResult run_scenario(const Backend& backend, const Scenario& scenario,
                            const RunControl& control) {
  ScenarioResult result{.name = scenario.name,
                        .file = scenario.file,
                        .outcome = Outcome::kPassed,
                        .reason = {},
                        .failed_step = {},
                        .log = {},
                        .trace = {}};
  if (auto reason = backend.unmet(scenario)) {
    result.outcome = Outcome::kSkipped;
    result.reason = *std::move(reason);
    return result;
  }
  try {
    const auto session = backend.start(scenario);
    run_steps(*session, scenario, control, result);
  } catch (const Unmet& unmet) {
    result.outcome = Outcome::kSkipped;
    result.reason = unmet.what();
  } catch (const Blocked& blocked) {
    result.outcome = Outcome::kFailed;
    result.reason = fmt::format("the process never ends: {}", blocked.what());
  } catch (const std::exception& error) {  // a mistake in the back end; others may still run
    result.outcome = Outcome::kFailed;
    result.reason = fmt::format("internal error: {}", error.what());
  }
  return result;
}

std::vector<ScenarioResult> run_all(const RunOne& run, std::span<const Scenario> scenarios,
                                    unsigned jobs, const std::function<void(size_t)>& progress) {
  std::vector<ScenarioResult> results(scenarios.size());
  std::atomic<size_t> next = 0;
  std::mutex mutex;  // guards done and the calls of progress
  size_t done = 0;
  const auto work = [&] {
    for (size_t i = next++; i < scenarios.size(); i = next++) {
      results[i] = run(scenarios[i]);
      const std::scoped_lock lock(mutex);
      ++done;
      if (progress) progress(done);
    }
  };
  std::vector<std::jthread> helpers;
  const size_t useful = std::min<size_t>(jobs, scenarios.size());
  for (size_t i = 1; i < useful; ++i) helpers.emplace_back(work);
  work();
  helpers.clear();  // joins
  return results;
}

std::vector<ScenarioResult> run_all(const Backend& backend, std::span<const Scenario> scenarios,
                                    unsigned jobs, const std::function<void(size_t)>& progress) {
  const auto run = [&backend](const Scenario& scenario) { return run_scenario(backend, scenario); };
  return run_all(RunOne(run), scenarios, jobs, progress);
}

size_t count(std::span<const ScenarioResult> results, Outcome outcome) {
  return static_cast<size_t>(std::ranges::count(results, outcome, &ScenarioResult::outcome));
}

std::vector<Scenario> filter(std::vector<Scenario> scenarios, const std::string& pattern) {
  std::erase_if(scenarios, [&pattern](const Scenario& scenario) {
    return fnmatch(pattern.c_str(), scenario.name.c_str(), 0) != 0;
  });
  return scenarios;
}

}  // namespace noiommu::scenarios
