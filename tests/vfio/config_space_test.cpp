// The config space that vfio-pci shows. Spec: vfio-core.md section 11.1, and 11.9 for bounds.
#include <array>

#include "tests/vfio/driver.h"

namespace noiommu::vfio {
namespace {

using Bytes = std::array<uint8_t, 256>;

class ConfigSpace : public VfioTest {
 protected:
  void bind(const MachineConfig& config = tests::two_devices()) {
    p_ = &boot(config);
    fd_ = p_->open_bound().fd;
  }
  template <class T>
  T load(uint64_t offset) {
    return p_->load<T>(fd_, kConfig + offset);
  }
  template <class T>
  void store(uint64_t offset, T value) {
    p_->store(fd_, kConfig + offset, value);
  }

  Driver* p_ = nullptr;
  int fd_ = -1;
};

Bytes after_open() {
  Bytes bytes{0x34, 0x12, 0xe8, 0x11, 0x03, 0x01, 0x10, 0x00, 0x10, 0x00, 0xff, 0x00};
  bytes[0x13] = 0xe0;  // the firmware's choice
  bytes[0x2c] = 0xf4;
  bytes[0x2d] = 0x1a;
  bytes[0x2f] = 0x11;
  bytes[0x34] = 0x40;
  bytes[0x3c] = 0x0a;
  bytes[0x3d] = 0x01;
  bytes[0x40] = 0x05;
  bytes[0x42] = 0x80;
  return bytes;
}

Bytes after_all_ones() {
  Bytes bytes = after_open();
  bytes[0x04] = 0x07;
  bytes[0x05] = 0x05;
  bytes[0x0c] = 0xff;
  bytes[0x10] = 0x00;
  bytes[0x11] = 0x00;
  bytes[0x12] = 0xf0;
  bytes[0x13] = 0xff;
  bytes[0x3c] = 0xff;
  bytes[0x42] = 0x8e;
  for (size_t i = 0x44; i < bytes.size(); ++i) bytes[i] = 0xff;
  return bytes;
}

TEST_F(ConfigSpace, AfterOpen) {
  bind();
  EXPECT_EQ(load<Bytes>(0), after_open());
}

TEST_F(ConfigSpace, AllOnesReadBackWhatIsWritable) {
  bind();
  Bytes ones;
  ones.fill(0xff);
  store(0, ones);
  EXPECT_EQ(load<Bytes>(0), after_all_ones());
}

TEST_F(ConfigSpace, ByteByByteMakesNoDifference) {
  bind();
  for (uint64_t i = 0; i < 256; ++i) store<uint8_t>(i, 0xff);
  const Bytes expected = after_all_ones();
  for (uint64_t i = 0; i < 256; ++i) EXPECT_EQ(load<uint8_t>(i), expected.at(i)) << i;
}

TEST_F(ConfigSpace, LowByteOfTheMsiFlagsIsTheProgrammes) {
  bind();
  store<uint16_t>(0x42, 0);
  EXPECT_EQ(load<uint16_t>(0x42), 0) << "even what tells of 64-bit addresses";
  store<uint16_t>(0x42, 0xfffe);
  EXPECT_EQ(load<uint16_t>(0x42), 0x008e) << "one vector is all there is";
}

TEST_F(ConfigSpace, CloseGivesTheCacheLineSizeBack) {
  for (const MachineConfig& config : {tests::two_devices(), with_reset()}) {
    bind(config);
    store<uint8_t>(0x0c, 0x10);
    p_->close(fd_);
    EXPECT_EQ(p_->machine->bus().find("0000:00:04.0")->config_read(0x0c, 1), 0U);
    fd_ = p_->open_bound().fd;
    EXPECT_EQ(load<uint8_t>(0x0c), 0);
  }
}

TEST_F(ConfigSpace, CloseGivesCommandBack) {
  bind();
  store<uint16_t>(0x04, 0x0404);
  p_->close(fd_);
  EXPECT_EQ(p_->machine->bus().find("0000:00:04.0")->config_read(0x04, 2), 0x0103U);
}

TEST_F(ConfigSpace, DroppedWritesAnswerTheirLength) {
  bind();
  EXPECT_EQ(p_->pwrite(fd_, kConfig, uint16_t{0x3412}), 2);
  EXPECT_EQ(load<uint32_t>(0), 0x11e81234);
}

// What the program writes to a BAR is only shown; the hardware keeps its address.
TEST_F(ConfigSpace, BarsAreVirtual) {
  bind();
  store<uint32_t>(0x10, 0xffffffff);
  EXPECT_EQ(load<uint32_t>(0x10), 0xfff00000);
  EXPECT_EQ(p_->machine->bus().find("0000:00:04.0")->bar(0).base, PhysAddr{0xe0000000});
  store<uint32_t>(0x10, 0x12345678);
  EXPECT_EQ(load<uint32_t>(0x10), 0x12300000);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 0), 0x010000ed);
}

