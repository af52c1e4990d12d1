// The edu variant with a function-level reset.
#include <gmock/gmock.h>

#include <chrono>

#include "tests/pci/edu_bench.h"

namespace noiommu::pci {
namespace {

using testing::ElementsAre;

class ResetTest : public testing::Test {
 protected:
  EduBench bench_{{.flr = true}};
};

TEST_F(ResetTest, AdvancedFeaturesFollowMsi) {
  EXPECT_TRUE(bench_.edu.has_reset());
  EXPECT_EQ(bench_.edu.config_read(0x40, 4), 0x00805005);
  EXPECT_EQ(bench_.edu.config_read(0x50, 4), 0x03060013);
  EXPECT_EQ(bench_.edu.config_read(0x54, 2), 0);
  bench_.edu.config_write(0x50, 4, UINT32_MAX);
  EXPECT_EQ(bench_.edu.config_read(0x50, 4), 0x03060013);
}

TEST_F(ResetTest, ClearsRegistersAndDropsTheLine) {
  bench_.store32(0x04, 1);
  bench_.store32(0x08, 5);
  bench_.store32(0x20, 0x80);
  bench_.store32(0x60, 1);
  bench_.store<uint64_t>(0x80, 7);
  EXPECT_TRUE(bench_.edu.reset());
  EXPECT_THAT(bench_.listener->heard(), ElementsAre("up", "down"));

  bench_.command(PCI_COMMAND_MEMORY);
  for (const uint64_t offset : {0x04U, 0x08U, 0x20U, 0x24U, 0x80U}) {
    EXPECT_EQ(bench_.load32(offset), 0U) << offset;
  }
}

TEST_F(ResetTest, ConfigIsAsAfterPowerOnExceptWhatFirmwareAssigned) {
  bench_.edu.config_write(PCI_BASE_ADDRESS_0, 4, 0xfe100000);
  bench_.edu.config_write(PCI_INTERRUPT_LINE, 1, 0x0a);
  bench_.edu.config_write(PCI_CACHE_LINE_SIZE, 1, 0x10);
  bench_.edu.config_write(0x80, 4, 0x12345678);
  bench_.edu.config_write(0x44, 4, 0xfee00000);
  bench_.msi(true);
  EXPECT_TRUE(bench_.edu.reset());
  EXPECT_EQ(bench_.edu.config_read(PCI_COMMAND, 4), 0x00100000);
  EXPECT_EQ(bench_.edu.config_read(PCI_CACHE_LINE_SIZE, 1), 0);
  EXPECT_EQ(bench_.edu.config_read(0x80, 4), 0);
  EXPECT_EQ(bench_.edu.config_read(0x44, 4), 0);
  EXPECT_FALSE(bench_.edu.msi_enabled());
  EXPECT_EQ(bench_.edu.bar(0).base, PhysAddr{0xfe100000});
  EXPECT_EQ(bench_.edu.config_read(PCI_INTERRUPT_LINE, 1), 0x0a);
}

TEST_F(ResetTest, ForgetsARunningTransfer) {
  constexpr PhysAddr kThere{0x1000};
  bench_.memory.put(kThere, "kept");
  bench_.start(Edu::kBufferAddress, kThere.value, 4, 7);
  EXPECT_TRUE(bench_.edu.reset());
  bench_.command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  bench_.wait();
  EXPECT_EQ(bench_.memory.get(kThere, 4), "kept");
  EXPECT_EQ(bench_.load32(0x24), 0U);
}

TEST_F(ResetTest, ClearsTheBufferAndCanTransferAgain) {
  constexpr PhysAddr kThere{0x1000};
  bench_.memory.put(kThere, "data");
  bench_.fill_buffer(kThere, 4);
  EXPECT_TRUE(bench_.edu.reset());
  bench_.command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  bench_.drain_buffer(kThere, 4);
  EXPECT_EQ(bench_.memory.get(kThere, 4), std::string(4, '\0'));
}

// Memory that resets the device in the middle of its read.
TEST_F(ResetTest, ForgetsATransferThatWaitsForMemory) {
  struct ResettingMemory : FakeMemory {
    bool read(PhysAddr from, std::span<std::byte> to) override {
      EXPECT_TRUE(edu->reset());
      return FakeMemory::read(from, to);
    }
    Edu* edu = nullptr;
  };
  constexpr PhysAddr kHere{0x1000};
  constexpr PhysAddr kThere{0x2000};
  ResettingMemory memory;
  Clock clock;
  Edu edu("0000:00:05.0", memory, clock, {.flr = true});
  memory.edu = &edu;
  memory.put(kHere, "data");
  memory.put(kThere, "kept");
  const auto transfer = [&](const std::array<uint64_t, 4>& registers) {
    edu.config_write(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    edu.bar_write(0, 0x80, std::as_bytes(std::span(registers)));
    clock.advance(std::chrono::milliseconds(100));
  };
  transfer({kHere.value, Edu::kBufferAddress, 4, 5});
  EXPECT_FALSE(edu.intx_level());
  transfer({Edu::kBufferAddress, kThere.value, 4, 3});
  std::array<std::byte, 4> there{};
  memory.FakeMemory::read(kThere, there);
  EXPECT_THAT(there, testing::Each(std::byte{0}));
}

TEST_F(ResetTest, FlrBitInConfigSpaceResets) {
  bench_.store32(0x60, 1);
  bench_.edu.config_write(0x54, 1, PCI_AF_CTRL_FLR);
  EXPECT_FALSE(bench_.edu.intx_level());
  EXPECT_FALSE(bench_.edu.memory_enabled());
  EXPECT_EQ(bench_.edu.config_read(0x54, 1), 0);
}

TEST_F(ResetTest, WithoutResetMethodThatBitIsPlainStorage) {
  EduBench bench;
  bench.edu.config_write(0x54, 1, PCI_AF_CTRL_FLR);
  EXPECT_TRUE(bench.edu.memory_enabled());
  EXPECT_EQ(bench.edu.config_read(0x54, 1), PCI_AF_CTRL_FLR);
}

}  // namespace
}  // namespace noiommu::pci
