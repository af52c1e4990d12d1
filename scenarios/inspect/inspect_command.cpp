#include "scenarios/inspect/inspect_command.h"

#include <fmt/format.h>

#include <ostream>

#include "scenarios/engine/command_input.h"
#include "scenarios/engine/commands.h"
#include "scenarios/engine/model_backend.h"
#include "scenarios/engine/report.h"
#include "scenarios/engine/runner.h"
#include "scenarios/inspect/render.h"

namespace noiommu::scenarios {

int inspect_command(const InspectOptions& options, std::ostream& out, std::ostream& err) {
  auto scenario = find_or_complain(options.scenario, options.paths, err);
  if (!scenario) return kBadInput;
  const std::string where =
      fmt::format("{}:{}: {}", scenario->file, scenario->line, scenario->name);
  const size_t steps = scenario->steps.size();
  const size_t at = options.at.value_or(steps);
  if (options.at && (at == 0 || at > steps)) {
    return complain(err, fmt::format("{} has steps 1 to {}, no step {}", where, steps, at));
  }
  scenario->steps.resize(at);

  Inspection inspection{
      .scenario = scenario->name, .step = at, .steps = steps, .title = {}, .found = {}};
  const auto look = [&](Session& session) {
    const Process& process = *process_of(session);
    if (options.lookup) {
      inspection.found = look_up(process, *options.lookup);
    } else {
      inspection.found = take_snapshot(process);
    }
  };
  const auto backend = make_model_backend(options.memory);
  const ScenarioResult result = run_scenario(*backend, *scenario, {.before_end = look});
  if (result.outcome == Outcome::kSkipped) {
    return complain(err, fmt::format("{} cannot run: {}", where, result.reason));
  }
  inspection.failed = result.outcome == Outcome::kFailed;
  if (inspection.failed) err << failure_details(result) << '\n';
  if (result.failed_step) inspection.step = result.failed_step->number;
  inspection.title = scenario->steps[inspection.step - 1].title;

  const auto* lookups = std::get_if<std::vector<Lookup>>(&inspection.found);
  if (lookups != nullptr && lookups->empty()) {
    return complain(
        err,
        fmt::format("{} has no {} after step {}", where,
                    options.lookup->ioas ? fmt::format("IOAS {}", *options.lookup->ioas) : "IOAS",
                    inspection.step));
  }
  out << (options.json ? inspection_json(inspection) : inspection_text(inspection, options.all));
  return finish(out, err, inspection.failed ? kSomeFailed : kAllPassed);
}

}  // namespace noiommu::scenarios
