// DMA of the edu device by physical address.
#include <gmock/gmock.h>

#include <chrono>
#include <string>
#include <thread>

#include "tests/pci/edu_bench.h"

namespace noiommu::pci {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

constexpr PhysAddr kHere{0x1'2345'6000};
constexpr PhysAddr kThere{0x1'2345'7000};

class DmaTest : public testing::Test {
 protected:
  // The buffer's first bytes, by way of memory.
  std::string buffer(uint64_t length) {
    bench_.drain_buffer(kThere + 0x10000, length);
    return bench_.memory.get(kThere + 0x10000, length);
  }

  EduBench bench_;
};

TEST_F(DmaTest, MovesBytesBothWays) {
  bench_.memory.put(kHere, "eight by");
  bench_.fill_buffer(kHere, 8);
  bench_.drain_buffer(kThere, 8);
  EXPECT_EQ(bench_.memory.get(kThere, 9), std::string("eight by\0", 9));
}

TEST_F(DmaTest, TakesItsTime) {
  bench_.memory.put(kHere, "slow");
  bench_.start(kHere.value, Edu::kBufferAddress, 4, 1);
  bench_.clock.advance(milliseconds(99));
  EXPECT_EQ(bench_.load<uint64_t>(0x98), 1U);
  bench_.memory.put(kHere, "late");  // the bytes are those at the end of the transfer
  bench_.clock.advance(milliseconds(1));
  EXPECT_EQ(bench_.load<uint64_t>(0x98), 0U);
  EXPECT_EQ(buffer(4), "late");
}

TEST_F(DmaTest, RegistersAreFixedWhileRunning) {
  bench_.memory.put(kHere, "first");
  bench_.start(kHere.value, Edu::kBufferAddress, 5, 1);
  bench_.start(kThere.value, Edu::kBufferAddress + 8, 2, 3);
  EXPECT_EQ(bench_.load<uint64_t>(0x80), kHere.value);
  EXPECT_EQ(bench_.load<uint64_t>(0x88), Edu::kBufferAddress);
  EXPECT_EQ(bench_.load<uint64_t>(0x90), 5U);
  EXPECT_EQ(bench_.load<uint64_t>(0x98), 1U);
  bench_.wait();
  EXPECT_EQ(buffer(5), "first");
}

TEST_F(DmaTest, CommandWithoutStartMovesNothing) {
  bench_.memory.put(kHere, "idle");
  bench_.start(kHere.value, Edu::kBufferAddress, 4, 0);
  bench_.wait();
  EXPECT_EQ(buffer(4), std::string(4, '\0'));
}

TEST_F(DmaTest, NothingMovesWithoutBusMaster) {
  bench_.memory.put(kHere, "held");
  bench_.memory.put(kThere, "kept");
  bench_.fill_buffer(kHere, 4);
  bench_.command(PCI_COMMAND_MEMORY);
  bench_.memory.put(kHere, "lost");
  bench_.fill_buffer(kHere, 4);
  bench_.drain_buffer(kThere, 4);
  EXPECT_EQ(bench_.memory.get(kThere, 4), "kept");

  bench_.command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  EXPECT_EQ(buffer(4), "held");
}

TEST_F(DmaTest, BusMasterCountsAtTheEnd) {
  bench_.memory.put(kHere, "late");
  bench_.command(PCI_COMMAND_MEMORY);
  bench_.start(kHere.value, Edu::kBufferAddress, 4, 1);
  bench_.command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  bench_.wait();
  EXPECT_EQ(buffer(4), "late");
}

TEST_F(DmaTest, WholeBuffer) {
  const std::string page(Edu::kBufferSize, 'p');
  bench_.memory.put(kHere, page);
  bench_.fill_buffer(kHere, page.size());
  EXPECT_EQ(buffer(page.size()), page);
}

TEST_F(DmaTest, LastByteOfTheBuffer) {
  bench_.memory.put(kHere, "z");
  bench_.start(kHere.value, Edu::kBufferAddress + 4095, 1, 1);
  bench_.wait();
  EXPECT_EQ(buffer(4096).back(), 'z');
}

// Count and device address of transfers that leave the buffer.
class DmaOutsideTest : public DmaTest,
                       public testing::WithParamInterface<std::pair<uint64_t, uint64_t>> {};

TEST_P(DmaOutsideTest, MovesNothing) {
  const auto [address, count] = GetParam();
  bench_.memory.put(kHere, std::string(8192, 'x'));
  bench_.start(kHere.value, address, count, 1);
  bench_.wait();
  EXPECT_EQ(buffer(4096), std::string(4096, '\0'));

  bench_.memory.put(kThere, "kept");
  bench_.start(address, kThere.value, count, 3);
  bench_.wait();
  EXPECT_EQ(bench_.memory.get(kThere, 4), "kept");
  EXPECT_EQ(bench_.load<uint64_t>(0x98) & 1, 0U) << "still running";
}

INSTANTIATE_TEST_SUITE_P(Edges, DmaOutsideTest,
                         testing::Values(std::pair{0x40000U, 4097U}, std::pair{0x40001U, 4096U},
                                         std::pair{0x41000U, 1U}, std::pair{0x3ffffU, 2U},
                                         std::pair{0U, 1U},
                                         std::pair<uint64_t, uint64_t>{0x40000U, UINT64_MAX},
                                         std::pair<uint64_t, uint64_t>{0x40010U, UINT64_MAX - 8},
                                         std::pair<uint64_t, uint64_t>{UINT64_MAX, 1U}));

TEST_F(DmaTest, ZeroCountEndsLikeAnyTransfer) {
  bench_.start(kHere.value, Edu::kBufferAddress, 0, 5);
  bench_.wait();
  EXPECT_EQ(bench_.load32(0x24), 0x100U);
}

TEST_F(DmaTest, MemoryThatDoesNotAnswerLeavesTheBuffer) {
  bench_.memory.put(kHere, "good");
  bench_.fill_buffer(kHere, 4);
  bench_.fill_buffer(FakeMemory::kHole, 4);
  EXPECT_EQ(buffer(4), "good");
}

TEST_F(DmaTest, MaskIs48BitsUnlessChosen) {
  bench_.memory.put(kHere, "wide");
  bench_.fill_buffer(kHere + 0xabcd'0000'0000'0000, 4);
  EXPECT_EQ(buffer(4), "wide");

  EduBench narrow({.dma_mask = 0x0fff'ffff});
  narrow.memory.put({0x0345'6000}, "slim");
  narrow.fill_buffer({0x1'2345'6000 & ~uint64_t{0x2000'0000}}, 4);
  narrow.drain_buffer({0xf000'0000 + 0x20}, 4);
  EXPECT_EQ(narrow.memory.get({0x20}, 4), "slim");
}

TEST_F(DmaTest, InterruptsAtTheEndWhenAskedTo) {
  bench_.start(kHere.value, Edu::kBufferAddress, 4, 5);
  bench_.clock.advance(milliseconds(99));
  EXPECT_EQ(bench_.load32(0x24), 0U);
  bench_.clock.advance(milliseconds(1));
  EXPECT_EQ(bench_.load32(0x24), 0x100U);
  EXPECT_THAT(bench_.listener->heard(), ElementsAre("up"));

  bench_.store32(0x64, 0x100);
  bench_.fill_buffer(kHere, 4);
  EXPECT_EQ(bench_.load32(0x24), 0U);
}

TEST_F(DmaTest, DestroyedDeviceLeavesNothingOnTheClock) {
  Clock clock;
  FakeMemory memory;
  memory.put(kThere, "kept");
  {
    Edu edu("0000:00:05.0", memory, clock);
    edu.config_write(PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    const std::array<uint64_t, 4> registers{Edu::kBufferAddress, kThere.value, 4, 3};
    edu.bar_write(0, 0x80, std::as_bytes(std::span(registers)));
  }
  clock.advance(milliseconds(200));
  EXPECT_EQ(memory.get(kThere, 4), "kept");
}

TEST_F(DmaTest, ThreadsMayTransferAndResetAtOnce) {
  EduBench bench({.flr = true});
  std::thread time([&bench] {
    for (int i = 0; i < 300; ++i) {
      bench.clock.advance(milliseconds(10));
    }
  });
  std::thread driver([&bench] {
    for (int i = 0; i < 300; ++i) {
      bench.command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
      bench.start(kHere.value, Edu::kBufferAddress, 64, 5);
      bench.store32(0x64, 0x100);
    }
  });
  std::thread resetter([&bench] {
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(bench.edu.reset());
    }
  });
  time.join();
  driver.join();
  resetter.join();
  bench.wait();
  EXPECT_TRUE(bench.edu.reset());
  EXPECT_FALSE(bench.edu.intx_level());
}

}  // namespace
}  // namespace noiommu::pci
