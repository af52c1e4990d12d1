// What a bound device tells about itself, resets and features. Spec: vfio-core.md sections 11.2 to
// 11.4 and 11.6 to 11.8.
#include <chrono>
#include <functional>

#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

vfio_device_info device_info(uint32_t argsz) {
  vfio_device_info info{};
  info.argsz = argsz;
  return info;
}
vfio_region_info region_info(uint32_t index, uint32_t argsz = sizeof(vfio_region_info)) {
  vfio_region_info info{};
  info.argsz = argsz;
  info.index = index;
  return info;
}
vfio_irq_info irq_info(uint32_t index, uint32_t argsz = sizeof(vfio_irq_info)) {
  return {.argsz = argsz, .flags = 99, .index = index, .count = 99};
}

class Info : public VfioTest {
 protected:
  void bind(const MachineConfig& config = tests::two_devices()) {
    p_ = &boot(config);
    fd_ = p_->open_bound().fd;
  }
  template <class T>
  int64_t call(uint32_t command, T& argument) {
    return p_->ioctl(fd_, command, argument);
  }
  // NULL, and one byte less than the struct needs.
  void expect_efault(uint32_t command, uint64_t size) {
    EXPECT_EQ(p_->ioctl_value(fd_, command, 0), -EFAULT);
    EXPECT_EQ(p_->ioctl_value(fd_, command, p_->scratch(size - 1).value), -EFAULT);
  }

  Driver* p_ = nullptr;
  int fd_ = -1;
};

TEST_F(Info, DeviceHasNineRegionsAndFiveInterrupts) {
  bind();
  vfio_device_info info = device_info(24);
  EXPECT_EQ(call(VFIO_DEVICE_GET_INFO, info), 0);
  EXPECT_EQ(info.flags, VFIO_DEVICE_FLAGS_PCI);
  EXPECT_EQ(info.num_regions, 9);
  EXPECT_EQ(info.num_irqs, 5);
  EXPECT_EQ(info.cap_offset, 0);
}

TEST_F(Info, FunctionWithResetSaysSo) {
  bind(with_reset());
  vfio_device_info info = device_info(24);
  EXPECT_EQ(call(VFIO_DEVICE_GET_INFO, info), 0);
  EXPECT_EQ(info.flags, VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET);
}

// There are no capabilities that would need more room, so argsz stays as it came.
TEST_F(Info, DeviceInfoComesInTheSizeAskedFor) {
  bind();
  for (const uint32_t argsz : {16U, 17U, 24U, 100U}) {
    vfio_device_info info = device_info(argsz);
    info.cap_offset = info.pad = 0x55555555;
    EXPECT_EQ(call(VFIO_DEVICE_GET_INFO, info), 0);
    EXPECT_EQ(info.argsz, argsz);
    EXPECT_EQ(info.num_irqs, 5);
    EXPECT_EQ(info.cap_offset, argsz == 16 ? 0x55555555 : argsz == 17 ? 0x55555500 : 0);
    EXPECT_EQ(info.pad, argsz < 24 ? 0x55555555 : 0);
  }
  const UserPtr at = p_->scratch(16);
  p_->poke(at, uint32_t{16});
  EXPECT_EQ(p_->ioctl_value(fd_, VFIO_DEVICE_GET_INFO, at.value), 0);
}

TEST_F(Info, DeviceInfoErrors) {
  bind();
  expect_efault(VFIO_DEVICE_GET_INFO, 16);
  vfio_device_info info = device_info(15);
  EXPECT_EQ(call(VFIO_DEVICE_GET_INFO, info), -EINVAL);
  const UserPtr read_only = p_->read_only(device_info(24));
  EXPECT_EQ(p_->ioctl_value(fd_, VFIO_DEVICE_GET_INFO, read_only.value), -EFAULT);
}

