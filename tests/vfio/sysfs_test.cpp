// The trees below /sys and /dev. Spec: vfio-core.md sections 1, 3.6 and 4.
#include <linux/capability.h>
#include <linux/pci_regs.h>
#include <unistd.h>

#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

using testing::ElementsAre;
using Type = NodeStat::Type;

class Sysfs : public VfioTest {};

void expect_node(const Driver& p, std::string_view path, Type type, uint32_t mode) {
  const auto stat = p.process->stat(path);
  ASSERT_TRUE(stat) << path;
  EXPECT_EQ(stat->type, type) << path;
  EXPECT_EQ(stat->mode, mode) << path;
}

TEST_F(Sysfs, NodesHaveTheModesOfDevtmpfs) {
  Driver& p = boot();
  expect_node(p, kDevice0, Type::kCharDevice, 0600);
  expect_node(p, "/dev/vfio/noiommu-0", Type::kCharDevice, 0600);
  expect_node(p, "/dev/vfio/vfio", Type::kCharDevice, 0666);
  expect_node(p, "/dev/iommu", Type::kCharDevice, 0660);
}

TEST_F(Sysfs, DeviceShowsItsIdentity) {
  Driver& p = boot();
  const std::string dir = "/sys/bus/pci/devices/0000:00:04.0/";
  EXPECT_EQ(p.read_file(dir + "vendor"), "0x1234\n");
  EXPECT_EQ(p.read_file(dir + "device"), "0x11e8\n");
  EXPECT_EQ(p.read_file(dir + "subsystem_vendor"), "0x1af4\n");
  EXPECT_EQ(p.read_file(dir + "subsystem_device"), "0x1100\n");
  EXPECT_EQ(p.read_file(dir + "class"), "0x00ff00\n");
  EXPECT_EQ(p.read_file(dir + "revision"), "0x10\n");
  expect_node(p, dir + "vendor", Type::kFile, 0444);
  EXPECT_EQ(p.write_file(dir + "vendor", "0x8086"), -EACCES);
}