TEST_F(ConfigSpace, StatusShowsAPendingLine) {
  bind();
  p_->store<uint32_t>(fd_, 0x60, 1);
  EXPECT_EQ(load<uint16_t>(0x06), 0x0018);
  p_->store<uint32_t>(fd_, 0x64, 1);
  EXPECT_EQ(load<uint16_t>(0x06), 0x0010);
}

TEST_F(ConfigSpace, CommandReachesTheFunction) {
  bind();
  const pci::Function& function = *p_->machine->bus().find("0000:00:04.0");
  EXPECT_FALSE(function.bus_master());
  store<uint16_t>(0x04, 0x0006);
  EXPECT_TRUE(function.bus_master());
  EXPECT_TRUE(function.memory_enabled());
  store<uint8_t>(0x05, 0x04);
  EXPECT_TRUE(function.intx_disabled());
  store<uint16_t>(0x04, 0x0000);
  EXPECT_FALSE(function.memory_enabled());
}

TEST_F(ConfigSpace, IsRebuiltAtTheNextOpen) {
  bind();
  Bytes ones;
  ones.fill(0xff);
  store(0, ones);
  p_->close(fd_);
  EXPECT_FALSE(p_->machine->bus().find("0000:00:04.0")->bus_master());
  fd_ = p_->open_bound().fd;
  EXPECT_EQ(load<uint16_t>(0x04), 0x0103);
  EXPECT_EQ(load<uint32_t>(0x10), 0xe0000000);
  EXPECT_EQ(load<uint8_t>(0x3c), 0x0a);
  EXPECT_EQ(load<uint16_t>(0x42), 0x0080);
  EXPECT_EQ(load<uint64_t>(0x44), 0);
  EXPECT_EQ(load<uint32_t>(0x4e), UINT32_MAX) << "straight to the device, which has no reset";
}

TEST_F(ConfigSpace, ResetAtOpenClearsTheDevice) {
  bind(with_reset());
  store<uint32_t>(0x60, 0x12345678);
  p_->store<uint32_t>(fd_, 0x08, 5);
  p_->close(fd_);
  fd_ = p_->open_bound().fd;
  EXPECT_EQ(load<uint32_t>(0x60), 0);
  EXPECT_EQ(p_->load<uint32_t>(fd_, 0x08), 0);
  EXPECT_EQ(load<uint16_t>(0x04), 0x0103);
  EXPECT_EQ(load<uint32_t>(0x10), 0xe0000000);
  EXPECT_FALSE(p_->machine->bus().find("0000:00:04.0")->bus_master());
}

TEST_F(ConfigSpace, AccessBeyondTheEndIsRefusedAsAWhole) {
  bind();
  EXPECT_EQ(load<uint32_t>(0xfc), 0);
  EXPECT_EQ(p_->pread(fd_, kConfig + 0xfe, 4), -EFAULT);
  EXPECT_EQ(p_->pread(fd_, kConfig + 0x100, 1), -EFAULT);
  EXPECT_EQ(p_->pread(fd_, kConfig + 0x1000, 1), -EFAULT);
  EXPECT_EQ(p_->pread(fd_, kConfig, 257), -EFAULT);
  EXPECT_EQ(p_->pread(fd_, kConfig + 0x100, 0), 0);
  EXPECT_EQ(p_->pwrite(fd_, kConfig + 0xfe, UINT32_MAX), -EFAULT);
  EXPECT_EQ(load<uint16_t>(0xfe), 0) << "nothing was written";
  EXPECT_EQ(p_->pread(fd_, kConfig + (uint64_t{1} << 40) - 1, 1), -EFAULT);
}

TEST_F(ConfigSpace, BufferMustBeGood) {
  bind();
  EXPECT_EQ(p_->answer(p_->process->pread(fd_, {0}, 4, kConfig)), -EFAULT);
  EXPECT_EQ(p_->answer(p_->process->pwrite(fd_, {0}, 4, kConfig)), -EFAULT);
}

}  // namespace
}  // namespace noiommu::vfio
