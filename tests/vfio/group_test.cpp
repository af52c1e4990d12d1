// The group file and the container without groups. Spec: vfio-core.md sections 5 and 6.1.
#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

constexpr const char* kGroup0 = "/dev/vfio/noiommu-0";

class Group : public VfioTest {
 protected:
  int64_t status(Driver& p, int fd, uint32_t argsz = sizeof(vfio_group_status)) {
    vfio_group_status status{.argsz = argsz, .flags = 0xff};
    const int64_t done = p.ioctl(fd, VFIO_GROUP_GET_STATUS, status);
    return done == 0 ? status.flags : done;
  }
};

TEST_F(Group, NeedsRawioWithoutIommu) {
  boot();
  EXPECT_EQ(spawn(without({CAP_SYS_RAWIO})).open(kGroup0), -EPERM);
  EXPECT_GE(spawn().open(kGroup0), 0);
}

TEST_F(Group, NeedsNoCapabilityForRealDevices) {
  boot(behind_iommu());
  EXPECT_GE(spawn(without({CAP_SYS_RAWIO})).open("/dev/vfio/1"), 0);
}

TEST_F(Group, OpensOnce) {
  Driver& p = boot();
  const int group = p.open(kGroup0);
  EXPECT_EQ(p.open(kGroup0), -EBUSY);
  EXPECT_EQ(spawn(without({CAP_SYS_RAWIO})).open(kGroup0), -EPERM) << "before EBUSY";
  EXPECT_GE(p.open("/dev/vfio/noiommu-1"), 0) << "another one is free";
  const int copy = p.process->dup(group).value();
  p.close(group);
  EXPECT_EQ(p.open(kGroup0), -EBUSY);
  p.close(copy);
  EXPECT_GE(p.open(kGroup0), 0);
}

TEST_F(Group, CannotBeOpenedWhileACdevIsBound) {
  Driver& p = boot();
  const Driver::Bound bound = p.open_bound();
  EXPECT_EQ(p.open(kGroup0), -EBUSY);
  EXPECT_EQ(spawn(without({CAP_SYS_RAWIO})).open(kGroup0), -EPERM) << "before EBUSY";
  EXPECT_GE(p.open("/dev/vfio/noiommu-1"), 0);
  p.close(bound.fd);
  EXPECT_GE(p.open(kGroup0), 0);
}

TEST_F(Group, UnboundCdevDoesNotBlockIt) {
  Driver& p = boot();
  EXPECT_GE(p.open(kDevice0), 0);
  EXPECT_GE(p.open(kGroup0), 0);
}

TEST_F(Group, IsViableWithoutAContainer) {
  Driver& p = boot();
  EXPECT_EQ(status(p, p.open(kGroup0)), VFIO_GROUP_FLAGS_VIABLE);
  Driver& real = boot(behind_iommu());
  EXPECT_EQ(status(real, real.open("/dev/vfio/1")), VFIO_GROUP_FLAGS_VIABLE);
}

TEST_F(Group, StatusErrors) {
  Driver& p = boot();
  const int group = p.open(kGroup0);
  EXPECT_EQ(p.ioctl_value(group, VFIO_GROUP_GET_STATUS, 0), -EFAULT);
  EXPECT_EQ(p.ioctl_value(group, VFIO_GROUP_GET_STATUS, p.scratch(7).value), -EFAULT);
  EXPECT_EQ(status(p, group, 7), -EINVAL);
  EXPECT_EQ(status(p, group, 0), -EINVAL);
  EXPECT_EQ(status(p, group, 100), VFIO_GROUP_FLAGS_VIABLE);
}

TEST_F(Group, GoesUnderAnOpenFile) {
  Driver& p = boot();
  const int group = p.open(kGroup0);
  EXPECT_EQ(p.write_file(kUnbind, "0000:00:04.0"), 0);
  EXPECT_EQ(status(p, group), -ENODEV);
  EXPECT_EQ(status(p, group, 7), -EINVAL) << "before ENODEV";
  EXPECT_EQ(p.open(kGroup0), -ENOENT);
  EXPECT_EQ(p.write_file(kBind, "0000:00:04.0"), 0);
  EXPECT_EQ(status(p, group), -ENODEV) << "the new group is another one";
}

