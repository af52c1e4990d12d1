#include "scenarios/review/program.h"

#include <fmt/format.h>

#include <stdexcept>

#include "scenarios/engine/loader.h"
#include "scenarios/engine/model_backend.h"
#include "scenarios/engine/runner.h"

namespace noiommu::scenarios::review {

namespace {

std::vector<DeviceConfig> devices_of(Devices devices) {
  switch (devices) {
    case Devices::kWithoutIommu:
      return {{.bdf = kBdf}};
    case Devices::kBoth:
      return {{.bdf = kBdf}, {.bdf = kBehindIommu, .has_iommu = true}};
    case Devices::kMediated:
      return {{.bdf = kMediated, .mediated = true}};
  }
  return {};
}

std::string device_lines(Devices devices) {
  std::string lines;
  for (const DeviceConfig& device : devices_of(devices)) {
    lines +=
        fmt::format("- {{bdf: '{}', model: {}, iommu: {}}}\n", device.bdf,
                    device.mediated ? "mediated" : "edu", device.has_iommu ? "present" : "none");
  }
  return lines;
}

std::string scenario_text(const Boot& boot, const Program& program,
                          const std::vector<std::string>& endings) {
  std::string config;
  for (const auto& [symbol, value] : boot.configured.overrides()) {
    config += fmt::format("{}{}: {}", config.empty() ? "" : ", ", symbol, value);
  }
  std::string text = fmt::format(
      "scenario: {}-{}\nkernel:\n  revision: {}\n  config: {{{}}}\ndevices:\n{}{}steps:\n",
      boot.revision.name(), program.name, boot.design.name, config, device_lines(program.devices),
      program.without_rawio ? "process: {drop_caps: [CAP_SYS_RAWIO]}\n" : "");
  for (size_t i = 0; i < program.steps.size(); ++i) {
    text += fmt::format("{}{}}}\n", program.steps[i], endings[i]);
  }
  return text;
}

// What `path` holds, drawn below it. Nodes have no entries.
void draw(const Process& process, const std::string& path, const std::string& indent,
          std::vector<std::string>& lines) {
  const auto names = process.list(path).value_or(std::vector<std::string>());
  for (size_t i = 0; i < names.size(); ++i) {
    const bool last = i + 1 == names.size();
    lines.push_back(fmt::format("{}{}{}", indent, last ? "`-- " : "|-- ", names[i]));
    draw(process, fmt::format("{}/{}", path, names[i]), indent + (last ? "    " : "|   "), lines);
  }
}

}  // namespace

MachineConfig Boot::machine(Devices devices) const {
  return {.config = config, .design = design, .devices = devices_of(devices)};
}

Run run(const Boot& boot, const Program& program, bool to_the_end) {
  Program ran = program;
  std::vector<std::string> endings(ran.steps.size());
  const auto scenarios = load_text("review.yaml", scenario_text(boot, ran, endings));
  const ScenarioResult result =
      run_scenario(*make_model_backend({}), scenarios.at(0), {.record = true});
  if (result.outcome == Outcome::kSkipped) throw std::logic_error(result.reason);
  Run run;
  for (size_t i = 0; i < result.answers.size(); ++i) {
    const AnsweredStep& step = result.answers[i];
    const bool killed = step.answer.result == "killed";
    run.sequence.insert(run.sequence.end(), step.calls.begin(), step.calls.end());
    if (killed) run.sequence.push_back(step.title + ": a kernel oops kills the process");
    if (!killed && !step.answer.result.starts_with('E')) continue;
    const std::string error = killed ? "KILLED" : step.answer.result;
    endings[i] = fmt::format(", errno: {}", error);
    if (run.error.empty()) {
      run.error = error;
      run.step = step.title;
    }
    if (to_the_end && !killed) continue;
    ran.steps.resize(i + 1);
    break;
  }
  run.scenario = scenario_text(boot, ran, endings);
  return run;
}

std::vector<std::string> draw_nodes(const Boot& boot, Devices devices) {
  Machine machine(boot.machine(devices));
  const auto process = machine.spawn();
  std::vector<std::string> lines{"/dev/vfio"};
  draw(*process, "/dev/vfio", "", lines);
  return lines;
}

}  // namespace noiommu::scenarios::review
