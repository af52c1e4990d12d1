// INTx and MSI of a function, seen by the driver above.
#include <gmock/gmock.h>

#include <thread>

#include "tests/pci/edu_bench.h"

namespace noiommu::pci {
namespace {

using testing::ElementsAre;

constexpr uint64_t kRaise = 0x60;
constexpr uint64_t kAcknowledge = 0x64;

TEST(Interrupts, LineIsUpUntilAllBitsAreClear) {
  EduBench bench;
  bench.store32(kRaise, 1);
  bench.store32(kRaise, 2);
  bench.store32(kAcknowledge, 1);
  EXPECT_THAT(bench.listener->heard(), ElementsAre("up"));
  EXPECT_TRUE(bench.edu.intx_level());
  bench.store32(kAcknowledge, 2);
  EXPECT_THAT(bench.listener->heard(), ElementsAre("up", "down"));
  EXPECT_FALSE(bench.edu.intx_level());
}

TEST(Interrupts, RaisingNoBitRaisesNothing) {
  EduBench bench;
  bench.store32(kRaise, 0);
  EXPECT_THAT(bench.listener->heard(), ElementsAre());
}

TEST(Interrupts, StatusShowsThePendingLine) {
  EduBench bench;
  bench.store32(kRaise, 1);
  EXPECT_EQ(bench.edu.config_read(PCI_STATUS, 2), 0x0018);
  bench.store32(kAcknowledge, 1);
  EXPECT_EQ(bench.edu.config_read(PCI_STATUS, 2), 0x0010);
}

TEST(Interrupts, DisIntxHidesNeitherStatusNorTheRequest) {
  EduBench bench;
  bench.command(PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
  bench.store32(kRaise, 1);
  EXPECT_TRUE(bench.edu.intx_disabled());
  EXPECT_EQ(bench.edu.config_read(PCI_STATUS, 2), 0x0018);
  EXPECT_THAT(bench.listener->heard(), ElementsAre("up"));
}

TEST(Interrupts, EachRaiseSendsAMessage) {
  EduBench bench;
  bench.msi(true);
  bench.store32(kRaise, 1);
  bench.store32(kRaise, 2);
  bench.store32(kAcknowledge, 3);
  EXPECT_THAT(bench.listener->heard(), ElementsAre("msi0", "msi0"));
  EXPECT_EQ(bench.edu.config_read(PCI_STATUS, 2), 0x0010);
}

TEST(Interrupts, MessageNeedsBusMaster) {
  EduBench bench;
  bench.msi(true);
  bench.command(PCI_COMMAND_MEMORY);
  bench.store32(kRaise, 1);
  EXPECT_THAT(bench.listener->heard(), ElementsAre());
  EXPECT_FALSE(bench.edu.intx_level());
}

TEST(Interrupts, WithoutMsiTheLineIsUsedAgain) {
  EduBench bench;
  bench.msi(true);
  bench.store32(kRaise, 1);
  bench.msi(false);
  EXPECT_THAT(bench.listener->heard(), ElementsAre("msi0"));
  bench.store32(kRaise, 4);
  EXPECT_THAT(bench.listener->heard(), ElementsAre("msi0", "up"));
}

TEST(Interrupts, EnablingMsiDropsTheLine) {
  EduBench bench;
  bench.store32(kRaise, 1);
  bench.msi(true);
  EXPECT_THAT(bench.listener->heard(), ElementsAre("up", "down"));
}

TEST(Interrupts, WithoutSinkTheLineIsKept) {
  EduBench bench;
  bench.edu.set_interrupt_sink(nullptr);
  bench.store32(kRaise, 1);
  bench.edu.set_interrupt_sink(bench.listener);
  EXPECT_TRUE(bench.edu.intx_level());
  EXPECT_THAT(bench.listener->heard(), ElementsAre());
}

// Masks on delivery as a driver does, from inside the call.
TEST(Interrupts, SinkMayUseTheFunction) {
  struct Masker : InterruptSink {
    explicit Masker(EduBench& on) : bench(on) {}
    void intx_changed(bool level) override {
      if (level) {
        bench.command(PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
        bench.store32(kAcknowledge, UINT32_MAX);
        bench.edu.set_interrupt_sink(nullptr);
      }
    }
    void msi(unsigned /*vector*/) override {}
    EduBench& bench;
  };
  EduBench bench;
  bench.edu.set_interrupt_sink(std::make_shared<Masker>(bench));
  bench.store32(kRaise, 1);
  EXPECT_TRUE(bench.edu.intx_disabled());
  EXPECT_FALSE(bench.edu.intx_level());
}

TEST(Interrupts, ThreadsMayRaiseWhileTheSinkChanges) {
  EduBench bench;
  bench.msi(true);
  bench.edu.set_interrupt_sink(nullptr);
  std::thread raiser([&bench] {
    for (int i = 0; i < 500; ++i) {
      bench.store32(kRaise, 1);
    }
  });
  for (int i = 0; i < 500; ++i) {
    bench.edu.set_interrupt_sink(nullptr);
    bench.edu.set_interrupt_sink(std::make_shared<Listener>());
  }
  raiser.join();
  bench.edu.set_interrupt_sink(bench.listener);
  bench.store32(kRaise, 1);
  EXPECT_THAT(bench.listener->heard(), ElementsAre("msi0"));
}

}  // namespace
}  // namespace noiommu::pci