TEST_F(Group, KeepsItsMinorWhileItIsOpen) {
  Driver& p = boot();
  const int group = p.open(kGroup0);
  const auto again = [&] {
    EXPECT_EQ(p.write_file(kUnbind, "0000:00:04.0"), 0);
    EXPECT_EQ(p.write_file(kBind, "0000:00:04.0"), 0);
    return p.read_file("/sys/class/vfio/noiommu-0/dev");
  };
  EXPECT_EQ(again(), "511:2\n");
  p.close(group);
  EXPECT_EQ(again(), "511:0\n");
}

TEST_F(Group, KnowsNothingElse) {
  Driver& p = boot();
  const int group = p.open(kGroup0);
  EXPECT_EQ(p.ioctl_value(group, VFIO_DEVICE_GET_INFO, 0), -ENOTTY);
  EXPECT_EQ(p.ioctl_value(group, VFIO_DEVICE_BIND_IOMMUFD, 0), -ENOTTY);
  EXPECT_EQ(p.ioctl_value(group, 0, 0), -ENOTTY);
  EXPECT_EQ(p.pread(group, 0, 4), -EINVAL);
}

class Container : public VfioTest {};

TEST_F(Container, NeedsNoCapability) {
  boot();
  EXPECT_GE(spawn({.uid = 1000, .effective = {}}).open("/dev/vfio/vfio"), 0);
}

TEST_F(Container, EmptyOneKnowsEveryBackend) {
  Driver& p = boot();
  const int container = p.open("/dev/vfio/vfio");
  EXPECT_EQ(p.ioctl_value(container, VFIO_GET_API_VERSION, 0), VFIO_API_VERSION);
  for (uint64_t extension = 0; extension < 16; ++extension) {
    const bool known = extension == 1 || extension == 3 || extension == 8 || extension == 9;
    EXPECT_EQ(p.ioctl_value(container, VFIO_CHECK_EXTENSION, extension), known ? 1 : 0)
        << extension;
  }
  EXPECT_EQ(p.ioctl_value(container, VFIO_CHECK_EXTENSION, UINT64_MAX), 0);
  EXPECT_EQ(p.ioctl_value(container, VFIO_CHECK_EXTENSION, (uint64_t{1} << 32) + 1), 0);
}

TEST_F(Container, NoiommuExtensionFollowsTheParameter) {
  Driver& p = boot();
  const int container = p.open("/dev/vfio/vfio");
  EXPECT_EQ(p.write_file(kParameter, "N"), 0);
  EXPECT_EQ(p.ioctl_value(container, VFIO_CHECK_EXTENSION, VFIO_NOIOMMU_IOMMU), 0);
  EXPECT_EQ(p.write_file(kParameter, "Y"), 0);
  EXPECT_EQ(p.ioctl_value(container, VFIO_CHECK_EXTENSION, VFIO_NOIOMMU_IOMMU), 1);
  for (const auto& [text, on] : std::initializer_list<std::pair<const char*, int>>{
           {"disable", 0}, {"enable", 1}, {"D", 0}, {"E", 1}}) {
    EXPECT_EQ(p.write_file(kParameter, text), 0);
    EXPECT_EQ(p.ioctl_value(container, VFIO_CHECK_EXTENSION, VFIO_NOIOMMU_IOMMU), on) << text;
  }
}

TEST_F(Container, NoiommuExtensionNeedsTheOption) {
  Driver& p = boot(configured({{"VFIO_NOIOMMU", "n"}}));
  const int container = p.open("/dev/vfio/vfio");
  EXPECT_EQ(p.ioctl_value(container, VFIO_CHECK_EXTENSION, VFIO_NOIOMMU_IOMMU), 0);
}

TEST_F(Container, EmptyOneDoesNothing) {
  Driver& p = boot();
  const int container = p.open("/dev/vfio/vfio");
  for (const uint64_t type : {0, 1, 3, 8}) {
    EXPECT_EQ(p.ioctl_value(container, VFIO_SET_IOMMU, type), -EINVAL) << type;
  }
  for (const uint32_t command :
       std::initializer_list<uint32_t>{VFIO_IOMMU_GET_INFO, VFIO_IOMMU_MAP_DMA,
                                       VFIO_IOMMU_UNMAP_DMA, VFIO_IOMMU_DIRTY_PAGES, 0}) {
    EXPECT_EQ(p.ioctl_value(container, command, 0), -EINVAL) << command;
  }
}

}  // namespace
}  // namespace noiommu::vfio
