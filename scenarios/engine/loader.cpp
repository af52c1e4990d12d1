#include "scenarios/engine/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "scenarios/engine/scenario_loader.h"
#include "scenarios/engine/yaml_reader.h"

namespace noiommu::scenarios {
namespace {

namespace fs = std::filesystem;

YAML::Mark position(int line, int column) {
  YAML::Mark mark;
  mark.line = line;
  mark.column = column;
  return mark;
}

// YAML forbids tabs as indentation, and parsers answer them with riddles.
void refuse_tabs(const std::string& file, const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  for (int number = 0; std::getline(lines, line); ++number) {
    const size_t content = line.find_first_not_of(" \t\r");
    const size_t tab = line.find('\t');
    if (content == std::string::npos || line[content] == '#' || tab > content) continue;
    throw LoadError(file, position(number, static_cast<int>(tab)),
                    "a tab cannot indent YAML; use spaces");
  }
}

std::vector<YAML::Node> parse(const std::string& file, const std::string& text) {
  try {
    return YAML::LoadAll(text);
  } catch (const YAML::Exception& error) {
    throw LoadError(file, error.mark, fmt::format("not YAML: {}", error.msg));
  }
}

// The files that a path stands for.
std::vector<std::string> expand(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    const std::string reason = error ? error.message() : std::strerror(ENOENT);
    throw std::runtime_error(fmt::format("{}: {}", path, reason));
  }
  if (!fs::is_directory(status)) return {path};

  std::vector<std::string> files;
  fs::recursive_directory_iterator entry(path, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const bool is_file = entry->is_regular_file(error);
    if (is_file && entry->path().extension() == ".yaml") files.push_back(entry->path().string());
  }
  if (error) throw std::runtime_error(fmt::format("{}: {}", path, error.message()));
  if (files.empty()) throw std::runtime_error(fmt::format("{}: no *.yaml file in it", path));
  std::ranges::sort(files);
  return files;
}

bool separates_documents(std::string_view line) {
  const bool marker = line.starts_with("---") || line.starts_with("...");
  return marker && (line.size() == 3 || line[3] == ' ' || line[3] == '\r');
}

}  // namespace

std::vector<Scenario> load_text(const std::string& file, const std::string& text) {
  refuse_tabs(file, text);
  std::vector<Scenario> scenarios;
  std::map<std::string, int> lines;  // of each name's first use
  for (const YAML::Node& node : parse(file, text)) {
    if (node.IsNull()) continue;  // nothing between two separators
    const Yaml document(file, node, "a scenario");
    Scenario scenario = load_scenario(document);
    const auto [first, is_new] = lines.emplace(scenario.name, scenario.line);
    if (!is_new) {
      document.fail(
          fmt::format("scenario '{}' is already at line {}", scenario.name, first->second));
    }
    scenarios.push_back(std::move(scenario));
  }
  if (scenarios.empty()) throw LoadError(file, position(0, 0), "no scenario in this file");
  return scenarios;
}

std::string read_whole_file(const std::string& path) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  if (!stream || (stream.peek() != EOF && !(content << stream.rdbuf())) || stream.bad()) {
    const int number = errno != 0 ? errno : EIO;
    throw std::runtime_error(fmt::format("{}: {}", path, std::strerror(number)));
  }
  return content.str();
}

Loaded load_paths(const std::vector<std::string>& paths) {
  Loaded loaded;
  const auto attempt = [&loaded](const auto& read) {
    try {
      read();
    } catch (const std::runtime_error& error) {
      loaded.errors.emplace_back(error.what());
    }
  };
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    attempt([&] {
      for (std::string& file : expand(path)) files.push_back(std::move(file));
    });
  }
  for (const std::string& file : files) {
    attempt([&] {
      for (Scenario& scenario : load_text(file, read_whole_file(file))) {
        loaded.scenarios.push_back(std::move(scenario));
      }
    });
  }
  return loaded;
}

std::string document_text(const Scenario& scenario, std::string_view text) {
  std::string document;
  int number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    ++number;
    if (!separates_documents(line.substr(0, line.find('\n')))) {
      document += line;
    } else if (number < scenario.line) {
      document.clear();
    } else if (number > scenario.line) {
      break;
    }
  }
  return document;
}

}  // namespace noiommu::scenarios
