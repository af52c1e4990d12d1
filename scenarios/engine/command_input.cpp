#include "scenarios/engine/command_input.h"

#include <fmt/format.h>

#include <ostream>

#include "scenarios/engine/commands.h"
#include "scenarios/engine/loader.h"
#include "scenarios/engine/nearest.h"
#include "scenarios/engine/own_folder.h"

namespace noiommu::scenarios {
namespace {

bool is_path(std::string_view name) {
  return name.find('/') != std::string_view::npos || name.ends_with(".yaml");
}

std::optional<Scenario> only_one_of(const std::string& path, std::ostream& err) {
  auto scenarios = load_or_complain({path}, {}, err);
  if (!scenarios) return std::nullopt;
  if (scenarios->size() == 1) return std::move(scenarios->front());
  complain(err, fmt::format("{} has {} scenarios; write the name of one, then the file", path,
                            scenarios->size()));
  return std::nullopt;
}

}  // namespace

int complain(std::ostream& err, std::string_view message) {
  err << "noiommu: " << message << '\n';
  return kBadInput;
}

int finish(std::ostream& out, std::ostream& err, int code) {
  out.flush();
  return out ? code : complain(err, "cannot write the output");
}

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

std::optional<Scenario> find_or_complain(const std::string& name,
                                         const std::vector<std::string>& paths, std::ostream& err) {
  if (paths.empty() && is_path(name)) return only_one_of(name, err);
  auto scenarios = load_or_complain(paths, kEverything, err);
  if (!scenarios) return std::nullopt;
  std::vector<Scenario*> found;
  std::vector<std::string_view> names;
  for (Scenario& scenario : *scenarios) {
    names.push_back(scenario.name);
    if (scenario.name == name) found.push_back(&scenario);
  }
  if (found.size() == 1) return std::move(*found[0]);
  complain(err, found.empty() ? unknown_word("scenario", name, names)
                              : fmt::format("'{}' is in {} and in {}; name the file as well", name,
                                            found[0]->file, found[1]->file));
  return std::nullopt;
}

}  // namespace noiommu::scenarios
