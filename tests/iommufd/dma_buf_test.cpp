// Parts of a BAR in an IOAS, and how they are taken away. Spec: iommufd.md section 7; vfio-core.md
// section 11.10.
#include "model/kernel/dma_buf.h"

#include "tests/iommufd/iommufd_test.h"

namespace noiommu::tests {
namespace {

constexpr uint16_t kDecodeMemory = 2;
constexpr uint64_t kBarSize = kMiB;

class DmaBufTest : public AttachedTest {
 protected:
  void SetUp() override { start(two_devices()); }
  void start(const MachineConfig& config) {
    AttachedTest::start(config);
    bar_ = program_->machine->bus().find("0000:00:04.0")->bar(0).base;
    buffer_ = buffer();
    ASSERT_GE(buffer_, 0);
  }
  // A dma-buf of 64 KiB from the middle of the BAR.
  int buffer() { return static_cast<int>(program_->dma_buf(device_, {{kOffset, 64 * kKiB}})); }
  int64_t map_at(uint64_t iova, uint64_t start, uint64_t length) {
    return program_->map_file_at(ioas_, buffer_, start, length, iova);
  }
  int64_t answer_at(uint64_t iova) { return program_->get_pa(ioas_, iova).answer; }
  void decode(bool on) { program_->set_command(device_, on ? kDecodeMemory : 0); }
  // Closes the device, binds it again and attaches it to the same IOAS.
  void reopen() {
    program_->close(device_);
    device_ = program_->bind(0);
    ASSERT_GT(program_->attach(device_, ioas_), 0);
  }

