// Which names, numbers and log lines a device gets. Spec: vfio-core.md sections 3 and 4.
#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kFour = "0000:00:04.0";
const std::string kFive = "0000:00:05.0";

class Registration : public VfioTest {};

std::vector<std::string> log_of(const Driver& p) {
  std::vector<std::string> lines;
  for (const LogLine& line : p.machine->kernel().log().lines()) {
    lines.push_back(std::to_string(static_cast<int>(line.level)) + " " + line.text);
  }
  return lines;
}

TEST_F(Registration, IndexesAndGroupIdsCountFromZero) {
  Driver& p = boot();
  EXPECT_THAT(p.list("/dev/vfio"), ElementsAre("devices", "noiommu-0", "noiommu-1", "vfio"));
  EXPECT_THAT(p.list("/dev/vfio/devices"), ElementsAre("noiommu-vfio0", "noiommu-vfio1"));
  EXPECT_EQ(p.read_file("/proc/sys/kernel/tainted"), "64\n");
}

TEST_F(Registration, LogsGroupTaintThenCdevTaint) {
  EXPECT_THAT(log_of(boot()),
              ElementsAre("6 vfio-pci 0000:00:04.0: Adding to iommu group 0",
                          "4 vfio-pci 0000:00:04.0: Adding kernel taint for vfio-noiommu group on "
                          "device",
                          "4 vfio-pci 0000:00:04.0: Adding kernel taint for vfio-noiommu cdev",
                          "6 vfio-pci 0000:00:05.0: Adding to iommu group 1",
                          "4 vfio-pci 0000:00:05.0: Adding kernel taint for vfio-noiommu group on "
                          "device",
                          "4 vfio-pci 0000:00:05.0: Adding kernel taint for vfio-noiommu cdev"));
}

TEST_F(Registration, LogsLeavingTheGroup) {
  Driver& p = boot();
  EXPECT_EQ(p.write_file(kUnbind, kFive), 0);
  EXPECT_EQ(log_of(p).back(), "6 vfio-pci 0000:00:05.0: Removing from iommu group 1");
}

TEST_F(Registration, WithoutGroupsThereIsOnlyACdev) {
  Driver& p = boot(cdev_only());
  EXPECT_THAT(p.list("/dev/vfio"), ElementsAre("devices"));
  EXPECT_THAT(p.list("/dev/vfio/devices"), ElementsAre("noiommu-vfio0", "noiommu-vfio1"));
  EXPECT_THAT(p.list("/sys/kernel/iommu_groups"), IsEmpty());
  EXPECT_EQ(errno_of(p.process->list("/sys/class/vfio")), ENOENT);
  EXPECT_EQ(p.read_file("/proc/sys/kernel/tainted"), "64\n");
  EXPECT_THAT(log_of(p),
              ElementsAre("4 vfio-pci 0000:00:04.0: Adding kernel taint for vfio-noiommu cdev",
                          "4 vfio-pci 0000:00:05.0: Adding kernel taint for vfio-noiommu cdev"));
}

// Without a cdev the device keeps its plain name: the flag is never set.
class WithoutCdev : public VfioTest, public testing::WithParamInterface<MachineConfig> {};

TEST_P(WithoutCdev, ThereIsOnlyAGroup) {
  Driver& p = boot(GetParam());
  EXPECT_THAT(p.list("/dev/vfio"), ElementsAre("noiommu-0", "noiommu-1", "vfio"));
  EXPECT_THAT(p.list("/sys/class/vfio-dev"), ElementsAre("vfio0", "vfio1"));
  EXPECT_EQ(errno_of(p.process->stat("/sys/class/vfio-dev/vfio0/dev")), ENOENT);
  EXPECT_EQ(p.read_file("/proc/sys/kernel/tainted"), "64\n");
  EXPECT_THAT(log_of(p), ElementsAre("6 vfio-pci 0000:00:04.0: Adding to iommu group 0",
                                     "4 vfio-pci 0000:00:04.0: Adding kernel taint for "
                                     "vfio-noiommu group on device",
                                     "6 vfio-pci 0000:00:05.0: Adding to iommu group 1",
                                     "4 vfio-pci 0000:00:05.0: Adding kernel taint for "
                                     "vfio-noiommu group on device"));
}
INSTANTIATE_TEST_SUITE_P(Registration, WithoutCdev,
                         testing::Values(group_only(), without_iommufd(),
                                         configured({{"GENERIC_ATOMIC64", "y"}})));

