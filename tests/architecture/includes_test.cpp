// The arrows of the design point one way. Design: architecture.md, "Dependencies point one way".
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = NOIOMMU_SOURCE_DIR;

// Which folders each folder may include from, beside itself.
const std::map<std::string, std::set<std::string>> kAllowed = {
    {"uapi", {}},
    {"model/design", {}},
    {"model/kernel", {"uapi", "model/design"}},
    {"model/kconfig", {}},
    {"model/mm", {"model/kernel"}},
    {"model/pci", {"model/kernel"}},
    {"model/generic_pt", {"model/kernel"}},
    {"model/iommufd", {"uapi", "model/design", "model/kernel", "model/mm", "model/generic_pt"}},
    {"model/vfio",
     {"uapi", "model/design", "model/kernel", "model/mm", "model/pci", "model/iommufd"}},
    {"model/machine",
     {"model/design", "model/kernel", "model/mm", "model/pci", "model/iommufd", "model/vfio",
      "model/kconfig"}},
    {"scenarios/backends/host",
     {"uapi", "model/kernel", "model/vfio", "model/machine", "scenarios/engine"}},
    {"scenarios/kconfig", {"model/kconfig"}},
    {"scenarios/benchmark", {"scenarios/kconfig"}},
    {"scenarios/exec",
     {"uapi", "model/kernel", "model/mm", "model/iommufd", "model/vfio", "model/machine",
      "scenarios/engine", "scenarios/inspect"}},
    {"scenarios/review",
     {"model/design", "model/kernel", "model/kconfig", "model/machine", "scenarios/kconfig",
      "scenarios/engine"}},
    {"scenarios/engine",
     {"uapi", "model/design", "model/kernel", "model/mm", "model/vfio", "model/machine"}},
    {"scenarios/inspect",
     {"uapi", "model/kernel", "model/mm", "model/generic_pt", "model/iommufd", "model/vfio",
      "scenarios/engine"}},
};

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

std::set<std::string> quoted_includes(const fs::path& file) {
  constexpr std::string_view kInclude = "#include \"";
  std::set<std::string> found;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(kInclude)) continue;
    line.erase(0, kInclude.size());
    found.insert(line.substr(0, line.find('"')));
  }
  return found;
}

TEST(Architecture, EveryFolderOfTheModelHasARule) {
  for (const auto& entry : fs::directory_iterator(kRoot / "model")) {
    if (!entry.is_directory()) continue;
    EXPECT_TRUE(kAllowed.contains("model/" + entry.path().filename().string())) << entry.path();
  }
}

TEST(Architecture, IncludesPointOneWay) {
  size_t seen = 0;
  for (const auto& [folder, allowed] : kAllowed) {
    for (const auto& entry : fs::directory_iterator(kRoot / folder)) {
      if (!entry.is_regular_file()) continue;
      for (const std::string& include : quoted_includes(entry.path())) {
        ++seen;
        const std::string from = folder_of(include);
        EXPECT_TRUE(from == folder || allowed.contains(from))
            << entry.path().filename() << " includes " << include;
      }
    }
  }
  EXPECT_GT(seen, 100U) << "the sources were not found";
}

}  // namespace
