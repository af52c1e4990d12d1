// Spec: vfio-core.md section 4.
#include "model/kernel/iommu_groups.h"

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/kernel/flat_memory.h"
#include "tests/support/result.h"

namespace noiommu {
namespace {

using testing::ElementsAre;
using tests::errno_of;

constexpr const char* kDevice = "pci0000:00/0000:00:04.0";

class IommuGroupsTest : public testing::Test {
 protected:
  IommuGroupsTest() { bench_.kernel.nodes().add_directory("/sys/devices/pci0000:00/0000:00:04.0"); }

  std::shared_ptr<IommuGroup> create(const std::string& name = {}) { return *groups_.create(name); }
  std::vector<std::string> list(std::string_view path) {
    return bench_.process->list(path).value_or(std::vector<std::string>{"absent"});
  }
  std::string text(std::string_view path) {
    const int fd = *bench_.process->open(path, O_RDONLY);
    return bench_.get(*bench_.process->read(fd, tests::OneProcess::kBuffer, 100));
  }
  int write_type(Process& process) {
    auto fd = process.open("/sys/kernel/iommu_groups/0/type", O_WRONLY);
    if (!fd) return errno_of(fd);
    return errno_of(process.write(*fd, tests::OneProcess::kBuffer, 3));
  }

  tests::OneProcess bench_;
  IommuGroups groups_{bench_.kernel.nodes()};
};

TEST_F(IommuGroupsTest, TheDirectoryIsThereWithoutGroups) {
  EXPECT_THAT(list("/sys/kernel/iommu_groups"), ElementsAre());
}

TEST_F(IommuGroupsTest, IdsAreTheLowestFreeOnes) {
  auto zero = create();
  auto one = create();
  auto two = create();
  EXPECT_THAT((std::vector{zero->id(), one->id(), two->id()}), ElementsAre(0U, 1U, 2U));
  one.reset();
  EXPECT_EQ(create()->id(), 1U);
}

TEST_F(IommuGroupsTest, AnIdIsTakenUntilTheLastReferenceGoes) {
  auto group = create();
  auto open_file = group;
  group.reset();
  EXPECT_EQ(create()->id(), 1U);
  EXPECT_THAT(list("/sys/kernel/iommu_groups"), ElementsAre("0"));
  open_file.reset();
  EXPECT_THAT(list("/sys/kernel/iommu_groups"), ElementsAre());
  EXPECT_EQ(create()->id(), 0U);
}

TEST_F(IommuGroupsTest, AMadeUpGroupShowsItsNameAndARealOneHasNone) {
  auto made_up = create("vfio-noiommu");
  auto real = create();
  EXPECT_THAT(list("/sys/kernel/iommu_groups/0"),
              ElementsAre("devices", "name", "reserved_regions", "type"));
  EXPECT_THAT(list("/sys/kernel/iommu_groups/1"),
              ElementsAre("devices", "reserved_regions", "type"));
  EXPECT_EQ(text("/sys/kernel/iommu_groups/0/name"), "vfio-noiommu\n");
  EXPECT_EQ(text("/sys/kernel/iommu_groups/0/type"), "unknown\n");
  EXPECT_EQ(text("/sys/kernel/iommu_groups/0/reserved_regions"), "");
}

TEST_F(IommuGroupsTest, ModesAreThoseOfSysfs) {
  auto group = create("vfio-noiommu");
  EXPECT_EQ(bench_.process->stat("/sys/kernel/iommu_groups/0/name")->mode, 0444U);
  EXPECT_EQ(bench_.process->stat("/sys/kernel/iommu_groups/0/type")->mode, 0644U);
  EXPECT_EQ(bench_.process->stat("/sys/kernel/iommu_groups/0/reserved_regions")->mode, 0444U);
}

TEST_F(IommuGroupsTest, NobodyCanChangeTheType) {
  auto group = create("vfio-noiommu");
  EXPECT_EQ(write_type(*bench_.process), EINVAL);
  bench_.process->set_capability(CAP_SYS_ADMIN, false);
  EXPECT_EQ(write_type(*bench_.process), EACCES);
  bench_.process->set_capability(CAP_SYS_ADMIN, true);
  bench_.process->set_capability(CAP_SYS_RAWIO, false);
  EXPECT_EQ(write_type(*bench_.process), EACCES);
}

TEST_F(IommuGroupsTest, DeviceAndGroupLinkToEachOther) {
  auto group = create();
  groups_.add_device(*group, kDevice);
  EXPECT_THAT(list("/sys/kernel/iommu_groups/0/devices"), ElementsAre("0000:00:04.0"));
  EXPECT_EQ(bench_.process->readlink("/sys/kernel/iommu_groups/0/devices/0000:00:04.0"),
            "../../../../devices/pci0000:00/0000:00:04.0");
  EXPECT_EQ(bench_.process->readlink("/sys/devices/pci0000:00/0000:00:04.0/iommu_group"),
            "../../../kernel/iommu_groups/0");
  EXPECT_THAT(list("/sys/kernel/iommu_groups/0/devices/0000:00:04.0"), ElementsAre("iommu_group"));
  EXPECT_THAT(list("/sys/devices/pci0000:00/0000:00:04.0/iommu_group/devices"),
              ElementsAre("0000:00:04.0"));
}

TEST_F(IommuGroupsTest, ADeviceBehindAPortLinksToItsGroupToo) {
  const std::string device = "pci0000:00/0000:00:1c.0/0000:01:00.0";
  bench_.kernel.nodes().add_directory("/sys/devices/" + device);
  auto group = create();
  groups_.add_device(*group, device);
  EXPECT_THAT(list("/sys/devices/" + device + "/iommu_group/devices"), ElementsAre("0000:01:00.0"));
  EXPECT_THAT(list("/sys/kernel/iommu_groups/0/devices/0000:01:00.0"), ElementsAre("iommu_group"));
}

TEST_F(IommuGroupsTest, ARemovedDeviceLeavesNoLink) {
  auto group = create();
  groups_.add_device(*group, kDevice);
  groups_.remove_device(*group, kDevice);
  EXPECT_THAT(list("/sys/kernel/iommu_groups/0/devices"), ElementsAre());
  EXPECT_THAT(list("/sys/devices/pci0000:00/0000:00:04.0"), ElementsAre());
}

TEST_F(IommuGroupsTest, ThreadsNeverShareAnId) {
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i] {
      for (int round = 0; round < 200; ++round) {
        const std::string name = std::to_string(i);
        auto group = create(name);
        auto fd = bench_.process->open(
            "/sys/kernel/iommu_groups/" + std::to_string(group->id()) + "/name", O_RDONLY);
        ASSERT_TRUE(fd);
        const UserPtr mine = tests::OneProcess::kBuffer + 8 * static_cast<uint64_t>(i);
        ASSERT_EQ(bench_.process->read(*fd, mine, 8), name.size() + 1);
        char first = 0;
        ASSERT_TRUE(read_user(*bench_.memory, mine, first));
        EXPECT_EQ(first, name[0]);
        ASSERT_TRUE(bench_.process->close(*fd));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(list("/sys/kernel/iommu_groups"), ElementsAre());
  EXPECT_EQ(create()->id(), 0U);
}

}  // namespace
}  // namespace noiommu
