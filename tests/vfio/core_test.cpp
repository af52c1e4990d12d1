// The VFIO core with a driver that does as it is told. Spec: vfio-core.md sections 3.9, 7 and 8.
#include "model/iommufd/context.h"
#include "model/mm/address_space.h"
#include "model/vfio/device_file.h"
#include "model/vfio/group.h"
#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

class ObedientDriver : public VfioDriver {
 public:
  Status open_device(Path /*path*/) override {
    ++opened;
    return open_answer;
  }
  void close_device() override { ++closed; }
  Result<int64_t> ioctl(Process& /*process*/, uint32_t /*command*/, UserPtr /*argument*/) override {
    return 7;
  }
  Result<int64_t> feature(Process& /*process*/, const vfio_device_feature& /*feature*/,
                          UserPtr /*payload*/) override {
    return Err(ENOTTY);
  }
  Result<uint64_t> read(Process& /*process*/, UserPtr /*to*/, uint64_t /*length*/,
                        uint64_t /*position*/) override {
    return 0;
  }
  Result<uint64_t> write(Process& /*process*/, UserPtr /*from*/, uint64_t /*length*/,
                         uint64_t /*position*/) override {
    return 0;
  }
  Result<std::shared_ptr<VmObject>> mmap(const MapRequest& /*request*/) override {
    return Err(EINVAL);
  }
  [[nodiscard]] Result<bool> match(std::string_view /*name*/) const override { return false; }
  [[nodiscard]] Status match_token(const void* /*uuid*/) const override { return {}; }
  void request(unsigned /*count*/) override { ++requested; }

  Status open_answer;
  int opened = 0;
  int closed = 0;
  int requested = 0;
};

class Core : public testing::Test {
 protected:
  Core() { iommufd::register_iommufd(kernel_, memory_); }

  std::shared_ptr<VfioDevice> add() {
    return vfio_
        .register_device(driver_, {.name = "0000:00:04.0",
                                   .sysfs = "pci0000:00/0000:00:04.0",
                                   .driver = "obedient",
                                   .has_iommu = false,
                                   .iommu_group = nullptr})
        .value();
  }
  // The id, or -errno.
  int64_t bind(int fd, int iommufd) {
    const UserPtr at = process_
                           .mmap({.length = kPageSize,
                                  .prot = PROT_READ | PROT_WRITE,
                                  .flags = MAP_PRIVATE | MAP_ANONYMOUS})
                           .value();
    vfio_device_bind_iommufd bind{
        .argsz = 16, .flags = 0, .iommufd = iommufd, .out_devid = 0, .token_uuid_ptr = 0};
    EXPECT_TRUE(write_user(process_.memory(), at, bind));
    auto done = process_.ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, at.value);
    EXPECT_TRUE(read_user(process_.memory(), at, bind));
    return done ? int64_t{bind.out_devid} : -errno_of(done);
  }

  mm::PhysMem memory_{{}};
  Kernel kernel_{Config()};
  IommuGroups groups_{kernel_.nodes()};
  Vfio vfio_{kernel_, memory_, groups_, true};
  ObedientDriver driver_;
  Process process_{kernel_, std::make_shared<mm::AddressSpace>(memory_), {}};
};

TEST_F(Core, LeavingDeviceIsGoneBeforeTheCapabilityIsLookedAt) {
  const auto device = add();
  vfio_.unregister_device(*device);
  EXPECT_EQ(errno_of(DeviceFile::open_cdev(vfio_, device, process_)), ENODEV);
  process_.set_capability(CAP_SYS_RAWIO, false);
  EXPECT_EQ(errno_of(DeviceFile::open_cdev(vfio_, device, process_)), ENODEV);
  EXPECT_EQ(driver_.requested, 0) << "nobody had it open";
}

TEST_F(Core, RefusedOpenHoldsNothing) {
  const auto device = add();
  process_.set_capability(CAP_SYS_RAWIO, false);
  EXPECT_EQ(errno_of(DeviceFile::open_cdev(vfio_, device, process_)), EPERM);
  kernel_.set_single_threaded(true);
  vfio_.unregister_device(*device);
}

TEST_F(Core, DriverThatCannotOpenUndoesTheBind) {
  const auto device = add();
  const int iommufd = process_.open("/dev/iommu", O_RDWR).value();
  const int fd = process_.open(kDevice0, O_RDWR).value();
  driver_.open_answer = Err(EAGAIN);
  EXPECT_EQ(bind(fd, iommufd), -EAGAIN);
  EXPECT_EQ(driver_.closed, 0) << "what did not open is not closed";
  EXPECT_EQ(errno_of(process_.ioctl(fd, VFIO_DEVICE_GET_INFO, 0)), EINVAL);
  const int group = process_.open("/dev/vfio/noiommu-0", O_RDWR).value();
  EXPECT_TRUE(process_.close(group));
  driver_.open_answer = {};
  EXPECT_EQ(bind(fd, iommufd), 1) << "the id is free again";
  EXPECT_TRUE(process_.close(fd));
  EXPECT_EQ(driver_.opened, 2);
  EXPECT_EQ(driver_.closed, 1);
  vfio_.unregister_device(*device);
}

