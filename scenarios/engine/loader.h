// Reads scenario files. Spec: scenario-format.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "scenarios/engine/scenario.h"

namespace noiommu::scenarios {

// The scenarios of one file's text. Throws LoadError for the first thing that is wrong with it.
// `file` is only for messages and Scenario::file.
[[nodiscard]] std::vector<Scenario> load_text(const std::string& file, const std::string& text);

struct Loaded {
  std::vector<Scenario> scenarios;  // in the order of the files, and in the order inside each
  std::vector<std::string> errors;  // one line per file that cannot be used
};

// Files and folders; a folder stands for every *.yaml below it, sorted by path. Never throws: a
// file that cannot be used adds an error and the next one is read.
[[nodiscard]] Loaded load_paths(const std::vector<std::string>& paths);

// The YAML document of a scenario as it stands in its file's text, comments included.
[[nodiscard]] std::string document_text(const Scenario& scenario, std::string_view text);

// The whole content of a file. Throws std::runtime_error that names it and says why not.
[[nodiscard]] std::string read_whole_file(const std::string& path);

}  // namespace noiommu::scenarios
