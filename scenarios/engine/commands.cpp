#include "scenarios/engine/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <ostream>

#include "scenarios/engine/command_input.h"
#include "scenarios/engine/loader.h"
#include "scenarios/engine/progress.h"

namespace noiommu::scenarios {
namespace {

constexpr std::string_view kSelfTests = "scenarios/selftests";

}  // namespace

int run_command(const RunOne& run, const RunOptions& options, std::ostream& out,
                std::ostream& err) {
  auto scenarios = load_or_complain(options.paths, kSelfTests, err);
  if (!scenarios) return kBadInput;
  if (!options.filter.empty()) {
    scenarios = filter(*std::move(scenarios), options.filter);
    if (scenarios->empty()) {
      return complain(err, fmt::format("no scenario's name matches '{}'", options.filter));
    }
  }

  std::vector<ScenarioResult> results;
  {
    Progress progress(err, scenarios->size());
    const auto show = [&progress](size_t done) { progress.show(done); };
    results = run_all(run, *scenarios, options.jobs,
                      options.progress ? std::function<void(size_t)>(show) : nullptr);
  }
  out << report(results, options.format,
                {.trace = options.trace, .colour = options.colour, .brief = options.brief});
  if (options.trace && options.format == Format::kJson) {  // the object has no room for it
    for (const ScenarioResult& result : results) {
      err << result.name << ":\n";
      for (const std::string& line : result.trace) err << "     " << line << '\n';
    }
  }
  const bool failed = count(results, Outcome::kFailed) > 0 ||
                      (options.require && count(results, Outcome::kSkipped) > 0);
  return finish(out, err, failed ? kSomeFailed : kAllPassed);
}

int list_command(const std::vector<std::string>& paths, std::ostream& out, std::ostream& err) {
  const auto scenarios = load_or_complain(paths, kEverything, err);
  if (!scenarios) return kBadInput;
  size_t width = 0;
  for (const Scenario& scenario : *scenarios) width = std::max(width, scenario.name.size());
  std::string_view file;
  for (const Scenario& scenario : *scenarios) {
    if (scenario.file != file) {
      file = scenario.file;
      out << file << '\n';
    }
    if (scenario.about.empty()) {
      out << fmt::format("  {}\n", scenario.name);
    } else {
      out << fmt::format("  {:{}}  {}\n", scenario.name, width, scenario.about);
    }
  }
  return finish(out, err, kAllPassed);
}

int show_command(const std::string& name, const std::vector<std::string>& paths, std::ostream& out,
                 std::ostream& err) {
  const auto scenario = find_or_complain(name, paths, err);
  if (!scenario) return kBadInput;
  try {
    out << document_text(*scenario, read_whole_file(scenario->file));
  } catch (const std::runtime_error& error) {  // gone since it was loaded
    return complain(err, error.what());
  }
  return finish(out, err, kAllPassed);
}

}  // namespace noiommu::scenarios