  static constexpr uint64_t kOffset = 0x8000;  // of the buffer in the BAR
  PhysAddr bar_;
  int buffer_ = -1;
};

TEST_F(DmaBufTest, NamesPiecesOfABar) {
  const uint64_t page = kPageSize;
  EXPECT_EQ(program_->dma_buf(device_, {}), -EINVAL) << "no range";
  EXPECT_EQ(program_->dma_buf(device_, {{0, page}}, VFIO_PCI_BAR0_REGION_INDEX, 1), -EINVAL);
  EXPECT_EQ(program_->dma_buf(device_, {{0, 0}}), -EINVAL);
  EXPECT_EQ(program_->dma_buf(device_, {{0, 100}}), -EINVAL);
  EXPECT_EQ(program_->dma_buf(device_, {{100, page}}), -EINVAL);
  EXPECT_EQ(program_->dma_buf(device_, {{0, kBarSize + page}}), -EINVAL);
  EXPECT_EQ(program_->dma_buf(device_, {{kBarSize, page}}), -EINVAL);
  EXPECT_EQ(program_->dma_buf(device_, {{UINT64_MAX - 0xfff, page}}), -EOVERFLOW);
  EXPECT_EQ(program_->dma_buf(device_, {{UINT64_MAX - 0xfff, uint64_t{1} << 63}}), -EINVAL)
      << "no size for a file";
  EXPECT_EQ(program_->dma_buf(device_, {{0, page}, {kBarSize, page}}), -EINVAL);
  EXPECT_EQ(program_->dma_buf(device_, {{0, page}, {page, 0}}), -EINVAL) << "the second";
  EXPECT_EQ(program_->dma_buf(device_, {{0, page}}, 1), -ENODEV) << "the device has no such BAR";
  EXPECT_EQ(program_->dma_buf(device_, {{0, 100}}, 1), -ENODEV) << "before its ranges";
  EXPECT_EQ(program_->dma_buf(device_, {{0, page}}, VFIO_PCI_CONFIG_REGION_INDEX), -ENODEV);
  EXPECT_GE(program_->dma_buf(device_, {{0, kBarSize}}), 0);
  EXPECT_GE(program_->dma_buf(device_, {{0, page}, {page, page}}), 0) << "several, as such";
}

TEST_F(DmaBufTest, HasNoMoreRangesThanFitAnAllocation) {
  struct {
    vfio_device_feature feature;
    vfio_device_feature_dma_buf dma_buf;
  } request{};
  request.feature.argsz = sizeof(request);
  request.feature.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF;
  request.dma_buf.nr_ranges = 262144;
  EXPECT_EQ(program_->ioctl(device_, VFIO_DEVICE_FEATURE, request), -EFAULT);
  ++request.dma_buf.nr_ranges;
  EXPECT_EQ(program_->ioctl(device_, VFIO_DEVICE_FEATURE, request), -ENOMEM);
}

TEST_F(DmaBufTest, TellsItsSizeAndNothingElse) {
  const auto lseek = [&](int64_t offset, int whence) {
    return Program::answer(program_->process->lseek(buffer_, offset, whence));
  };
  EXPECT_EQ(lseek(0, SEEK_END), 64 * kKiB);
  EXPECT_EQ(lseek(0, SEEK_SET), 0);
  EXPECT_EQ(lseek(0, SEEK_CUR), -EINVAL);
  EXPECT_EQ(lseek(1, SEEK_SET), -EINVAL);
  EXPECT_EQ(lseek(-1, SEEK_END), -EINVAL);
  const UserPtr at = program_->memory(kPageSize);
  EXPECT_EQ(Program::answer(program_->process->pread(buffer_, at, 4, 0)), -ESPIPE);
  EXPECT_EQ(Program::answer(program_->process->pwrite(buffer_, at, 4, 0)), -ESPIPE);
  EXPECT_EQ(Program::answer(program_->process->read(buffer_, at, 4)), -EINVAL);
}

TEST_F(DmaBufTest, IsAskedForFromTheBarItself) {
  decode(true);
  const UserPtr bar =
      program_->process
          ->mmap({.length = kPageSize, .prot = PROT_READ | PROT_WRITE, .flags = MAP_SHARED},
                 device_)
          .value();
  const UserPtr below = program_->memory(kPageSize);
  ASSERT_EQ(below + kPageSize, bar);
  vfio_device_feature feature{};
  feature.argsz = sizeof(feature) + sizeof(vfio_device_feature_dma_buf);
  feature.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF;
  const UserPtr at = bar - sizeof(feature);
  ASSERT_TRUE(write_user(program_->process->memory(), at, feature));
  const auto done = program_->process->ioctl(device_, VFIO_DEVICE_FEATURE, at.value);
  EXPECT_EQ(Program::answer(done), -EINVAL) << "registers are no ranges";
}

TEST_F(DmaBufTest, IsMappedAtTheAddressOfTheBar) {
  ASSERT_EQ(map_at(0x10000, 0, 64 * kKiB), 0);
  ASSERT_EQ(map_at(0x30000, 0x3000, 0x2000), 0);
  const Extent whole = program_->get_pa(ioas_, 0x10000);
  EXPECT_EQ(whole.answer, 0);
  EXPECT_EQ(whole.phys, bar_ + kOffset);
  EXPECT_EQ(whole.length, 64 * kKiB) << "one run to the end of the area";
  EXPECT_EQ(program_->get_pa(ioas_, 0x10123).phys, bar_ + kOffset + 0x123);
  const Extent part = program_->get_pa(ioas_, 0x30000);
  EXPECT_EQ(part.phys, bar_ + kOffset + 0x3000);
  EXPECT_EQ(part.length, 0x2000U);
}

TEST_F(DmaBufTest, IsMappedBeforeOrAfterAttaching) {
  program_->detach(device_);
  ASSERT_EQ(map_at(0x10000, 0x1000, 0x2000), 0);
  EXPECT_EQ(answer_at(0x10000), -EOPNOTSUPP);
  ASSERT_EQ(program_->attach(device_, ioas_), hwpt_);
  EXPECT_EQ(program_->get_pa(ioas_, 0x11000).phys, bar_ + kOffset + 0x2000);
}

TEST_F(DmaBufTest, MustHoldTheWholeRange) {
  EXPECT_EQ(map_at(0x10000, 0, 64 * kKiB + kPageSize), -EINVAL);
  EXPECT_EQ(map_at(0x10000, 64 * kKiB, kPageSize), -EINVAL);
  EXPECT_EQ(map_at(0x10000, 0xf000, 2 * kPageSize), -EINVAL);
  EXPECT_EQ(map_at(0x10000, UINT64_MAX - 0xfff, kPageSize), -EINVAL);
  program_->detach(device_);
  EXPECT_EQ(map_at(0x10000, 0xffff, 2), -EINVAL) << "by a byte, and without a domain";
  EXPECT_EQ(map_at(0x10000, 0xffff, 1), 0);
}

TEST_F(DmaBufTest, MustBeInOnePiece) {
  buffer_ = static_cast<int>(
      program_->dma_buf(device_, {{0, kPageSize}, {kPageSize, kPageSize}, {0x10000, kPageSize}}));
  ASSERT_GE(buffer_, 0);
  EXPECT_EQ(map_at(0x10000, 0, kPageSize), -EOPNOTSUPP);
  EXPECT_EQ(map_at(0x10000, 0, 4 * kPageSize), -EINVAL) << "the range comes first";
}

TEST_F(DmaBufTest, MustHaveLessThanAllPages) {
  constexpr uint64_t kMost = UINT32_MAX;  // pages, which are too many
  const auto install = [&](uint64_t pages) {
    const std::vector<PfnRun> run{{Pfn{0}, pages}};
    return program_->process->install(std::make_shared<DmaBuf>(run, false)).value();
  };
  EXPECT_EQ(program_->map_file_at(ioas_, install(kMost), 0, kPageSize, 0x10000), -EINVAL);
  EXPECT_EQ(program_->map_file_at(ioas_, install(kMost - 1), 0, kPageSize, 0x10000), 0);
}

TEST_F(DmaBufTest, FollowsTheRulesOfEveryMap) {
  ASSERT_EQ(map_at(0x10000, 0, kPageSize), 0);
  EXPECT_EQ(map_at(0x10000, 0, kPageSize), -EEXIST);
  EXPECT_EQ(map_at(0x20001, 0, kPageSize), -EINVAL);
  EXPECT_EQ(map_at(0x20000, 1, kPageSize), -EINVAL);
  EXPECT_EQ(map_at(0x20000, 0, 1), -EINVAL);
  EXPECT_EQ(program_->map_file(ioas_, buffer_, 0x2000, 0x4000), 0x2000);
}

TEST_F(DmaBufTest, IsNeitherPinnedNorCharged) {
  program_->process->set_capability(CAP_IPC_LOCK, false);
  program_->process->set_memlock(0);
  EXPECT_EQ(map_at(0x10000, 0, 64 * kKiB), 0);
  EXPECT_EQ(pins(), 0U);
  EXPECT_EQ(program_->process->task()->user->locked_vm, 0U);
  EXPECT_EQ(program_->process->task()->memory->pinned_vm, 0U);
  EXPECT_EQ(program_->unmap_all(ioas_), 0x10000);
}

TEST_F(DmaBufTest, CanBeCopied) {
  const int64_t other = program_->ioas_alloc();
  ASSERT_GT(program_->attach(program_->bind(1), other), 0);
  ASSERT_EQ(map_at(0x10000, 0x1000, 0x4000), 0);
  ASSERT_EQ(program_->copy_to(other, 0x50000, ioas_, 0x12000, 0x2000), 0);
  ASSERT_EQ(program_->copy_to(ioas_, 0x60000, ioas_, 0x13000, 0x1000), 0);
  EXPECT_EQ(program_->unmap(ioas_, 0x10000, 0x4000), 0x4000);
  const Extent copy = program_->get_pa(other, 0x50000);
  EXPECT_EQ(copy.phys, bar_ + kOffset + 0x3000);
  EXPECT_EQ(copy.length, 0x2000U);
  EXPECT_EQ(program_->get_pa(ioas_, 0x60000).phys, bar_ + kOffset + 0x4000);
}

TEST_F(DmaBufTest, ThatIsNotWriteableIsNotCopiedSo) {
  ASSERT_EQ(program_->map_file_at(ioas_, buffer_, 0, kPageSize, 0x10000, IOMMU_IOAS_MAP_READABLE),
            0);
  EXPECT_EQ(program_->copy_to(ioas_, 0x20000, ioas_, 0x10000, kPageSize), -EPERM);
}

TEST_F(DmaBufTest, OutlivesItsDescriptor) {
  ASSERT_EQ(map_at(0x10000, 0, kPageSize), 0);
  program_->close(buffer_);
  EXPECT_EQ(answer_at(0x10000), 0);
  decode(false);
  EXPECT_EQ(answer_at(0x10000), -EINVAL) << "and can still be revoked";
}

TEST_F(DmaBufTest, IsRevokedWithTheDecodingOfMemory) {
  const UserPtr va = program_->labelled_memory(kPageSize);
  ASSERT_EQ(map_at(0x10000, 0, 64 * kKiB), 0);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x20000), 0);
  decode(false);
  EXPECT_EQ(answer_at(0x10000), -EINVAL);
  EXPECT_EQ(answer_at(0x1ffff), -EINVAL);
  EXPECT_EQ(program_->dma_read(program_->get_pa(ioas_, 0x20000).phys), va.value)
      << "its neighbour is not concerned";
  EXPECT_EQ(map_at(0x30000, 0, kPageSize), -ENODEV);
}