TEST_F(Info, Regions) {
  bind();
  for (uint32_t index = 0; index < VFIO_PCI_VGA_REGION_INDEX; ++index) {
    vfio_region_info info = region_info(index);
    info.flags = info.cap_offset = 99;
    EXPECT_EQ(call(VFIO_DEVICE_GET_REGION_INFO, info), 0);
    EXPECT_EQ(info.offset, uint64_t{index} << 40);
    EXPECT_EQ(info.cap_offset, 99) << "no capability, so nobody touches it";
    EXPECT_EQ(info.size, index == 0 ? 0x100000 : index == 7 ? 0x100 : 0) << index;
    EXPECT_EQ(info.flags, index == 0 ? 7 : index == 7 ? 3 : 0) << index;
  }
  for (const uint32_t index : {8U, 9U, 10U, UINT32_MAX}) {
    vfio_region_info info = region_info(index);
    EXPECT_EQ(call(VFIO_DEVICE_GET_REGION_INFO, info), -EINVAL) << index;
  }
}

TEST_F(Info, RegionErrors) {
  bind();
  expect_efault(VFIO_DEVICE_GET_REGION_INFO, 32);
  vfio_region_info info = region_info(0, 31);
  EXPECT_EQ(call(VFIO_DEVICE_GET_REGION_INFO, info), -EINVAL);
}

TEST_F(Info, Interrupts) {
  bind();
  constexpr uint32_t kCounts[] = {1, 1, 0, 1, 1};
  for (uint32_t index = 0; index < 5; ++index) {
    vfio_irq_info info = irq_info(index);
    EXPECT_EQ(call(VFIO_DEVICE_GET_IRQ_INFO, info), 0);
    EXPECT_EQ(info.count, kCounts[index]) << index;
    EXPECT_EQ(info.flags, index == 0 ? 7 : 9) << index;
  }
  for (const uint32_t index : {5U, 6U, UINT32_MAX}) {
    vfio_irq_info info = irq_info(index);
    EXPECT_EQ(call(VFIO_DEVICE_GET_IRQ_INFO, info), -EINVAL) << index;
  }
  expect_efault(VFIO_DEVICE_GET_IRQ_INFO, 16);
  vfio_irq_info info = irq_info(0, 15);
  EXPECT_EQ(call(VFIO_DEVICE_GET_IRQ_INFO, info), -EINVAL);
}

TEST_F(Info, UnknownIoctls) {
  bind();
  for (const uint32_t command : std::initializer_list<uint32_t>{
           VFIO_GET_API_VERSION, VFIO_GROUP_GET_STATUS, VFIO_DEVICE_IOEVENTFD, VFIO_IOMMU_UNMAP_DMA,
           IOMMU_IOAS_ALLOC, 0, UINT32_MAX}) {
    EXPECT_EQ(p_->ioctl_value(fd_, command, 0), -ENOTTY) << std::hex << command;
  }
}

class Reset : public Info {};

TEST_F(Reset, NeedsAMethod) {
  bind();
  EXPECT_EQ(p_->ioctl_value(fd_, VFIO_DEVICE_RESET, 0), -EINVAL);
}

TEST_F(Reset, ClearsTheRegistersOfTheDevice) {
  bind(with_reset());
  p_->store<uint32_t>(fd_, 0x08, 5);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 0x08), 120);
  EXPECT_EQ(p_->ioctl_value(fd_, VFIO_DEVICE_RESET, 0), 0);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 0x08), 0);
}

// At open, by the ioctl and by the capability; not at close.
TEST_F(Reset, IsLogged) {
  bind(with_reset());
  EXPECT_EQ(p_->ioctl_value(fd_, VFIO_DEVICE_RESET, 0), 0);
  p_->store<uint8_t>(fd_, kConfig + 0x54, 1);
  p_->close(fd_);
  std::vector<std::string> lines;
  for (const LogLine& line : p_->machine->kernel().log().lines()) {
    if (line.text.find("reset") != std::string::npos) lines.push_back(line.text);
  }
  const std::string begin = "vfio-pci 0000:00:04.0: resetting";
  const std::string end = "vfio-pci 0000:00:04.0: reset done";
  EXPECT_THAT(lines, testing::ElementsAre(begin, end, begin, end, begin, end));
}

