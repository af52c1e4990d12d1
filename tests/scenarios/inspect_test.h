// The fixture of the tests of `noiommu inspect`: scenarios in parts, and what the command shows.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "scenarios/engine/commands.h"
#include "scenarios/inspect/inspect_command.h"
#include "tests/support/scratch_folder.h"

namespace noiommu::scenarios {

using nlohmann::json;

// Device 1, IOAS 2, and the HWPT 3 that attaching makes. Four lines a step or fewer.
inline constexpr const char* kOpen = R"(scenario: s
devices:
- {bdf: '0000:00:04.0', model: edu, iommu: none}
- {bdf: '0000:00:05.0', model: edu, iommu: present}
steps:
- {open: /dev/iommu, as: i}
- {open: /dev/vfio/devices/noiommu-vfio0, as: dev}
- {ioctl: VFIO_DEVICE_BIND_IOMMUFD, fd: $dev, args: {iommufd: $i}}
- {ioctl: IOMMU_IOAS_ALLOC, fd: $i, expect: {out_ioas_id: 2}}
)";
inline constexpr const char* kAttach =
    "- {ioctl: VFIO_DEVICE_ATTACH_IOMMUFD_PT, fd: $dev, args: {pt_id: 2}}\n";
inline constexpr const char* kCloseIommufd = "- close: $i\n";

inline std::string memory(const std::string& name, const std::string& length,
                          const std::string& backing = "anon") {
  return "- {mmap: {length: " + length + ", backing: " + backing + ", touch: true}, as: " + name +
         "}\n";
}
inline std::string map(const std::string& at, const std::string& length, const std::string& iova,
                       const std::string& ioas = "2") {
  return "- {ioctl: IOMMU_IOAS_MAP, fd: $i, args: {flags: 7, ioas_id: " + ioas +
         ", user_va: " + at + ", length: " + length + ", iova: " + iova + "}}\n";
}
// The program asks too: what it must get is in the scenario.
inline std::string get_pa(const std::string& iova, const std::string& error, uint64_t length = 1) {
  return "- {ioctl: IOMMU_IOAS_NOIOMMU_GET_PA, fd: $i, args: {ioas_id: 2, iova: " + iova +
         ", length: " + std::to_string(length) + "}, errno: " + error + "}\n";
}

struct Shown {
  int exit_code = 0;
  std::string out;
  std::string err;
};

class Inspect : public testing::Test {
 protected:
  [[nodiscard]] std::string file(const std::string& text) const {
    return folder_.add("s.yaml", text);
  }
  [[nodiscard]] static Shown run(const InspectOptions& options) {
    std::ostringstream out;
    std::ostringstream err;
    const int exit_code = inspect_command(options, out, err);
    return {exit_code, out.str(), err.str()};
  }
  // The text of a scenario that passes.
  [[nodiscard]] std::string text(const std::string& scenario, InspectOptions options = {}) const {
    options.scenario = file(scenario);
    const Shown shown = run(options);
    EXPECT_EQ(shown.exit_code, kAllPassed);
    EXPECT_EQ(shown.err, "");
    return shown.out;
  }
  [[nodiscard]] json as_json(const std::string& scenario, InspectOptions options = {}) const {
    options.json = true;
    return json::parse(text(scenario, options));
  }
  // The only lookup of a scenario.
  [[nodiscard]] json look_up(const std::string& scenario, const LookupRequest& request) const {
    const json found = as_json(scenario, {.lookup = request})["lookups"];
    EXPECT_EQ(found.size(), 1U);
    return found[0];
  }

 private:
  const tests::ScratchFolder folder_;
};

}  // namespace noiommu::scenarios