TEST_F(DmaBufTest, IsNotRevokedByTheRestOfTheCommandRegister) {
  ASSERT_EQ(map_at(0x10000, 0, kPageSize), 0);
  program_->set_command(device_, kDecodeMemory | 0x4);
  EXPECT_EQ(answer_at(0x10000), 0);
  program_->set_command(device_, kDecodeMemory | 0x400);
  EXPECT_EQ(answer_at(0x10000), 0);
}

TEST_F(DmaBufTest, StaysDeadWhenDecodingComesBack) {
  ASSERT_EQ(map_at(0x10000, 0, 0x4000), 0);
  decode(false);
  decode(true);
  EXPECT_EQ(answer_at(0x10000), -EINVAL);
  EXPECT_EQ(map_at(0x10000, 0, 0x4000), -EEXIST) << "it keeps its place";
  EXPECT_EQ(map_at(0x20000, 0, 0x4000), 0) << "but the buffer can be used again";
  EXPECT_EQ(program_->get_pa(ioas_, 0x20000).phys, bar_ + kOffset);
  EXPECT_EQ(program_->unmap(ioas_, 0x10000, 0x4000), 0x4000) << "its bytes count";
  EXPECT_EQ(map_at(0x10000, 0, 0x4000), 0);
  EXPECT_EQ(answer_at(0x10000), 0);
}

