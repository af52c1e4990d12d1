// Groups with an iommufd in the place of a container. Spec: vfio-core.md section 5.3.
#include "tests/vfio/container_test.h"

namespace noiommu::vfio {
namespace {

TEST_F(Containers, AGroupWithAnIommufdNeedsNoSetIommu) {
  Driver& p = boot(with_iommufd_container());
  const int container = p.open("/dev/vfio/vfio");
  const int group = p.open("/dev/vfio/noiommu-0");
  EXPECT_TRUE(logged(p, "IOMMUFD is providing /dev/vfio/vfio, not VFIO."));
  EXPECT_EQ(set_iommu(p, container, VFIO_NOIOMMU_IOMMU), -EINVAL) << "not yet of that kind";
  ASSERT_EQ(set_container(p, group, container), 0);
  const int device = get_device(p, group, kBdf0);
  EXPECT_EQ(regions(p, device), 9);
  EXPECT_EQ(p.alloc_ioas(container), 1) << "no object was made for the device";
  EXPECT_EQ(map_dma(p, container, p.memory(kPageSize), 0, kPageSize), -ENODEV);
  EXPECT_EQ(extension(p, container, VFIO_TYPE1_IOMMU), 0);
  EXPECT_EQ(extension(p, container, VFIO_NOIOMMU_IOMMU), 1);
  EXPECT_EQ(set_iommu(p, container, VFIO_TYPE1_IOMMU), -EINVAL);
  EXPECT_EQ(set_iommu(p, container, VFIO_NOIOMMU_IOMMU), 0);
  EXPECT_EQ(set_iommu(p, container, VFIO_NOIOMMU_IOMMU), 0) << "repeatable";
  p.process->set_capability(CAP_SYS_RAWIO, false);
  EXPECT_EQ(set_iommu(p, container, VFIO_NOIOMMU_IOMMU), -EPERM);
}

TEST_F(Containers, AnIommufdWithAnIoasOpensNoDeviceWithoutAnIommu) {
  Driver& p = boot();
  const int iommufd = p.open("/dev/iommu");
  const int group = p.open("/dev/vfio/noiommu-0");
  ASSERT_EQ(set_container(p, group, iommufd), 0);
  iommu_vfio_ioas ioas{.size = sizeof(ioas),
                       .ioas_id = static_cast<uint32_t>(p.alloc_ioas(iommufd)),
                       .op = IOMMU_VFIO_IOAS_SET,
                       .__reserved = 0};
  ASSERT_EQ(p.ioctl(iommufd, IOMMU_VFIO_IOAS, ioas), 0);
  EXPECT_EQ(get_device(p, group, kBdf0), -EPERM);
  EXPECT_EQ(set_container(p, p.open("/dev/vfio/noiommu-1"), iommufd), -EINVAL);
  ioas.op = IOMMU_VFIO_IOAS_CLEAR;
  ASSERT_EQ(p.ioctl(iommufd, IOMMU_VFIO_IOAS, ioas), 0);
  p.process->set_capability(CAP_SYS_RAWIO, false);
  EXPECT_EQ(get_device(p, group, kBdf0), -EPERM);
  p.process->set_capability(CAP_SYS_RAWIO, true);
  const int device = get_device(p, group, kBdf0);
  ASSERT_GE(device, 0);
  p.process->set_capability(CAP_SYS_RAWIO, false);
  EXPECT_GE(get_device(p, group, kBdf0), 0) << "asked only of who opens it first";
}

TEST_F(Containers, TheNoIommuModeOfAnIommufdStays) {
  MachineConfig config = tests::two_devices();
  config.devices[1].has_iommu = true;
  Driver& p = boot(config);
  const int iommufd = p.open("/dev/iommu");
  const int noiommu = p.open("/dev/vfio/noiommu-2");
  const int real = p.open("/dev/vfio/1");
  ASSERT_EQ(set_container(p, noiommu, iommufd), 0);
  ASSERT_EQ(unset_container(p, noiommu), 0);
  EXPECT_EQ(set_container(p, real, iommufd), -EINVAL);
  const int other = p.open("/dev/iommu");
  ASSERT_EQ(set_container(p, real, other), 0);
  EXPECT_EQ(set_container(p, noiommu, other), -EINVAL) << "which has an IOAS now";
  EXPECT_EQ(p.alloc_ioas(other), 2);
}

TEST_F(Containers, AnIommufdGroupMayGoWhileItsDeviceStays) {
  Driver& p = boot();
  const int first = p.open("/dev/iommu");
  int group = p.open("/dev/vfio/noiommu-0");
  ASSERT_EQ(set_container(p, group, first), 0);
  const int device = get_device(p, group, kBdf0);
  EXPECT_EQ(unset_container(p, group), 0) << "never busy";
  p.close(group);
  p.close(first);
  EXPECT_EQ(regions(p, device), 9);
  const int cdev = p.open(kDevice0);
  EXPECT_EQ(p.bind(cdev, p.open("/dev/iommu")), -EINVAL) << "open already";
  group = p.open("/dev/vfio/noiommu-0");
  ASSERT_GE(group, 0);
  ASSERT_EQ(set_container(p, group, p.open("/dev/iommu")), 0);
  const int again = get_device(p, group, kBdf0);
  EXPECT_EQ(regions(p, again), 9);
  p.close(device);
  EXPECT_EQ(regions(p, again), 9);
}

TEST_F(Containers, ARealDeviceIsBoundAndAttachedToTheIoas) {
  Driver& p = boot(behind_iommu());
  const int iommufd = p.open("/dev/iommu");
  const int group = p.open("/dev/vfio/1");
  ASSERT_EQ(set_container(p, group, iommufd), 0);
  const int device = get_device(p, group, kBdf0);
  EXPECT_EQ(regions(p, device), 9);
  EXPECT_EQ(p.destroy(iommufd, 1), -EBUSY) << "the IOAS, which has a page table";
  EXPECT_EQ(p.destroy(iommufd, 2), -EBUSY) << "the device";
  EXPECT_EQ(map_dma(p, iommufd, p.memory(kPageSize), 0x1000, kPageSize), 0);
  EXPECT_EQ(p.machine->memory().pins(), 1U);
  p.close(device);
  EXPECT_EQ(p.machine->memory().pins(), 0U);
  EXPECT_EQ(p.destroy(iommufd, 2), -ENOENT);
}

// Without an iommufd the group is nobody's, but its device is still somebody's.
TEST_F(Containers, AnOpenDeviceOwnsItsDmaWithoutItsIommufd) {
  Driver& p = boot(behind_iommu());
  const int group = p.open("/dev/vfio/1");
  const int iommufd = p.open("/dev/iommu");
  ASSERT_EQ(set_container(p, group, iommufd), 0);
  EXPECT_EQ(status(p, group), VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET);
  const int device = get_device(p, group, kBdf0);
  ASSERT_GE(device, 0);
  ASSERT_EQ(unset_container(p, group), 0);
  EXPECT_EQ(status(p, group), 0);
  const int container = p.open("/dev/vfio/vfio");
  EXPECT_EQ(set_container(p, group, container), -EPERM);
  ASSERT_EQ(set_container(p, group, iommufd), 0) << "that asks for no ownership";
  EXPECT_EQ(status(p, group), VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET);
  ASSERT_EQ(unset_container(p, group), 0);
  p.close(device);
  EXPECT_EQ(status(p, group), VFIO_GROUP_FLAGS_VIABLE);
  EXPECT_EQ(set_container(p, group, container), 0);
}

}  // namespace
}  // namespace noiommu::vfio