// The kernel saves config space before a reset and puts it back.
TEST_F(Reset, KeepsWhatTheProgramSetUp) {
  bind(with_reset());
  p_->store<uint16_t>(fd_, kConfig + 0x04, 0x0006);
  p_->store<uint8_t>(fd_, kConfig + 0x0c, 0x10);
  const int event = p_->eventfd();
  EXPECT_EQ(p_->set_irq(fd_, 0x24, VFIO_PCI_MSI_IRQ_INDEX, event), 0);
  EXPECT_EQ(p_->ioctl_value(fd_, VFIO_DEVICE_RESET, 0), 0);
  EXPECT_EQ(p_->load<uint16_t>(fd_, kConfig + 0x04), 0x0006);
  EXPECT_EQ(p_->load<uint8_t>(fd_, kConfig + 0x0c), 0x10);
  p_->store<uint32_t>(fd_, 0x60, 1);
  EXPECT_EQ(p_->events(event), 1);
}

TEST_F(Reset, LeavesAMaskedLineMasked) {
  bind(with_reset());
  const int event = p_->eventfd();
  EXPECT_EQ(p_->set_irq(fd_, 0x24, VFIO_PCI_INTX_IRQ_INDEX, event), 0);
  p_->store<uint32_t>(fd_, 0x60, 1);
  EXPECT_EQ(p_->events(event), 1);
  EXPECT_EQ(p_->ioctl_value(fd_, VFIO_DEVICE_RESET, 0), 0);
  EXPECT_TRUE(p_->machine->bus().find("0000:00:04.0")->intx_disabled());
  p_->store<uint32_t>(fd_, 0x60, 1);
  EXPECT_EQ(p_->events(event), 0);
  EXPECT_EQ(p_->set_irqs(fd_, 0x11, VFIO_PCI_INTX_IRQ_INDEX, 0, 1), 0);
  EXPECT_EQ(p_->events(event), 1);
}

TEST_F(Reset, AlsoByTheAdvancedFeaturesCapability) {
  bind(with_reset());
  EXPECT_EQ(p_->load<uint8_t>(fd_, kConfig + 0x41), 0x50);
  EXPECT_EQ(p_->load<uint32_t>(fd_, kConfig + 0x50), 0x03060013);
  p_->store<uint32_t>(fd_, 0x08, 5);
  p_->store<uint16_t>(fd_, kConfig + 0x04, 0x0006);
  p_->store<uint8_t>(fd_, kConfig + 0x54, 1);
  EXPECT_EQ(p_->load<uint8_t>(fd_, kConfig + 0x54), 0);
  EXPECT_EQ(p_->load<uint16_t>(fd_, kConfig + 0x04), 0x0006);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 0x08), 0);
}

TEST_F(Reset, HotResetHasNeitherSlotNorBus) {
  for (const MachineConfig& config : {tests::two_devices(), with_reset()}) {
    bind(config);
    vfio_pci_hot_reset_info info{.argsz = 12, .flags = 0, .count = 0};
    EXPECT_EQ(call(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info), -ENODEV);
    info.argsz = 11;
    EXPECT_EQ(call(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info), -EINVAL);
    expect_efault(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, 12);

    vfio_pci_hot_reset reset{.argsz = 12, .flags = 0, .count = 0};
    EXPECT_EQ(call(VFIO_DEVICE_PCI_HOT_RESET, reset), -ENODEV);
    reset.count = 1;
    EXPECT_EQ(call(VFIO_DEVICE_PCI_HOT_RESET, reset), -EINVAL) << "descriptors are for groups";
    reset = {.argsz = 12, .flags = 1, .count = 0};
    EXPECT_EQ(call(VFIO_DEVICE_PCI_HOT_RESET, reset), -EINVAL);
    reset = {.argsz = 11, .flags = 0, .count = 0};
    EXPECT_EQ(call(VFIO_DEVICE_PCI_HOT_RESET, reset), -EINVAL);
    expect_efault(VFIO_DEVICE_PCI_HOT_RESET, 12);
  }
}

