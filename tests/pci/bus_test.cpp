#include "model/pci/bus.h"

#include <gmock/gmock.h>
#include <linux/pci_regs.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/pci/edu_bench.h"

namespace noiommu::pci {
namespace {

using testing::ElementsAre;

class BusTest : public testing::Test {
 protected:
  Result<Function*> add(const std::string& bdf, bool has_iommu = false) {
    return bus_.add(std::make_unique<Edu>(bdf, memory_, clock_), has_iommu);
  }

  FakeMemory memory_;
  Clock clock_;
  Bus bus_;
};

TEST_F(BusTest, KeepsFunctionsInOrderOfAddress) {
  for (const char* bdf : {"0000:00:05.0", "0000:01:00.0", "0000:00:04.1", "0000:00:04.0"}) {
    ASSERT_TRUE(add(bdf));
  }
  std::vector<std::string> order;
  for (const auto& [bdf, entry] : bus_.entries()) {
    order.push_back(entry.function->bdf());
  }
  EXPECT_THAT(order, ElementsAre("0000:00:04.0", "0000:00:04.1", "0000:00:05.0", "0000:01:00.0"));
}

TEST_F(BusTest, FindsByAddress) {
  Function* const added = add("0000:00:04.0").value();
  EXPECT_EQ(bus_.find("0000:00:04.0"), added);
  EXPECT_EQ(bus_.find("0000:00:05.0"), nullptr);
}

TEST_F(BusTest, KnowsWhereAnIommuIs) {
  ASSERT_TRUE(add("0000:00:04.0", true));
  ASSERT_TRUE(add("0000:00:05.0", false));
  EXPECT_TRUE(bus_.has_iommu("0000:00:04.0"));
  EXPECT_FALSE(bus_.has_iommu("0000:00:05.0"));
  EXPECT_FALSE(bus_.has_iommu("0000:00:06.0"));
}

TEST_F(BusTest, AddressIsTakenOnce) {
  ASSERT_TRUE(add("0000:00:04.0"));
  EXPECT_EQ(add("0000:00:04.0"), Err(EEXIST));
}

TEST_F(BusTest, AddressMustBeWellFormed) {
  for (const char* bdf : {"", "00:04.0", "0000:00:04.8", "0000:00:20.0", "0000:00:04:0",
                          "0000:00:0A.0", "000g:00:04.0", "0000:00:04.00"}) {
    EXPECT_EQ(add(bdf), Err(EINVAL)) << bdf;
  }
  EXPECT_TRUE(add("ffff:ff:1f.7"));
}

TEST_F(BusTest, FirmwareSetsFunctionsUp) {
  const Function& first = *add("0000:00:04.0").value();
  const Function& second = *add("0000:00:05.0").value();
  EXPECT_EQ(first.bar(0).base, kBarWindow);
  EXPECT_EQ(second.bar(0).base, kBarWindow + Edu::kBarSize);
  EXPECT_EQ(first.config_read(PCI_COMMAND, 2), 0x0103);
  EXPECT_EQ(first.config_read(PCI_INTERRUPT_LINE, 1), 0x0a);
  EXPECT_EQ(first.config_read(PCI_BASE_ADDRESS_0, 4), kBarWindow.value);
}

// Two BARs, a small one first.
class TwoBars : public Function {
 public:
  TwoBars(const std::string& bdf, DmaPort& dma, uint64_t small, uint64_t large)
      : Function({.bdf = bdf, .identity = {}, .bars = bars(small, large)}, dma) {}

 private:
  static std::array<Bar, kBarCount> bars(uint64_t small, uint64_t large) {
    std::array<Bar, kBarCount> bars;
    bars[0] = {.size = small, .flags = PCI_BASE_ADDRESS_MEM_PREFETCH, .base = {}};
    bars[3] = {.size = large, .flags = 0, .base = {}};
    return bars;
  }
  uint64_t load(unsigned bar, uint64_t offset, unsigned /*width*/) override { return bar + offset; }
  void store(unsigned /*bar*/, uint64_t /*offset*/, unsigned /*w*/, uint64_t /*v*/) override {}
  void reset_registers() override {}
};

TEST_F(BusTest, BarsAreNaturallyAligned) {
  const auto* function =
      bus_.add(std::make_unique<TwoBars>("0000:00:04.0", memory_, 0x1000, 0x10000), false).value();
  EXPECT_EQ(function->bar(0).base, kBarWindow);
  EXPECT_EQ(function->bar(3).base, kBarWindow + 0x10000);
  EXPECT_EQ(function->config_read(PCI_BASE_ADDRESS_0, 4),
            kBarWindow.value | PCI_BASE_ADDRESS_MEM_PREFETCH);
  EXPECT_EQ(add("0000:00:05.0").value()->bar(0).base, kBarWindow + 0x100000);
}

TEST_F(BusTest, AccessesReachTheirBar) {
  auto* function =
      bus_.add(std::make_unique<TwoBars>("0000:00:04.0", memory_, 0x1000, 0x10000), false).value();
  uint32_t value = 0;
  function->bar_read(3, 0x100, std::as_writable_bytes(std::span(&value, 1)));
  EXPECT_EQ(value, 0x103U);
}

TEST_F(BusTest, WindowMayBeFull) {
  constexpr uint64_t kHalf = 0x1000'0000;
  EXPECT_TRUE(bus_.add(std::make_unique<TwoBars>("0000:00:04.0", memory_, 0x1000, 0x1000), false));
  EXPECT_EQ(bus_.add(std::make_unique<TwoBars>("0000:00:05.0", memory_, 0x1000, kHalf), false),
            Err(ENOSPC));
  EXPECT_EQ(bus_.find("0000:00:05.0"), nullptr);
  EXPECT_EQ(add("0000:00:06.0").value()->bar(0).base, kBarWindow + 0x100000);
}

}  // namespace
}  // namespace noiommu::pci