TEST_F(Core, DriverAnswersWhatTheCoreDoesNot) {
  const auto device = add();
  const int fd = process_.open(kDevice0, O_RDWR).value();
  EXPECT_EQ(bind(fd, process_.open("/dev/iommu", O_RDWR).value()), 1);
  EXPECT_EQ(process_.ioctl(fd, VFIO_DEVICE_GET_INFO, 0), 7);
  EXPECT_EQ(process_.ioctl(fd, 0, 0), 7);
  EXPECT_EQ(errno_of(process_.ioctl(fd, VFIO_DEVICE_FEATURE, 0)), EFAULT) << "the core's";
  EXPECT_TRUE(process_.close(fd));
  vfio_.unregister_device(*device);
}

// Not even while the parameter is on. Spec: section 2.
TEST_F(Core, MediatedDeviceIsNeverWithoutAnIommu) {
  const auto device = vfio_
                          .register_device(driver_, {.name = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001",
                                                     .sysfs = "virtual/mtty/mtty/83b8f4f2",
                                                     .driver = "vfio_mdev",
                                                     .has_iommu = false,
                                                     .emulated = true,
                                                     .iommu_group = nullptr})
                          .value();
  EXPECT_EQ(device->name, "vfio0");
  EXPECT_FALSE(vfio_.is_noiommu(*device));
  EXPECT_EQ(device->group->name(), "0") << "no prefix";
  EXPECT_EQ(kernel_.log().taint(), 0U);
  process_.set_capability(CAP_SYS_RAWIO, false);
  EXPECT_TRUE(process_.open("/dev/vfio/0", O_RDWR)) << "nobody asks for CAP_SYS_RAWIO";
  EXPECT_TRUE(process_.open("/dev/vfio/devices/vfio0", O_RDWR));
  ASSERT_TRUE(process_.close(3));
  const int iommufd = process_.open("/dev/iommu", O_RDWR).value();
  EXPECT_EQ(bind(4, iommufd), 1);
  ASSERT_TRUE(process_.close(4));
  ASSERT_TRUE(process_.close(iommufd));
  vfio_.unregister_device(*device);
}

TEST_F(Core, MediatedDeviceNeedsNoParameter) {
  Vfio vfio(kernel_, memory_, groups_, false);
  const DeviceInfo mediated{.name = "83b8f4f2",
                            .sysfs = "virtual/mtty/mtty/83b8f4f2",
                            .driver = "vfio_mdev",
                            .has_iommu = false,
                            .emulated = true,
                            .iommu_group = nullptr};
  const auto device = vfio.register_device(driver_, mediated);
  ASSERT_TRUE(device);
  vfio.unregister_device(**device);
}

// Revision 6 marks everything without IOMMU state, and a proposal would have asked for that alone.
TEST_F(Core, MediatedDeviceIsMarkedByOtherDesigns) {
  for (const char* name : {"v5", "v6", "no-iommu-state", "mainline"}) {
    Kernel kernel(Config(), *design::find(name));
    IommuGroups groups(kernel.nodes());
    Vfio vfio(kernel, memory_, groups, true);
    const auto device = vfio.register_device(driver_, {.name = "83b8f4f2",
                                                       .sysfs = "virtual/mtty/mtty/83b8f4f2",
                                                       .driver = "vfio_mdev",
                                                       .has_iommu = false,
                                                       .emulated = true,
                                                       .iommu_group = nullptr});
    ASSERT_TRUE(device);
    const std::string design = name;
    const bool marked = design == "v5" || design == "v6";
    EXPECT_EQ((*device)->name, marked ? "noiommu-vfio0" : "vfio0") << name;
    EXPECT_EQ(vfio.is_noiommu(**device), design != "mainline") << name;
    vfio.unregister_device(**device);
  }
}

TEST_F(Core, IndexIsGivenBackOnce) {
  const auto first = add();
  EXPECT_EQ(first->name, "noiommu-vfio0");
  vfio_.unregister_device(*first);
  const auto second = add();
  EXPECT_EQ(second->name, "noiommu-vfio0");
  vfio_.unregister_device(*second);
}

}  // namespace
}  // namespace noiommu::vfio