TEST_F(DmaBufTest, IsRevokedInLowPower) {
  const auto low_power = [&](uint32_t index) {
    vfio_device_feature feature{};
    feature.argsz = sizeof(feature);
    feature.flags = VFIO_DEVICE_FEATURE_SET | index;
    return program_->ioctl(device_, VFIO_DEVICE_FEATURE, feature);
  };
  ASSERT_EQ(map_at(0x10000, 0, 0x4000), 0);
  ASSERT_EQ(low_power(VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY), 0);
  EXPECT_EQ(answer_at(0x10000), -EINVAL);
  EXPECT_EQ(map_at(0x20000, 0, 0x4000), -ENODEV);
  ASSERT_EQ(low_power(VFIO_DEVICE_FEATURE_LOW_POWER_EXIT), 0);
  EXPECT_EQ(answer_at(0x10000), -EINVAL);
  EXPECT_EQ(map_at(0x20000, 0, 0x4000), 0);
  decode(false);
  ASSERT_EQ(low_power(VFIO_DEVICE_FEATURE_LOW_POWER_EXIT), 0);
  EXPECT_EQ(map_at(0x30000, 0, 0x4000), -ENODEV) << "nobody answers there";
}

TEST_F(DmaBufTest, IsRevokedInEveryCopy) {
  const int64_t other = program_->ioas_alloc();
  const int second = program_->bind(1);
  ASSERT_GT(program_->attach(second, other), 0);
  ASSERT_EQ(map_at(0x10000, 0, 0x4000), 0);
  ASSERT_EQ(program_->copy_to(other, 0x50000, ioas_, 0x11000, 0x2000), 0);
  decode(false);
  EXPECT_EQ(answer_at(0x10000), -EINVAL);
  EXPECT_EQ(program_->get_pa(other, 0x50000).answer, -EINVAL);
  EXPECT_EQ(program_->unmap_all(other), 0x2000);
  ASSERT_EQ(program_->map_at(other, program_->labelled_memory(0x2000), 0x2000, 0x50000), 0)
      << "its page table has room there";
}

TEST_F(DmaBufTest, ThatIsRevokedIsSaidBeforeThereIsNoDomain) {
  ASSERT_EQ(map_at(0x10000, 0, 0x4000), 0);
  decode(false);
  program_->detach(device_);
  EXPECT_EQ(answer_at(0x10000), -EINVAL);
}

