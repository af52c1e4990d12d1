// `noiommu tree`: what a kernel shows, drawn and as data.
#include "scenarios/engine/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "scenarios/engine/commands.h"

namespace noiommu::scenarios {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Drawn {
  int exit_code = 0;
  std::string out;
  std::string err;
};

Drawn tree(const TreeOptions& options) {
  std::ostringstream out;
  std::ostringstream err;
  const int exit_code = tree_command(options, out, err);
  return {exit_code, out.str(), err.str()};
}

TEST(Tree, DrawsNodesWithTheirModes) {
  const Drawn drawn = tree({.machine = {.config = {}, .params = {}, .devices = {"0000:00:04.0"}}});
  EXPECT_EQ(drawn.exit_code, kAllPassed);
  EXPECT_THAT(drawn.out, HasSubstr("/dev\n"
                                   "├── iommu  [char 0660]\n"
                                   "├── null  [char 0666]\n"
                                   "└── vfio/\n"
                                   "    ├── devices/\n"
                                   "    │   └── noiommu-vfio0  [char 0600]\n"
                                   "    ├── noiommu-0  [char 0600]\n"
                                   "    └── vfio  [char 0666]\n"
                                   "/sys\n"));
}

TEST(Tree, FollowsTheConfiguration) {
  const Drawn drawn = tree(
      {.machine = {.config = {"VFIO_GROUP=n", "VFIO_CONTAINER=n"}, .params = {}, .devices = {}}});
  EXPECT_THAT(drawn.out, HasSubstr("noiommu-vfio0"));
  EXPECT_THAT(drawn.out, Not(HasSubstr("noiommu-0")));
}

TEST(Tree, NamesADeviceBehindAnIommuPlainly) {
  const Drawn drawn =
      tree({.machine = {.config = {}, .params = {}, .devices = {"0000:00:04.0,iommu=present"}}});
  EXPECT_THAT(drawn.out, HasSubstr("── vfio0  [char 0600]"));
  EXPECT_THAT(drawn.out, Not(HasSubstr("noiommu-")));
}

TEST(Tree, ShowsNoDeviceThatCouldNotBeBound) {
  const Drawn drawn = tree(
      {.machine = {.config = {}, .params = {"vfio.enable_unsafe_noiommu_mode=0"}, .devices = {}}});
  EXPECT_THAT(drawn.out, HasSubstr("enable_unsafe_noiommu_mode  [0644] N"));
  EXPECT_THAT(drawn.out, Not(HasSubstr("noiommu-vfio0")));
}

TEST(Tree, IsAnArrayInJson) {
  const Drawn drawn =
      tree({.machine = {.config = {}, .params = {}, .devices = {"0000:00:04.0", "0000:00:05.0"}},
            .json = true});
  const nlohmann::json json = nlohmann::json::parse(drawn.out);
  bool found = false;
  for (const auto& entry : json) {
    if (entry["path"] != "/dev/vfio/devices/noiommu-vfio1") continue;
    found = true;
    EXPECT_EQ(entry["type"], "char");
    EXPECT_EQ(entry["mode"], "0600");
  }
  EXPECT_TRUE(found);
}

TEST(Tree, ExplainsWhatItCannotUse) {
  const auto expect = [](const TreeOptions& options, const std::string& message) {
    const Drawn drawn = tree(options);
    EXPECT_EQ(drawn.exit_code, kBadInput);
    EXPECT_EQ(drawn.out, "");
    EXPECT_THAT(drawn.err, HasSubstr(message));
  };
  expect({.machine = {.config = {"VFIO_GRUOP=n"}, .params = {}, .devices = {}}}, "VFIO_GRUOP");
  expect({.machine = {.config = {"VFIO_GROUP"}, .params = {}, .devices = {}}}, "SYMBOL=");
  expect({.machine = {.config = {"IOMMUFD=n", "VFIO_DEVICE_CDEV=y"}, .params = {}, .devices = {}}},
         "VFIO_DEVICE_CDEV=y");
  expect(
      {.machine = {.config = {}, .params = {"vfio.enable_unsafe_noiommu_mode=2"}, .devices = {}}},
      "boolean");
  expect({.machine = {.config = {}, .params = {"vfio.debug=1"}, .devices = {}}}, "vfio.debug");
  expect({.machine = {.config = {}, .params = {}, .devices = {"04.0"}}}, "04.0");
  expect({.machine = {.config = {}, .params = {}, .devices = {"0000:00:04.0,iommu=no"}}},
         "iommu=present");
}

}  // namespace
}  // namespace noiommu::scenarios
