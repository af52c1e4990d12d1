#include "scenarios/engine/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <ostream>

#include "scenarios/engine/loader.h"
#include "scenarios/engine/nearest.h"
#include "scenarios/engine/own_folder.h"
#include "scenarios/engine/progress.h"

namespace noiommu::scenarios {
namespace {

constexpr std::string_view kSelfTests = "scenarios/selftests";
constexpr std::string_view kEverything = "scenarios";

int complain(std::ostream& err, std::string_view message) {
  err << "noiommu: " << message << '\n';
  return kBadInput;
}

// Output that nobody received is an error too.
int finish(std::ostream& out, std::ostream& err, int code) {
  out.flush();
  return out ? code : complain(err, "cannot write the output");
}

// The scenarios of `paths`, or of `folder` without paths. Nothing after a complaint.
std::optional<std::vector<Scenario>> load_or_complain(std::vector<std::string> paths,
                                                      std::string_view folder, std::ostream& err) {
  if (paths.empty()) {
    auto own = find_own_folder(folder);
    if (!own) {
      complain(err, fmt::format("no folder {} here or above the program; name a path", folder));
      return std::nullopt;
    }
    paths.push_back(*std::move(own));
  }
  Loaded loaded = load_paths(paths);
  for (const std::string& error : loaded.errors) err << error << '\n';
  if (!loaded.errors.empty()) return std::nullopt;
  return std::move(loaded.scenarios);
}

}  // namespace

int run_command(const Backend& backend, const RunOptions& options, std::ostream& out,
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
    results = run_all(backend, *scenarios, options.jobs,
                      options.progress ? std::function<void(size_t)>(show) : nullptr);
  }
  out << report(results, options.format, {.trace = options.trace, .colour = options.colour});
  if (options.trace && options.format == Format::kJson) {  // the object has no room for it
    for (const ScenarioResult& result : results) {
      err << result.name << ":\n";
      for (const std::string& line : result.trace) err << "     " << line << '\n';
    }
  }
  return finish(out, err, count(results, Outcome::kFailed) == 0 ? kAllPassed : kSomeFailed);
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
  const auto scenarios = load_or_complain(paths, kEverything, err);
  if (!scenarios) return kBadInput;
  std::vector<const Scenario*> found;
  std::vector<std::string_view> names;
  for (const Scenario& scenario : *scenarios) {
    names.push_back(scenario.name);
    if (scenario.name == name) found.push_back(&scenario);
  }
  if (found.empty()) return complain(err, unknown_word("scenario", name, names));
  if (found.size() > 1) {
    return complain(err, fmt::format("'{}' is in {} and in {}; name the file as well", name,
                                     found[0]->file, found[1]->file));
  }
  try {
    out << document_text(*found[0], read_whole_file(found[0]->file));
  } catch (const std::runtime_error& error) {  // gone since it was loaded
    return complain(err, error.what());
  }
  return finish(out, err, kAllPassed);
}

}  // namespace noiommu::scenarios