TEST_F(DmaBufTest, ThatIsRevokedDoesNotKeepADeviceFromAttaching) {
  program_->detach(device_);
  ASSERT_EQ(map_at(0x10000, 0, 0x4000), 0);
  const UserPtr va = program_->labelled_memory(kPageSize);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x20000), 0);
  decode(false);
  EXPECT_EQ(program_->attach(device_, ioas_), hwpt_);
  EXPECT_EQ(answer_at(0x10000), -EINVAL);
  EXPECT_EQ(answer_at(0x20000), 0);
  program_->detach(device_);
  EXPECT_EQ(program_->unmap_all(ioas_), 0x5000);
}

TEST_F(DmaBufTest, ThatIsMadeWhileDecodingIsOffIsRevoked) {
  decode(false);
  buffer_ = buffer();
  ASSERT_GE(buffer_, 0);
  EXPECT_EQ(map_at(0x10000, 0, kPageSize), -ENODEV);
  EXPECT_EQ(map_at(0x10000, 0, 64 * kKiB + kPageSize), -EINVAL) << "the range comes first";
  decode(true);
  EXPECT_EQ(map_at(0x10000, 0, kPageSize), 0);
}

TEST_F(DmaBufTest, IsRevokedForGoodWhenTheDeviceIsClosed) {
  const UserPtr va = program_->labelled_memory(kPageSize);
  ASSERT_EQ(map_at(0x10000, 0, 0x4000), 0);
  ASSERT_EQ(program_->map_at(ioas_, va, kPageSize, 0x20000), 0);
  reopen();
  EXPECT_EQ(answer_at(0x10000), -EINVAL);
  EXPECT_EQ(answer_at(0x20000), 0);
  EXPECT_EQ(map_at(0x30000, 0, kPageSize), -ENODEV);
  decode(false);
  decode(true);
  EXPECT_EQ(map_at(0x30000, 0, kPageSize), -ENODEV) << "the new opening knows nothing of it";
  buffer_ = buffer();
  EXPECT_EQ(map_at(0x30000, 0, kPageSize), 0);
}

TEST_F(DmaBufTest, OfAnotherDeviceIsNotConcerned) {
  const int second = program_->bind(1);
  const PhysAddr bar = program_->machine->bus().find("0000:00:05.0")->bar(0).base;
  const auto other = static_cast<int>(program_->dma_buf(second, {{0, kPageSize}}));
  ASSERT_EQ(program_->map_file_at(ioas_, other, 0, kPageSize, 0x10000), 0);
  decode(false);
  EXPECT_EQ(program_->get_pa(ioas_, 0x10000).phys, bar);
}

TEST_F(DmaBufTest, DoesNotHoldTheDeviceOrTheContext) {
  ASSERT_EQ(map_at(0x10000, 0, 0x4000), 0);
  program_->close(device_);
  EXPECT_EQ(program_->destroy(1), -ENOENT) << "the device is unbound";
  EXPECT_EQ(answer_at(0x10000), -EINVAL);
  EXPECT_EQ(program_->unmap_all(ioas_), 0x4000);
}

class ResettableDmaBuf : public DmaBufTest {
 protected:
  void SetUp() override {
    MachineConfig config = two_devices();
    for (DeviceConfig& device : config.devices) device.flr = true;
    start(config);
  }
};

TEST_F(ResettableDmaBuf, IsRevokedByAReset) {
  decode(true);
  ASSERT_EQ(map_at(0x10000, 0, 0x4000), 0);
  ASSERT_EQ(program_->ioctl_value(device_, VFIO_DEVICE_RESET, 0), 0);
  EXPECT_EQ(answer_at(0x10000), -EINVAL);
  EXPECT_EQ(map_at(0x20000, 0, 0x4000), 0) << "and can be mapped anew";
  EXPECT_EQ(program_->unmap(ioas_, 0x10000, 0x4000), 0x4000);
}

TEST_F(ResettableDmaBuf, StaysRevokedWhereDecodingIsOff) {
  decode(false);
  ASSERT_EQ(program_->ioctl_value(device_, VFIO_DEVICE_RESET, 0), 0);
  EXPECT_EQ(map_at(0x20000, 0, 0x4000), -ENODEV);
}

TEST_F(DmaBufTest, OfADeviceThatCannotBeResetStays) {
  ASSERT_EQ(map_at(0x10000, 0, 0x4000), 0);
  ASSERT_EQ(program_->ioctl_value(device_, VFIO_DEVICE_RESET, 0), -EINVAL);
  EXPECT_EQ(answer_at(0x10000), 0);
}

}  // namespace
}  // namespace noiommu::tests