class Feature : public Info {
 protected:
  static constexpr uint32_t kGet = VFIO_DEVICE_FEATURE_GET;
  static constexpr uint32_t kSet = VFIO_DEVICE_FEATURE_SET;
  static constexpr uint32_t kProbe = VFIO_DEVICE_FEATURE_PROBE;

  void SetUp() override { bind(); }
  int64_t feature(uint32_t flags, uint32_t argsz = 8) {
    vfio_device_feature argument{.argsz = argsz, .flags = flags};
    return call(VFIO_DEVICE_FEATURE, argument);
  }
  void sleep() { p_->machine->kernel().clock().advance(std::chrono::milliseconds(1)); }
  int64_t enter_with_wakeup(int32_t eventfd) {
    struct {
      vfio_device_feature feature;
      vfio_device_low_power_entry_with_wakeup entry;
    } argument = {{.argsz = sizeof(argument), .flags = kSet | 4},
                  {.wakeup_eventfd = eventfd, .reserved = 0}};
    return call(VFIO_DEVICE_FEATURE, argument);
  }
};

TEST_F(Feature, EnvelopeErrorsComeFirst) {
  expect_efault(VFIO_DEVICE_FEATURE, 8);
  EXPECT_EQ(feature(kProbe | 3, 7), -EINVAL);
  for (const uint32_t unknown : {0x80000U, 0x80000000U}) {
    EXPECT_EQ(feature(unknown | kProbe | 3), -EINVAL);
    EXPECT_EQ(feature(unknown | 99), -EINVAL) << "before the index";
  }
  EXPECT_EQ(feature(kGet | kSet | 99), -EINVAL) << "before the index";
}

TEST_F(Feature, UnknownOnes) {
  for (const uint32_t index : {0U, 1U, 2U, 6U, 7U, 8U, 9U, 10U, 13U, 14U, 99U, 0xffffU}) {
    for (const uint32_t flags :
         {kProbe, kProbe | kGet, kProbe | kSet, kProbe | kGet | kSet, kGet, kSet, 0U}) {
      EXPECT_EQ(feature(flags | index), -ENOTTY) << index;
    }
  }
}

TEST_F(Feature, PrecopyInfoIsRefusedWhateverTheBits) {
  for (const uint32_t flags : {kProbe, kProbe | kGet, kProbe | kSet, kGet, kSet, 0U}) {
    EXPECT_EQ(feature(flags | 12), -EINVAL);
  }
}

TEST_F(Feature, LowPowerCanBeSetOnly) {
  for (const uint32_t index : {3U, 4U, 5U}) {
    EXPECT_EQ(feature(kProbe | index), 0);
    EXPECT_EQ(feature(kProbe | kSet | index), 0);
    EXPECT_EQ(feature(kProbe | kGet | index), -EINVAL);
    EXPECT_EQ(feature(kProbe | kGet | kSet | index), -EINVAL);
    EXPECT_EQ(feature(kGet | index), -EINVAL);
    EXPECT_EQ(feature(index), -EINVAL) << "neither GET nor SET";
  }
}

TEST_F(Feature, DmaBufCanBeGotOnly) {
  EXPECT_EQ(feature(kProbe | 11), 0);
  EXPECT_EQ(feature(kProbe | kGet | 11), 0);
  EXPECT_EQ(feature(kProbe | kSet | 11), -EINVAL);
  EXPECT_EQ(feature(kProbe | kGet | kSet | 11), -EINVAL);
  EXPECT_EQ(feature(kSet | 11), -EINVAL);
  EXPECT_EQ(feature(11), -EINVAL);
  EXPECT_EQ(feature(kGet | 11, 23), -EINVAL) << "no room for the payload";
}

