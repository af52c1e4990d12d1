// Opening a cdev, and what it answers before BIND. Spec: vfio-core.md section 7.
#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

class Open : public VfioTest {};

TEST_F(Open, NeedsRawioForADeviceWithoutIommu) {
  boot();
  Driver& weak = spawn(without({CAP_SYS_RAWIO}));
  EXPECT_EQ(weak.open(kDevice0), -EPERM);
  weak.process->set_capability(CAP_SYS_RAWIO, true);
  EXPECT_GE(weak.open(kDevice0), 0);
}

TEST_F(Open, NeedsNoCapabilityForARealDevice) {
  boot(behind_iommu());
  EXPECT_GE(spawn(without({CAP_SYS_RAWIO})).open("/dev/vfio/devices/vfio0"), 0);
}

TEST_F(Open, FileModeComesBeforeTheCapability) {
  boot();
  EXPECT_EQ(spawn(without({CAP_DAC_OVERRIDE, CAP_SYS_RAWIO}, 1000)).open(kDevice0), -EACCES);
}

TEST_F(Open, NeedsANode) {
  EXPECT_EQ(boot(group_only()).open(kDevice0), -ENOENT);
  EXPECT_EQ(boot(without_iommufd()).open(kDevice0), -ENOENT);
  EXPECT_EQ(boot(cdev_only()).open("/dev/vfio/noiommu-0"), -ENOENT);
}

TEST_F(Open, LooksAtTheDeviceNotAtTheParameter) {
  Driver& p = boot();
  EXPECT_EQ(p.write_file(kParameter, "N"), 0);
  EXPECT_EQ(spawn(without({CAP_SYS_RAWIO})).open(kDevice0), -EPERM);
  EXPECT_EQ(p.open_bound().id, 1);
}

TEST_F(Open, ManyAtOnce) {
  Driver& p = boot();
  const int first = p.open(kDevice0);
  EXPECT_EQ(p.open(kDevice0), first + 1);
  EXPECT_EQ(spawn().open(kDevice0), first);
}

TEST_F(Open, UnboundFileRefusesEverythingButBind) {
  Driver& p = boot();
  const int fd = p.open(kDevice0);
  for (uint32_t command = VFIO_GET_API_VERSION; command <= IOMMU_IOAS_NOIOMMU_GET_PA; ++command) {
    if (command == VFIO_DEVICE_BIND_IOMMUFD) continue;
    EXPECT_EQ(p.ioctl_value(fd, command, 0), -EINVAL) << std::hex << command;
  }
  EXPECT_EQ(p.ioctl_value(fd, 0, 0), -EINVAL);
  EXPECT_EQ(p.pread(fd, kConfig, 4), -EINVAL);
  EXPECT_EQ(p.pwrite(fd, kConfig, uint32_t{0}), -EINVAL);
  EXPECT_EQ(errno_of(p.process->mmap(
                {.length = kPageSize, .prot = PROT_READ, .flags = MAP_SHARED, .offset = 0}, fd)),
            EINVAL);
}

}  // namespace
}  // namespace noiommu::vfio