TEST_F(Registration, WithoutIommufdThereIsNoIommuNode) {
  Driver& p = boot(without_iommufd());
  EXPECT_EQ(p.open("/dev/iommu"), -ENOENT);
}

TEST_F(Registration, RealDevicesKeepTheirGroupsAndPlainNames) {
  Driver& p = boot(behind_iommu());
  EXPECT_THAT(p.list("/dev/vfio"), ElementsAre("1", "2", "devices", "vfio"));
  EXPECT_THAT(p.list("/dev/vfio/devices"), ElementsAre("vfio0", "vfio1"));
  EXPECT_EQ(p.read_file("/proc/sys/kernel/tainted"), "0\n");
  EXPECT_THAT(log_of(p), IsEmpty());
  EXPECT_EQ(p.write_file(kUnbind, kFour), 0);
  EXPECT_EQ(p.process->readlink("/sys/bus/pci/devices/0000:00:04.0/iommu_group"),
            "../../../kernel/iommu_groups/1");
  EXPECT_THAT(p.list("/dev/vfio"), ElementsAre("2", "devices", "vfio"));
  EXPECT_EQ(p.write_file(kBind, kFour), 0);
  EXPECT_THAT(p.list("/dev/vfio"), ElementsAre("1", "2", "devices", "vfio"));
}

TEST_F(Registration, RealDevicesDoNotNeedTheParameter) {
  MachineConfig config = behind_iommu();
  config.enable_unsafe_noiommu_mode = false;
  EXPECT_THAT(boot(config).list("/dev/vfio/devices"), ElementsAre("vfio0", "vfio1"));
}

// Real groups are there before any driver: the host bridge has 0, the second device 1.
TEST_F(Registration, MixedMachineSharesGroupIdsButNotTheFlag) {
  MachineConfig config = tests::two_devices();
  config.devices[1].has_iommu = true;
  Driver& p = boot(config);
  EXPECT_THAT(p.list("/dev/vfio"), ElementsAre("1", "devices", "noiommu-2", "vfio"));
  EXPECT_THAT(p.list("/dev/vfio/devices"), ElementsAre("noiommu-vfio0", "vfio1"));
  EXPECT_EQ(p.write_file(kUnbind, kFour), 0);
  EXPECT_EQ(p.write_file(kUnbind, kFive), 0);
  EXPECT_EQ(p.write_file(kBind, kFive), 0);
  EXPECT_EQ(p.write_file(kBind, kFour), 0);
  EXPECT_THAT(p.list("/dev/vfio"), ElementsAre("1", "devices", "noiommu-2", "vfio"));
  EXPECT_THAT(p.list("/dev/vfio/devices"), ElementsAre("noiommu-vfio1", "vfio0"));
}

TEST_F(Registration, RebindingTakesTheLowestFreeNumbers) {
  Driver& p = boot();
  EXPECT_EQ(p.write_file(kUnbind, kFive), 0);
  EXPECT_THAT(p.list("/dev/vfio"), ElementsAre("devices", "noiommu-0", "vfio"));
  EXPECT_THAT(p.list("/sys/kernel/iommu_groups"), ElementsAre("0"));
  EXPECT_EQ(p.write_file(kBind, kFive), 0);
  EXPECT_THAT(p.list("/dev/vfio/devices"), ElementsAre("noiommu-vfio0", "noiommu-vfio1"));

  EXPECT_EQ(p.write_file(kUnbind, kFour), 0);
  EXPECT_EQ(p.write_file(kUnbind, kFive), 0);
  EXPECT_THAT(p.list("/dev/vfio"), ElementsAre("vfio"));
  EXPECT_THAT(p.list("/sys/class/vfio"), IsEmpty());
  EXPECT_EQ(p.write_file(kBind, kFive), 0);
  EXPECT_EQ(p.write_file(kBind, kFour), 0);
  EXPECT_EQ(p.process->readlink("/sys/bus/pci/devices/0000:00:04.0/iommu_group"),
            "../../../kernel/iommu_groups/1");
  EXPECT_THAT(p.list("/sys/bus/pci/devices/0000:00:04.0/vfio-dev"), ElementsAre("noiommu-vfio1"));
}