TEST_F(Feature, LowPowerIsEnteredOnceAndLeftAtWill) {
  EXPECT_EQ(feature(kSet | 5), 0);
  EXPECT_EQ(feature(kSet | 3), 0);
  EXPECT_EQ(feature(kSet | 3), -EINVAL);
  EXPECT_EQ(enter_with_wakeup(p_->eventfd()), -EINVAL);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 0), 0x010000ed) << "every access keeps working";
  EXPECT_EQ(feature(kSet | 5), 0);
  EXPECT_EQ(feature(kSet | 5), 0);
  EXPECT_EQ(enter_with_wakeup(p_->eventfd()), 0);
  EXPECT_EQ(feature(kSet | 3), -EINVAL);
}

TEST_F(Feature, UseOfASleepingDeviceWakesItUp) {
  const int event = p_->eventfd();
  const auto ioctl = [&] { EXPECT_EQ(p_->ioctl_value(fd_, 0, 0), -ENOTTY); };
  const auto read = [&] { EXPECT_EQ(p_->pread(fd_, kConfig, 4), 4); };
  const auto write = [&] { EXPECT_EQ(p_->pwrite(fd_, 4, uint32_t{0}), 4); };
  for (const auto& use : std::initializer_list<std::function<void()>>{ioctl, read, write}) {
    EXPECT_EQ(enter_with_wakeup(event), 0);
    use();
    EXPECT_EQ(p_->events(event), 0) << "it had no time to fall asleep";
    sleep();
    EXPECT_EQ(p_->events(event), 0);
    use();
    EXPECT_EQ(p_->events(event), 1);
    use();
    EXPECT_EQ(p_->events(event), 0) << "it is awake";
  }
}

TEST_F(Feature, NoUseIsNoReasonToWakeUp) {
  const int event = p_->eventfd();
  EXPECT_EQ(enter_with_wakeup(event), 0);
  sleep();
  EXPECT_EQ(p_->pread(fd_, kConfig, 0), 0);
  EXPECT_EQ(p_->pread(fd_, uint64_t{9} << 40, 4), -EINVAL) << "no such region";
  EXPECT_EQ(p_->events(event), 0);
  p_->close(fd_);
  EXPECT_EQ(p_->events(event), 0) << "the close ends low power itself";
}

TEST_F(Feature, WakingUpEndsLowPower) {
  const int event = p_->eventfd();
  EXPECT_EQ(enter_with_wakeup(event), 0);
  sleep();
  EXPECT_EQ(feature(kSet | 3), 0) << "which woke the device up first";
  EXPECT_EQ(p_->events(event), 1);
  sleep();
  EXPECT_EQ(feature(kSet | 3), -EINVAL) << "nobody is told, so it stays";
  EXPECT_EQ(feature(kSet | 5), 0);
  EXPECT_EQ(enter_with_wakeup(event), 0);
  EXPECT_EQ(feature(kSet | 5), 0);
  sleep();
  EXPECT_EQ(feature(kSet | 5), 0);
  EXPECT_EQ(p_->events(event), 0);
}

TEST_F(Feature, WakeupNeedsAnEventfd) {
  EXPECT_EQ(feature(kSet | 4), -EINVAL);
  EXPECT_EQ(feature(kSet | 4, 15), -EINVAL);
  EXPECT_EQ(feature(kSet | 4, 16), -EFAULT);
  EXPECT_EQ(enter_with_wakeup(-1), -EINVAL);
  EXPECT_EQ(enter_with_wakeup(999), -EBADF);
  EXPECT_EQ(enter_with_wakeup(fd_), -EINVAL);
  EXPECT_EQ(feature(kSet | 3), 0) << "none of them entered";
}

TEST_F(Feature, CloseLeavesLowPower) {
  EXPECT_EQ(feature(kSet | 3), 0);
  p_->close(fd_);
  fd_ = p_->open_bound().fd;
  EXPECT_EQ(feature(kSet | 3), 0);
}

}  // namespace
}  // namespace noiommu::vfio