// As setpci does, which reads what others see.
TEST_F(Sysfs, ConfigSpaceIsReadAndWrittenAtAnyPlace) {
  Driver& p = boot();
  const std::string path = "/sys/bus/pci/devices/0000:00:04.0/config";
  expect_node(p, path, Type::kFile, 0644);
  EXPECT_EQ(p.read_file(path).size(), 256U);
  const int fd = p.open(path, O_RDWR);
  ASSERT_GE(fd, 0);
  const auto at = [&](uint64_t offset) { return p.load<uint16_t>(fd, offset); };
  EXPECT_EQ(at(PCI_VENDOR_ID), 0x1234);
  EXPECT_EQ(p.pwrite<uint16_t>(fd, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER), 2);
  EXPECT_EQ(at(PCI_COMMAND), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  EXPECT_EQ(p.pwrite<uint8_t>(fd, PCI_COMMAND, PCI_COMMAND_MEMORY), 1);
  EXPECT_EQ(at(PCI_COMMAND), PCI_COMMAND_MEMORY);
  EXPECT_EQ(p.pwrite<uint16_t>(fd, PCI_VENDOR_ID, 0xffff), 2);
  EXPECT_EQ(at(PCI_VENDOR_ID), 0x1234);
  EXPECT_EQ(p.pwrite<uint32_t>(fd, 254, 0), 2);
  EXPECT_EQ(p.pwrite<uint32_t>(fd, 256, 0), -EFBIG);
  p.process->set_capability(CAP_SYS_ADMIN, false);
  EXPECT_EQ(p.read_file(path).size(), 64U);
}

// As a program does that opens it for appending.
TEST_F(Sysfs, TextEndsAfterAPage) {
  Driver& p = boot();
  const int fd = p.open(kParameter, O_WRONLY);
  EXPECT_EQ(p.answer(p.process->lseek(fd, 0, SEEK_END)), 4096);
  const int config = p.open("/sys/bus/pci/devices/0000:00:04.0/config");
  EXPECT_EQ(p.answer(p.process->lseek(config, -1, SEEK_END)), 255);
}

TEST_F(Sysfs, UeventNamesDriverAndModule) {
  Driver& p = boot();
  const std::string path = "/sys/bus/pci/devices/0000:00:04.0/uevent";
  EXPECT_EQ(p.read_file(path),
            "DRIVER=vfio-pci\nPCI_CLASS=FF00\nPCI_ID=1234:11E8\nPCI_SUBSYS_ID=1AF4:1100\n"
            "PCI_SLOT_NAME=0000:00:04.0\n"
            "MODALIAS=pci:v00001234d000011E8sv00001AF4sd00001100bc00scFFi00\n");
  EXPECT_EQ(p.write_file(path, "add\n"), 0);
  EXPECT_EQ(p.write_file(path, "nothing"), -EINVAL);
}

TEST_F(Sysfs, NodeAndProcessorsOfTheDevice) {
  Driver& p = boot();
  const std::string dir = "/sys/bus/pci/devices/0000:00:04.0/";
  EXPECT_EQ(p.read_file(dir + "local_cpulist"), "0\n");
  EXPECT_EQ(p.read_file(dir + "numa_node"), "-1\n");
  EXPECT_EQ(p.write_file(dir + "numa_node", "0\n"), 0);
  EXPECT_EQ(p.read_file(dir + "numa_node"), "0\n");
  EXPECT_EQ(p.write_file(dir + "numa_node", "1"), -EINVAL);
  EXPECT_EQ(p.machine->kernel().log().taint(), Log::kTaintUser | Log::kTaintFirmwareWorkaround);
}

// Every link is followed, not only read.
TEST_F(Sysfs, LinksLeadFromClassToDeviceToDriverToGroup) {
  Driver& p = boot();
  EXPECT_EQ(p.read_file("/sys/class/vfio-dev/noiommu-vfio1/device/vendor"), "0x1234\n");
  EXPECT_EQ(p.read_file("/sys/class/vfio-dev/noiommu-vfio1/dev"), "510:1\n");
  EXPECT_EQ(p.read_file("/sys/class/vfio/noiommu-1/dev"), "511:1\n");
  EXPECT_EQ(p.read_file("/sys/class/vfio-dev/noiommu-vfio1/uevent"),
            "MAJOR=510\nMINOR=1\nDEVNAME=vfio/devices/noiommu-vfio1\n");
  EXPECT_EQ(p.read_file("/sys/class/vfio/noiommu-1/uevent"),
            "MAJOR=511\nMINOR=1\nDEVNAME=vfio/noiommu-1\n");
  EXPECT_THAT(p.list("/sys/class/vfio/noiommu-1/subsystem"), ElementsAre("noiommu-0", "noiommu-1"));
  EXPECT_THAT(p.list("/sys/class/vfio-dev/noiommu-vfio1/subsystem"),
              ElementsAre("noiommu-vfio0", "noiommu-vfio1"));
  EXPECT_THAT(p.list("/sys/bus/pci/devices"), ElementsAre("0000:00:04.0", "0000:00:05.0"));
  EXPECT_THAT(p.list("/sys/bus/pci/devices/0000:00:04.0/subsystem"),
              ElementsAre("devices", "drivers", "drivers_probe"));
  expect_node(p, "/sys/bus/pci/devices/0000:00:04.0/driver/unbind", Type::kFile, 0200);
  EXPECT_EQ(p.read_file("/sys/bus/pci/drivers/vfio-pci/0000:00:05.0/device"), "0x11e8\n");
  EXPECT_EQ(p.read_file("/sys/bus/pci/devices/0000:00:05.0/iommu_group/name"), "vfio-noiommu\n");
  EXPECT_EQ(p.read_file("/sys/kernel/iommu_groups/1/devices/0000:00:05.0/vendor"), "0x1234\n");
}

TEST_F(Sysfs, OnlyTheDriverThatIsNamedTakesADevice) {
  constexpr const char* kOverride = "/sys/bus/pci/devices/0000:00:04.0/driver_override";
  constexpr const char* kProbe = "/sys/bus/pci/drivers_probe";
  Driver& p = boot();
  EXPECT_EQ(p.read_file(kOverride), "vfio-pci\n");
  ASSERT_EQ(p.write_file(kUnbind, "0000:00:04.0"), 0);
  EXPECT_EQ(p.write_file(kOverride, "\n"), 0);
  EXPECT_EQ(p.read_file(kOverride), "(null)\n");
  EXPECT_EQ(p.write_file(kBind, "0000:00:04.0"), -ENODEV);
  EXPECT_EQ(p.write_file(kProbe, "0000:00:04.0"), 0) << "nobody wants it, which is no error";
  EXPECT_EQ(p.open(kDevice0), -ENOENT);
  EXPECT_EQ(p.write_file(kOverride, "vfio-pci\n"), 0);
  EXPECT_EQ(p.write_file(kProbe, "0000:00:04.0\n"), 0);
  EXPECT_GE(p.open(kDevice0), 0);
  EXPECT_EQ(p.write_file(kProbe, "0000:00:1f.0"), -ENODEV);
  EXPECT_EQ(p.write_file(kProbe, "0000:00:04.0"), 0) << "bound already";
}

TEST_F(Sysfs, UnbindTakesEveryNameOfTheDeviceAway) {
  Driver& p = boot();
  EXPECT_EQ(p.write_file(kUnbind, "0000:00:05.0"), 0);
  for (const char* gone :
       {"/dev/vfio/noiommu-1", kDevice1, "/sys/class/vfio/noiommu-1",
        "/sys/devices/virtual/vfio/noiommu-1", "/sys/class/vfio-dev/noiommu-vfio1",
        "/sys/kernel/iommu_groups/1", "/sys/bus/pci/drivers/vfio-pci/0000:00:05.0"}) {
    EXPECT_EQ(errno_of(p.machine->kernel().nodes().lstat(gone)), ENOENT) << gone;
  }
  EXPECT_THAT(p.list("/sys/bus/pci/devices/0000:00:05.0"),
              testing::IsSupersetOf({"vendor", "device", "subsystem"}));
  for (const char* gone : {"driver", "iommu_group", "vfio-dev"}) {
    EXPECT_THAT(p.list("/sys/bus/pci/devices/0000:00:05.0"), testing::Not(testing::Contains(gone)));
  }
}

TEST_F(Sysfs, FakeGroupHasANameAndNoRegions) {
  Driver& p = boot();
  const std::string group = "/sys/kernel/iommu_groups/0/";
  EXPECT_THAT(p.list(group), ElementsAre("devices", "name", "reserved_regions", "type"));
  EXPECT_THAT(p.list(group + "devices"), ElementsAre("0000:00:04.0"));
  EXPECT_EQ(p.read_file(group + "reserved_regions"), "");
  EXPECT_EQ(p.read_file(group + "type"), "unknown\n");
  expect_node(p, group + "name", Type::kFile, 0444);
  expect_node(p, group + "reserved_regions", Type::kFile, 0444);
  expect_node(p, group + "type", Type::kFile, 0644);
}

TEST_F(Sysfs, GroupTypeCannotChange) {
  Driver& p = boot();
  EXPECT_EQ(p.write_file("/sys/kernel/iommu_groups/0/type", "identity"), -EINVAL);
  for (const int capability : {CAP_SYS_ADMIN, CAP_SYS_RAWIO}) {
    Driver& weak = spawn(without({capability}));
    EXPECT_EQ(weak.write_file("/sys/kernel/iommu_groups/0/type", "identity"), -EACCES);
  }
}

TEST_F(Sysfs, RealGroupHasNoName) {
  Driver& p = boot(behind_iommu());
  EXPECT_THAT(p.list("/sys/kernel/iommu_groups"), ElementsAre("0", "1", "2"));
  EXPECT_THAT(p.list("/sys/kernel/iommu_groups/1"),
              ElementsAre("devices", "reserved_regions", "type"));
  EXPECT_EQ(p.read_file("/sys/class/vfio-dev/vfio0/device/iommu_group/name"),
            std::to_string(-ENOENT));
}

// The minor comes from a counter of its own, not from the group's id.
TEST_F(Sysfs, GroupMinorsCountFromZero) {
  Driver& p = boot(behind_iommu());
  EXPECT_EQ(p.read_file("/sys/class/vfio/1/dev"), "511:0\n");
  EXPECT_EQ(p.read_file("/sys/class/vfio/2/dev"), "511:1\n");
  EXPECT_EQ(p.write_file(kUnbind, "0000:00:04.0"), 0);
  EXPECT_EQ(p.write_file(kUnbind, "0000:00:05.0"), 0);
  EXPECT_EQ(p.write_file(kBind, "0000:00:05.0"), 0);
  EXPECT_EQ(p.read_file("/sys/class/vfio/2/dev"), "511:0\n");
}

TEST_F(Sysfs, OnlyRootMayBind) {
  boot();
  Driver& user = spawn(without({CAP_DAC_OVERRIDE}, 1000));
  EXPECT_EQ(user.write_file(kUnbind, "0000:00:04.0"), -EACCES);
  EXPECT_EQ(user.write_file(kBind, "0000:00:04.0"), -EACCES);
  EXPECT_EQ(spawn().read_file(kUnbind), std::to_string(-EACCES));
}

class Parameter : public VfioTest {};

TEST_F(Parameter, IsAFileForRootToWriteAndAllToRead) {
  Driver& p = boot();
  expect_node(p, kParameter, Type::kFile, 0644);
  Driver& user = spawn(without({CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH}, 1000));
  EXPECT_EQ(user.read_file(kParameter), "Y\n");
  EXPECT_EQ(user.write_file(kParameter, "N"), -EACCES);
  EXPECT_EQ(p.read_file(kParameter), "Y\n");
}

TEST_F(Parameter, NeedsNoCapabilityBesidesTheFileMode) {
  Driver& p = boot();
  Driver& weak = spawn({.uid = 0, .effective = {}});
  EXPECT_EQ(weak.write_file(kParameter, "N"), 0);
  EXPECT_EQ(p.read_file(kParameter), "N\n");
}

TEST_F(Parameter, TakesTheUsualSpellings) {
  Driver& p = boot();
  for (const char* yes :
       {"1", "y", "Y", "t", "T", "on", "On", "ON", "yes", "true", "1\n", "on\n"}) {
    EXPECT_EQ(p.write_file(kParameter, "0"), 0);
    EXPECT_EQ(p.write_file(kParameter, yes), 0) << yes;
    EXPECT_EQ(p.read_file(kParameter), "Y\n") << yes;
  }
  for (const char* no : {"0", "n", "N", "f", "F", "off", "Off", "OFF", "no", "false", "N\n"}) {
    EXPECT_EQ(p.write_file(kParameter, "1"), 0);
    EXPECT_EQ(p.write_file(kParameter, no), 0) << no;
    EXPECT_EQ(p.read_file(kParameter), "N\n") << no;
  }
}

TEST_F(Parameter, RefusesJunkAndKeepsItsValue) {
  Driver& p = boot();
  for (const char* value : {"Y", "N"}) {
    EXPECT_EQ(p.write_file(kParameter, value), 0);
    for (const char* junk : {"2", "junk", "\n", "o", "ox", " 1", "-1"}) {
      EXPECT_EQ(p.write_file(kParameter, junk), -EINVAL) << junk;
      EXPECT_EQ(p.read_file(kParameter), std::string(value) + "\n");
    }
  }
}

TEST_F(Parameter, EmptyTextIsJunk) {
  EXPECT_EQ(errno_of(parse_bool_parameter("")), EINVAL);
}

TEST_F(Parameter, HasABootValue) {
  MachineConfig config = tests::two_devices();
  config.enable_unsafe_noiommu_mode = false;
  EXPECT_EQ(boot(config).read_file(kParameter), "N\n");
}

}  // namespace
}  // namespace noiommu::vfio