TEST_F(Registration, LastCdevTakesItsDirectoryAway) {
  Driver& p = boot(cdev_only());
  EXPECT_EQ(p.write_file(kUnbind, kFour), 0);
  EXPECT_THAT(p.list("/dev/vfio"), ElementsAre("devices"));
  EXPECT_EQ(p.write_file(kUnbind, kFive), 0);
  EXPECT_EQ(errno_of(p.process->list("/dev/vfio")), ENOENT);
}

// What a new registration answers while the parameter is off, whatever could hold the device.
class ParameterOff : public VfioTest, public testing::WithParamInterface<MachineConfig> {};

TEST_P(ParameterOff, AtBootNothingIsBound) {
  MachineConfig config = GetParam();
  config.enable_unsafe_noiommu_mode = false;
  Driver& p = boot(config);
  EXPECT_THAT(p.list("/sys/class/vfio-dev"), IsEmpty());
  EXPECT_THAT(p.list("/sys/kernel/iommu_groups"), IsEmpty());
  EXPECT_EQ(p.read_file("/proc/sys/kernel/tainted"), "0\n");
  EXPECT_EQ(p.write_file(kBind, kFour), -EINVAL);
  EXPECT_EQ(p.write_file(kUnbind, kFour), -ENODEV);
  const std::string why = "probe with driver vfio-pci failed with error -22";
  EXPECT_THAT(log_of(p),
              ElementsAre("3 vfio-pci 0000:00:04.0: " + why, "3 vfio-pci 0000:00:05.0: " + why,
                          "3 vfio-pci 0000:00:04.0: " + why));
}

TEST_P(ParameterOff, FailedProbeLeavesNoNumberBehind) {
  MachineConfig config = GetParam();
  config.enable_unsafe_noiommu_mode = false;
  Driver& p = boot(config);
  EXPECT_EQ(p.write_file(kBind, kFour), -EINVAL);
  EXPECT_EQ(p.write_file(kParameter, "Y"), 0);
  EXPECT_EQ(p.write_file(kBind, kFive), 0);
  EXPECT_THAT(p.list("/sys/class/vfio-dev"), ElementsAre(testing::EndsWith("vfio0")));
}

TEST_P(ParameterOff, BoundDevicesKeepTheirNames) {
  Driver& p = boot(GetParam());
  const auto names = p.list("/sys/class/vfio-dev");
  EXPECT_EQ(p.write_file(kParameter, "N"), 0);
  EXPECT_EQ(p.list("/sys/class/vfio-dev"), names);
  EXPECT_EQ(p.write_file(kUnbind, kFive), 0);
  EXPECT_EQ(p.write_file(kBind, kFive), -EINVAL);
}
INSTANTIATE_TEST_SUITE_P(Registration, ParameterOff,
                         testing::Values(tests::two_devices(), cdev_only(), group_only(),
                                         without_iommufd()));

TEST_F(Registration, WithoutNoiommuSupportOnlyRealDevicesBind) {
  Driver& p = boot(configured({{"VFIO_NOIOMMU", "n"}}));
  EXPECT_EQ(p.read_file(kParameter), std::to_string(-ENOENT));
  EXPECT_EQ(p.write_file(kBind, kFour), -EINVAL);
  MachineConfig real = behind_iommu();
  real.config.vfio_noiommu = real.config.iommufd_noiommu = false;
  EXPECT_THAT(boot(real).list("/dev/vfio/devices"), ElementsAre("vfio0", "vfio1"));
}

TEST_F(Registration, BindAndUnbindKnowTheStateOfADevice) {
  Driver& p = boot();
  EXPECT_EQ(p.write_file(kBind, kFour), -EBUSY);
  EXPECT_EQ(p.write_file(kBind, "0000:00:06.0"), -ENODEV);
  EXPECT_EQ(p.write_file(kUnbind, "0000:00:06.0"), -ENODEV);
  EXPECT_EQ(p.write_file(kUnbind, kFour + "\n"), 0);
  EXPECT_EQ(p.write_file(kUnbind, kFour), -ENODEV);
}

}  // namespace
}  // namespace noiommu::vfio
