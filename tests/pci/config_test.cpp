// Config space of the edu device as the hardware has it.
#include <gmock/gmock.h>
#include <linux/pci_regs.h>

#include <string>

#include "tests/pci/edu_bench.h"

namespace noiommu::pci {
namespace {

class ConfigTest : public testing::Test {
 protected:
  uint32_t read(unsigned offset, unsigned width = 4) {
    return bench_.edu.config_read(offset, width);
  }
  void write(unsigned offset, unsigned width, uint32_t value) {
    bench_.edu.config_write(offset, width, value);
  }
  // What an all-ones write leaves behind.
  uint32_t all_ones(unsigned offset, unsigned width) {
    write(offset, width, UINT32_MAX);
    return read(offset, width);
  }

  EduBench bench_;
};

TEST_F(ConfigTest, Identity) {
  EXPECT_EQ(read(PCI_VENDOR_ID), 0x11e81234);
  EXPECT_EQ(read(PCI_CLASS_REVISION), 0x00ff0010);
  EXPECT_EQ(read(PCI_SUBSYSTEM_VENDOR_ID), 0x11001af4);
  EXPECT_EQ(read(PCI_HEADER_TYPE, 1), 0);
  EXPECT_EQ(bench_.edu.bdf(), "0000:00:04.0");
  EXPECT_EQ(bench_.edu.identity().vendor, 0x1234);
  EXPECT_EQ(bench_.edu.identity().class_code, 0x00ff00);
}

TEST_F(ConfigTest, IdentityIsReadOnly) {
  EXPECT_EQ(all_ones(PCI_VENDOR_ID, 4), 0x11e81234);
  EXPECT_EQ(all_ones(PCI_CLASS_REVISION, 4), 0x00ff0010);
  EXPECT_EQ(all_ones(PCI_SUBSYSTEM_VENDOR_ID, 4), 0x11001af4);
  EXPECT_EQ(all_ones(PCI_HEADER_TYPE, 1), 0);
  EXPECT_EQ(all_ones(PCI_CAPABILITY_LIST, 1), 0x40);
  EXPECT_EQ(all_ones(PCI_INTERRUPT_PIN, 1), 1);
  EXPECT_EQ(all_ones(PCI_ROM_ADDRESS, 4), 0);
}

TEST_F(ConfigTest, CommandBits) {
  EXPECT_EQ(all_ones(PCI_COMMAND, 2), 0x0507);
  EXPECT_TRUE(bench_.edu.memory_enabled());
  EXPECT_TRUE(bench_.edu.bus_master());
  EXPECT_TRUE(bench_.edu.intx_disabled());

  write(PCI_COMMAND, 2, 0);
  EXPECT_FALSE(bench_.edu.memory_enabled());
  EXPECT_FALSE(bench_.edu.bus_master());
  EXPECT_FALSE(bench_.edu.intx_disabled());
}

TEST_F(ConfigTest, StatusIsReadOnly) {
  EXPECT_EQ(read(PCI_STATUS, 2), 0x0010);
  EXPECT_EQ(all_ones(PCI_STATUS, 2), 0x0010);
}

TEST_F(ConfigTest, BarIsSizedByWritingAllOnes) {
  write(PCI_BASE_ADDRESS_0, 4, 0xfe000000);
  EXPECT_EQ(bench_.edu.bar(0).base, PhysAddr{0xfe000000});
  EXPECT_EQ(bench_.edu.bar(0).size, 0x100000);
  EXPECT_EQ(bench_.edu.bar(0).flags, 0);

  EXPECT_EQ(all_ones(PCI_BASE_ADDRESS_0, 4), 0xfff00000);
}

TEST_F(ConfigTest, AbsentBarsReadZero) {
  for (unsigned i = 1; i < kBarCount; ++i) {
    EXPECT_EQ(all_ones(PCI_BASE_ADDRESS_0 + 4 * i, 4), 0);
    EXPECT_EQ(bench_.edu.bar(i).size, 0);
    EXPECT_EQ(bench_.edu.bar(i).base, PhysAddr{0});
  }
}

TEST_F(ConfigTest, MsiCapability) {
  EXPECT_EQ(read(0x40), 0x00800005);
  EXPECT_EQ(all_ones(0x40, 2), 0x0005);
  EXPECT_EQ(all_ones(0x42, 2), 0x00f1);
  EXPECT_EQ(all_ones(0x44, 4), 0xfffffffc);
  EXPECT_EQ(all_ones(0x48, 4), 0xffffffff);
  EXPECT_EQ(all_ones(0x4c, 2), 0xffff);
  EXPECT_TRUE(bench_.edu.msi_enabled());
}

TEST_F(ConfigTest, TheRestIsPlainStorage) {
  for (unsigned offset = 0x4e; offset <= 0xff; ++offset) {
    EXPECT_EQ(read(offset, 1), 0);
    EXPECT_EQ(all_ones(offset, 1), 0xff) << offset;
  }
  EXPECT_EQ(all_ones(PCI_CACHE_LINE_SIZE, 1), 0xff);
  EXPECT_EQ(all_ones(PCI_INTERRUPT_LINE, 1), 0xff);
}

TEST_F(ConfigTest, WidthsSeeTheSameBytes) {
  write(0x80, 4, 0x44332211);
  EXPECT_EQ(read(0x80, 1), 0x11);
  EXPECT_EQ(read(0x82, 2), 0x4433);
  write(0x81, 1, 0xaa);
  EXPECT_EQ(read(0x80), 0x4433aa11);
}

TEST_F(ConfigTest, NobodyAnswersBeyondTheEnd) {
  write(0xfc, 4, 0);
  EXPECT_EQ(read(0x100, 4), UINT32_MAX);
  EXPECT_EQ(read(0x100, 1), 0xff);
  EXPECT_EQ(read(0xfe, 4), UINT32_MAX);
  EXPECT_EQ(read(UINT32_MAX, 2), 0xffff);
  write(0xfe, 4, UINT32_MAX);
  EXPECT_EQ(read(0xfc), 0);
}

}  // namespace
}  // namespace noiommu::pci
