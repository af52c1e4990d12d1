// Groups in a native container, and the devices that they open. Spec: vfio-core.md sections 5
// and 6.
#include "tests/vfio/container_test.h"

#include <set>

namespace noiommu::vfio {
namespace {

TEST_F(Containers, OpensADeviceOfTheGroup) {
  start();
  EXPECT_EQ(status(*p_, group_), VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET);
  const int device = get_device(*p_, group_, kBdf0);
  EXPECT_EQ(regions(*p_, device), 9);
  EXPECT_TRUE(logged(*p_, "vfio-pci 0000:00:04.0: vfio-noiommu device opened by user (scenario:"));
}

TEST_F(Containers, RealDevicesAreOpenedWithoutAWord) {
  start_type1();
  EXPECT_EQ(regions(*p_, get_device(*p_, group_, kBdf0)), 9);
  EXPECT_FALSE(logged(*p_, "opened by user"));
}

TEST_F(Containers, SetContainerErrors) {
  Driver& p = boot();
  const int group = p.open("/dev/vfio/noiommu-0");
  EXPECT_EQ(p.ioctl_value(group, VFIO_GROUP_SET_CONTAINER, 0), -EFAULT);
  EXPECT_EQ(set_container(p, group, -1), -EBADF);
  EXPECT_EQ(set_container(p, group, 99), -EBADF);
  EXPECT_EQ(set_container(p, group, group), -EBADFD);
  EXPECT_EQ(set_container(p, group, 0), -EBADFD) << "/dev/null";
  EXPECT_EQ(unset_container(p, group), -EINVAL);
  const int container = p.open("/dev/vfio/vfio");
  EXPECT_EQ(set_container(p, group, container), 0);
  EXPECT_EQ(set_container(p, group, container), -EINVAL);
  EXPECT_EQ(set_container(p, group, group), -EINVAL) << "whatever the file is";
  EXPECT_EQ(set_container(p, group, 99), -EBADF) << "but there must be one";
}

TEST_F(Containers, SetContainerOfAGroupThatIsGone) {
  Driver& p = boot();
  const int group = p.open("/dev/vfio/noiommu-0");
  ASSERT_EQ(p.write_file(kUnbind, kBdf0), 0);
  EXPECT_EQ(set_container(p, group, group), -ENODEV) << "before the kind of file";
  EXPECT_EQ(get_device(p, group, kBdf0), -ENODEV);
}

TEST_F(Containers, SetContainerNeedsRawioWithoutAnIommu) {
  Driver& p = boot();
  const int group = p.open("/dev/vfio/noiommu-0");
  const int container = p.open("/dev/vfio/vfio");
  p.process->set_capability(CAP_SYS_RAWIO, false);
  EXPECT_EQ(set_container(p, group, container), -EPERM);
  EXPECT_EQ(status(p, group), VFIO_GROUP_FLAGS_VIABLE);
  EXPECT_EQ(set_container(p, group, p.open("/dev/iommu")), 0) << "iommufd asks later";
}

TEST_F(Containers, KindsDoNotMix) {
  MachineConfig config = tests::two_devices();
  config.devices[1].has_iommu = true;
  Driver& p = boot(config);
  const int container = p.open("/dev/vfio/vfio");
  const int noiommu = p.open("/dev/vfio/noiommu-2");
  const int real = p.open("/dev/vfio/1");
  ASSERT_GE(real, 0);
  ASSERT_GE(noiommu, 0);
  ASSERT_EQ(set_container(p, noiommu, container), 0);
  EXPECT_EQ(set_container(p, real, container), -EPERM);
  ASSERT_EQ(unset_container(p, noiommu), 0);
  ASSERT_EQ(set_container(p, real, container), 0) << "an empty one may become the other kind";
  EXPECT_EQ(set_container(p, noiommu, container), -EPERM);
}

TEST_F(Containers, TwoGroupsShareOne) {
  start();
  const int second = p_->open("/dev/vfio/noiommu-1");
  ASSERT_EQ(set_container(*p_, second, container_), 0);
  EXPECT_EQ(regions(*p_, get_device(*p_, second, kBdf1)), 9) << "with the same backend";
  EXPECT_EQ(set_iommu(*p_, container_, VFIO_NOIOMMU_IOMMU), -EINVAL);
  ASSERT_EQ(unset_container(*p_, group_), 0);
  EXPECT_EQ(extension(*p_, container_, VFIO_TYPE1_IOMMU), 0) << "still of its kind";
}

TEST_F(Containers, TheLastGroupTakesTheBackendAlong) {
  start();
  ASSERT_EQ(unset_container(*p_, group_), 0);
  EXPECT_EQ(extension(*p_, container_, VFIO_TYPE1_IOMMU), 1);
  EXPECT_EQ(set_iommu(*p_, container_, VFIO_NOIOMMU_IOMMU), -EINVAL) << "no group";
  ASSERT_EQ(set_container(*p_, group_, container_), 0);
  EXPECT_EQ(get_device(*p_, group_, kBdf0), -EINVAL) << "no backend";
  EXPECT_EQ(set_iommu(*p_, container_, VFIO_NOIOMMU_IOMMU), 0);
}

TEST_F(Containers, ExtensionsOfEachKind) {
  start();
  for (uint64_t number = 0; number < 16; ++number) {
    EXPECT_EQ(extension(*p_, container_, number), number == VFIO_NOIOMMU_IOMMU ? 1 : 0) << number;
  }
  Driver& real = boot(behind_iommu());
  const int container = real.open("/dev/vfio/vfio");
  ASSERT_EQ(set_container(real, real.open("/dev/vfio/1"), container), 0);
  for (uint64_t number = 0; number < 16; ++number) {
    EXPECT_EQ(extension(real, container, number), std::set<uint64_t>({1, 3, 9}).count(number))
        << number;
  }
  ASSERT_EQ(set_iommu(real, container, VFIO_TYPE1_IOMMU), 0);
  for (uint64_t number = 0; number < 16; ++number) {
    EXPECT_EQ(extension(real, container, number),
              std::set<uint64_t>({1, 3, 4, 9, 10}).count(number))
        << number;
  }
}

TEST_F(Containers, SetIommuErrors) {
  Driver& p = boot();
  const int container = p.open("/dev/vfio/vfio");
  ASSERT_EQ(set_container(p, p.open("/dev/vfio/noiommu-0"), container), 0);
  for (const uint64_t type : {0, 1, 3, 9, 99}) EXPECT_EQ(set_iommu(p, container, type), -ENODEV);
  ASSERT_EQ(p.write_file(kParameter, "N"), 0);
  EXPECT_EQ(set_iommu(p, container, VFIO_NOIOMMU_IOMMU), -ENODEV) << "the parameter is read now";
  ASSERT_EQ(p.write_file(kParameter, "Y"), 0);
  p.process->set_capability(CAP_SYS_RAWIO, false);
  EXPECT_EQ(set_iommu(p, container, VFIO_NOIOMMU_IOMMU), -EPERM);
  p.process->set_capability(CAP_SYS_RAWIO, true);
  EXPECT_EQ(set_iommu(p, container, VFIO_NOIOMMU_IOMMU), 0);
  EXPECT_EQ(set_iommu(p, container, VFIO_NOIOMMU_IOMMU), -EINVAL);

  Driver& real = boot(behind_iommu());
  const int type1 = real.open("/dev/vfio/vfio");
  ASSERT_EQ(set_container(real, real.open("/dev/vfio/1"), type1), 0);
  EXPECT_EQ(set_iommu(real, type1, VFIO_NOIOMMU_IOMMU), -ENODEV);
  EXPECT_EQ(set_iommu(real, type1, VFIO_UNMAP_ALL), -EINVAL);
  EXPECT_EQ(set_iommu(real, type1, VFIO_TYPE1v2_IOMMU), 0);
}

TEST_F(Containers, NoiommuBackendMapsNothing) {
  start();
  for (const uint32_t command :
       std::initializer_list<uint32_t>{VFIO_IOMMU_GET_INFO, VFIO_IOMMU_MAP_DMA,
                                       VFIO_IOMMU_UNMAP_DMA, VFIO_IOMMU_DIRTY_PAGES, 0}) {
    EXPECT_EQ(p_->ioctl_value(container_, command, 0), -ENOTTY) << command;
  }
}

TEST_F(Containers, OpenDevicesKeepTheGroupAndTheContainer) {
  start();
  const int device = get_device(*p_, group_, kBdf0);
  EXPECT_EQ(unset_container(*p_, group_), -EBUSY);
  p_->close(container_);
  EXPECT_EQ(status(*p_, group_), VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET);
  p_->close(group_);
  EXPECT_EQ(p_->open("/dev/vfio/noiommu-0"), -EBUSY);
  const int cdev = p_->open(kDevice0);
  EXPECT_EQ(p_->bind(cdev, p_->open("/dev/iommu")), -EBUSY);
  EXPECT_EQ(regions(*p_, device), 9);
  p_->close(device);
  EXPECT_GE(p_->open("/dev/vfio/noiommu-0"), 0);
}

TEST_F(Containers, EachCallGivesOneMoreDescriptor) {
  start();
  const int first = get_device(*p_, group_, kBdf0);
  const int second = get_device(*p_, group_, kBdf0);
  EXPECT_NE(first, second);
  p_->close(first);
  EXPECT_EQ(unset_container(*p_, group_), -EBUSY) << "still open";
  EXPECT_EQ(regions(*p_, second), 9);
  p_->close(second);
  EXPECT_EQ(unset_container(*p_, group_), 0);
}

TEST_F(Containers, GetDeviceFdErrors) {
  Driver& p = boot();
  const int group = p.open("/dev/vfio/noiommu-0");
  EXPECT_EQ(p.ioctl_value(group, VFIO_GROUP_GET_DEVICE_FD, 0), -EFAULT);
  EXPECT_EQ(get_device(p, group, std::string(kPageSize, 'x')), -EINVAL) << "longer than a page";
  EXPECT_EQ(get_device(p, group, std::string(kPageSize - 1, 'x')), -ENODEV);
  EXPECT_EQ(get_device(p, group, ""), -ENODEV);
  EXPECT_EQ(get_device(p, group, kBdf1), -ENODEV) << "in another group";
  EXPECT_EQ(get_device(p, group, "0000:00:04.0x"), -ENODEV);
  EXPECT_EQ(get_device(p, group, "0000:00:04.0 vf_token=1"), -EINVAL);
  EXPECT_EQ(get_device(p, group, kBdf0), -EINVAL) << "no container";
  const int container = p.open("/dev/vfio/vfio");
  ASSERT_EQ(set_container(p, group, container), 0);
  EXPECT_EQ(get_device(p, group, kBdf0), -EINVAL) << "no backend";
  ASSERT_EQ(set_iommu(p, container, VFIO_NOIOMMU_IOMMU), 0);
  p.process->set_capability(CAP_SYS_RAWIO, false);
  EXPECT_EQ(get_device(p, group, kBdf0), -EPERM);
  p.process->set_capability(CAP_SYS_RAWIO, true);
  p.process->set_nofile(3);
  EXPECT_EQ(get_device(p, group, kBdf0), -EMFILE);
  p.process->set_nofile(100);
  EXPECT_GE(get_device(p, group, "0000:00:04.0 "), 0) << "a space may follow";
}

TEST_F(Containers, AFullTableIsNoticedBeforeTheContainer) {
  Driver& p = boot();
  const int group = p.open("/dev/vfio/noiommu-0");
  p.process->set_nofile(3);
  EXPECT_EQ(get_device(p, group, kBdf0), -EMFILE) << "before EINVAL for no container";
  EXPECT_EQ(get_device(p, group, kBdf1), -ENODEV) << "but after the name";
}

TEST_F(Containers, ADeviceOfAGroupIsNoCdev) {
  start();
  const int device = get_device(*p_, group_, kBdf0);
  EXPECT_EQ(p_->attach(device, 1), -ENOTTY);
  EXPECT_EQ(p_->detach(device), -ENOTTY);
  EXPECT_EQ(p_->bind(device, p_->open("/dev/iommu")), -EINVAL);
  Driver& p = boot(group_only());
  const int container = p.open("/dev/vfio/vfio");
  const int group = p.open("/dev/vfio/noiommu-0");
  ASSERT_EQ(set_container(p, group, container), 0);
  ASSERT_EQ(set_iommu(p, container, VFIO_NOIOMMU_IOMMU), 0);
  EXPECT_EQ(p.ioctl_value(get_device(p, group, kBdf0), VFIO_DEVICE_BIND_IOMMUFD, 0), -ENOTTY)
      << "not even looked at where there are no cdevs";
}

TEST_F(Containers, HotResetWantsGroupDescriptorsFromAGroup) {
  start();
  const int device = get_device(*p_, group_, kBdf0);
  vfio_pci_hot_reset reset{.argsz = sizeof(reset), .flags = 0, .count = 0};
  EXPECT_EQ(p_->ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, reset), -EINVAL);
  reset.count = 1;
  EXPECT_EQ(p_->ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, reset), -ENODEV);
}

