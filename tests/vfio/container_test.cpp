// Groups in a container, and the devices that they open. Spec: vfio-core.md sections 5 and 6.
#include <set>

#include "tests/vfio/driver.h"
#include "uapi/vfio_type1.h"

namespace noiommu::vfio {
namespace {

constexpr const char* kBdf0 = "0000:00:04.0";
constexpr const char* kBdf1 = "0000:00:05.0";
constexpr uint32_t kReadWrite = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

MachineConfig with_iommufd_container() {
  return configured({{"VFIO_CONTAINER", "n"}, {"IOMMUFD_VFIO_CONTAINER", "y"}});
}

class Containers : public VfioTest {
 protected:
  static int64_t set_container(Driver& p, int group, int container) {
    int32_t fd = container;
    return p.ioctl(group, VFIO_GROUP_SET_CONTAINER, fd);
  }
  static int64_t unset_container(Driver& p, int group) {
    return p.ioctl_value(group, VFIO_GROUP_UNSET_CONTAINER, 0);
  }
  static int64_t set_iommu(Driver& p, int container, uint64_t type) {
    return p.ioctl_value(container, VFIO_SET_IOMMU, type);
  }
  static int64_t extension(Driver& p, int container, uint64_t number) {
    return p.ioctl_value(container, VFIO_CHECK_EXTENSION, number);
  }
  static int get_device(Driver& p, int group, const std::string& name) {
    const UserPtr at = p.memory(2 * kPageSize);
    p.Program::store(at, std::as_bytes(std::span(name.c_str(), name.size() + 1)));
    const int64_t fd = p.ioctl_value(group, VFIO_GROUP_GET_DEVICE_FD, at.value);
    EXPECT_TRUE(p.process->munmap(at, 2 * kPageSize));
    return static_cast<int>(fd);
  }
  static int64_t status(Driver& p, int group) {
    vfio_group_status status{.argsz = sizeof(status), .flags = 0xff};
    const int64_t done = p.ioctl(group, VFIO_GROUP_GET_STATUS, status);
    return done == 0 ? status.flags : done;
  }
  static int64_t regions(Driver& p, int device) {
    vfio_device_info info{};
    info.argsz = sizeof(info);
    const int64_t done = p.ioctl(device, VFIO_DEVICE_GET_INFO, info);
    return done == 0 ? info.num_regions : done;
  }
  static int64_t map_dma(Driver& p, int container, UserPtr va, uint64_t iova, uint64_t size,
                         uint32_t flags = kReadWrite) {
    vfio_iommu_type1_dma_map map{
        .argsz = sizeof(map), .flags = flags, .vaddr = va.value, .iova = iova, .size = size};
    return p.ioctl(container, VFIO_IOMMU_MAP_DMA, map);
  }
  // The bytes removed.
  static int64_t unmap_dma(Driver& p, int container, uint64_t iova, uint64_t size,
                           uint32_t flags = 0) {
    vfio_iommu_type1_dma_unmap unmap{
        .argsz = sizeof(unmap), .flags = flags, .iova = iova, .size = size};
    const int64_t done = p.ioctl(container, VFIO_IOMMU_UNMAP_DMA, unmap);
    return done == 0 ? static_cast<int64_t>(unmap.size) : done;
  }
  static bool logged(const Driver& p, const std::string& text) {
    for (const LogLine& line : p.machine->kernel().log().lines()) {
      if (line.text.find(text) != std::string::npos) return true;
    }
    return false;
  }

  // A group without an IOMMU in a container that is ready.
  void start(const MachineConfig& config = tests::two_devices()) {
    p_ = &boot(config);
    container_ = p_->open("/dev/vfio/vfio");
    group_ = p_->open("/dev/vfio/noiommu-0");
    ASSERT_EQ(set_container(*p_, group_, container_), 0);
    ASSERT_EQ(set_iommu(*p_, container_, VFIO_NOIOMMU_IOMMU), 0);
  }
  // A group behind an IOMMU in a type 1 container.
  void start_type1(uint64_t type = VFIO_TYPE1v2_IOMMU) {
    p_ = &boot(behind_iommu());
    container_ = p_->open("/dev/vfio/vfio");
    group_ = p_->open("/dev/vfio/1");
    ASSERT_EQ(set_container(*p_, group_, container_), 0);
    ASSERT_EQ(set_iommu(*p_, container_, type), 0);
  }

