// read, write and mmap of BARs. Spec: vfio-core.md sections 11.1, "edu BAR0", and 11.9.
#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

constexpr uint32_t kIdentification = 0x010000ed;
constexpr uint64_t kBarSize = 0x100000;

class Bar : public VfioTest {
 protected:
  void SetUp() override { bind(tests::two_devices()); }
  void bind(const MachineConfig& config) {
    p_ = &boot(config);
    bound_ = p_->open_bound();
    fd_ = bound_.fd;
  }
  Result<UserPtr> map(uint64_t offset, uint64_t length, int flags = MAP_SHARED) {
    return p_->process->mmap(
        {.length = length, .prot = PROT_READ | PROT_WRITE, .flags = flags, .offset = offset}, fd_);
  }
  void command(uint16_t value) { p_->store(fd_, kConfig + 0x04, value); }

  Driver* p_ = nullptr;
  Driver::Bound bound_{};
  int fd_ = -1;
};

TEST_F(Bar, Registers) {
  EXPECT_EQ(p_->load<uint32_t>(fd_, 0), kIdentification);
  p_->store<uint32_t>(fd_, 4, 0x12345678);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 4), ~0x12345678U);
  p_->store<uint32_t>(fd_, 8, 5);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 8), 120);
}

TEST_F(Bar, WidthsFollowTheAlignment) {
  EXPECT_EQ(p_->load<uint64_t>(fd_, 0), UINT64_MAX) << "no 8-byte register below 0x80";
  EXPECT_EQ(p_->load<uint16_t>(fd_, 0), 0);
  EXPECT_EQ(p_->load<uint8_t>(fd_, 0), 0);
  EXPECT_EQ((p_->load<std::array<uint32_t, 3>>(fd_, 4)),
            (std::array<uint32_t, 3>{0, UINT32_MAX, UINT32_MAX}))
      << "4 bytes, then 8 that nobody knows";
  p_->store<uint64_t>(fd_, 0x80, 0x123456789abcdef0);
  EXPECT_EQ(p_->load<uint64_t>(fd_, 0x80), 0x123456789abcdef0);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 0xffffc), UINT32_MAX);
}

TEST_F(Bar, AccessAcrossTheEndIsShort) {
  EXPECT_EQ(p_->pread(fd_, kBarSize - 2, 4), 2);
  EXPECT_EQ(p_->pwrite(fd_, kBarSize - 1, uint64_t{0}), 1);
  EXPECT_EQ(p_->pread(fd_, 0, 2 * kBarSize), kBarSize);
  EXPECT_EQ(p_->pread(fd_, kBarSize, 4), -EINVAL);
  EXPECT_EQ(p_->pwrite(fd_, kBarSize, uint32_t{0}), -EINVAL);
  EXPECT_EQ(p_->pread(fd_, (uint64_t{1} << 40) - 4, 4), -EINVAL);
}

TEST_F(Bar, NothingBehindTheOtherRegions) {
  for (const uint64_t index : {1, 5, 6, 8, 9, 10}) {
    EXPECT_EQ(p_->pread(fd_, index << 40, 4), -EINVAL) << index;
    EXPECT_EQ(p_->pwrite(fd_, index << 40, uint32_t{0}), -EINVAL) << index;
  }
  EXPECT_EQ(p_->pread(fd_, INT64_MAX - 7, 4), -EINVAL);
}

TEST_F(Bar, NoBytesAreNoMistake) {
  for (const uint64_t offset : {uint64_t{0}, kBarSize, uint64_t{9} << 40, uint64_t{INT64_MAX}}) {
    EXPECT_EQ(p_->answer(p_->process->pread(fd_, {0}, 0, offset)), 0);
    EXPECT_EQ(p_->answer(p_->process->pwrite(fd_, {0}, 0, offset)), 0);
  }
}

TEST_F(Bar, BufferMustBeGood) {
  EXPECT_EQ(p_->answer(p_->process->pread(fd_, {0}, 4, 0)), -EFAULT);
  EXPECT_EQ(p_->answer(p_->process->pwrite(fd_, {0}, 4, 0)), -EFAULT);
  EXPECT_EQ(p_->answer(p_->process->pread(fd_, p_->scratch(256), 512, 0)), -EFAULT);
}

TEST_F(Bar, ReadGoesOnAtTheFilePosition) {
  const UserPtr at = p_->memory(kPageSize);
  EXPECT_EQ(p_->answer(p_->process->read(fd_, at, 4)), 4);
  EXPECT_EQ(p_->peek<uint32_t>(at), kIdentification);
  p_->poke(at, uint32_t{0});
  EXPECT_EQ(p_->answer(p_->process->write(fd_, at, 4)), 4);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 4), UINT32_MAX);
}

