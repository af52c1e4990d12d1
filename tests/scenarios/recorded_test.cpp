// The scenarios recorded on a real kernel all load.
#include <gtest/gtest.h>

#include <filesystem>

#include "scenarios/engine/loader.h"

namespace noiommu::scenarios {
namespace {

const std::string kRecorded = std::string(NOIOMMU_SOURCE_DIR) + "/scenarios/recorded";

TEST(Recorded, AllLoad) {
  if (!std::filesystem::exists(kRecorded + "/random-1.yaml")) GTEST_SKIP() << "not here";
  const Loaded loaded = load_paths({kRecorded});
  EXPECT_TRUE(loaded.errors.empty()) << loaded.errors.front();
  EXPECT_GE(loaded.scenarios.size(), 395U);
}

}  // namespace
}  // namespace noiommu::scenarios
