// A scenario's names for its devices on a machine that has others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/backends/host/device_map.h"
#include "tests/scenarios/host_tree.h"

namespace noiommu::scenarios::host {
namespace {

using testing::ElementsAre;

DeviceNeeds edu(const std::string& bdf, bool behind_iommu = false) {
  return {.bdf = bdf, .model = DeviceNeeds::Model::kEdu, .behind_iommu = behind_iommu};
}

const std::vector<DeviceNeeds> kTwo = {edu("0000:00:04.0"), edu("0000:00:05.0")};

TEST(HostDeviceMap, OnAMachineLikeTheScenariosNothingChanges) {
  const HostTree tree;
  tree.two_edus();
  const DeviceMap map(tree.facts(), kTwo, {});
  EXPECT_TRUE(map.identity());
  EXPECT_EQ(map.real_path("/dev/vfio/devices/noiommu-vfio1"), "/dev/vfio/devices/noiommu-vfio1");
  EXPECT_EQ(map.real_path("/dev/vfio/vfio"), "/dev/vfio/vfio");
}

// 03.0 came first and is somebody else's: index 0 and group 0 are taken.
class AmongStrangers : public testing::Test {
 protected:
  [[nodiscard]] Facts with_strangers() const {
    tree.noiommu_function("0000:00:03.0", 0, 0);
    tree.noiommu_function("0000:01:00.0", 1, 1);
    tree.noiommu_function("0000:02:00.0", 2, 3);
    tree.noiommu_function("0000:00:06.0", 3, 2);
    return tree.facts();
  }

  HostTree tree;
  DeviceMap map{
      with_strangers(), kTwo, {{"0000:00:04.0", "0000:01:00.0"}, {"0000:00:05.0", "0000:02:00.0"}}};
};

TEST_F(AmongStrangers, NumbersSkipThoseThatStrangersHold) {
  EXPECT_FALSE(map.identity());
  EXPECT_EQ(map.real_path("/dev/vfio/devices/noiommu-vfio0"), "/dev/vfio/devices/noiommu-vfio1");
  EXPECT_EQ(map.real_path("/dev/vfio/devices/noiommu-vfio1"), "/dev/vfio/devices/noiommu-vfio2");
  EXPECT_EQ(map.real_path("/dev/vfio/noiommu-0"), "/dev/vfio/noiommu-1");
  EXPECT_EQ(map.real_path("/dev/vfio/noiommu-1"), "/dev/vfio/noiommu-3");
}

TEST_F(AmongStrangers, NoNumberReachesAStranger) {
  for (unsigned n = 0; n < 10; ++n) {
    const std::string node = map.real_path(fmt::format("/dev/vfio/devices/noiommu-vfio{}", n));
    EXPECT_NE(node, "/dev/vfio/devices/noiommu-vfio0");
    EXPECT_NE(node, "/dev/vfio/devices/noiommu-vfio3");
    const std::string group = map.real_path(fmt::format("/dev/vfio/noiommu-{}", n));
    EXPECT_NE(group, "/dev/vfio/noiommu-0");
    EXPECT_NE(group, "/dev/vfio/noiommu-2");
  }
}

TEST_F(AmongStrangers, AddressesInPathsAndTextsFollow) {
  EXPECT_EQ(map.real_path("/sys/bus/pci/devices/0000:00:04.0/iommu_group"),
            "/sys/bus/pci/devices/0000:01:00.0/iommu_group");
  EXPECT_EQ(map.real_path("/sys/kernel/iommu_groups/1/devices"),
            "/sys/kernel/iommu_groups/3/devices");
  EXPECT_EQ(map.real_text("0000:00:05.0"), "0000:02:00.0");
  EXPECT_EQ(map.real_text("0000:00:1f.9 vf_token=x"), "0000:00:1f.9 vf_token=x");
}

TEST_F(AmongStrangers, AnswersComeBackInTheScenariosWords) {
  EXPECT_EQ(map.scenario_text("PCI_SLOT_NAME=0000:01:00.0"), "PCI_SLOT_NAME=0000:00:04.0");
  EXPECT_EQ(map.scenario_path("../../../../kernel/iommu_groups/3"),
            "../../../../kernel/iommu_groups/1");
  EXPECT_THAT(map.scenario_names("/dev/vfio", {"devices", "noiommu-0", "noiommu-1", "noiommu-2",
                                               "noiommu-3", "vfio"}),
              ElementsAre("devices", "noiommu-0", "noiommu-1", "vfio"));
  EXPECT_THAT(map.scenario_names("/dev/vfio/devices", {"noiommu-vfio0", "noiommu-vfio2"}),
              ElementsAre("noiommu-vfio1"));
}

TEST(HostDeviceMap, TwoDevicesMayChangePlaces) {
  const HostTree tree;
  tree.two_edus();
  const DeviceMap map(tree.facts(), kTwo,
                      {{"0000:00:04.0", "0000:00:05.0"}, {"0000:00:05.0", "0000:00:04.0"}});
  EXPECT_EQ(map.real_text("0000:00:04.0 0000:00:05.0"), "0000:00:05.0 0000:00:04.0");
  EXPECT_THAT(map.own(), ElementsAre("0000:00:05.0", "0000:00:04.0"));
}

TEST(HostDeviceMap, GroupsBehindAnIommuAreMappedOneByOne) {
  const HostTree tree;
  tree.folder("/sys/kernel/iommu_groups/0");
  tree.iommu_function("0000:01:00.0", 0, 14);
  tree.iommu_function("0000:02:00.0", 1, 9);
  const DeviceMap map(tree.facts(), {edu("0000:00:04.0", true), edu("0000:00:05.0", true)},
                      {{"0000:00:04.0", "0000:01:00.0"}, {"0000:00:05.0", "0000:02:00.0"}});
  EXPECT_EQ(map.real_path("/dev/vfio/1"), "/dev/vfio/14");
  EXPECT_EQ(map.real_path("/dev/vfio/2"), "/dev/vfio/9");
  EXPECT_EQ(map.scenario_path("/sys/kernel/iommu_groups/9"), "/sys/kernel/iommu_groups/2");
  EXPECT_EQ(map.real_path("/dev/vfio/devices/vfio1"), "/dev/vfio/devices/vfio1");
}

TEST(HostDeviceMap, OnlyAddressesAreAddresses) {
  EXPECT_TRUE(is_bdf("0000:00:04.0"));
  EXPECT_TRUE(is_bdf("00ab:3f:1e.7"));
  for (const char* text : {"", "00:04.0", "0000:00:04", "0000:00:04.00", "0000-00:04.0",
                           "0000:0G:04.0", "0000:0A:04.0"}) {
    EXPECT_FALSE(is_bdf(text)) << text;
  }
}

TEST(HostDeviceMap, FreeNumbersAreCountedAndRanked) {
  const std::set<unsigned> taken = {0, 1, 4};
  EXPECT_EQ(DeviceMap::nth_free(taken, 0), 2U);
  EXPECT_EQ(DeviceMap::nth_free(taken, 1), 3U);
  EXPECT_EQ(DeviceMap::nth_free(taken, 2), 5U);
  EXPECT_EQ(DeviceMap::rank_of(taken, 5), 2U);
  EXPECT_EQ(DeviceMap::rank_of(taken, 4), std::nullopt);
}

}  // namespace
}  // namespace noiommu::scenarios::host