TEST_F(Containers, TogglingTheParameterStopsOnlyANativeSession) {
  start();
  const int device = get_device(*p_, group_, kBdf0);
  ASSERT_EQ(p_->write_file(kParameter, "N"), 0);
  EXPECT_EQ(regions(*p_, device), 9);
  EXPECT_GE(get_device(*p_, group_, kBdf0), 0) << "an open session goes on";
  const int second = p_->open("/dev/vfio/noiommu-1");
  ASSERT_EQ(set_container(*p_, second, p_->open("/dev/iommu")), 0);
  EXPECT_GE(get_device(*p_, second, kBdf1), 0);
}

TEST_F(Containers, UnbindWaitsForADeviceOfTheGroup) {
  start();
  p_->machine->kernel().set_single_threaded(true);
  const int device = get_device(*p_, group_, kBdf0);
  EXPECT_THROW(p_->write_file(kUnbind, kBdf0), BlockedForever);
  EXPECT_EQ(get_device(*p_, group_, kBdf0), -ENODEV) << "it is leaving";
  EXPECT_EQ(regions(*p_, device), 9);
}

TEST_F(Containers, TheContainerGoesWithTheLastDevice) {
  start();
  ASSERT_EQ(p_->write_file(kUnbind, kBdf0), 0);
  EXPECT_EQ(status(*p_, group_), -ENODEV);
  EXPECT_EQ(extension(*p_, container_, VFIO_TYPE1_IOMMU), 1) << "it is empty";
  EXPECT_EQ(unset_container(*p_, group_), -EINVAL);
}

}  // namespace
}  // namespace noiommu::vfio
