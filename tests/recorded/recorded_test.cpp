// The judge: what a real kernel answered, run on the model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "scenarios/engine/loader.h"
#include "scenarios/engine/model_backend.h"
#include "scenarios/engine/runner.h"

namespace noiommu::scenarios {
namespace {

namespace fs = std::filesystem;

const fs::path kRecorded = fs::path(NOIOMMU_SOURCE_DIR) / "scenarios/recorded";
const fs::path kSelftests = fs::path(NOIOMMU_SOURCE_DIR) / "scenarios/selftests";
const fs::path kRevisions = fs::path(NOIOMMU_SOURCE_DIR) / "scenarios/revisions";
const fs::path kOrigin = fs::path(NOIOMMU_SOURCE_DIR) / "../shared/vectors";
const fs::path kPending = fs::path(NOIOMMU_SOURCE_DIR) / "tests/recorded/pending.txt";

// Only answers that do not depend on how memory lies were kept, so they hold for every layout.
const std::map<std::string, mm::MemoryConfig> kLayouts = {
    {"scattered", {.placement = mm::MemoryConfig::Placement::kScattered}},
    {"contiguous", {.placement = mm::MemoryConfig::Placement::kContiguous}},
    {"thp",
     {.placement = mm::MemoryConfig::Placement::kScattered, .transparent_huge_pages = true}}};

std::vector<ScenarioResult> run(const fs::path& path, const mm::MemoryConfig& layout) {
  const Loaded loaded = load_paths({path.string()});
  EXPECT_THAT(loaded.errors, testing::IsEmpty());
  EXPECT_THAT(loaded.scenarios, testing::Not(testing::IsEmpty()));
  return run_all(*make_model_backend(layout), loaded.scenarios, 1);
}

// Scenarios that need what the model does not have yet, one name a line.
std::set<std::string> pending() {
  std::set<std::string> names;
  std::ifstream in(kPending);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line[0] != '#') names.insert(line);
  }
  return names;
}

std::map<std::string, std::string> yaml_files(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".yaml") continue;
    files[entry.path().filename().string()] = read_whole_file(entry.path().string());
  }
  return files;
}

void expect_all_pass(const fs::path& folder) {
  for (const auto& [name, layout] : kLayouts) {
    for (const ScenarioResult& result : run(folder, layout)) {
      EXPECT_EQ(result.outcome, Outcome::kPassed)
          << name << ": " << result.name << ": " << result.reason;
    }
  }
}

TEST(Selftests, AllPass) {
  expect_all_pass(kSelftests);
}

TEST(Revisions, AllPass) {
  expect_all_pass(kRevisions);
}

class RecordedFile : public testing::TestWithParam<std::string> {};

// A pending scenario that passes must leave the list: what works once stays.
TEST_P(RecordedFile, AnswersAsTheKernelDid) {
  const std::set<std::string> not_yet = pending();
  for (const auto& [name, layout] : kLayouts) {
    for (const ScenarioResult& result : run(kRecorded / GetParam(), layout)) {
      const bool expected = !not_yet.contains(result.name);
      EXPECT_EQ(result.outcome == Outcome::kPassed, expected)
          << name << ": " << result.name
          << (expected ? " fails: " + result.reason
                       : " passes, but is listed in " + kPending.string());
    }
  }
}

std::vector<std::string> recorded_files() {
  std::vector<std::string> names;
  for (const auto& [name, text] : yaml_files(kRecorded)) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Recorded, RecordedFile, testing::ValuesIn(recorded_files()),
                         [](const auto& param) {
                           std::string name = param.param.substr(0, param.param.find('.'));
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Recorded, PendingScenariosExist) {
  std::set<std::string> names;
  for (const Scenario& scenario : load_paths({kRecorded.string()}).scenarios) {
    names.insert(scenario.name);
  }
  for (const std::string& name : pending()) EXPECT_TRUE(names.contains(name)) << name;
}

TEST(Recorded, IsTheSameAsWhereItCameFrom) {
  if (!fs::exists(kOrigin)) GTEST_SKIP() << kOrigin << " is not there to compare with";
  EXPECT_EQ(yaml_files(kRecorded), yaml_files(kOrigin));
}

}  // namespace
}  // namespace noiommu::scenarios