TEST_F(Bar, MemoryDecodeOff) {
  const UserPtr bar = map(0, kPageSize).value();
  command(0);
  EXPECT_EQ(p_->pread(fd_, 0, 4), -EIO);
  EXPECT_EQ(p_->pwrite(fd_, 4, uint32_t{1}), -EIO);
  EXPECT_EQ(p_->pread(fd_, kBarSize, 4), -EINVAL) << "there is nothing to decode";
  EXPECT_EQ(p_->pread(fd_, 0, 0), 0);
  uint32_t value = 0;
  EXPECT_EQ(errno_of(read_user(p_->process->memory(), bar, value)), EFAULT);
  EXPECT_EQ(errno_of(write_user(p_->process->memory(), bar + 4, value)), EFAULT);
  command(2);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 0), kIdentification);
  EXPECT_EQ(p_->peek<uint32_t>(bar), kIdentification);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 4), 0) << "the write was lost";
}

TEST_F(Bar, MappingIsAsleepInLowPower) {
  const UserPtr bar = map(0, kPageSize).value();
  const auto feature = [&](uint32_t index) {
    vfio_device_feature argument{.argsz = sizeof(argument),
                                 .flags = VFIO_DEVICE_FEATURE_SET | index};
    return p_->ioctl(fd_, VFIO_DEVICE_FEATURE, argument);
  };
  EXPECT_EQ(feature(VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY), 0);
  uint32_t value = 0;
  EXPECT_EQ(errno_of(read_user(p_->process->memory(), bar, value)), EFAULT);
  EXPECT_EQ(errno_of(write_user(p_->process->memory(), bar + 4, value)), EFAULT);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 0), kIdentification);
  EXPECT_EQ(feature(VFIO_DEVICE_FEATURE_LOW_POWER_EXIT), 0);
  EXPECT_EQ(p_->peek<uint32_t>(bar), kIdentification);
}

TEST_F(Bar, MappingIsTheDevice) {
  const UserPtr bar = map(0, kBarSize).value();
  EXPECT_EQ(p_->peek<uint32_t>(bar), kIdentification);
  p_->poke(bar + 4, uint32_t{0x0f0f0f0f});
  EXPECT_EQ(p_->load<uint32_t>(fd_, 4), 0xf0f0f0f0);
  p_->poke(bar + 8, uint32_t{5});
  EXPECT_EQ(p_->peek<uint32_t>(bar + 8), 120);
}

TEST_F(Bar, MappingMayStartInTheMiddle) {
  const UserPtr bar = map(kBarSize - kPageSize, kPageSize).value();
  EXPECT_EQ(p_->peek<uint32_t>(bar + (kPageSize - 4)), UINT32_MAX);
}

TEST_F(Bar, MappingRaisesInterruptsToo) {
  const UserPtr bar = map(0, kPageSize).value();
  const int event = p_->eventfd();
  EXPECT_EQ(p_->set_irq(fd_, 0x24, VFIO_PCI_INTX_IRQ_INDEX, event), 0);
  p_->poke(bar + 0x60, uint32_t{1});
  EXPECT_EQ(p_->events(event), 1);
}

TEST_F(Bar, MmapRules) {
  EXPECT_EQ(errno_of(map(0, kPageSize, MAP_PRIVATE)), EINVAL);
  EXPECT_EQ(errno_of(map(0, kBarSize + 1)), EINVAL);
  EXPECT_EQ(errno_of(map(kPageSize, kBarSize)), EINVAL);
  EXPECT_EQ(errno_of(map(kBarSize, kPageSize)), EINVAL);
  EXPECT_EQ(errno_of(map(0, uint64_t{1} << 46)), EINVAL);
  EXPECT_EQ(errno_of(map(0, 0)), EINVAL);
  EXPECT_EQ(errno_of(map(1, kPageSize)), EINVAL);
  for (const uint64_t index : {1, 5, 6, 7, 8, 9, 100}) {
    EXPECT_EQ(errno_of(map(index << 40, kPageSize)), EINVAL) << index;
  }
  EXPECT_TRUE(map(0, 1));
}

// A buffer of a system call may lie in a BAR, also in the device's own.
TEST_F(Bar, BuffersMayLieInABar) {
  const UserPtr bar = map(0, kPageSize).value();
  EXPECT_EQ(p_->answer(p_->process->pwrite(fd_, bar, 4, 4)), 4);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 4), ~kIdentification);
  EXPECT_EQ(p_->answer(p_->process->pread(fd_, bar + 4, 4, 0)), 4);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 4), ~kIdentification);
  command(0);
  EXPECT_EQ(p_->answer(p_->process->pread(fd_, bar, 4, kConfig)), -EFAULT);
}

TEST_F(Bar, CannotBePinned) {
  const int64_t ioas = p_->alloc_ioas(bound_.iommufd);
  EXPECT_EQ(p_->attach(fd_, ioas), 3);
  const UserPtr bar = map(0, 0x10000).value();
  EXPECT_EQ(p_->map(bound_.iommufd, ioas, bar, 0x10000, 0x100000), -EFAULT);
}

}  // namespace
}  // namespace noiommu::vfio