  Driver* p_ = nullptr;
  int container_ = -1;
  int group_ = -1;
};

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

TEST_F(Containers, Type1MapsAndUnmapsAsItWasMapped) {
  start_type1();
  const UserPtr va = p_->memory(16 * kPageSize);
  ASSERT_EQ(map_dma(*p_, container_, va, 0x100000, 4 * kPageSize), 0);
  EXPECT_EQ(p_->machine->memory().pins(), 4U);
  EXPECT_EQ(map_dma(*p_, container_, va, 0x103000, kPageSize), -EEXIST);
  EXPECT_EQ(unmap_dma(*p_, container_, 0x100000, kPageSize), -EINVAL) << "would cut it";
  EXPECT_EQ(unmap_dma(*p_, container_, 0x101000, 8 * kPageSize), -EINVAL);
  EXPECT_EQ(unmap_dma(*p_, container_, 0, 0x200000), 0x4000);
  EXPECT_EQ(unmap_dma(*p_, container_, 0, 0x200000), 0) << "nothing there is no error";
  EXPECT_EQ(p_->machine->memory().pins(), 0U);
}

TEST_F(Containers, Type1Version1RemovesWholeMappings) {
  start_type1(VFIO_TYPE1_IOMMU);
  const UserPtr va = p_->memory(16 * kPageSize);
  ASSERT_EQ(map_dma(*p_, container_, va, 0x100000, 4 * kPageSize), 0);
  EXPECT_EQ(unmap_dma(*p_, container_, 0x101000, kPageSize), 0) << "starts inside";
  EXPECT_EQ(unmap_dma(*p_, container_, 0x100000, kPageSize), 0x4000);
}

TEST_F(Containers, Type1Errors) {
  start_type1();
  const UserPtr va = p_->memory(16 * kPageSize);
  EXPECT_EQ(p_->ioctl_value(container_, VFIO_IOMMU_MAP_DMA, 0), -EFAULT);
  EXPECT_EQ(map_dma(*p_, container_, va, 0, kPageSize, 0), -EINVAL) << "neither read nor write";
  EXPECT_EQ(map_dma(*p_, container_, va, 0, kPageSize, 8), -EINVAL);
  EXPECT_EQ(map_dma(*p_, container_, va, 0, 0), -EINVAL);
  EXPECT_EQ(map_dma(*p_, container_, va, 1, kPageSize), -EINVAL);
  EXPECT_EQ(map_dma(*p_, container_, va + 1, 0, kPageSize), -EINVAL);
  EXPECT_EQ(map_dma(*p_, container_, va, 0, kPageSize / 2), -EINVAL);
  EXPECT_EQ(map_dma(*p_, container_, va, ~uint64_t{0xfff}, 2 * kPageSize), -EOVERFLOW);
  EXPECT_EQ(map_dma(*p_, container_, {0x1000}, 0, kPageSize), -EFAULT) << "nothing there";
  EXPECT_EQ(unmap_dma(*p_, container_, 0, 0), -EINVAL);
  EXPECT_EQ(unmap_dma(*p_, container_, 1, kPageSize), -EINVAL);
  EXPECT_EQ(unmap_dma(*p_, container_, 0, kPageSize, VFIO_DMA_UNMAP_FLAG_ALL), -EINVAL);
  EXPECT_EQ(unmap_dma(*p_, container_, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL), 0);
  EXPECT_EQ(p_->machine->memory().pins(), 0U);
}

TEST_F(Containers, Type1CountsAgainstTheAddressSpace) {
  start_type1();
  p_->process->set_capability(CAP_IPC_LOCK, false);
  p_->process->set_memlock(4 * kPageSize);
  const UserPtr va = p_->memory(16 * kPageSize);
  EXPECT_EQ(map_dma(*p_, container_, va, 0, 5 * kPageSize), -ENOMEM);
  ASSERT_EQ(map_dma(*p_, container_, va, 0, 4 * kPageSize), 0);
  EXPECT_EQ(p_->process->memory().locked_vm, 4U);
  p_->close(group_);
  EXPECT_EQ(p_->process->memory().locked_vm, 0U) << "the last group takes the mappings along";
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
